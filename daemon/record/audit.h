/* SPDX-License-Identifier: MIT */
/*
 * Checks leaves one after the other as they come from a file or a database: spelling, place, chain,
 * and the tree that they make. The only code that decides whether a row of leaves is whole; what
 * signs and anchors it is the caller's.
 */
#pragma once

#include "record/leaf.h"
#include "record/merkle.h"
#include "record/record_type.h"

/* What was told about things that did not become records of their own. */
struct audit_counts {
	uint64_t loss_records;
	uint64_t lost; /* sum over loss records */
	uint64_t throttled;
	uint64_t open; /* passages without a verdict (fail: open) */
	uint64_t degraded;
	uint64_t rollbacks;
	uint64_t unknown; /* records of types that this version does not know */
};

#define AUDIT_REASON_BYTES 160

struct audit {
	struct hash_ctx *ctx; /* borrowed */
	struct span origin; /* borrowed */
	struct merkle tree;
	uint64_t records;
	bool chained; /* last is known */
	struct hash last;
	int64_t first_ns, last_ns;
	struct audit_counts counts;
	char reason[AUDIT_REASON_BYTES]; /* after PARSE_E_BAD */
};

/* A log from its first leaf. */
void audit_init(struct audit *audit, struct hash_ctx *ctx, struct span origin);

/* The next leaf has to be seq = audit->tree.size. PARSE_DONE with its hash, PARSE_E_BAD with reason
 * set, -EIO. carry: as in merkle_append(), may be NULL. */
MUST_CHECK int audit_leaf(struct audit *audit, struct span bytes, struct hash *ret_hash,
			  struct hash carry[MERKLE_LEVELS]);

/* The same, with the leaf's hash made already, by leaf_hash(). */
MUST_CHECK int audit_hashed(struct audit *audit, struct span bytes, const struct hash *hash,
			    struct hash carry[MERKLE_LEVELS]);

/* Is this the root of what was read so far? PARSE_DONE, PARSE_E_BAD with reason set, -EIO. what
 * names the head. */
MUST_CHECK int audit_head(struct audit *audit, const struct hash *root, const char *what);
