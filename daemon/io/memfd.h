/* SPDX-License-Identifier: MIT */
/* Bytes that travel in a sealed memfd: what was checked cannot change behind the reader's back. */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

/* A memfd that holds bytes, sealed against writing, growing, shrinking and unsealing. The
 * descriptor or -errno. */
int memfd_make(const char *name, struct span bytes);

enum memfd_outcome {
	MEMFD_E_SEALS = 1, /* not a memfd, or one that somebody can still change */
	MEMFD_E_SIZE, /* sealed, but not of exactly n bytes */
};

/* Is fd a memfd of exactly n bytes that nobody can change any more? 0, MEMFD_E_..., -errno. */
MUST_CHECK int memfd_check(int fd, size_t n);

/* Appends the n bytes of a checked memfd, by read and never by mapping. 0 or -errno. */
MUST_CHECK int memfd_read(int fd, size_t n, struct buf *out);
