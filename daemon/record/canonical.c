/* SPDX-License-Identifier: MIT */
#include "record/canonical.h"

#include "base/utf8.h"

#include <endian.h>

#define JSON_INT_MAX ((UINT64_C(1) << 53) - 1)

struct cursor {
	const uint8_t *p, *end;
	unsigned depth; /* containers that may still be opened */
};

static bool value(struct cursor *c);

static bool take(struct cursor *c, uint8_t byte)
{
	if (c->p == c->end || *c->p != byte)
		return false;
	c->p++;
	return true;
}

static bool literal(struct cursor *c, struct span word)
{
	if (!span_starts(span_of(c->p, (size_t)(c->end - c->p)), word))
		return false;
	c->p += word.n;
	return true;
}

static bool number(struct cursor *c)
{
	bool negative = take(c, '-');
	const uint8_t *first = c->p;
	uint64_t v = 0;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
		v = v * 10 + (uint64_t)(*c->p++ - '0');
		if (v > JSON_INT_MAX)
			return false;
	}
	if (c->p == first || (*first == '0' && (c->p - first > 1 || negative)))
		return false;
	return true;
}

static const uint8_t plain[256] = {
	[0x20] = 1,
	[0x21] = 1,
	[0x23 ... 0x5b] = 1,
	[0x5d ... 0x7f] = 1,
};

/* Behind a backslash. A control character has one spelling: two characters where they exist. */
static bool escape(struct cursor *c)
{
	static const char hex[] = "0123456789abcdef";
	unsigned code;

	if (c->p == c->end)
		return false;
	switch (*c->p++) {
	case '"':
	case '\\':
	case 'b':
	case 't':
	case 'n':
	case 'f':
	case 'r':
		return true;
	case 'u':
		break;
	default:
		return false;
	}
	if (c->end - c->p < 4 || c->p[0] != '0' || c->p[1] != '0' || (c->p[2] & 0xfe) != '0' ||
	    !c->p[3] || !strchr(hex, c->p[3]))
		return false;
	code = (unsigned)(c->p[2] - '0') << 4 | (unsigned)(strchr(hex, c->p[3]) - hex);
	c->p += 4;
	return code != '\b' && code != '\t' && code != '\n' && code != '\f' && code != '\r';
}

/* How many of eight bytes come before the first quote, backslash, control character, byte that is
 * not ASCII, or stop. By the classic test for a zero byte; what it wrongly says of a byte it says
 * only behind one of which it is right. */
static size_t plain_run(const uint8_t *p, uint8_t stop)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
	uint64_t v, quote, backslash, other, special;

	memcpy(&v, p, sizeof(v));
	v = le64toh(v);
	quote = v ^ ones * '"';
	backslash = v ^ ones * '\\';
	other = v ^ ones * stop;
	special = ((v - ones * 0x20) | (quote - ones) | (backslash - ones) | (other - ones) | v) &
		  high;
	return special ? (size_t)__builtin_ctzll(special) / 8 : 8;
}

static inline void skip_plain(struct cursor *c, uint8_t stop)
{
	const uint8_t *p = c->p;
	size_t n = 8;

	while (n == 8 && c->end - p >= 8) {
		n = plain_run(p, stop);
		p += n;
	}
	while (n == 8 && p < c->end && plain[*p] && *p != stop)
		p++;
	c->p = p;
}

static bool string(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	for (;;) {
		skip_plain(c, '"');
		if (c->p == c->end)
			return false;
		if (*c->p == '"') {
			c->p++;
			return true;
		} else if (*c->p == '\\') {
			c->p++;
			if (!escape(c))
				return false;
		} else {
			size_t n = *c->p < 0x80
					   ? 0
					   : utf8_length(span_of(c->p, (size_t)(c->end - c->p)));

			if (!n)
				return false;
			c->p += n;
		}
	}
}

static bool key(struct cursor *c, struct span *ret_key)
{
	const uint8_t *first;

	if (!take(c, '"'))
		return false;
	first = c->p;
	skip_plain(c, 0x7f);
	*ret_key = span_of(first, (size_t)(c->p - first));
	return take(c, '"') && take(c, ':');
}

static bool ascends(struct span a, struct span b)
{
	int order;

	/* Mostly their first characters say it. */
	if (a.n && b.n && a.p[0] != b.p[0])
		return a.p[0] < b.p[0];
	order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	return order < 0 || (order == 0 && a.n < b.n);
}

static bool object(struct cursor *c)
{
	struct span last = SPAN_NULL, next;

	if (take(c, '}'))
		return true;
	do {
		if (!key(c, &next) || (last.p && !ascends(last, next)) || !value(c))
			return false;
		last = next;
	} while (take(c, ','));
	return take(c, '}');
}

static bool array(struct cursor *c)
{
	if (take(c, ']'))
		return true;
	do {
		if (!value(c))
			return false;
	} while (take(c, ','));
	return take(c, ']');
}

static bool container(struct cursor *c, bool (*inside)(struct cursor *))
{
	bool ok;

	if (!c->depth)
		return false;
	c->p++;
	c->depth--;
	ok = inside(c);
	c->depth++;
	return ok;
}

static bool value(struct cursor *c)
{
	if (c->p == c->end)
		return false;
	switch (*c->p) {
	case '{':
		return container(c, object);
	case '[':
		return container(c, array);
	case '"':
		return string(c);
	case 't':
		return literal(c, SPAN_LIT("true"));
	case 'f':
		return literal(c, SPAN_LIT("false"));
	case 'n':
		return literal(c, SPAN_LIT("null"));
	default:
		return number(c);
	}
}

size_t canonical_length(struct span text, unsigned depth_max)
{
	struct cursor c = {.p = text.p, .end = text.p + text.n, .depth = depth_max};

	if (!text.n || !value(&c))
		return 0;
	return (size_t)(c.p - text.p);
}

bool canonical_object(struct span text, unsigned depth_max)
{
	return text.n && text.p[0] == '{' && canonical_length(text, depth_max) == text.n;
}
