/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104). */
#pragma once

#include "base/parse.h"
#include "base/span.h"

#define HASH_BYTES     32
#define HASH_HEX_BYTES (2 * HASH_BYTES)

struct hash {
	uint8_t b[HASH_BYTES];
};

/* The algorithm and its state, made once and used for any number of hashes: making it costs more
 * than hashing a record. One thread at a time. */
struct hash_ctx;

/* NULL when out of memory or the library has no SHA-256. */
struct hash_ctx *hash_ctx_new(void);
void hash_ctx_free(struct hash_ctx *ctx);

/* In pieces: begin, put any number of times, end. 0 or -EIO (the library refused). */
MUST_CHECK int hash_begin(struct hash_ctx *ctx);
MUST_CHECK int hash_put(struct hash_ctx *ctx, struct span bytes);
MUST_CHECK int hash_end(struct hash_ctx *ctx, struct hash *ret_hash);

/* In one go; the parts are hashed as if they stood in one piece. 0 or -EIO. */
MUST_CHECK int hash_parts(struct hash_ctx *ctx, const struct span *parts, size_t n,
			  struct hash *ret_hash);
MUST_CHECK int hash_all(struct hash_ctx *ctx, struct span bytes, struct hash *ret_hash);

/* For the odd hash where nobody keeps a context. 0 or -EIO. */
MUST_CHECK int hash_once(struct span bytes, struct hash *ret_hash);

/* HMAC-SHA-256 over the parts as if they stood in one piece. 0 or -EIO. */
struct hash_key {
	struct hash_ctx *ctx; /* borrowed */
	struct span key;
};
MUST_CHECK int hash_hmac(const struct hash_key *key, const struct span *parts, size_t n,
			 struct hash *ret_hash);

/* Equality in a time that depends on the lengths only. */
bool hash_secret_eq(struct span a, struct span b);

static inline bool hash_eq(const struct hash *a, const struct hash *b)
{
	return memcmp(a->b, b->b, HASH_BYTES) == 0;
}

static inline struct span hash_span(const struct hash *hash)
{
	return span_of(hash->b, HASH_BYTES);
}
