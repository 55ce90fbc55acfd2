/* SPDX-License-Identifier: MIT */
#include "io/identity_cache.h"

#include "base/cleanup.h"
#include "io/process_watch.h"

#include <poll.h>

#define AGE_NS (AICP_IDENTITY_AGE_MS_MAX * INT64_C(1000000))

struct entry {
	int64_t pid;
	int pidfd, watch;
	uid_t uid;
	int64_t until_ns;
	struct known_identity *known;
};

struct identity_cache {
	struct loop *loop;
	struct loop_timer sweep;
	size_t n;
	struct entry entry[AICP_IDENTITIES_MAX]; /* in no order */
};

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

	close(e->pidfd);
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

static size_t find(const struct identity_cache *cache, int64_t pid)
{
	size_t at = 0;

	while (at < cache->n && cache->entry[at].pid != pid)
		at++;
	return at;
}

static bool runs(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

struct known_identity *identity_cache_find(struct identity_cache *cache, int64_t pid)
{
	size_t at = find(cache, pid);
	struct entry *e = &cache->entry[at];

	if (at == cache->n)
		return NULL;
	if (e->until_ns <= loop_mono_ns() || !process_watch_holds(e->watch) || !runs(e->pidfd)) {
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
	int pidfd CLEANUP(cleanup_closep) = news->pidfd;
	int watch CLEANUP(cleanup_closep) = news->watch;
	struct known_identity *known;
	size_t at;

	if (pidfd < 0 || watch < 0)
		return;
	known = known_new(news->json);
	if (!known)
		return;
	at = find(cache, news->pid);
	if (at < cache->n)
		drop(cache, at);
	make_room(cache, news->uid);
	cache->entry[cache->n++] = (struct entry){
		.pid = news->pid,
		.pidfd = pidfd,
		.watch = watch,
		.uid = news->uid,
		.until_ns = news->asked_ns + AGE_NS,
		.known = known,
	};
	pidfd = watch = -1;
	if (!cache->sweep.set)
		loop_timer_set(cache->loop, &cache->sweep, loop_mono_ns() + AGE_NS);
}
