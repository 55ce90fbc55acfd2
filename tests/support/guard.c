/* SPDX-License-Identifier: MIT */
#include "support/guard.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void guard_init(struct guard *g, size_t bytes_max)
{
	g->page = (size_t)sysconf(_SC_PAGESIZE);
	g->pages_n = bytes_max / g->page + 1;
	g->map = mmap(NULL, (g->pages_n + 1) * g->page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->map == MAP_FAILED ||
	    mprotect(g->map + g->pages_n * g->page, g->page, PROT_NONE) != 0)
		abort();
}

void guard_deinit(struct guard *g)
{
	munmap(g->map, (g->pages_n + 1) * g->page);
	*g = (struct guard){0};
}

void guard_wipe(struct guard *g)
{
	memset(g->map, 0xdd, g->pages_n * g->page);
}

struct span guard_copy(struct guard *g, struct span s)
{
	uint8_t *end = g->map + g->pages_n * g->page;

	if (s.n > g->pages_n * g->page)
		abort();
	if (s.n)
		memcpy(end - s.n, s.p, s.n);
	return span_of(end - s.n, s.n);
}
