/* SPDX-License-Identifier: MIT */
/*
 * Keys that were right a moment ago, by their SHA-256: a client that asks often costs the ledger
 * one look a few seconds. No key is kept. A withdrawn key works for at most KEYRING_LIFE_NS longer.
 */
#pragma once

#include "api/principal.h"
#include "base/hash.h"

/* "aicp_", 8 digits (visible), "_", 64 digits (secret). */
#define KEYRING_KEY_BYTES 78
#define KEYRING_ENTRIES	  32
#define KEYRING_LIFE_NS	  (3 * INT64_C(1000000000))

struct keyring {
	struct keyring_entry {
		struct hash digest;
		int64_t until_ns; /* monotonic; 0: free */
		struct principal who;
	} entry[KEYRING_ENTRIES];
};

/* Can it be a key at all? What cannot is refused before anybody is asked. */
bool keyring_wellformed(struct span key);

/* Is it one that was right less than KEYRING_LIFE_NS ago? digest is of a well-formed key. */
bool keyring_find(const struct keyring *ring, const struct hash *digest, int64_t now_ns,
		  struct principal *ret_who);

/* Remembers a right key; the oldest entry gives way. */
void keyring_add(struct keyring *ring, const struct hash *digest, int64_t now_ns,
		 const struct principal *who);

/* Forgets all: the ledger was restarted. */
void keyring_clear(struct keyring *ring);
