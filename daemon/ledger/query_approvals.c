/* SPDX-License-Identifier: MIT */
#include "ledger/query_approvals.h"

#include "ledger/query_private.h"

#include <errno.h>

#define SELECT_APPROVAL                                                                            \
	"SELECT p.id, p.state, p.expires_ms, l.bytes, p.decided_by, p.decided_role, p.rationale,"  \
	" p.comment, p.decided_ns, p.self_approved, p.used_by FROM approval p"                     \
	" JOIN leaf l ON l.id = p.requested"

static int read_approval(sqlite3_stmt *stmt, struct query_approval *ret_approval)
{
	struct query_approval a = {
		.id = database_bytes(stmt, 0),
		.expires_ms = sqlite3_column_int64(stmt, 2),
		.by = database_bytes(stmt, 4),
		.role = database_bytes(stmt, 5),
		.rationale = database_bytes(stmt, 6),
		.comment = database_bytes(stmt, 7),
		.decided_ns = sqlite3_column_int64(stmt, 8),
		.self_approved = sqlite3_column_int(stmt, 9),
		.used_by = database_bytes(stmt, 10),
	};

	if (!approval_state_find(database_bytes(stmt, 1), &a.state) ||
	    leaf_parse(database_bytes(stmt, 3), &a.requested) != PARSE_DONE)
		return -EUCLEAN;
	*ret_approval = a;
	return 0;
}

/* Hands out one row: 0, 1 when there is none, what fn returned, or -errno. */
static int hand_out(sqlite3_stmt *stmt, query_approval_fn fn, void *data)
{
	struct query_approval a;
	int r = read_approval(stmt, &a);

	return r == 0 ? fn(data, &a) : r;
}

int query_approvals_pending(struct query *q, int64_t now_ms, unsigned limit, query_approval_fn fn,
			    void *data)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(q->db,
				 SELECT_APPROVAL " WHERE p.state = 'pending' AND p.expires_ms > ?1"
						 " ORDER BY p.requested LIMIT ?2",
				 &stmt);

	if (r == 0) {
		database_bind_int(stmt, 1, now_ms);
		database_bind_int(stmt, 2, limit);
	}
	while (r == 0) {
		int row = database_row(stmt);

		if (row != 0) {
			r = row < 0 ? row : 0;
			break;
		}
		r = hand_out(stmt, fn, data);
	}
	sqlite3_finalize(stmt);
	return r;
}

int query_approval(struct query *q, struct span id, query_approval_fn fn, void *data)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(q->db, SELECT_APPROVAL " WHERE p.id = ?1", &stmt);

	if (r == 0) {
		database_bind_text(stmt, 1, id);
		r = database_row(stmt);
	}
	if (r == 0)
		r = hand_out(stmt, fn, data);
	sqlite3_finalize(stmt);
	return r;
}

int query_approval_history(struct query *q, struct span id, unsigned limit, query_row_fn fn,
			   void *data)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(q->db,
				 "SELECT l.id, l.hash, l.bytes FROM approval_history h"
				 " JOIN leaf l ON l.id = h.id WHERE h.approval_id = ?1"
				 " ORDER BY h.id LIMIT ?2",
				 &stmt);

	if (r == 0) {
		database_bind_text(stmt, 1, id);
		database_bind_int(stmt, 2, limit);
	}
	while (r == 0) {
		int row = database_row(stmt);

		if (row != 0) {
			r = row < 0 ? row : 0;
			break;
		}
		r = query_hand_out(stmt, fn, data);
	}
	sqlite3_finalize(stmt);
	return r;
}

int query_approval_stats(struct query *q, struct query_approval_stats *ret_stats)
{
	struct query_approval_stats stats = {0};
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(q->db, "SELECT state, count(*) FROM approval GROUP BY state",
				 &stmt);

	while (r == 0 && (r = database_row(stmt)) == 0) {
		enum approval_state state;

		if (approval_state_find(database_bytes(stmt, 0), &state))
			stats.state[state] = (uint64_t)sqlite3_column_int64(stmt, 1);
	}
	sqlite3_finalize(stmt);
	stmt = NULL;
	if (r >= 0)
		r = database_prepare(q->db,
				     "SELECT count(decided_by), count(DISTINCT decided_by)"
				     " FROM approval",
				     &stmt);
	if (r == 0)
		r = database_row(stmt);
	if (r == 0) {
		stats.decisions = (uint64_t)sqlite3_column_int64(stmt, 0);
		stats.approvers = (uint64_t)sqlite3_column_int64(stmt, 1);
	}
	sqlite3_finalize(stmt);
	if (r == 0)
		*ret_stats = stats;
	return r;
}
