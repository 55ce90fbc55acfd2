/* SPDX-License-Identifier: MIT */
#include "io/identity_cache.h"

#include "io/process_watch.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGE_NS (AICP_IDENTITY_AGE_MS_MAX * INT64_C(1000000))

struct entry {
	struct identity_key key;
	uid_t uid;
	int64_t until_ns;
	int watch;
	struct known_identity *known;
};

struct identity_cache {
	struct loop *loop;
	struct loop_timer sweep;
	size_t n;
	struct entry entry[AICP_IDENTITIES_MAX]; /* in no order */
};

struct identity_key identity_key(int pidfd, int64_t pid)
{
	struct stat st;

	if (pidfd < 0 || fstat(pidfd, &st) < 0)
		return (struct identity_key){0};
	return (struct identity_key){.device = st.st_dev, .inode = st.st_ino, .pid = pid};
}

static bool key_eq(const struct identity_key *a, const struct identity_key *b)
{
	return a->inode == b->inode && a->device == b->device && a->pid == b->pid;
}

void known_identity_put(struct known_identity *known)
{
	if (!known || --known->refs)
		return;
	buf_deinit(&known->text);
	free(known);
}

static void drop(struct identity_cache *cache, size_t at)
{
	struct entry *e = &cache->entry[at];

	close(e->watch);
	known_identity_put(e->known);
	*e = cache->entry[--cache->n];
}

/* Descriptors of processes that have ended, or ask no more, are not kept for nothing. */
static void sweep(struct loop_timer *timer)
{
	struct identity_cache *cache = timer->data;
	int64_t now = loop_mono_ns();

	for (size_t i = cache->n; i-- > 0;)
		if (cache->entry[i].until_ns <= now)
			drop(cache, i);
	if (cache->n)
		loop_timer_set(cache->loop, timer, now + AGE_NS);
}

struct identity_cache *identity_cache_new(struct loop *loop)
{
	struct identity_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->loop = loop;
	cache->sweep = (struct loop_timer){.fire = sweep, .data = cache};
	return cache;
}

void identity_cache_free(struct identity_cache *cache)
{
	if (!cache)
		return;
	loop_timer_clear(cache->loop, &cache->sweep);
	while (cache->n)
		drop(cache, cache->n - 1);
	free(cache);
}

static size_t find(const struct identity_cache *cache, const struct identity_key *key)
{
	size_t at = 0;

	while (at < cache->n && !key_eq(&cache->entry[at].key, key))
		at++;
	return at;
}

struct known_identity *identity_cache_find(struct identity_cache *cache,
					   const struct identity_key *key)
{
	size_t at = key->inode ? find(cache, key) : cache->n;
	struct entry *e = &cache->entry[at];

	if (at == cache->n)
		return NULL;
	if (e->until_ns <= loop_mono_ns() || !process_watch_holds(e->watch)) {
		drop(cache, at);
		return NULL;
	}
	e->known->refs++;
	return e->known;
}

/* Drops the oldest of uid when that has its share, or of all when there is no room. */
static void make_room(struct identity_cache *cache, uid_t uid)
{
	size_t own = 0, oldest = 0, oldest_own = cache->n;

	for (size_t i = 0; i < cache->n; i++) {
		const struct entry *e = &cache->entry[i];

		if (e->until_ns < cache->entry[oldest].until_ns)
			oldest = i;
		if (e->uid != uid)
			continue;
		own++;
		if (oldest_own == cache->n || e->until_ns < cache->entry[oldest_own].until_ns)
			oldest_own = i;
	}
	if (own >= AICP_UID_IDENTITIES_MAX)
		drop(cache, oldest_own);
	else if (cache->n == AICP_IDENTITIES_MAX)
		drop(cache, oldest);
}

static struct known_identity *known_new(struct span json)
{
	struct known_identity *known = calloc(1, sizeof(*known));

	if (!known)
		return NULL;
	known->refs = 1;
	known->text = BUF_INIT(AICP_IDENTITY_BYTES_MAX);
	if (identity_parse(json, &known->text, &known->who) != PARSE_DONE) {
		known_identity_put(known);
		return NULL;
	}
	return known;
}

void identity_cache_add(struct identity_cache *cache, const struct identity_news *news)
{
	struct known_identity *known = NULL;
	size_t at;

	if (news->watch < 0)
		return;
	if (news->key.inode)
		known = known_new(news->json);
	if (!known) {
		close(news->watch);
		return;
	}
	at = find(cache, &news->key);
	if (at < cache->n)
		drop(cache, at);
	make_room(cache, news->uid);
	cache->entry[cache->n++] = (struct entry){
		.key = news->key,
		.uid = news->uid,
		.until_ns = news->asked_ns + AGE_NS,
		.watch = news->watch,
		.known = known,
	};
	if (!cache->sweep.set)
		loop_timer_set(cache->loop, &cache->sweep, loop_mono_ns() + AGE_NS);
}
