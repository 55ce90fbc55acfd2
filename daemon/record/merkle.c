/* SPDX-License-Identifier: MIT */
#include "record/merkle.h"

#include <errno.h>

int merkle_node(struct hash_ctx *ctx, const struct hash *left, const struct hash *right,
		struct hash *ret_hash)
{
	uint8_t bytes[1 + 2 * HASH_BYTES];

	bytes[0] = 1;
	memcpy(bytes + 1, left->b, HASH_BYTES);
	memcpy(bytes + 1 + HASH_BYTES, right->b, HASH_BYTES);
	return hash_all(ctx, span_of(bytes, sizeof(bytes)), ret_hash);
}

/* Adds 2^level leaves like a binary counter adds a bit: equal subtrees merge upward. */
static int add(struct hash_ctx *ctx, struct merkle *tree, unsigned level,
	       const struct hash *subtree, struct hash *carry)
{
	struct hash h = *subtree;
	unsigned k = level;
	int r;

	for (; tree->size >> k & 1; k++) {
		if (carry)
			carry[k] = h;
		r = merkle_node(ctx, &tree->node[k], &h, &h);
		if (r < 0)
			return r;
	}
	if (carry)
		carry[k] = h;
	tree->node[k] = h;
	tree->size += UINT64_C(1) << level;
	return 0;
}

int merkle_append(struct hash_ctx *ctx, struct merkle *tree, const struct hash *leaf,
		  struct hash carry[MERKLE_LEVELS])
{
	return add(ctx, tree, 0, leaf, carry);
}

int merkle_append_subtree(struct hash_ctx *ctx, struct merkle *tree, unsigned level,
			  const struct hash *subtree)
{
	if (level >= MERKLE_LEVELS - 1 || tree->size & ((UINT64_C(1) << level) - 1) ||
	    tree->size + (UINT64_C(1) << level) < tree->size)
		return PARSE_E_BAD;
	return add(ctx, tree, level, subtree, NULL);
}

int merkle_root(struct hash_ctx *ctx, const struct merkle *tree, struct hash *ret_root)
{
	struct hash h;
	bool some = false;
	int r;

	if (!tree->size)
		return hash_all(ctx, SPAN_NULL, ret_root);
	for (unsigned k = 0; k < MERKLE_LEVELS; k++) {
		if (!(tree->size >> k & 1))
			continue;
		if (!some) {
			h = tree->node[k];
			some = true;
			continue;
		}
		r = merkle_node(ctx, &tree->node[k], &h, &h);
		if (r < 0)
			return r;
	}
	*ret_root = h;
	return 0;
}

int merkle_range(uint64_t begin, uint64_t end,
		 int (*step)(void *data, unsigned level, uint64_t index), void *data)
{
	while (begin < end) {
		unsigned level = 0;
		int r;

		while (level + 1 < MERKLE_LEVELS - 1 && !(begin >> level & 1) &&
		       end - begin >= UINT64_C(2) << level)
			level++;
		r = step(data, level, begin >> level);
		if (r != 0)
			return r;
		begin += UINT64_C(1) << level;
	}
	return 0;
}

/* ---- making proofs
 * -------------------------------------------------------------------------------- */

struct gather {
	const struct merkle_source *source;
	struct merkle tree; /* over the leaves of the range, counted from its begin */
};

static int gather_step(void *data, unsigned level, uint64_t index)
{
	struct gather *g = data;
	struct hash h;
	int r = g->source->subtree(g->source->data, level, index, &h);

	return r < 0 ? r : merkle_append_subtree(g->source->ctx, &g->tree, level, &h);
}

/* Root over leaves [begin, end), where begin is a multiple of the power of two that covers the
 * range. */
static int range_root(const struct merkle_source *source, uint64_t begin, uint64_t end,
		      struct hash *ret_root)
{
	struct gather g = {.source = source};
	int r = merkle_range(begin, end, gather_step, &g);

	if (r != 0)
		return r < 0 ? r : -EINVAL;
	return merkle_root(source->ctx, &g.tree, ret_root);
}

int merkle_source_root(const struct merkle_source *source, uint64_t size, struct hash *ret_root)
{
	return range_root(source, 0, size, ret_root);
}

/* RFC 6962: the largest power of two below n, n > 1. */
static uint64_t split(uint64_t n)
{
	uint64_t k = 1;

	while (k << 1 < n)
		k <<= 1;
	return k;
}

static int put(const struct merkle_source *source, struct merkle_proof *proof, uint64_t begin,
	       uint64_t end)
{
	if (proof->n == MERKLE_PROOF_MAX)
		return -EINVAL;
	return range_root(source, begin, end, &proof->hash[proof->n++]);
}

static void reverse(struct merkle_proof *proof)
{
	for (unsigned i = 0, j = proof->n; i + 1 < j; i++) {
		struct hash h = proof->hash[i];

		proof->hash[i] = proof->hash[--j];
		proof->hash[j] = h;
	}
}

/* RFC 6962 section 2.1.1, PATH(m, D[n]), walked from the root down and then turned round. */
int merkle_prove_inclusion(const struct merkle_source *source, uint64_t index, uint64_t size,
			   struct merkle_proof *ret_proof)
{
	struct merkle_proof proof = {0};
	uint64_t begin = 0, end = size;
	int r = index < size ? 0 : -EINVAL;

	while (r == 0 && end - begin > 1) {
		uint64_t middle = begin + split(end - begin);

		if (index < middle) {
			r = put(source, &proof, middle, end);
			end = middle;
		} else {
			r = put(source, &proof, begin, middle);
			begin = middle;
		}
	}
	if (r < 0)
		return r;
	reverse(&proof);
	*ret_proof = proof;
	return 0;
}

/* RFC 6962 section 2.1.2, SUBPROOF(m, D[n], b), likewise. */
int merkle_prove_consistency(const struct merkle_source *source, uint64_t size1, uint64_t size2,
			     struct merkle_proof *ret_proof)
{
	struct merkle_proof proof = {0};
	uint64_t begin = 0, end = size2;
	int r = size1 <= size2 ? 0 : -EINVAL;

	if (r == 0 && size1 != 0 && size1 != size2) {
		while (r == 0 && size1 != end) {
			uint64_t middle = begin + split(end - begin);

			if (size1 <= middle) {
				r = put(source, &proof, middle, end);
				end = middle;
			} else {
				r = put(source, &proof, begin, middle);
				begin = middle;
			}
		}
		if (r == 0 && begin > 0)
			r = put(source, &proof, begin, end);
	}
	if (r < 0)
		return r;
	reverse(&proof);
	*ret_proof = proof;
	return 0;
}
