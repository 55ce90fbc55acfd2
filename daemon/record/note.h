/* SPDX-License-Identifier: MIT */
/*
 * Signed notes (C2SP signed-note): a text, a blank line, and one line per signature.
 *
 *   — NAME BASE64(4-byte key id || signature)
 *
 * Only Ed25519 (type 0x01) is signed and checked here. Signatures by keys that the caller did not
 * name are ignored, as witnesses add theirs; a failing signature by a named key refuses the note,
 * whatever else it carries.
 */
#pragma once

#include "base/buf.h"
#include "base/hash.h"
#include "base/parse.h"

#define NOTE_BYTES_MAX	    65536u /* a checkpoint with a hundred signatures is a quarter of it */
#define NOTE_SIGNATURES_MAX 100u /* as the Go implementation */
#define NOTE_NAME_BYTES_MAX 128u
#define NOTE_SEED_BYTES	    32u
#define NOTE_PUBLIC_BYTES   32u

enum note_outcome {
	NOTE_E_BAD = PARSE_E_BAD,
	NOTE_E_LIMIT = PARSE_E_LIMIT,
	NOTE_E_UNSIGNED, /* well formed, but by none of the named keys */
	NOTE_E_FORGED, /* a signature that claims to be by a named key is not */
};

struct note_key {
	char name[NOTE_NAME_BYTES_MAX + 1];
	uint32_t id; /* first 4 bytes of SHA-256(name || 0x0a || 0x01 || public) */
	uint8_t public_key[NOTE_PUBLIC_BYTES];
};

struct note_signer {
	struct note_key key;
	uint8_t seed[NOTE_SEED_BYTES]; /* the private key of RFC 8032 */
};

/* 1 to NOTE_NAME_BYTES_MAX of printable ASCII without '+'. */
bool note_name_wellformed(struct span name);

/* A public key under a name. PARSE_DONE, PARSE_E_BAD (name), -EIO. */
MUST_CHECK int note_key_init(struct span name, const uint8_t public_key[NOTE_PUBLIC_BYTES],
			     struct note_key *ret_key);

/* The key pair of a seed. PARSE_DONE, PARSE_E_BAD (name), -EIO. */
MUST_CHECK int note_signer_init(struct span name, const uint8_t seed[NOTE_SEED_BYTES],
				struct note_signer *ret_signer);
/* Wipes the seed. */
void note_signer_deinit(struct note_signer *signer);

/* NAME+HEXID+BASE64(0x01 || public), without a newline. 0 or the buffer's error. */
int note_vkey_put(const struct note_key *key, struct buf *out);

/* Reads that form; the id must be the key's. PARSE_DONE or PARSE_E_BAD; -EIO. */
MUST_CHECK int note_vkey_parse(struct span text, struct note_key *ret_key);

/* Appends the note over text, which ends with a newline and holds no other control characters.
 * PARSE_DONE, PARSE_E_BAD, -EIO or the buffer's error. */
MUST_CHECK int note_sign(const struct note_signer *signer, struct span text, struct buf *out);

/* Checks a note against the named keys. PARSE_DONE: at least one of them signed it; ret_text
 * borrows from note and ends with its newline. Else enum note_outcome, or -EIO. */
MUST_CHECK int note_open(struct span note, const struct note_key *keys, size_t keys_n,
			 struct span *ret_text);
