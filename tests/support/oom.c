/* SPDX-License-Identifier: MIT */
#include "support/oom.h"

#include <errno.h>
#include <stddef.h>

/* AddressSanitizer's allocator when it is linked, else the C library's. */
extern void *__interceptor_malloc(size_t n) __attribute__((weak));
extern void *__interceptor_calloc(size_t n, size_t size) __attribute__((weak));
extern void *__interceptor_realloc(void *p, size_t n) __attribute__((weak));
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);

/* Allocations until one fails; 0: none will. */
static _Thread_local unsigned left;
static _Thread_local bool hit;

static bool fails(void)
{
	if (!left || --left)
		return false;
	hit = true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	if (fails())
		return NULL;
	return __interceptor_malloc ? __interceptor_malloc(n) : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	if (fails())
		return NULL;
	return __interceptor_calloc ? __interceptor_calloc(n, size) : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	if (fails())
		return NULL;
	return __interceptor_realloc ? __interceptor_realloc(p, n) : __libc_realloc(p, n);
}

bool oom_hit(void)
{
	return hit;
}

unsigned oom_each(void (*fn)(void *ctx), void *ctx)
{
	unsigned n = 0;

	do {
		n++;
		hit = false;
		left = n;
		fn(ctx);
		left = 0;
	} while (hit);
	return n - 1;
}
