/* SPDX-License-Identifier: MIT */
#include "engine/approvals.h"

#include "aicp/limits.h"

#include <stdlib.h>

#define BUCKETS 1024u /* a power of two */

struct approvals {
	size_t n;
	struct approval *bucket[BUCKETS];
};

struct approvals *approvals_new(void)
{
	return calloc(1, sizeof(struct approvals));
}

void approvals_free(struct approvals *a)
{
	for (size_t i = 0; a && i < BUCKETS; i++) {
		while (a->bucket[i]) {
			struct approval *next = a->bucket[i]->next;

			free(a->bucket[i]);
			a->bucket[i] = next;
		}
	}
	free(a);
}

/* A digest is as good as random. */
static struct approval **place(struct approvals *a, const struct hash *digest)
{
	return &a->bucket[(digest->b[0] | digest->b[1] << 8) & (BUCKETS - 1)];
}

static bool is_over(const struct approval *x, int64_t now_ms)
{
	return x->state == APPROVAL_USED || x->state == APPROVAL_EXPIRED || x->expires_ms <= now_ms;
}

struct approval *approvals_find(struct approvals *a, const struct hash *join,
				const struct hash *digest, int64_t now_ms)
{
	for (struct approval *x = *place(a, digest); x; x = x->next)
		if (hash_eq(&x->digest, digest) && hash_eq(&x->join, join) && !is_over(x, now_ms))
			return x;
	return NULL;
}

struct approval *approvals_by_id(struct approvals *a, struct span id)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct approval *x = a->bucket[i]; x; x = x->next)
			if (span_eq_str(id, x->id))
				return x;
	return NULL;
}

void approvals_remove(struct approvals *a, struct approval *approval)
{
	struct approval **at = place(a, &approval->digest);

	while (*at && *at != approval)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = approval->next;
	a->n--;
	free(approval);
}

void approvals_each(struct approvals *a, void (*visit)(struct approval *, void *data), void *data)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct approval *x = a->bucket[i];

		while (x) {
			struct approval *next = x->next;

			visit(x, data);
			x = next;
		}
	}
}

struct tidying {
	struct approvals *approvals;
	int64_t now_ms;
};

static void forget(struct approval *x, void *data)
{
	struct tidying *t = data;

	if (!x->waiting && is_over(x, t->now_ms))
		approvals_remove(t->approvals, x);
}

/* What is decided is what the ledger knows too: who asks again is asked about again. Of rejections
 * and, when there are none, of what is approved and not used, the one that is over first. */
static void choose(struct approval *x, void *data)
{
	struct approval **chosen = data, *y = *chosen;

	if (x->waiting || (x->state != APPROVAL_REJECTED && x->state != APPROVAL_APPROVED))
		return;
	if (!y ||
	    (x->state == y->state ? x->expires_ms < y->expires_ms : x->state == APPROVAL_REJECTED))
		*chosen = x;
}

static void make_room(struct approvals *a, int64_t now_ms)
{
	struct approval *chosen = NULL;

	approvals_each(a, forget, &(struct tidying){a, now_ms});
	if (a->n < AICP_APPROVALS_MAX)
		return;
	approvals_each(a, choose, &chosen);
	if (chosen)
		approvals_remove(a, chosen);
}

struct approval *approvals_add(struct approvals *a, const struct engine_hold *hold,
			       int64_t expires_ms, int64_t now_ms)
{
	struct approval **at = place(a, &hold->digest), *x;

	if (a->n >= AICP_APPROVALS_MAX)
		make_room(a, now_ms);
	x = a->n < AICP_APPROVALS_MAX ? calloc(1, sizeof(*x)) : NULL;
	if (!x)
		return NULL;
	memcpy(x->id, hold->approval_id, sizeof(x->id));
	x->digest = hold->digest;
	x->join = hold->join;
	x->expires_ms = expires_ms;
	x->state = APPROVAL_PENDING;
	x->on_its_way = true;
	x->next = *at;
	*at = x;
	a->n++;
	return x;
}

static void mark(struct approval *x, void *data)
{
	(void)data;
	x->stale = true;
}

void approvals_mark(struct approvals *a)
{
	approvals_each(a, mark, NULL);
}
