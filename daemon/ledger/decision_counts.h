/* SPDX-License-Identifier: MIT */
/*
 * How many decisions there are, by what they mean. The table `count` has them up to the decision
 * that its row `through` names, as the writer puts them there with each checkpoint; who wants to
 * know adds those behind it, which are few.
 */
#pragma once

#include "ledger/database.h"
#include "ledger/decision_index.h"

struct decision_counts {
	int64_t decisions;
	int64_t would_block; /* passed, but enforcing everything would have stopped them */
	int64_t by_status[_DECISION_STATUS_COUNT];
};

/* One more; the words without quotes. */
void decision_counts_add(struct decision_counts *counts, struct span action, struct span would);
void decision_counts_join(struct decision_counts *counts, const struct decision_counts *more);

/* Adds the decisions behind `through`. 0 or -errno. */
MUST_CHECK int decision_counts_read(sqlite3 *db, struct decision_counts *counts);
