/* SPDX-License-Identifier: MIT */
#include "base/json_string.h"
#include "base/utf8.h"

#include <stdlib.h>

/* First byte from p that is a quote, a backslash, a control character or not ASCII. */
static inline const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
	const uint64_t ones = UINT64_MAX / 255, high = ones * 128;

	while (end - p >= 8) {
		uint64_t w, quote, slash;

		memcpy(&w, p, 8);
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		/* Each term has the high bit of a byte set when that byte (or, by a borrow, one
		 * behind it) is what it looks for; a false alarm only ends the skipping early. */
		if (((w - ones * 0x20) | (quote - ones) | (slash - ones) | w) & high)
			break;
		p += 8;
	}
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* First byte from p that is ASCII, or begins what is no whole character before end: that goes byte
 * by byte. */
static inline const uint8_t *skip_utf8(const uint8_t *p, const uint8_t *end)
{
	size_t n;

	while (end - p >= 4 && *p >= 0x80 && (n = utf8_length(span_of(p, 4))))
		p += n;
	return p;
}

static enum json_error lead(struct json_string *s, uint8_t b)
{
	s->utf8_lo = 0x80;
	s->utf8_hi = 0xbf;
	if (b >= 0xc2 && b <= 0xdf)
		s->utf8_left = 1;
	else if (b >= 0xe0 && b <= 0xef)
		s->utf8_left = 2;
	else if (b >= 0xf0 && b <= 0xf4)
		s->utf8_left = 3;
	else
		return JSON_ERROR_UTF8;
	/* RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
	if (b == 0xe0)
		s->utf8_lo = 0xa0;
	else if (b == 0xed)
		s->utf8_hi = 0x9f;
	else if (b == 0xf0)
		s->utf8_lo = 0x90;
	else if (b == 0xf4)
		s->utf8_hi = 0x8f;
	s->state = JSON_STRING_UTF8;
	return JSON_ERROR_NONE;
}

static enum json_error continuation(struct json_string *s, uint8_t b)
{
	if (b < s->utf8_lo || b > s->utf8_hi)
		return JSON_ERROR_UTF8;
	s->utf8_lo = 0x80;
	s->utf8_hi = 0xbf;
	if (!--s->utf8_left)
		s->state = JSON_STRING_PLAIN;
	return JSON_ERROR_NONE;
}

static enum json_error hex(struct json_string *s, uint8_t b)
{
	uint8_t lower = b | 0x20;
	bool low;

	if (b >= '0' && b <= '9')
		s->hex = s->hex << 4 | (uint32_t)(b - '0');
	else if (lower >= 'a' && lower <= 'f')
		s->hex = s->hex << 4 | (uint32_t)(lower - 'a' + 10);
	else
		return JSON_ERROR_ESCAPE;
	if (--s->hex_left)
		return JSON_ERROR_NONE;
	low = s->hex >= 0xdc00 && s->hex <= 0xdfff;
	if (low != s->high)
		return JSON_ERROR_ESCAPE;
	s->high = s->hex >= 0xd800 && s->hex <= 0xdbff;
	s->state = s->high ? JSON_STRING_LOW_SLASH : JSON_STRING_PLAIN;
	return JSON_ERROR_NONE;
}

static void hex_begin(struct json_string *s)
{
	s->state = JSON_STRING_HEX;
	s->hex_left = 4;
	s->hex = 0;
}

static enum json_error escape(struct json_string *s, uint8_t b)
{
	switch (b) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		s->state = JSON_STRING_PLAIN;
		return JSON_ERROR_NONE;
	case 'u':
		hex_begin(s);
		s->high = false;
		return JSON_ERROR_NONE;
	default:
		return JSON_ERROR_ESCAPE;
	}
}

/* One byte that skip_plain() has stopped at, or that a state other than PLAIN waits for. */
static enum json_error special(struct json_string *s, uint8_t b)
{
	switch (s->state) {
	case JSON_STRING_PLAIN:
		if (b >= 0x80)
			return lead(s, b);
		if (b < 0x20)
			return JSON_ERROR_CONTROL;
		s->escaped = true;
		s->state = JSON_STRING_ESCAPE;
		return JSON_ERROR_NONE;
	case JSON_STRING_UTF8:
		return continuation(s, b);
	case JSON_STRING_ESCAPE:
		return escape(s, b);
	case JSON_STRING_HEX:
		return hex(s, b);
	case JSON_STRING_LOW_SLASH:
		s->state = JSON_STRING_LOW_U;
		return b == '\\' ? JSON_ERROR_NONE : JSON_ERROR_ESCAPE;
	case JSON_STRING_LOW_U:
		hex_begin(s);
		return b == 'u' ? JSON_ERROR_NONE : JSON_ERROR_ESCAPE;
	}
	abort();
}

enum json_error json_string_scan(struct json_string *s, const uint8_t **p, const uint8_t *end)
{
	enum json_error error = JSON_ERROR_NONE;
	const uint8_t *q = *p;

	for (;;) {
		if (s->state == JSON_STRING_PLAIN) {
			q = skip_plain(q, end);
			if (q < end && *q == '"')
				break;
			if (q < end && *q >= 0x80) {
				q = skip_utf8(q, end);
				if (q < end && *q < 0x80)
					continue;
			}
		}
		if (q == end)
			break;
		error = special(s, *q);
		if (error)
			break;
		q++;
	}
	*p = q;
	return error;
}
