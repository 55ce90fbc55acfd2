/* SPDX-License-Identifier: MIT */
/* Owned locals free themselves; a transfer of ownership is visible. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

/* struct foo *f CLEANUP(foo_freep) = NULL; */
#define CLEANUP(_f) __attribute__((cleanup(_f)))

/* Hands an owned pointer on: *ret_foo = TAKE(f); */
#define TAKE(_p)                                                                                   \
	({                                                                                         \
		__typeof__(_p) taken_ = (_p);                                                      \
		(_p) = NULL;                                                                       \
		taken_;                                                                            \
	})

/* Defines foo_freep() for CLEANUP from a destructor that takes a pointer. */
#define DEFINE_FREEP(_type, _free)                                                                 \
	static inline void _free##p(_type **p)                                                     \
	{                                                                                          \
		if (*p)                                                                            \
			_free(*p);                                                                 \
	}

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
