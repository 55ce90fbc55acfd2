/* SPDX-License-Identifier: MIT */
/*
 * Tells the engine what comes back for a request that passed, on the connection of that request
 * (docs/PROTOCOL.md 1.6).
 *
 * The program never waits for it: what the engine's socket does not take at once is left out, and
 * so is what two threads would tell at the same time.
 */
#pragma once

#include "lock.h"
#include "own.h"

#include <stddef.h>
#include <stdint.h>

/* Zeroed: nothing is told. */
struct witness {
	struct lock lock;
	_Atomic(bool) on;
	_Atomic(uint64_t) offset; /* of what the program reads next */
	struct own engine; /* under the lock, as all below */
	int pid; /* whose response it is; a child of it tells nothing */
	bool widened; /* the socket's buffer is as large as it gets */
};

/* A response begins; engine stays the caller's. Without a descriptor to spare nothing is told. */
void witness_begin(struct witness *w, int engine);
/* The program has read this; p NULL: it is not to be had. */
void witness_tell(struct witness *w, const void *p, size_t n);
/* No more will be told. closed: the server ended the stream in good order. */
void witness_end(struct witness *w, bool closed);

bool witness_is_on(const struct witness *w);
