/* SPDX-License-Identifier: MIT */
/*
 * Identities that the reader told a moment ago, for the next request of the same program.
 *
 * A process is known by its number while its pidfd says that it runs, as till then nobody else can
 * have that number; and by the descriptor that the reader sent along (io/process_watch.h), which
 * shows when it executes another program. What can change without that is at most
 * AICP_IDENTITY_AGE_MS_MAX old. uid and gid are not kept: each socket says its own.
 */
#pragma once

#include "io/loop.h"
#include "model/identity.h"

struct known_identity {
	unsigned refs;
	struct buf text;
	struct identity who; /* into text; uid and gid unset */
};

struct identity_cache;
struct identity_cache *identity_cache_new(struct loop *loop);
void identity_cache_free(struct identity_cache *cache);

/* The process that a socket names which was connected later than all that were added. NULL: not
 * known, or not known any more: ask the reader. The caller gives it back with known_identity_put().
 */
struct known_identity *identity_cache_find(struct identity_cache *cache, int64_t pid);
void known_identity_put(struct known_identity *known);

/* What the reader was asked at asked_ns (monotonic). A uid that has its share loses its oldest one;
 * what is too large, or for which there is no memory or no descriptor, is not kept. Owns pidfd and
 * watch, each of which may be -1. */
struct identity_news {
	int64_t pid;
	int pidfd, watch;
	uid_t uid;
	int64_t asked_ns;
	struct span json;
};
void identity_cache_add(struct identity_cache *cache, const struct identity_news *news);
