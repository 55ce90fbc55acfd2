/* SPDX-License-Identifier: MIT */
/*
 * The shim's own memory: mappings of its own under one ceiling, never the program's allocator.
 *
 * malloc may be the program's, may be locked by the very thread we interrupt, and may be what a
 * fork left broken.
 */
#pragma once

#include <stddef.h>

/* Zeroed memory of n bytes; NULL over AICP_SHIM_ARENA_BYTES_MAX or when the kernel refuses. */
void *arena_map(size_t n);
/* Grows or shrinks to n bytes, perhaps elsewhere; NULL leaves p as it is. */
void *arena_remap(void *p, size_t old_n, size_t n);
/* n as it was asked for. NULL is fine. */
void arena_unmap(void *p, size_t n);
/* Bytes in use, for tests. */
size_t arena_used(void);
