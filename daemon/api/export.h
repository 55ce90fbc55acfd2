/* SPDX-License-Identifier: MIT */
/* The ledger's records as one JSON or CSV text, gathered a slice at a time. */
#pragma once

#include "api/role.h"

struct export_job {
	bool csv;
	int64_t since_ns, until_ns;
	uint64_t last_id, total;
	struct json_scan *scan; /* borrowed, in a step */
	unsigned rows; /* in a step */
	struct buf text; /* what was gathered; with BUF_INIT(AICP_API_ANSWER_BYTES_MAX / 2) */
};

/* 0: text is whole, 1: call again, -E2BIG: more than fits, or -errno. */
MUST_CHECK int export_step(struct export_job *job, struct query *query, struct json_scan *scan);

/* Appends one CSV cell (RFC 4180, always in quotes). What a spreadsheet would take for a formula
 * gets an apostrophe in front. */
int export_cell(struct buf *out, struct span text);
