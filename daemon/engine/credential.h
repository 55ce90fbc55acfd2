/* SPDX-License-Identifier: MIT */
/*
 * Credentials leave no trace: the first thing the engine does with a request is to replace every
 * credential in it by a keyed fingerprint, which says "the same key as before" and nothing else.
 */
#pragma once

#include "base/hash.h"
#include "model/message.h"

#define CREDENTIAL_HEX_BYTES 16 /* 64 bits of HMAC-SHA-256: enough to tell a host's keys apart */

struct credential {
	char fingerprint[CREDENTIAL_HEX_BYTES + 1]; /* empty: the request carries none */
	/* Whether anything of the query was overwritten, and then a keyed hash of all of it as it
	 * was: names may look like a credential's and mean something else. */
	bool in_query;
	struct hash query;
};

/* Is this header one whose value is or proves a credential? By name: the well-known ones, and any
 * whose name ends in -key, -token, -secret, -signature or speaks of auth or cookies. */
bool credential_header(struct span name);

/* Is this query parameter one? */
bool credential_parameter(struct span name);

/*
 * Overwrites, in the bytes that head was parsed from, the value of every such header and query
 * parameter with '*', so that head's slices show stars too. A parameter whose name has escapes may
 * be any, and is taken for one. bytes must be the very bytes. The fingerprint is of
 * the first one in the order of the head, without its scheme ("Bearer "), so that a key is the same
 * in any header. 0 or -EIO (then nothing is overwritten, and the request must not be used).
 */
MUST_CHECK int credential_scrub(uint8_t *bytes, size_t bytes_n, const struct message *head,
				const struct hash_key *key, struct credential *ret_credential);
