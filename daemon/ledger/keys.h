/* SPDX-License-Identifier: MIT */
/* Secrets of the ledger: the log's identity key, the pepper under API keys, the key under which
 * content is sealed, and the form of API keys. */
#pragma once

#include "ledger/ledger.h"
#include "ledger/seal.h"
#include "ledger/store.h"
#include "record/note.h"

#define KEYS_LOG_FILE	  "log.key" /* 0600: "ed25519:" and the seed in hexadecimal */
#define KEYS_VKEY_FILE	  "log.vkey" /* 0644: the public key as note_vkey_put() writes it */
#define KEYS_PEPPER_FILE  "pepper" /* 0600: 32 random bytes in hexadecimal */
#define KEYS_CONTENT_FILE "content.key" /* 0600: 32 random bytes in hexadecimal: seal.h */
#define KEYS_ADMIN_FILE	  "admin.key" /* 0600: the first API key, written once */

struct keys {
	uint8_t seed[NOTE_SEED_BYTES];
	uint8_t pepper[HASH_BYTES];
	uint8_t content[SEAL_KEY_BYTES];
};

/* Reads log.key, pepper and content.key, or makes them with mode 0600. 0 or -errno; -EPERM when
 * others may read one; -EBADMSG when one is not what it should be. ret_name is then the file's
 * name. */
MUST_CHECK int keys_load(int dir_fd, struct ledger_random random, struct keys *ret_keys,
			 const char **ret_name);
/* Wipes. */
void keys_deinit(struct keys *keys);

/* "aicp_" 8 hexadecimal digits "_" 64 hexadecimal digits, NUL-terminated. id is the first 8. 0 or
 * -errno. */
MUST_CHECK int keys_generate(struct ledger_random random, char ret_key[LEDGER_KEY_BYTES_MAX]);

/* The visible part of a presented key; false when it has not the form of one. */
bool keys_id(struct span key, struct span *ret_id);

/* What is stored of a key: HMAC-SHA-256(pepper, "aicp/1/api-key\n" || key). 0 or -EIO. */
MUST_CHECK int keys_hash(const struct keys *keys, struct span key, struct hash *ret_hash);
