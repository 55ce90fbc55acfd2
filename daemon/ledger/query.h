/* SPDX-License-Identifier: MIT */
/*
 * Reading the ledger's database from other processes: its own read-only connection, which never
 * checkpoints, and transactions that stay far below a second, however large the ledger is (a long
 * one would let the WAL grow without bound).
 */
#pragma once

#include "record/leaf.h"

struct query;

/* Opens STATE_DIR/ledger.db. 0 or -errno: -ENOENT when there is no ledger yet, -EACCES, -EUCLEAN
 * when it is not one that this version reads. */
MUST_CHECK int query_open(const char *state_dir, struct query **ret_query);
void query_free(struct query *query);

/* What became of a decision that people were asked about. */
struct query_hold {
	bool begun; /* the request waited; the rest may be known of one that did not */
	struct span outcome; /* "released", "refused", "abandoned"; empty: it waits */
	struct span reason; /* code */
	int64_t ended_ns; /* with an outcome */
	struct span state; /* of the approval it names; empty: it names none */
	struct span by, role, rationale; /* empty: nobody decided */
	int64_t decided_ns;
	bool self_approved;
};

/* One record; spans are valid during the call that hands it out. */
struct query_row {
	uint64_t id; /* place in the database; a cursor: later records have larger ids */
	struct span bytes; /* the leaf as it is hashed: canonical JSON, docs/LEDGER.md */
	struct leaf leaf; /* the same, taken apart; leaf.body is the producer's object */
	struct hash hash; /* leaf hash */
	struct span response; /* of a decision: the leaf of the response record that belongs to it,
				 or SPAN_NULL */
	struct query_hold hold; /* of a decision */
};

/* Return 0 to go on; anything else stops and is handed to the caller. */
typedef int (*query_row_fn)(void *data, const struct query_row *row);

/* Texts are compared exactly; p == NULL: any. */
struct query_filter {
	struct span execution_id, agent_id, user, action, provider, model, host, policy, reason;
	struct span status; /* "success" (allow, warn, redact, a hold that was released), "blocked"
			       (block, a hold that was not), "pending_approval" (a hold that goes
			       on) */
	struct span approver; /* who decided on the approval that it names */
	int64_t uid; /* < 0: any */
	int64_t since_ns; /* at >= since; INT64_MIN: any */
	int64_t until_ns; /* at < until; INT64_MAX: any */
	uint64_t after_id; /* id > after_id; 0: any */
	uint64_t before_id; /* id < before_id; 0: any */
	unsigned limit; /* most rows to hand out; 0: none are */
	bool newest_first;
};
#define QUERY_FILTER_ALL                                                                           \
	((struct query_filter){                                                                    \
		.uid = -1, .since_ns = INT64_MIN, .until_ns = INT64_MAX, .limit = 100})

/* Decision records that pass the filter, in order of id. 0, what fn returned, or -errno. */
MUST_CHECK int query_decisions(struct query *query, const struct query_filter *filter,
			       query_row_fn fn, void *data);

/* Records of any type with ids between the filter's bounds (only after_id, before_id, since, until,
 * limit and newest_first count); type.p == NULL: all, else only that one. */
MUST_CHECK int query_records(struct query *query, const struct query_filter *filter,
			     struct span type, query_row_fn fn, void *data);

/* The record of a seq in the newest log (shard). 0 (fn was called), 1 when there is none, what fn
 * returned, or -errno. */
MUST_CHECK int query_leaf(struct query *query, uint64_t seq, query_row_fn fn, void *data);

struct query_stats {
	uint64_t records; /* leaves, all shards */
	uint64_t decisions, success, pending, blocked;
	uint64_t would_block; /* passed, but enforcing everything would have stopped them */
	uint64_t last_id;
	uint64_t size, signed_size; /* of the newest log */
	char origin[LEAF_ORIGIN_BYTES_MAX + 1];
	uint64_t shard; /* from 1 */
};

/* Counts are kept by the writer; what came behind its last checkpoint is read. 0 or -errno. */
MUST_CHECK int query_stats(struct query *query, struct query_stats *ret_stats);

/* The newest signed checkpoint, a note. 0, 1 when there is none yet, or -errno. */
MUST_CHECK int query_checkpoint(struct query *query, struct buf *out);
