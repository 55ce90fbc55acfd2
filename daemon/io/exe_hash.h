/* SPDX-License-Identifier: MIT */
/* SHA-256 of executables, remembered by device, inode, size and times, and made in slices so that
 * nobody waits long. */
#pragma once

#include "base/hash.h"
#include "base/parse.h"

#include <sys/stat.h>

struct exe_hash; /* the memory: AICP_EXE_HASHES_MAX entries, the least recently used goes */
struct exe_hash *exe_hash_new(void);
void exe_hash_free(struct exe_hash *memory);

enum exe_hash_outcome {
	EXE_HASH_E_UNKNOWN = 1, /* never made: make it with a job */
	EXE_HASH_E_MORE, /* the job has bytes left */
	EXE_HASH_E_CHANGED, /* the file changed under the job; there is no hash */
};

/* 0 or EXE_HASH_E_UNKNOWN. ret_hex: HASH_HEX_BYTES characters, no NUL. */
MUST_CHECK int exe_hash_find(struct exe_hash *memory, const struct stat *st,
			     char ret_hex[HASH_HEX_BYTES]);

/* Hashing of one open file. */
struct exe_hash_job;
/* Owns fd (closed in any case). 0 or -errno. */
MUST_CHECK int exe_hash_begin(int fd, struct exe_hash_job **ret_job);
/* Hashes the next AICP_EXE_HASH_SLICE_BYTES. 0 when done and remembered, EXE_HASH_E_MORE,
 * EXE_HASH_E_CHANGED, -errno. */
MUST_CHECK int exe_hash_step(struct exe_hash *memory, struct exe_hash_job *job);
/* Is the job about this file? */
bool exe_hash_job_is(const struct exe_hash_job *job, const struct stat *st);
void exe_hash_job_free(struct exe_hash_job *job);
