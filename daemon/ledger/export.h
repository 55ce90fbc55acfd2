/* SPDX-License-Identifier: MIT */
/* Records for people and programs outside: JSON, CSV, and evidence bundles. */
#pragma once

#include "ledger/query.h"
#include "record/bundle.h"

/* The leaves that pass the filter (decisions only), as they were hashed, in a JSON array, one a
 * line. 0 or -errno. */
MUST_CHECK int export_json(struct query *query, const struct query_filter *filter,
			   const struct bundle_sink *sink);

/* The same as CSV (RFC 4180, CRLF): a header, then seq, at and the columns of decision_column.def.
 * Every field is quoted, and one that a spreadsheet would run as a formula begins with an
 * apostrophe. 0 or -errno. */
MUST_CHECK int export_csv(struct query *query, const struct query_filter *filter,
			  const struct bundle_sink *sink);

struct export_range {
	const char *state_dir;
	uint64_t first; /* seq in the newest log */
	uint64_t count; /* UINT64_MAX: up to the last signed record */
};

/* An evidence bundle of signed records of the newest log. 0, or -errno with error told: -ERANGE
 * when the range reaches behind the last signed record, -EFBIG when it does not fit one bundle. */
MUST_CHECK int export_bundle(const struct export_range *range, const struct bundle_sink *sink,
			     struct buf *error);
