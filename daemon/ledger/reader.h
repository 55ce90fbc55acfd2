/* SPDX-License-Identifier: MIT */
/*
 * Reads the log itself out of a state directory, live or stopped, for verifying and exporting:
 * read-only, and in short transactions. That needs no snapshot: leaves are never changed, and
 * whoever changes them is what we look for.
 */
#pragma once

#include "ledger/store.h"

struct reader;

/* 0 or -errno as query_open(). */
MUST_CHECK int reader_open(const char *state_dir, struct reader **ret_reader);
void reader_free(struct reader *reader);

/* Number of shards, which is that of the newest. 0 or -errno. */
MUST_CHECK int reader_shards(struct reader *reader, uint64_t *ret_n);

/* Shard n (from 1). 0, 1 when there is none, or -errno. */
MUST_CHECK int reader_shard(struct reader *reader, uint64_t n, struct store_shard *ret_shard);

/* Id of the newest leaf, 0 when there is none. */
MUST_CHECK int reader_last_id(struct reader *reader, uint64_t *ret_id);

/* Leaves with ids in [begin, end), as store_leaves(). */
MUST_CHECK int reader_leaves(struct reader *reader, uint64_t begin, uint64_t end,
			     int (*fn)(void *data, const struct store_leaf *leaf), void *data);

/* Bytes of the leaves with ids in [begin, end), and how many there are. */
MUST_CHECK int reader_measure(struct reader *reader, uint64_t begin, uint64_t end, uint64_t *ret_n,
			      uint64_t *ret_bytes);

/* The shard's first checkpoint of at least that size, or its newest. note is replaced. 0, 1 when
 * there is none, or -errno. */
MUST_CHECK int reader_checkpoint(struct reader *reader, const struct store_shard *shard,
				 uint64_t size, uint64_t *ret_size, struct buf *note);
MUST_CHECK int reader_checkpoint_last(struct reader *reader, const struct store_shard *shard,
				      uint64_t *ret_size, struct buf *note);

/* The complete subtree of level (a multiple of 8) and index as the tiles have it. 0, 1 when they
 * have not, or -errno. */
MUST_CHECK int reader_subtree(struct reader *reader, const struct store_shard *shard,
			      unsigned level, uint64_t index, struct hash *ret_hash);
