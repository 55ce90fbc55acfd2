/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "base/cleanup.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

struct hash_ctx {
	EVP_MD *md;
	EVP_MD_CTX *state;
};

DEFINE_FREEP(struct hash_ctx, hash_ctx_free)

struct hash_ctx *hash_ctx_new(void)
{
	struct hash_ctx *ctx CLEANUP(hash_ctx_freep) = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	ctx->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	ctx->state = EVP_MD_CTX_new();
	if (!ctx->md || !ctx->state)
		return NULL;
	return TAKE(ctx);
}

void hash_ctx_free(struct hash_ctx *ctx)
{
	if (!ctx)
		return;
	EVP_MD_CTX_free(ctx->state);
	EVP_MD_free(ctx->md);
	free(ctx);
}

int hash_begin(struct hash_ctx *ctx)
{
	return EVP_DigestInit_ex2(ctx->state, ctx->md, NULL) == 1 ? 0 : -EIO;
}

int hash_put(struct hash_ctx *ctx, struct span bytes)
{
	return EVP_DigestUpdate(ctx->state, bytes.p, bytes.n) == 1 ? 0 : -EIO;
}

int hash_end(struct hash_ctx *ctx, struct hash *ret_hash)
{
	struct hash h;

	if (EVP_DigestFinal_ex(ctx->state, h.b, NULL) != 1)
		return -EIO;
	*ret_hash = h;
	return 0;
}

int hash_parts(struct hash_ctx *ctx, const struct span *parts, size_t n, struct hash *ret_hash)
{
	int r = hash_begin(ctx);

	for (size_t i = 0; i < n && r == 0; i++)
		r = hash_put(ctx, parts[i]);
	return r < 0 ? r : hash_end(ctx, ret_hash);
}

int hash_all(struct hash_ctx *ctx, struct span bytes, struct hash *ret_hash)
{
	return hash_parts(ctx, &bytes, 1, ret_hash);
}

int hash_once(struct span bytes, struct hash *ret_hash)
{
	struct hash_ctx *ctx CLEANUP(hash_ctx_freep) = hash_ctx_new();

	return ctx ? hash_all(ctx, bytes, ret_hash) : -EIO;
}

/* RFC 2104, H(K ^ outer, H(K ^ inner, parts)). The library's own HMAC looks its algorithms up anew
 * each time, which takes longer than hashing a record. */
#define BLOCK_BYTES 64
#define INNER	    0x36
#define OUTER	    0x5c

static int put_padded(struct hash_ctx *ctx, struct span key, uint8_t pad)
{
	uint8_t block[BLOCK_BYTES];
	int r;

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key.n; i++)
		block[i] ^= key.p[i];
	r = hash_begin(ctx);
	if (r == 0)
		r = hash_put(ctx, span_of(block, sizeof(block)));
	OPENSSL_cleanse(block, sizeof(block));
	return r;
}

static int hmac(struct hash_ctx *ctx, struct span key, const struct span *parts, size_t n,
		struct hash *ret_hash)
{
	struct hash inner;
	int r = put_padded(ctx, key, INNER);

	for (size_t i = 0; i < n && r == 0; i++)
		r = hash_put(ctx, parts[i]);
	if (r == 0)
		r = hash_end(ctx, &inner);
	if (r == 0)
		r = put_padded(ctx, key, OUTER);
	if (r == 0)
		r = hash_put(ctx, hash_span(&inner));
	return r < 0 ? r : hash_end(ctx, ret_hash);
}

int hash_hmac(const struct hash_key *key, const struct span *parts, size_t n, struct hash *ret_hash)
{
	struct hash shorter;
	int r;

	if (key->key.n <= BLOCK_BYTES)
		return hmac(key->ctx, key->key, parts, n, ret_hash);
	r = hash_all(key->ctx, key->key, &shorter);
	if (r == 0)
		r = hmac(key->ctx, hash_span(&shorter), parts, n, ret_hash);
	OPENSSL_cleanse(&shorter, sizeof(shorter));
	return r;
}

bool hash_secret_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
