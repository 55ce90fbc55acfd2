/* SPDX-License-Identifier: MIT */
/* Borrowed bytes, passed by value. The comment at each use says until when they live. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t n;
};

#define SPAN_NULL    ((struct span){NULL, 0})
#define SPAN_LIT(_s) ((struct span){(const uint8_t *)("" _s), sizeof(_s) - 1})
/* For printf: "%.*s", SPAN_ARG(s) */
#define SPAN_ARG(_s) (int)(_s).n, (const char *)((_s).p ? (const char *)(_s).p : "")

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){(const uint8_t *)p, n};
}

static inline struct span span_str(const char *s)
{
	return span_of(s, s ? strlen(s) : 0);
}

/* The part of s from begin up to end; both are cut to s. */
static inline struct span span_sub(struct span s, size_t begin, size_t end)
{
	if (end > s.n)
		end = s.n;
	if (begin > end)
		begin = end;
	return (struct span){s.p ? s.p + begin : NULL, end - begin};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_eq_str(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

static inline uint8_t span_ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Equal but for the case of ASCII letters. */
static inline bool span_ieq(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (span_ascii_lower(a.p[i]) != span_ascii_lower(b.p[i]))
			return false;
	return true;
}

static inline bool span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* First place of byte c in s, or s.n. */
static inline size_t span_find(struct span s, uint8_t c)
{
	const uint8_t *q = s.n ? memchr(s.p, c, s.n) : NULL;

	return q ? (size_t)(q - s.p) : s.n;
}
