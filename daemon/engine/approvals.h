/* SPDX-License-Identifier: MIT */
/*
 * The approvals that the engine knows: what people were asked and answered, as far as a request may
 * still join it. The ledger's tables are the truth; this is what was heard of them.
 */
#pragma once

#include "base/hash.h"
#include "base/parse.h"
#include "engine/engine.h"
#include "model/approval.h"

struct approval {
	char id[ENGINE_ID_BYTES + 1];
	struct hash digest, join;
	enum approval_state state;
	bool on_its_way; /* to the ledger: pending there only when that says so */
	uint64_t asked_id; /* the caller's: under which the question is on its way */
	int64_t expires_ms; /* wall clock */
	char by[129]; /* who decided; cut */
	char rationale[1025]; /* cut */
	void *waiting; /* the caller's: who waits for it; such an entry is never forgotten */
	bool stale; /* not heard of since approvals_mark() */
	struct approval *next;
};

struct approvals; /* owns its entries */
struct approvals *approvals_new(void); /* NULL: out of memory */
void approvals_free(struct approvals *approvals);

/* The one that such a request joins, or NULL: none is open. */
struct approval *approvals_find(struct approvals *approvals, const struct hash *join,
				const struct hash *digest, int64_t now_ms);
struct approval *approvals_by_id(struct approvals *approvals, struct span id);

/* A new entry, pending and on its way. NULL: out of memory, or as many as AICP_APPROVALS_MAX are
 * pending or waited for. The entry lives until approvals_remove(), or until nobody waits for it and
 * it is over, or decided and others need its place. */
struct approval *approvals_add(struct approvals *approvals, const struct engine_hold *hold,
			       int64_t expires_ms, int64_t now_ms);
void approvals_remove(struct approvals *approvals, struct approval *approval);

/* Before all open ones are told again: those not told are stale afterwards. */
void approvals_mark(struct approvals *approvals);

/* Calls visit for each; it may remove the one it is given. */
void approvals_each(struct approvals *approvals, void (*visit)(struct approval *, void *data),
		    void *data);
