/* SPDX-License-Identifier: MIT */
/*
 * The tables of ledger.db as the writer sees them. What goes into one transaction is the caller's
 * business: store_begin(), any puts, store_commit() or store_abort().
 *
 * Leaves of all shards stand in one row of ids from 1; shard.first is the id of its seq 0. Nothing
 * in leaf is ever changed or removed; everything else can be made again from it.
 */
#pragma once

#include "record/audit.h"
#include "record/checkpoint.h"

#define STORE_FILE	    "ledger.db"
#define STORE_SCHEMA	    "1"
#define STORE_INDEX_VERSION "4"
/* tlog-tiles: a full tile has 2^8 hashes. Level 0 is the leaf table itself. */
#define STORE_TILE_HEIGHT 8
#define STORE_TILE_WIDTH  256

struct store;

/* Opens or makes STATE_DIR/ledger.db; an index of an older version is rebuilt. 0 or -errno;
 * -EUCLEAN when it is a database that this version cannot write. */
MUST_CHECK int store_open(const char *state_dir, struct store **ret_store);
void store_close(struct store *store);

MUST_CHECK int store_begin(struct store *store);
/* When it returns 0, everything that was put is on disk. */
MUST_CHECK int store_commit(struct store *store);
void store_abort(struct store *store);

/* Moves what it can of the WAL into the database when the WAL has grown long, or with scarce space
 * at once: its place is then used again. Else sees that the next commits find room in the WAL's
 * file. Call it between transactions. What was committed stays committed whatever this returns: 0
 * or -errno. */
MUST_CHECK int store_tidy(struct store *store, bool scarce);

/* Moves the whole WAL into the database, so that later commits depend on no byte written before.
 * The cure after a failed write, when what the kernel shows and what the disk holds may differ. 0
 * or -errno. */
MUST_CHECK int store_flush(struct store *store);

struct store_shard {
	uint64_t n; /* from 1 */
	char origin[LEAF_ORIGIN_BYTES_MAX + 1];
	uint64_t first_id;
};

/* The newest shard, or of that origin. 0, 1 when there is none, or -errno. */
MUST_CHECK int store_shard_last(struct store *store, struct store_shard *ret_shard);
MUST_CHECK int store_shard_find(struct store *store, struct span origin,
				struct store_shard *ret_shard);
MUST_CHECK int store_put_shard(struct store *store, const struct store_shard *shard);

/* Id of the newest leaf, 0 when there is none. 0 or -errno. */
MUST_CHECK int store_last_id(struct store *store, uint64_t *ret_id);

struct store_leaf {
	uint64_t id;
	struct span bytes;
	struct hash hash;
};

/* Hands out leaves with ids in [begin, end), in order; spans live during the call. 0, what fn
 * returned, or -errno. */
MUST_CHECK int store_leaves(struct store *store, uint64_t begin, uint64_t end,
			    int (*fn)(void *data, const struct store_leaf *leaf), void *data);

MUST_CHECK int store_put_leaf(struct store *store, const struct store_leaf *leaf);
/* Brings every table that is made from leaves to what this one says: the searchable columns of a
 * decision, the response to it, the state of approvals and holds. */
MUST_CHECK int store_apply(struct store *store, uint64_t id, const struct leaf *leaf);
/* The complete subtrees that leaf seq finished, as merkle_append() gave them; seq + 1 is a multiple
 * of 256. */
MUST_CHECK int store_put_tiles(struct store *store, const struct store_shard *shard, uint64_t seq,
			       const struct hash carry[MERKLE_LEVELS]);

/* A signed checkpoint with the complete subtrees of its tree, from which the log is continued. */
struct store_checkpoint {
	uint64_t size;
	int64_t at_ns;
	struct buf note; /* owned */
	struct merkle tree;
};

void store_checkpoint_deinit(struct store_checkpoint *checkpoint);
/* With it the decisions so far are counted (ledger/decision_counts.h). */
MUST_CHECK int store_put_checkpoint(struct store *store, const struct store_shard *shard,
				    const struct store_checkpoint *checkpoint);
/* The newest of a shard, or the one of exactly that size. 0, 1 when there is none, or -errno;
 * -EUCLEAN. */
MUST_CHECK int store_checkpoint_last(struct store *store, const struct store_shard *shard,
				     struct store_checkpoint *ret_checkpoint);
MUST_CHECK int store_checkpoint_find(struct store *store, const struct store_shard *shard,
				     uint64_t size, struct store_checkpoint *ret_checkpoint);

struct store_key {
	char id[9];
	struct hash hash;
	char role[33];
	char owner[129];
	bool revoked;
};

MUST_CHECK int store_put_key(struct store *store, const struct store_key *key, int64_t at_ns);
/* 0, or 1 when there is no key of that id that is still valid. */
MUST_CHECK int store_revoke_key(struct store *store, struct span id, int64_t at_ns);
MUST_CHECK int store_find_key(struct store *store, struct span id, struct store_key *ret_key);
/* 0, or 1 when no key was ever made. */
MUST_CHECK int store_any_key(struct store *store);

/* The one that was made first: 0, 1 when there is none, or -errno. */
MUST_CHECK int store_first_key(struct store *store, struct store_key *ret_key);

/* Makes every table that store_apply() writes anew from the leaves. Content cannot be: what no open
 * approval needs is erased. 0 or -errno. */
MUST_CHECK int store_rebuild(struct store *store);
