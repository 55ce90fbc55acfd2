/* SPDX-License-Identifier: MIT */
#include "api/bucket.h"

#include <stddef.h>

#define MINUTE_NS (60 * INT64_C(1000000000))

static void refill(struct bucket *bucket, int64_t now_ns, int64_t burst, int64_t per_minute)
{
	int64_t passed = now_ns - bucket->seen_ns;
	int64_t unit = MINUTE_NS / (per_minute * 1000);

	if (passed < unit)
		return;
	if (passed > MINUTE_NS * burst / per_minute) {
		bucket->milli = burst * 1000;
		bucket->seen_ns = now_ns;
		return;
	}
	bucket->milli += passed / unit;
	bucket->seen_ns += passed / unit * unit;
	if (bucket->milli > burst * 1000)
		bucket->milli = burst * 1000;
}

static struct bucket_source *find(struct buckets *b, uint64_t source)
{
	for (unsigned i = 0; i < BUCKET_SOURCES_MAX; i++)
		if (b->source[i].used && b->source[i].source == source)
			return &b->source[i];
	return NULL;
}

static struct bucket_source *add(struct buckets *b, uint64_t source, int64_t now_ns)
{
	struct bucket_source *victim = &b->source[0];

	for (unsigned i = 0; i < BUCKET_SOURCES_MAX; i++) {
		struct bucket_source *s = &b->source[i];

		if (!s->used) {
			victim = s;
			break;
		}
		if (s->bucket.seen_ns < victim->bucket.seen_ns)
			victim = s;
	}
	*victim = (struct bucket_source){
		.source = source,
		.bucket = {.milli = BUCKET_SOURCE_BURST * 1000, .seen_ns = now_ns},
		.used = true,
	};
	return victim;
}

bool bucket_reserve(struct buckets *b, uint64_t source, int64_t now_ns)
{
	struct bucket_source *s = find(b, source);

	if (!b->started) {
		b->started = true;
		b->global = (struct bucket){BUCKET_GLOBAL_BURST * 1000, now_ns};
	}
	if (!s)
		s = add(b, source, now_ns);
	refill(&b->global, now_ns, BUCKET_GLOBAL_BURST, BUCKET_GLOBAL_PER_MINUTE);
	refill(&s->bucket, now_ns, BUCKET_SOURCE_BURST, BUCKET_SOURCE_PER_MINUTE);
	if (b->global.milli < 1000 || s->bucket.milli < 1000)
		return false;
	b->global.milli -= 1000;
	s->bucket.milli -= 1000;
	return true;
}

void bucket_refund(struct buckets *b, uint64_t source)
{
	struct bucket_source *s = find(b, source);

	if (b->global.milli <= (BUCKET_GLOBAL_BURST - 1) * 1000)
		b->global.milli += 1000;
	if (s && s->bucket.milli <= (BUCKET_SOURCE_BURST - 1) * 1000)
		s->bucket.milli += 1000;
}
