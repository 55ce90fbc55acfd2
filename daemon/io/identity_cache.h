/* SPDX-License-Identifier: MIT */
/*
 * Identities that the reader told a moment ago, for the next request of the same program.
 *
 * A process is known by the inode of its pidfd, which the kernel never gives to another, and by the
 * descriptor that the reader sent along (io/process_watch.h), which shows when it executes another
 * program or ends. What can change without that is at most AICP_IDENTITY_AGE_MS_MAX old. uid and
 * gid are not kept: each socket says its own.
 */
#pragma once

#include "io/loop.h"
#include "model/identity.h"

/* A process, as its pidfd names it. */
struct identity_key {
	uint64_t device, inode; /* 0: not known */
	int64_t pid;
};

/* pidfd as SO_PEERPIDFD gives it, or -1. */
struct identity_key identity_key(int pidfd, int64_t pid);

struct known_identity {
	unsigned refs;
	struct buf text;
	struct identity who; /* into text; uid and gid unset */
};

struct identity_cache;
struct identity_cache *identity_cache_new(struct loop *loop);
void identity_cache_free(struct identity_cache *cache);

/* NULL: not known, or not known any more: ask the reader. The caller gives it back with
 * known_identity_put(). */
struct known_identity *identity_cache_find(struct identity_cache *cache,
					   const struct identity_key *key);
void known_identity_put(struct known_identity *known);

/* What the reader was asked at asked_ns (monotonic). A uid that has its share loses its oldest one;
 * what is too large, or for which there is no memory, is not kept. Owns watch. */
struct identity_news {
	struct identity_key key;
	uid_t uid;
	int64_t asked_ns;
	struct span json;
	int watch;
};
void identity_cache_add(struct identity_cache *cache, const struct identity_news *news);
