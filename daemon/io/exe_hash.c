/* SPDX-License-Identifier: MIT */
#include "io/exe_hash.h"

#include "aicp/limits.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hex.h"

#include <errno.h>
#include <stdlib.h>

/* A file whose content changed shows it in one of these. */
struct key {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct entry {
	struct key key;
	char hex[HASH_HEX_BYTES];
	uint64_t used; /* 0: free */
};

struct exe_hash {
	uint64_t clock;
	struct entry entry[AICP_EXE_HASHES_MAX];
};

struct exe_hash_job {
	int fd;
	struct key key;
	struct hash_ctx *ctx;
	struct buf slice;
	off_t at;
};

static struct key key_of(const struct stat *st)
{
	return (struct key){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
}

static bool time_eq(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool key_eq(const struct key *a, const struct key *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       time_eq(a->mtime, b->mtime) && time_eq(a->ctime, b->ctime);
}

struct exe_hash *exe_hash_new(void)
{
	return calloc(1, sizeof(struct exe_hash));
}

void exe_hash_free(struct exe_hash *memory)
{
	free(memory);
}

int exe_hash_find(struct exe_hash *memory, const struct stat *st, char ret_hex[HASH_HEX_BYTES])
{
	struct key key = key_of(st);

	for (size_t i = 0; i < AICP_EXE_HASHES_MAX; i++) {
		struct entry *e = &memory->entry[i];

		if (e->used && key_eq(&e->key, &key)) {
			e->used = ++memory->clock;
			memcpy(ret_hex, e->hex, HASH_HEX_BYTES);
			return 0;
		}
	}
	return EXE_HASH_E_UNKNOWN;
}

static void remember(struct exe_hash *memory, const struct key *key, const struct hash *hash)
{
	struct entry *oldest = &memory->entry[0];

	for (size_t i = 0; i < AICP_EXE_HASHES_MAX; i++)
		if (memory->entry[i].used < oldest->used)
			oldest = &memory->entry[i];
	oldest->key = *key;
	oldest->used = ++memory->clock;
	hex_encode(span_of(hash->b, HASH_BYTES), oldest->hex);
}

void exe_hash_job_free(struct exe_hash_job *job)
{
	if (!job)
		return;
	if (job->ctx)
		hash_ctx_free(job->ctx);
	buf_deinit(&job->slice);
	close(job->fd);
	free(job);
}

DEFINE_FREEP(struct exe_hash_job, exe_hash_job_free)

int exe_hash_begin(int fd, struct exe_hash_job **ret_job)
{
	struct exe_hash_job *job CLEANUP(exe_hash_job_freep) = calloc(1, sizeof(*job));
	struct stat st;
	int r;

	if (!job) {
		close(fd);
		return -ENOMEM;
	}
	job->fd = fd;
	job->slice = BUF_INIT(AICP_EXE_HASH_SLICE_BYTES);
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	job->key = key_of(&st);
	job->ctx = hash_ctx_new();
	if (!job->ctx)
		return -ENOMEM;
	r = buf_reserve(&job->slice, AICP_EXE_HASH_SLICE_BYTES);
	if (!r)
		r = hash_begin(job->ctx);
	if (r < 0)
		return r;
	*ret_job = TAKE(job);
	return 0;
}

bool exe_hash_job_is(const struct exe_hash_job *job, const struct stat *st)
{
	struct key key = key_of(st);

	return key_eq(&job->key, &key);
}

static int finish(struct exe_hash *memory, struct exe_hash_job *job)
{
	struct hash hash;
	struct stat st;
	int r;

	if (fstat(job->fd, &st) < 0)
		return -errno;
	if (!exe_hash_job_is(job, &st) || job->at != job->key.size)
		return EXE_HASH_E_CHANGED;
	r = hash_end(job->ctx, &hash);
	if (r < 0)
		return r;
	remember(memory, &job->key, &hash);
	return 0;
}

int exe_hash_step(struct exe_hash *memory, struct exe_hash_job *job)
{
	ssize_t n = pread(job->fd, job->slice.p, AICP_EXE_HASH_SLICE_BYTES, job->at);
	int r;

	if (n < 0)
		return errno == EINTR ? EXE_HASH_E_MORE : -errno;
	if (n == 0)
		return finish(memory, job);
	r = hash_put(job->ctx, span_of(job->slice.p, (size_t)n));
	if (r < 0)
		return r;
	job->at += n;
	return job->at < job->key.size ? EXE_HASH_E_MORE : finish(memory, job);
}
