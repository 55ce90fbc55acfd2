/* SPDX-License-Identifier: MIT */
#include "base/json_write.h"
#include "base/utf8.h"

#include <errno.h>

#define JSON_INT_MAX ((INT64_C(1) << 53) - 1)

void json_write_init(struct json_write *w, struct buf *out, bool canonical)
{
	*w = (struct json_write){.out = out, .canonical = canonical};
	w->first[0] = true;
}

/* In ASCII, RFC 8785's order (by UTF-16 code units) is that of bytes. */
static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((uint8_t)*s >= 0x80)
			return false;
	return true;
}

static void before(struct json_write *w, const char *key)
{
	if (!w->first[w->depth])
		buf_put_byte(w->out, ',');
	if (key) {
		const char *last = w->last_key[w->depth];

		if (w->canonical && !w->out->err &&
		    (!is_ascii(key) || (last && strcmp(last, key) >= 0)))
			w->out->err = -EINVAL;
		w->last_key[w->depth] = key;
		json_write_quoted(w->out, span_str(key));
		buf_put_byte(w->out, ':');
	}
	w->first[w->depth] = false;
}

static void open(struct json_write *w, const char *key, uint8_t c)
{
	before(w, key);
	buf_put_byte(w->out, c);
	if (w->depth + 1 >= JSON_WRITE_DEPTH_MAX) {
		if (!w->out->err)
			w->out->err = -E2BIG;
		return;
	}
	w->depth++;
	w->first[w->depth] = true;
	w->last_key[w->depth] = NULL;
}

static void close(struct json_write *w, uint8_t c)
{
	buf_put_byte(w->out, c);
	if (w->depth > 0)
		w->depth--;
}

void json_write_object(struct json_write *w, const char *key)
{
	open(w, key, '{');
}

void json_write_array(struct json_write *w, const char *key)
{
	open(w, key, '[');
}

void json_write_end_object(struct json_write *w)
{
	close(w, '}');
}

void json_write_end_array(struct json_write *w)
{
	close(w, ']');
}

void json_write_string(struct json_write *w, const char *key, struct span value)
{
	before(w, key);
	json_write_quoted(w->out, value);
}

void json_write_str(struct json_write *w, const char *key, const char *value)
{
	if (value)
		json_write_string(w, key, span_str(value));
	else
		json_write_null(w, key);
}

static void put_int(struct buf *out, int64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		digits[--at] = '-';
	buf_put(out, span_of(digits + at, sizeof(digits) - at));
}

void json_write_int(struct json_write *w, const char *key, int64_t value)
{
	before(w, key);
	if ((value > JSON_INT_MAX || value < -JSON_INT_MAX) && !w->out->err)
		w->out->err = -ERANGE;
	put_int(w->out, value);
}

void json_write_bool(struct json_write *w, const char *key, bool value)
{
	before(w, key);
	buf_put_str(w->out, value ? "true" : "false");
}

void json_write_null(struct json_write *w, const char *key)
{
	before(w, key);
	buf_put_str(w->out, "null");
}

void json_write_raw(struct json_write *w, const char *key, struct span json)
{
	before(w, key);
	buf_put(w->out, json);
}

/* RFC 8785 section 3.2.2.2: two-character escapes where they exist, else lower-case \u00xx. */
static void put_escaped(struct buf *out, uint8_t c)
{
	static const char two[] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	if (c == '"' || c == '\\')
		buf_printf(out, "\\%c", c);
	else if (c < sizeof(two) && two[c])
		buf_printf(out, "\\%c", two[c]);
	else
		buf_printf(out, "\\u%04x", c);
}

int json_write_quoted(struct buf *out, struct span s)
{
	size_t i = 0;

	buf_put_byte(out, '"');
	while (i < s.n) {
		size_t plain = i;

		while (i < s.n && s.p[i] >= 0x20 && s.p[i] < 0x80 && s.p[i] != '"' &&
		       s.p[i] != '\\')
			i++;
		buf_put(out, span_sub(s, plain, i));
		if (i == s.n)
			break;
		if (s.p[i] < 0x80) {
			put_escaped(out, s.p[i++]);
		} else {
			size_t n = utf8_length(span_sub(s, i, s.n));

			if (n)
				buf_put(out, span_sub(s, i, i + n));
			else
				buf_put_str(out, "\xef\xbf\xbd");
			i += n ? n : 1;
		}
	}
	return buf_put_byte(out, '"');
}
