/* SPDX-License-Identifier: MIT */
/*
 * What a check of a log came to, and against whom it holds. There is no plain "good": either
 * something is wrong, or the log is whole as far as whoever holds its key was honest, or it is
 * whole up to a head that somebody outside kept.
 */
#pragma once

#include "record/audit.h"
#include "record/leaf.h"
#include "record/note.h"

enum report_outcome {
	REPORT_INVALID,
	REPORT_INTACT, /* signed by the key, nothing from outside */
	REPORT_ANCHORED,
};

enum report_key {
	REPORT_KEY_GIVEN, /* by whoever verifies */
	REPORT_KEY_BESIDE, /* it stood beside the log: whoever changed one could change the other */
};

struct report {
	enum report_outcome outcome;
	char reason[AUDIT_REASON_BYTES]; /* with REPORT_INVALID */
	bool at_seq; /* seq says where */
	uint64_t seq;
	char origin[LEAF_ORIGIN_BYTES_MAX + 1];
	enum report_key key;
	uint64_t first_seq; /* of the records that were looked at */
	uint64_t records;
	int64_t first_ns, last_ns; /* as their host's clock said */
	uint64_t size; /* of the log, as far as it is signed */
	uint64_t unsigned_records; /* behind the last checkpoint: chained, not signed */
	uint64_t anchor_size; /* with REPORT_ANCHORED: records below it are fixed */
	bool anchor_unused; /* one was given, but its head lies outside of these records */
	uint64_t older_logs; /* of the same database, checked too; counts are over all */
	struct audit_counts counts;
};

/* Makes it INVALID for this reason (printf); the first call wins. Returns PARSE_E_BAD. */
int report_invalid(struct report *report, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, naming the record. */
int report_invalid_at(struct report *report, uint64_t seq, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Takes over what an audit has seen. */
void report_take(struct report *report, const struct audit *audit);

/* Exit code of a verifier: 0 anchored, 3 intact, 1 invalid. */
int report_exit(const struct report *report);
const char *report_outcome_name(enum report_outcome outcome); /* "invalid", "intact", "anchored" */

/* For people, several lines; for programs, one JSON object and a newline. 0 or the buffer's error.
 */
int report_text(const struct report *report, struct buf *out);
int report_json(const struct report *report, struct buf *out);
