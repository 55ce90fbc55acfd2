/* SPDX-License-Identifier: MIT */
/* Growable bytes with a maximum that is set when the buffer is made. */
#pragma once

#include "base/parse.h"
#include "base/span.h"

#include <stdarg.h>

struct buf {
	uint8_t *p;
	size_t n;
	size_t cap;
	size_t max;
	int err; /* sticky: 0, -ENOMEM, or -E2BIG when an append would pass max */
};

#define BUF_INIT(_max) ((struct buf){.max = (_max)})

/* Frees the bytes; the buffer is empty and usable again. */
void buf_deinit(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
	return span_of(b->p, b->n);
}

/* Forgets the bytes and the sticky error, keeps the memory. */
static inline void buf_clear(struct buf *b)
{
	b->n = 0;
	b->err = 0;
}

/* Makes room for n more bytes. 0, -ENOMEM or -E2BIG (both sticky). */
int buf_reserve(struct buf *b, size_t n);

/* Append. They do nothing once err is set, so that one look at err ends a row of them. */
int buf_put(struct buf *b, struct span s);
int buf_put_byte(struct buf *b, uint8_t c);
int buf_put_str(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* A terminating NUL behind the bytes, not counted in n; NULL on error. */
const char *buf_str(struct buf *b);
