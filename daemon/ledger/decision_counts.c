/* SPDX-License-Identifier: MIT */
#include "ledger/decision_counts.h"

void decision_counts_add(struct decision_counts *counts, struct span action, struct span would)
{
	enum decision_status status = decision_status(action), other = decision_status(would);

	counts->decisions++;
	if (status == _DECISION_STATUS_COUNT)
		return;
	counts->by_status[status]++;
	counts->would_block += status == DECISION_SUCCESS &&
			       (other == DECISION_BLOCKED || other == DECISION_PENDING);
}

void decision_counts_join(struct decision_counts *counts, const struct decision_counts *more)
{
	counts->decisions += more->decisions;
	counts->would_block += more->would_block;
	for (unsigned i = 0; i < _DECISION_STATUS_COUNT; i++)
		counts->by_status[i] += more->by_status[i];
}

int decision_counts_read(sqlite3 *db, struct decision_counts *counts)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(db,
				 "SELECT action, would FROM decision"
				 " WHERE id > (SELECT n FROM count WHERE name = 'through')",
				 &stmt);

	while (r == 0 && (r = database_row(stmt)) == 0)
		decision_counts_add(counts, database_bytes(stmt, 0), database_bytes(stmt, 1));
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}
