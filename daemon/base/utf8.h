/* SPDX-License-Identifier: MIT */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. */
#pragma once

#include "base/span.h"

/* Bytes of the well-formed character that s starts with; 0 when there is none. */
static inline size_t utf8_length(struct span s)
{
	uint8_t a, lo = 0x80, hi = 0xbf;
	size_t n;

	if (!s.n)
		return 0;
	a = s.p[0];
	if (a < 0x80)
		return 1;
	if (a >= 0xc2 && a <= 0xdf)
		n = 2;
	else if (a >= 0xe0 && a <= 0xef)
		n = 3;
	else if (a >= 0xf0 && a <= 0xf4)
		n = 4;
	else
		return 0;
	if (a == 0xe0)
		lo = 0xa0;
	else if (a == 0xed)
		hi = 0x9f;
	else if (a == 0xf0)
		lo = 0x90;
	else if (a == 0xf4)
		hi = 0x8f;
	if (s.n < n || s.p[1] < lo || s.p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static inline bool utf8_valid(struct span s)
{
	size_t i = 0;

	while (i < s.n) {
		uint64_t eight;
		size_t n;

		/* Most text is ASCII: eight bytes at a time. */
		for (; s.n - i >= sizeof(eight); i += sizeof(eight)) {
			memcpy(&eight, s.p + i, sizeof(eight));
			if (eight & UINT64_C(0x8080808080808080))
				break;
		}
		if (i == s.n)
			break;
		n = utf8_length(span_sub(s, i, s.n));
		if (!n)
			return false;
		i += n;
	}
	return true;
}

/* The first bytes of s, at most max, without half a character at the end. */
static inline struct span utf8_cut(struct span s, size_t max)
{
	size_t n = s.n < max ? s.n : max;

	while (n && n < s.n && (s.p[n] & 0xc0) == 0x80)
		n--;
	return span_sub(s, 0, n);
}

/* Appending a code point is json.c's business alone; counting is everybody's. */
static inline size_t utf8_count(struct span s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t count = s.n, i = 0;

	/* All bytes but those that go on with a character: 10xxxxxx. */
	for (; s.n - i >= sizeof(ones); i += sizeof(ones)) {
		uint64_t eight;

		memcpy(&eight, s.p + i, sizeof(eight));
		count -= ((eight >> 7 & ~eight >> 6) & ones) * ones >> 56;
	}
	for (; i < s.n; i++)
		count -= (s.p[i] & 0xc0) == 0x80;
	return count;
}
