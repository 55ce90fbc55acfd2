/* SPDX-License-Identifier: MIT */
/* Takes the searchable columns (decision_column.def) out of a decision record's body. */
#pragma once

#include "base/buf.h"
#include "base/span.h"

enum decision_column {
#define X(column, type, outer, inner) DECISION_##column,
#include "ledger/decision_column.def"
#undef X
	_DECISION_COLUMN_COUNT,
};

/* What a verdict's action means for a log: "success", "pending_approval" or "blocked". */
enum decision_status {
	DECISION_SUCCESS,
	DECISION_PENDING,
	DECISION_BLOCKED,
	_DECISION_STATUS_COUNT, /* no action, or one this version does not know */
};

/* Values as they stand in the body (strings with quotes); p == NULL where the body has none or
 * null. */
struct decision_index {
	struct span value[_DECISION_COLUMN_COUNT];
};

void decision_index_read(struct span body, struct decision_index *ret_index);

/* Is the column an integer (else text)? */
bool decision_column_is_integer(enum decision_column column);

/* action as a word, without quotes. */
enum decision_status decision_status(struct span action);
