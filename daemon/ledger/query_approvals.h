/* SPDX-License-Identifier: MIT */
/* Approvals as readers of the database see them. */
#pragma once

#include "ledger/query.h"
#include "model/approval.h"

/* One approval; spans are valid during the call that hands it out. */
struct query_approval {
	struct span id;
	enum approval_state state;
	int64_t expires_ms;
	struct leaf requested; /* the record that asked */
	struct span by, role, rationale, comment; /* empty: nobody decided */
	int64_t decided_ns;
	bool self_approved;
	struct span used_by; /* execution that went out; empty: none did */
};

typedef int (*query_approval_fn)(void *data, const struct query_approval *approval);

/* Those that wait for a decision at that time, the oldest first, at most limit. 0, what fn
 * returned, or -errno. */
MUST_CHECK int query_approvals_pending(struct query *query, int64_t now_ms, unsigned limit,
				       query_approval_fn fn, void *data);

/* 0 with fn called, 1 when there is none of that id, what fn returned, or -errno. */
MUST_CHECK int query_approval(struct query *query, struct span id, query_approval_fn fn,
			      void *data);

/* All records about it, in order: asked, decided, expired, and the holds that waited for it; at
 * most limit. 0, what fn returned, or -errno. */
MUST_CHECK int query_approval_history(struct query *query, struct span id, unsigned limit,
				      query_row_fn fn, void *data);

struct query_approval_stats {
	uint64_t state[_APPROVAL_STATE_COUNT];
	uint64_t decisions; /* that people made */
	uint64_t approvers; /* different people who made them */
};

/* 0 or -errno. */
MUST_CHECK int query_approval_stats(struct query *query, struct query_approval_stats *ret_stats);
