/* SPDX-License-Identifier: MIT */
/*
 * Approvals, holds and sealed content as the writer sees them. The tables are what the records say
 * (store_apply()); only content is put and erased here, and erasing goes with the records too.
 */
#pragma once

#include "ledger/store.h"
#include "model/approval.h"

/* One approval; spans are borrowed during the call that hands it out. */
struct store_approval {
	struct span id, execution_id, join, request_digest;
	struct span by, rationale; /* empty until somebody decided */
	enum approval_state state;
	int64_t uid; /* who asked */
	int64_t loginuid; /* < 0: not known */
	int64_t expires_ms;
	uint64_t changed; /* id of the leaf that made it what it is */
};

typedef int (*store_approval_fn)(void *data, const struct store_approval *approval);

/* 0 with fn called, 1 when there is none of that id, what fn returned, or -errno. */
MUST_CHECK int store_approval_find(struct store *store, struct span id, store_approval_fn fn,
				   void *data);
/* Those that leaves behind that id changed, in the order of the changes. 0, what fn returned, or
 * -errno. */
MUST_CHECK int store_approvals_changed(struct store *store, uint64_t after, store_approval_fn fn,
				       void *data);
/* Those that wait, are approved and not used, or are rejected, and are not over at that time. */
MUST_CHECK int store_approvals_open(struct store *store, int64_t now_ms, store_approval_fn fn,
				    void *data);
/* Those that have to expire. */
MUST_CHECK int store_approvals_due(struct store *store, int64_t now_ms, store_approval_fn fn,
				   void *data);
/* When the next one expires; INT64_MAX: none does. 0 or -errno. */
MUST_CHECK int store_approvals_next(struct store *store, int64_t *ret_expires_ms);

struct store_waiting {
	int64_t all, of_uid; /* approvals without a decision */
	int64_t bytes; /* content that is kept, sealed */
};
MUST_CHECK int store_approvals_waiting(struct store *store, int64_t uid,
				       struct store_waiting *ret_waiting);
/* Content that is kept, sealed, of that uid alone: looks at each. 0 or -errno. */
MUST_CHECK int store_approvals_bytes_of(struct store *store, int64_t uid, int64_t *ret_bytes);

/* Did the last transaction change an approval? */
bool store_approvals_touched(const struct store *store);

/* A hold that has no end yet. */
struct store_hold {
	struct span execution_id, approval_id;
	struct span request_digest; /* empty: the decision had none */
	int64_t begun_ns;
};

typedef int (*store_hold_fn)(void *data, const struct store_hold *hold);

/* As store_approval_find(). */
MUST_CHECK int store_hold_find(struct store *store, struct span execution_id, store_hold_fn fn,
			       void *data);
/* The oldest first. 0, what fn returned, or -errno. */
MUST_CHECK int store_holds_open(struct store *store, store_hold_fn fn, void *data);

/* Sealed content of an approval. 0; find: 1 when there is none (any more); or -errno. */
MUST_CHECK int store_payload_put(struct store *store, struct span approval_id, struct span sealed);
MUST_CHECK int store_payload_find(struct store *store, struct span approval_id, struct buf *out);

/* Empties the WAL when content was erased since it was last emptied, as its pages may still stand
 * there. 0; 1 when a reader is in the way (try again later); or -errno. Between transactions. */
MUST_CHECK int store_forget(struct store *store);
bool store_forgets(const struct store *store); /* there is something to do for it */
