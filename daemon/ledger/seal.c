/* SPDX-License-Identifier: MIT */
#include "ledger/seal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define VERSION 0x01

DEFINE_FREEP(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

int seal_commit(const struct seal_random *random, struct span content, struct hash *ret_commitment)
{
	const struct span parts[] = {SPAN_LIT("aicp/1/content\n"),
				     span_of(random->salt, sizeof(random->salt)), content};
	struct hash_ctx *ctx = hash_ctx_new();
	int r = ctx ? hash_parts(ctx, parts, 3, ret_commitment) : -EIO;

	hash_ctx_free(ctx);
	return r;
}

static int encrypt(EVP_CIPHER_CTX *ctx, struct span in, struct buf *out)
{
	int n = 0;

	if (in.n > INT_MAX || !EVP_EncryptUpdate(ctx, out->p + out->n, &n, in.p, (int)in.n))
		return -EIO;
	out->n += (size_t)n;
	return 0;
}

int seal_put(const uint8_t key[SEAL_KEY_BYTES], const struct seal_random *random,
	     struct span subject, struct span content, struct buf *out)
{
	EVP_CIPHER_CTX *ctx CLEANUP(EVP_CIPHER_CTX_freep) = EVP_CIPHER_CTX_new();
	uint8_t tag[SEAL_TAG_BYTES];
	int n = 0, r = ctx ? buf_reserve(out, content.n + SEAL_EXTRA_BYTES) : -ENOMEM;

	if (r < 0)
		return r;
	buf_put_byte(out, VERSION);
	buf_put(out, span_of(random->nonce, sizeof(random->nonce)));
	if (!EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, random->nonce) ||
	    !EVP_EncryptUpdate(ctx, NULL, &n, subject.p, (int)subject.n))
		return -EIO;
	r = encrypt(ctx, span_of(random->salt, sizeof(random->salt)), out);
	if (r == 0)
		r = encrypt(ctx, content, out);
	if (r < 0)
		return r;
	/* A stream: the end has no bytes of its own. */
	if (!EVP_EncryptFinal_ex(ctx, tag, &n) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, sizeof(tag), tag))
		return -EIO;
	return buf_put(out, span_of(tag, sizeof(tag)));
}

/* Deciphers what stands between nonce and tag into out's room. */
static int decrypt(EVP_CIPHER_CTX *ctx, struct span subject, struct span in, struct span tag,
		   uint8_t *out)
{
	uint8_t copy[SEAL_TAG_BYTES];
	int n = 0;

	memcpy(copy, tag.p, sizeof(copy));
	if (!EVP_DecryptUpdate(ctx, NULL, &n, subject.p, (int)subject.n) ||
	    !EVP_DecryptUpdate(ctx, out, &n, in.p, (int)in.n) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sizeof(copy), copy))
		return -EIO;
	return EVP_DecryptFinal_ex(ctx, out + n, &n) ? 0 : -EBADMSG;
}

int seal_open(const uint8_t key[SEAL_KEY_BYTES], struct span subject, struct span sealed,
	      struct buf *out)
{
	EVP_CIPHER_CTX *ctx CLEANUP(EVP_CIPHER_CTX_freep) = EVP_CIPHER_CTX_new();
	struct span nonce = span_sub(sealed, 1, 1 + SEAL_NONCE_BYTES), in, tag;
	struct buf plain = BUF_INIT(sealed.n);
	int r;

	if (!ctx)
		return -ENOMEM;
	if (sealed.n < SEAL_EXTRA_BYTES || sealed.n > INT_MAX || sealed.p[0] != VERSION)
		return -EBADMSG;
	in = span_sub(sealed, 1 + SEAL_NONCE_BYTES, sealed.n - SEAL_TAG_BYTES);
	tag = span_sub(sealed, sealed.n - SEAL_TAG_BYTES, sealed.n);
	r = buf_reserve(&plain, in.n);
	if (r == 0 && !EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce.p))
		r = -EIO;
	if (r == 0)
		r = decrypt(ctx, subject, in, tag, plain.p);
	if (r == 0)
		r = buf_put(out, span_of(plain.p + SEAL_SALT_BYTES, in.n - SEAL_SALT_BYTES));
	if (plain.p)
		OPENSSL_cleanse(plain.p, plain.cap);
	buf_deinit(&plain);
	return r;
}
