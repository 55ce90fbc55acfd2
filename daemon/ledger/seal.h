/* SPDX-License-Identifier: MIT */
/*
 * Content that can be erased while the ledger still verifies: the record holds a commitment, the
 * content itself is sealed beside it.
 *
 *   commitment = SHA-256("aicp/1/content\n" || salt || content)
 *   sealed     = 0x01 || nonce (12) || AES-256-GCM(key, nonce, salt || content, subject) || tag
 * (16)
 *
 * salt is 32 random bytes that stand nowhere but in the sealed text: once that is gone, nobody can
 * test guesses against the commitment.
 */
#pragma once

#include "base/buf.h"
#include "base/hash.h"
#include "base/parse.h"

#define SEAL_KEY_BYTES	 32
#define SEAL_SALT_BYTES	 32
#define SEAL_NONCE_BYTES 12
#define SEAL_TAG_BYTES	 16
#define SEAL_EXTRA_BYTES (1 + SEAL_NONCE_BYTES + SEAL_SALT_BYTES + SEAL_TAG_BYTES)

/* Fresh random bytes for one content. */
struct seal_random {
	uint8_t salt[SEAL_SALT_BYTES];
	uint8_t nonce[SEAL_NONCE_BYTES];
};

/* 0 or -EIO. */
MUST_CHECK int seal_commit(const struct seal_random *random, struct span content,
			   struct hash *ret_commitment);

/* Appends the sealed text. subject is what it belongs to: under another one it does not open. 0 or
 * -errno. */
MUST_CHECK int seal_put(const uint8_t key[SEAL_KEY_BYTES], const struct seal_random *random,
			struct span subject, struct span content, struct buf *out);

/* Appends the content. 0; -EBADMSG when it was changed, or is sealed under another key or for
 * another subject (out untouched); or -errno. */
MUST_CHECK int seal_open(const uint8_t key[SEAL_KEY_BYTES], struct span subject, struct span sealed,
			 struct buf *out);
