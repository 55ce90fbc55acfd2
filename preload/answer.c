/* SPDX-License-Identifier: MIT */
/* Builds the shim's own 403. */
#include "answer.h"

#include <stdbool.h>
#include <string.h>

#define PLACE "%MESSAGE%"

static const char default_shape[] =
	"{\"error\":{\"message\":\"" PLACE "\",\"type\":\"permission_error\",\"param\":null,"
	"\"code\":\"aicp_unavailable\"}}";

/* Appends and counts; bytes past cap are counted only. */
struct out {
	char *p;
	size_t n, cap;
};

static void put(struct out *o, const char *p, size_t n)
{
	if (o->n <= o->cap && n <= o->cap - o->n)
		memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void put_str(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

/* The text stands inside a JSON string. */
static void put_escaped(struct out *o, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			put(o, "\\", 1);
		put(o, (unsigned char)*s < 0x20 ? " " : s, 1);
	}
}

static void put_number(struct out *o, size_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put(o, digits + at, sizeof(digits) - at);
}

static const char *find_place(const char *shape, size_t n)
{
	for (size_t i = 0; i + sizeof(PLACE) - 1 <= n; i++)
		if (memcmp(shape + i, PLACE, sizeof(PLACE) - 1) == 0)
			return shape + i;
	return NULL;
}

static void put_body(struct out *o, const char *shape, size_t shape_n, const char *reason)
{
	const char *place = find_place(shape, shape_n);

	if (!place) {
		shape = default_shape;
		shape_n = sizeof(default_shape) - 1;
		place = find_place(shape, shape_n);
	}
	put(o, shape, (size_t)(place - shape));
	put_str(o, "aicp did not let this request leave: ");
	put_escaped(o, reason);
	place += sizeof(PLACE) - 1;
	put(o, place, (size_t)(shape + shape_n - place));
}

size_t answer_make(char *out, size_t cap, const char *shape, size_t shape_n, const char *reason)
{
	struct out count = {.p = out, .cap = 0}, o = {.p = out, .cap = cap};

	put_body(&count, shape, shape_n, reason);
	put_str(&o, "HTTP/1.1 403 Forbidden\r\n"
		    "Content-Type: application/json\r\n"
		    "x-should-retry: false\r\n"
		    "Connection: close\r\n"
		    "Content-Length: ");
	put_number(&o, count.n);
	put_str(&o, "\r\n\r\n");
	put_body(&o, shape, shape_n, reason);
	return o.n <= cap ? o.n : 0;
}
