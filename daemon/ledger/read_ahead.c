/* SPDX-License-Identifier: MIT */
#include "ledger/read_ahead.h"

#include "base/cleanup.h"

#include <errno.h>
#include <pthread.h>

/* Large enough that handing over costs nothing, small enough to stay in a cache. */
#define BATCH_ROWS  512u
#define BATCH_BYTES (256u << 10)

struct batch {
	size_t n;
	struct {
		uint64_t id;
		struct hash stored, hash;
		size_t begin, end; /* in bytes */
	} row[BATCH_ROWS];
	struct buf bytes;
	bool full;
};

struct ahead {
	struct reader *reader;
	struct hash_ctx *ctx; /* the reading thread's */
	uint64_t begin, end;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct batch batch[2];
	unsigned filling; /* the reading thread's batch */
	bool done, stop;
	int outcome; /* of reading, once done */
};

DEFINE_FREEP(struct hash_ctx, hash_ctx_free)

static void free_ahead(struct ahead *a)
{
	hash_ctx_freep(&a->ctx);
	buf_deinit(&a->batch[0].bytes);
	buf_deinit(&a->batch[1].bytes);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->mutex);
	free(a);
}

DEFINE_FREEP(struct ahead, free_ahead)

/* ---- the reading thread
 * ------------------------------------------------------------------------------- */

/* Hands over the batch in hand and waits for the other one. False: nobody wants more. */
static bool hand_over(struct ahead *a)
{
	bool go_on;

	pthread_mutex_lock(&a->mutex);
	a->batch[a->filling].full = true;
	a->filling ^= 1;
	pthread_cond_signal(&a->changed);
	while (a->batch[a->filling].full && !a->stop)
		pthread_cond_wait(&a->changed, &a->mutex);
	go_on = !a->stop;
	pthread_mutex_unlock(&a->mutex);
	a->batch[a->filling].n = 0;
	buf_clear(&a->batch[a->filling].bytes);
	return go_on;
}

static int take(void *data, const struct store_leaf *leaf)
{
	struct ahead *a = data;
	struct batch *b = &a->batch[a->filling];
	int r;

	if (b->n == BATCH_ROWS || (b->n && b->bytes.n + leaf->bytes.n > BATCH_BYTES)) {
		if (!hand_over(a))
			return 1;
		b = &a->batch[a->filling];
	}
	b->row[b->n].id = leaf->id;
	b->row[b->n].stored = leaf->hash;
	b->row[b->n].begin = b->bytes.n;
	r = buf_put(&b->bytes, leaf->bytes);
	if (r == 0)
		r = leaf_hash(a->ctx, span_sub(buf_span(&b->bytes), b->row[b->n].begin, b->bytes.n),
			      &b->row[b->n].hash);
	b->row[b->n++].end = b->bytes.n;
	return r;
}

static void *read_all(void *data)
{
	struct ahead *a = data;
	int r = reader_leaves(a->reader, a->begin, a->end, take, a);

	if (r == 0 && a->batch[a->filling].n)
		(void)hand_over(a);
	pthread_mutex_lock(&a->mutex);
	a->outcome = r < 0 ? r : 0;
	a->done = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->mutex);
	return NULL;
}

/* ---- the thread that looks
 * ---------------------------------------------------------------------------- */

static int look(const struct batch *b, read_ahead_fn fn, void *data)
{
	int r = 0;

	for (size_t i = 0; i < b->n && r == 0; i++) {
		const struct ahead_leaf leaf = {
			.row.id = b->row[i].id,
			.row.hash = b->row[i].stored,
			.row.bytes = span_sub(buf_span(&b->bytes), b->row[i].begin, b->row[i].end),
			.hash = b->row[i].hash,
		};

		r = fn(data, &leaf);
	}
	return r;
}

static int look_all(struct ahead *a, read_ahead_fn fn, void *data)
{
	for (unsigned i = 0;; i ^= 1) {
		bool full;
		int r;

		pthread_mutex_lock(&a->mutex);
		while (!a->batch[i].full && !a->done)
			pthread_cond_wait(&a->changed, &a->mutex);
		full = a->batch[i].full;
		pthread_mutex_unlock(&a->mutex);
		if (!full)
			return a->outcome;
		r = look(&a->batch[i], fn, data);
		if (r != 0)
			return r;
		pthread_mutex_lock(&a->mutex);
		a->batch[i].full = false;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->mutex);
	}
}

/* ---- both in one thread
 * ------------------------------------------------------------------------------- */

struct alone {
	struct hash_ctx *ctx;
	read_ahead_fn fn;
	void *data;
};

static int look_alone(void *data, const struct store_leaf *row)
{
	struct alone *alone = data;
	struct ahead_leaf leaf = {.row = *row};
	int r = leaf_hash(alone->ctx, row->bytes, &leaf.hash);

	return r < 0 ? r : alone->fn(alone->data, &leaf);
}

static int read_alone(struct reader *reader, uint64_t begin, uint64_t end, read_ahead_fn fn,
		      void *data)
{
	struct hash_ctx *ctx CLEANUP(hash_ctx_freep) = hash_ctx_new();
	struct alone alone = {ctx, fn, data};

	return ctx ? reader_leaves(reader, begin, end, look_alone, &alone) : -ENOMEM;
}

int read_ahead(struct reader *reader, uint64_t begin, uint64_t end, read_ahead_fn fn, void *data)
{
	struct ahead *a CLEANUP(free_aheadp) = calloc(1, sizeof(*a));
	pthread_t thread;
	int r;

	if (!a)
		return read_alone(reader, begin, end, fn, data);
	pthread_mutex_init(&a->mutex, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->reader = reader;
	a->begin = begin;
	a->end = end;
	a->batch[0].bytes = a->batch[1].bytes = BUF_INIT(BATCH_BYTES + 1000000);
	a->ctx = hash_ctx_new();
	if (!a->ctx || pthread_create(&thread, NULL, read_all, a) != 0)
		return read_alone(reader, begin, end, fn, data);
	r = look_all(a, fn, data);
	pthread_mutex_lock(&a->mutex);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->mutex);
	pthread_join(thread, NULL);
	return r;
}
