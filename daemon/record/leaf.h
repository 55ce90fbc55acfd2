/* SPDX-License-Identifier: MIT */
/*
 * One record as it is hashed and stored for ever: canonical JSON with exactly these keys in this
 * order.
 *
 *   {"at":TIME,"body":{...},"log":ORIGIN,"prev":HEX|null,"schema":"aicp-ledger/1","seq":N,"type":TYPE}
 *
 * log and seq bind a leaf to its place, schema to its meaning; prev is the leaf hash of seq - 1
 * (null in the first). There is one spelling: whatever leaf_parse() accepts, leaf_write() would
 * write again byte for byte.
 */
#pragma once

#include "aicp/limits.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/parse.h"

#define LEAF_SCHEMA "aicp-ledger/1"
/* Name of a log, also of its key: 1 to 128 of [A-Za-z0-9./-], as signed notes need it. */
#define LEAF_ORIGIN_BYTES_MAX 128

struct leaf {
	int64_t at_ns; /* wall clock of the host, a claim */
	struct span body;
	struct span log;
	struct hash prev; /* zero for seq 0 */
	uint64_t seq;
	struct span type;
};

bool leaf_origin_wellformed(struct span origin);

/* Appends the leaf's bytes. PARSE_DONE; PARSE_E_BAD when a part is not what a leaf may hold (out
 * untouched); PARSE_E_LIMIT when it would be over AICP_LEAF_BYTES_MAX (out untouched); or the
 * buffer's error. */
MUST_CHECK int leaf_write(const struct leaf *leaf, struct buf *out);

/* Reads one leaf; its spans borrow from bytes. PARSE_DONE, PARSE_E_BAD or PARSE_E_LIMIT. */
MUST_CHECK int leaf_parse(struct span bytes, struct leaf *ret_leaf);

/* SHA-256(0x00 || bytes), RFC 6962 section 2.1. 0 or -EIO. */
MUST_CHECK int leaf_hash(struct hash_ctx *ctx, struct span bytes, struct hash *ret_hash);
