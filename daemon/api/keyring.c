/* SPDX-License-Identifier: MIT */
#include "api/keyring.h"

static bool hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

bool keyring_wellformed(struct span key)
{
	return key.n == KEYRING_KEY_BYTES && span_starts(key, SPAN_LIT("aicp_")) &&
	       hex(span_sub(key, 5, 13)) && key.p[13] == '_' && hex(span_sub(key, 14, key.n));
}

bool keyring_find(const struct keyring *ring, const struct hash *digest, int64_t now_ns,
		  struct principal *ret_who)
{
	for (unsigned i = 0; i < KEYRING_ENTRIES; i++) {
		const struct keyring_entry *e = &ring->entry[i];

		if (e->until_ns > now_ns &&
		    hash_secret_eq(hash_span(&e->digest), hash_span(digest))) {
			*ret_who = e->who;
			return true;
		}
	}
	return false;
}

void keyring_add(struct keyring *ring, const struct hash *digest, int64_t now_ns,
		 const struct principal *who)
{
	struct keyring_entry *slot = &ring->entry[0];

	for (unsigned i = 0; i < KEYRING_ENTRIES; i++) {
		struct keyring_entry *e = &ring->entry[i];

		if (hash_eq(&e->digest, digest)) {
			slot = e;
			break;
		}
		if (e->until_ns < slot->until_ns)
			slot = e;
	}
	*slot = (struct keyring_entry){*digest, now_ns + KEYRING_LIFE_NS, *who};
}

void keyring_clear(struct keyring *ring)
{
	*ring = (struct keyring){0};
}
