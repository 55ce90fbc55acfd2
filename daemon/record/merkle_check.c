/* SPDX-License-Identifier: MIT */
/* Checking proofs, step by step as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say it. */
#include "record/merkle.h"

int merkle_check_inclusion(struct hash_ctx *ctx, uint64_t index, const struct hash *leaf,
			   const struct merkle_head *head, const struct merkle_proof *proof)
{
	uint64_t fn = index, sn = head->size - 1;
	struct hash h = *leaf;
	int r;

	if (index >= head->size || proof->n > MERKLE_PROOF_MAX)
		return PARSE_E_BAD;
	for (unsigned i = 0; i < proof->n; i++) {
		if (sn == 0)
			return PARSE_E_BAD;
		if (fn & 1 || fn == sn) {
			r = merkle_node(ctx, &proof->hash[i], &h, &h);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			r = merkle_node(ctx, &h, &proof->hash[i], &h);
		}
		if (r < 0)
			return r;
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && hash_eq(&h, &head->root) ? PARSE_DONE : PARSE_E_BAD;
}

/* fr and sr are the roots of the old and the new tree as the proof's hashes make them. */
static int climb(struct hash_ctx *ctx, uint64_t fn, uint64_t sn, const struct hash *path,
		 unsigned n, struct merkle_head both[2])
{
	struct hash *fr = &both[0].root, *sr = &both[1].root;
	int r;

	for (unsigned i = 0; i < n; i++) {
		if (sn == 0)
			return PARSE_E_BAD;
		if (fn & 1 || fn == sn) {
			r = merkle_node(ctx, &path[i], fr, fr);
			if (r == 0)
				r = merkle_node(ctx, &path[i], sr, sr);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			r = merkle_node(ctx, sr, &path[i], sr);
		}
		if (r < 0)
			return r;
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 ? PARSE_DONE : PARSE_E_BAD;
}

int merkle_check_consistency(struct hash_ctx *ctx, const struct merkle_head *old,
			     const struct merkle_head *new_head, const struct merkle_proof *proof)
{
	struct merkle_head both[2];
	uint64_t fn, sn;
	bool whole;
	int r;

	if (old->size > new_head->size || proof->n > MERKLE_PROOF_MAX)
		return PARSE_E_BAD;
	if (old->size == new_head->size)
		return proof->n == 0 && hash_eq(&old->root, &new_head->root) ? PARSE_DONE
									     : PARSE_E_BAD;
	if (old->size == 0) {
		/* Every tree extends the empty one, but its root is not free. */
		r = hash_all(ctx, SPAN_NULL, &both[0].root);
		if (r < 0)
			return r;
		return proof->n == 0 && hash_eq(&both[0].root, &old->root) ? PARSE_DONE
									   : PARSE_E_BAD;
	}
	/* An old tree that is one complete subtree stands in the new one as it is; the proof leaves
	 * it out. */
	whole = (old->size & (old->size - 1)) == 0;
	if (!whole && proof->n == 0)
		return PARSE_E_BAD;
	both[0].root = both[1].root = whole ? old->root : proof->hash[0];
	fn = old->size - 1;
	sn = new_head->size - 1;
	while (fn & 1) {
		fn >>= 1;
		sn >>= 1;
	}
	r = climb(ctx, fn, sn, proof->hash + (whole ? 0 : 1), proof->n - (whole ? 0 : 1), both);
	if (r != PARSE_DONE)
		return r;
	return hash_eq(&both[0].root, &old->root) && hash_eq(&both[1].root, &new_head->root)
		       ? PARSE_DONE
		       : PARSE_E_BAD;
}
