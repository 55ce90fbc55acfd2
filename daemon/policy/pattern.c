/* SPDX-License-Identifier: MIT */
#include "policy/pattern.h"

#include "aicp/limits.h"

/* Far over any limit, far under an overflow when two are multiplied. */
#define WEIGHT_MAX (UINT64_C(1) << 31)

static uint64_t capped(uint64_t weight)
{
	return weight < WEIGHT_MAX ? weight : WEIGHT_MAX;
}

/* Pieces that stand for most of Unicode become several states each, one for every form of UTF-8. */
#define WEIGHT_WIDE 8

static uint64_t piece_weight(struct span s, size_t i)
{
	uint8_t next = i + 1 < s.n ? s.p[i + 1] : 0;

	if (s.p[i] == '.' || (s.p[i] == '[' && next == '^'))
		return WEIGHT_WIDE;
	if (s.p[i] == '\\' && next && strchr("pPWDSXNHVR", next))
		return WEIGHT_WIDE;
	return 1;
}

/* Behind the escape, class or plain character at i. */
static size_t skip_piece(struct span s, size_t i)
{
	if (s.p[i] == '\\')
		return i + 2 < s.n ? i + 2 : s.n;
	if (s.p[i] != '[')
		return i + 1;
	/* In a class, a bracket that comes first stands for itself. */
	i++;
	if (i < s.n && s.p[i] == '^')
		i++;
	if (i < s.n && s.p[i] == ']')
		i++;
	while (i < s.n && s.p[i] != ']')
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i + 1 : s.n;
}

/* The largest count of a {n}, {n,} or {n,m} at i, and *i moved behind it; 1 when there is none. */
static uint64_t read_count(struct span s, size_t *i)
{
	uint64_t value = 0, largest = 1;
	size_t k = *i + 1;

	if (*i >= s.n || s.p[*i] != '{')
		return 1;
	for (; k < s.n && s.p[k] != '}'; k++) {
		if (s.p[k] == ',') {
			value = 0;
			continue;
		}
		/* {x} is no count, but these characters. */
		if (s.p[k] < '0' || s.p[k] > '9')
			return 1;
		value = capped(value * 10 + (s.p[k] - '0'));
		if (value > largest)
			largest = value;
	}
	if (k < s.n)
		*i = k + 1;
	return largest;
}

uint64_t pattern_weight(struct span pattern)
{
	uint64_t sum[AICP_PATTERN_GROUPS_MAX + 1] = {0};
	unsigned depth = 0;
	size_t i = 0;

	while (i < pattern.n) {
		uint64_t piece = 1;

		if (pattern.p[i] == '(') {
			if (depth == AICP_PATTERN_GROUPS_MAX)
				return WEIGHT_MAX;
			sum[++depth] = 0;
			i++;
			continue;
		}
		if (pattern.p[i] == ')') {
			if (depth)
				piece = sum[depth--];
			i++;
		} else {
			piece = piece_weight(pattern, i);
			i = skip_piece(pattern, i);
		}
		sum[depth] = capped(sum[depth] + piece * read_count(pattern, &i));
	}
	while (depth) {
		sum[depth - 1] = capped(sum[depth - 1] + sum[depth]);
		depth--;
	}
	return sum[0];
}

int pattern_put_literal(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i], l = span_ascii_lower(c);

		if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c >= 0x80)
			buf_put_byte(out, c);
		else
			buf_printf(out, "\\x%02x", c);
	}
	return out->err;
}
