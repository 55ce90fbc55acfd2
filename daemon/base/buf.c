/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void buf_deinit(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT(b->max);
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t cap;
	uint8_t *p;

	if (b->err)
		return b->err;
	if (n > b->max || b->n > b->max - n)
		return b->err = -E2BIG;
	if (b->p && b->n + n <= b->cap)
		return 0;

	cap = b->cap ? b->cap * 2 : 64;
	if (cap < b->n + n)
		cap = b->n + n;
	if (cap > b->max)
		cap = b->max;
	/* One byte more than cap says, for a NUL that is not counted: a full buffer can be printed,
	 * too. */
	p = cap < SIZE_MAX ? realloc(b->p, cap + 1) : NULL;
	if (!p)
		return b->err = -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

int buf_put(struct buf *b, struct span s)
{
	int r;

	if (!s.n)
		return b->err;
	r = buf_reserve(b, s.n);
	if (r < 0)
		return r;
	memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	return 0;
}

int buf_put_byte(struct buf *b, uint8_t c)
{
	if (!b->err && b->n < b->cap) {
		b->p[b->n++] = c;
		return 0;
	}
	return buf_put(b, span_of(&c, 1));
}

int buf_put_str(struct buf *b, const char *s)
{
	return buf_put(b, span_str(s));
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return b->err ? b->err : (b->err = -EINVAL);
	r = buf_reserve(b, (size_t)n);
	if (r < 0)
		return r;
	vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

const char *buf_str(struct buf *b)
{
	if (buf_reserve(b, 0) < 0)
		return NULL;
	b->p[b->n] = 0;
	return (const char *)b->p;
}
