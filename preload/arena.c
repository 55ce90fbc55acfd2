/* SPDX-License-Identifier: MIT */
/* The shim's own memory, counted against one ceiling. */
#include "arena.h"

#include "aicp/limits.h"
#include "os.h"

#include <stdatomic.h>
#include <stdbool.h>

static atomic_size_t arena_bytes;

static bool charge(size_t n)
{
	size_t before = atomic_fetch_add_explicit(&arena_bytes, n, memory_order_relaxed);

	if (n <= AICP_SHIM_ARENA_BYTES_MAX && before <= AICP_SHIM_ARENA_BYTES_MAX - n)
		return true;
	atomic_fetch_sub_explicit(&arena_bytes, n, memory_order_relaxed);
	return false;
}

static void discharge(size_t n)
{
	atomic_fetch_sub_explicit(&arena_bytes, n, memory_order_relaxed);
}

void *arena_map(size_t n)
{
	void *p;

	if (!charge(n))
		return NULL;
	p = os_map(n);
	if (!p)
		discharge(n);
	return p;
}

void *arena_remap(void *p, size_t old_n, size_t n)
{
	void *q;

	if (n > old_n && !charge(n - old_n))
		return NULL;
	q = os_remap(p, old_n, n);
	if (!q && n > old_n)
		discharge(n - old_n);
	if (q && n < old_n)
		discharge(old_n - n);
	return q;
}

void arena_unmap(void *p, size_t n)
{
	if (!p)
		return;
	os_unmap(p, n);
	discharge(n);
}

size_t arena_used(void)
{
	return atomic_load_explicit(&arena_bytes, memory_order_relaxed);
}
