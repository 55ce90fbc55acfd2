/* SPDX-License-Identifier: MIT */
/*
 * The Merkle tree over leaf hashes (RFC 6962 section 2.1, proofs as RFC 9162 section 2.1.3
 * and 2.1.4 check them).
 *
 * Every tree of n leaves is the row of complete subtrees named by the set bits of n, largest first.
 * So appending needs one hash per set bit, never the leaves; and a root, a proof or a range needs
 * complete subtrees only, which whoever stores hashes hands out through struct merkle_source.
 */
#pragma once

#include "base/hash.h"
#include "base/parse.h"

#define MERKLE_LEVELS 64
#define MERKLE_PROOF_MAX                                                                           \
	126 /* hashes of a proof; a consistency proof has at most two per level                    \
	     */

/* node[k] is the complete subtree of 2^k leaves that bit k of size names. {0} is the empty tree. */
struct merkle {
	uint64_t size;
	struct hash node[MERKLE_LEVELS];
};

/* SHA-256(0x01 || left || right). 0 or -EIO. */
MUST_CHECK int merkle_node(struct hash_ctx *ctx, const struct hash *left, const struct hash *right,
			   struct hash *ret_hash);

/* Appends one leaf hash. carry (may be NULL) gets the complete subtrees that this leaf finishes:
 * carry[k] for every k up to the number of trailing zero bits of the new size. 0 or -EIO (the tree
 * is then unchanged). */
MUST_CHECK int merkle_append(struct hash_ctx *ctx, struct merkle *tree, const struct hash *leaf,
			     struct hash carry[MERKLE_LEVELS]);

/* Appends a complete subtree of 2^level leaves; size must be a multiple of that. 0, PARSE_E_BAD or
 * -EIO. */
MUST_CHECK int merkle_append_subtree(struct hash_ctx *ctx, struct merkle *tree, unsigned level,
				     const struct hash *subtree);

/* The root; of the empty tree the hash of nothing. 0 or -EIO. */
MUST_CHECK int merkle_root(struct hash_ctx *ctx, const struct merkle *tree, struct hash *ret_root);

/* ---- proofs ------------------------------------------------------------------------------------
 */

struct merkle_proof {
	unsigned n;
	struct hash hash[MERKLE_PROOF_MAX];
};

/* Gives the root of the complete subtree over leaves [index << level, (index + 1) << level). 0 or
 * -errno. */
struct merkle_source {
	int (*subtree)(void *data, unsigned level, uint64_t index, struct hash *ret_hash);
	void *data;
	struct hash_ctx *ctx;
};

/* Root of the first size leaves. 0 or -errno. */
MUST_CHECK int merkle_source_root(const struct merkle_source *source, uint64_t size,
				  struct hash *ret_root);

/* index < size, size1 <= size2. 0 or -errno. */
MUST_CHECK int merkle_prove_inclusion(const struct merkle_source *source, uint64_t index,
				      uint64_t size, struct merkle_proof *ret_proof);
MUST_CHECK int merkle_prove_consistency(const struct merkle_source *source, uint64_t size1,
					uint64_t size2, struct merkle_proof *ret_proof);

struct merkle_head {
	uint64_t size;
	struct hash root;
};

/* PARSE_DONE when the proof holds, else PARSE_E_BAD; -EIO. */
MUST_CHECK int merkle_check_inclusion(struct hash_ctx *ctx, uint64_t index, const struct hash *leaf,
				      const struct merkle_head *head,
				      const struct merkle_proof *proof);
MUST_CHECK int merkle_check_consistency(struct hash_ctx *ctx, const struct merkle_head *old,
					const struct merkle_head *new_head,
					const struct merkle_proof *proof);

/* ---- ranges ------------------------------------------------------------------------------------
 */

/* The complete subtrees that [begin, end) is made of, in order: the largest aligned one first at
 * each place. Calls step for each; stops at its first non-zero result and returns that. */
int merkle_range(uint64_t begin, uint64_t end,
		 int (*step)(void *data, unsigned level, uint64_t index), void *data);
