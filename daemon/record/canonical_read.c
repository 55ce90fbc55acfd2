/* SPDX-License-Identifier: MIT */
/* Reading values out of text that is known to be canonical. */
#include "record/canonical.h"

bool canonical_next(struct span *rest, struct span *ret_key, struct span *ret_value)
{
	struct span s = *rest;
	size_t quote, n;

	/* In front of a member stands the object's brace or the comma behind the one before. */
	if (s.n < 2 || (s.p[0] != '{' && s.p[0] != ',') || s.p[1] != '"')
		return false;
	s = span_sub(s, 2, s.n);
	quote = span_find(s, '"');
	n = canonical_length(span_sub(s, quote + 2, s.n), CANONICAL_DEPTH_MAX);
	if (!n)
		return false;
	*ret_key = span_sub(s, 0, quote);
	*ret_value = span_sub(s, quote + 2, quote + 2 + n);
	*rest = span_sub(s, quote + 2 + n, s.n);
	return true;
}

struct span canonical_get(struct span object, const char *key)
{
	struct span rest = object, name, value;

	while (canonical_next(&rest, &name, &value))
		if (span_eq_str(name, key))
			return value;
	return SPAN_NULL;
}

bool canonical_int(struct span value, int64_t *ret_value)
{
	bool negative = value.n && value.p[0] == '-';
	int64_t v = 0;

	if (value.n <= negative || value.n > 17)
		return false;
	for (size_t i = negative; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return false;
		v = v * 10 + (value.p[i] - '0');
	}
	*ret_value = negative ? -v : v;
	return true;
}

/* The character of an escape; at is behind its backslash, and moves behind the escape. */
static uint8_t unescape(struct span s, size_t *at)
{
	static const char two[][2] = {
		{'b', '\b'}, {'t', '\t'}, {'n', '\n'}, {'f', '\f'}, {'r', '\r'}};
	uint8_t c = s.p[(*at)++];

	for (size_t i = 0; i < sizeof(two) / sizeof(*two); i++)
		if (c == (uint8_t)two[i][0])
			return (uint8_t)two[i][1];
	if (c != 'u')
		return c;
	*at += 4;
	c = s.p[*at - 1];
	return (uint8_t)((s.p[*at - 2] - '0') << 4 | (c <= '9' ? c - '0' : c - 'a' + 10));
}

bool canonical_text(struct span value, struct buf *out)
{
	struct span s;
	size_t i = 0;

	if (value.n < 2 || value.p[0] != '"')
		return false;
	s = span_sub(value, 1, value.n - 1);
	while (i < s.n) {
		struct span tail = span_sub(s, i, s.n);
		size_t plain = span_find(tail, '\\');

		buf_put(out, span_sub(tail, 0, plain));
		i += plain;
		if (i < s.n) {
			i++;
			buf_put_byte(out, unescape(s, &i));
		}
	}
	return true;
}
