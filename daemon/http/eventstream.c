/* SPDX-License-Identifier: MIT */
#include "http/eventstream.h"

#include <errno.h>
#include <zlib.h>

#define PRELUDE_BYTES 12
#define CRC_BYTES     4

/* Types of header values. */
enum value_type {
	VALUE_TRUE,
	VALUE_FALSE,
	VALUE_BYTE,
	VALUE_SHORT,
	VALUE_INTEGER,
	VALUE_LONG,
	VALUE_BYTES, /* u16 n, n bytes */
	VALUE_STRING, /* u16 n, n bytes of UTF-8 */
	VALUE_TIMESTAMP,
	VALUE_UUID,
	_VALUE_COUNT,
};

void eventstream_init(struct eventstream *s, size_t bytes_max)
{
	*s = (struct eventstream){.message = BUF_INIT(bytes_max)};
}

void eventstream_deinit(struct eventstream *s)
{
	buf_deinit(&s->message);
}

bool eventstream_is_between(const struct eventstream *s)
{
	return !s->outcome && (s->handed || !s->message.n);
}

static uint32_t u32_at(struct span s, size_t at)
{
	return (uint32_t)s.p[at] << 24 | (uint32_t)s.p[at + 1] << 16 | (uint32_t)s.p[at + 2] << 8 |
	       s.p[at + 3];
}

static bool crc_fits(struct span s, size_t bytes)
{
	return crc32_z(0, s.p, bytes) == u32_at(s, bytes);
}

/* Takes n bytes off the front of s; false when it has less. */
static bool take(struct span *s, size_t n, struct span *ret)
{
	if (s->n < n)
		return false;
	*ret = span_sub(*s, 0, n);
	*s = span_sub(*s, n, s->n);
	return true;
}

/* Takes n and n bytes; n itself has one or two bytes. */
static bool take_counted(struct span *s, size_t count_bytes, struct span *ret)
{
	struct span count;
	size_t n = 0;

	if (!take(s, count_bytes, &count))
		return false;
	for (size_t i = 0; i < count.n; i++)
		n = n << 8 | count.p[i];
	return take(s, n, ret);
}

static bool take_value(struct span *s, enum value_type type, struct span *ret)
{
	static const uint8_t bytes[_VALUE_COUNT] = {
		[VALUE_BYTE] = 1, [VALUE_SHORT] = 2,	 [VALUE_INTEGER] = 4,
		[VALUE_LONG] = 8, [VALUE_TIMESTAMP] = 8, [VALUE_UUID] = 16};

	if (type == VALUE_BYTES || type == VALUE_STRING)
		return take_counted(s, 2, ret);
	return take(s, bytes[type], ret);
}

/* Keeps a header that is asked for: a string, and once. */
static bool keep(struct eventstream_message *m, struct span name, enum value_type type,
		 struct span value)
{
	const struct {
		const char *name;
		struct span *to;
	} row[] = {{":message-type", &m->message_type},
		   {":event-type", &m->event},
		   {":exception-type", &m->event},
		   {":error-code", &m->event},
		   {":content-type", &m->content_type}};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (!span_eq_str(name, row[i].name))
			continue;
		if (type != VALUE_STRING || row[i].to->p)
			return false;
		*row[i].to = value;
	}
	return true;
}

static bool read_headers(struct span headers, struct eventstream_message *m)
{
	while (headers.n) {
		struct span name, type, value;

		if (!take_counted(&headers, 1, &name) || !name.n || !take(&headers, 1, &type) ||
		    type.p[0] >= _VALUE_COUNT ||
		    !take_value(&headers, (enum value_type)type.p[0], &value) ||
		    !keep(m, name, (enum value_type)type.p[0], value))
			return false;
	}
	return true;
}

/* The first bytes are here: how long is the message? */
static int read_prelude(struct eventstream *s)
{
	struct span m = buf_span(&s->message);
	uint32_t bytes = u32_at(m, 0), headers = u32_at(m, 4);

	if (!crc_fits(m, PRELUDE_BYTES - CRC_BYTES) || bytes < PRELUDE_BYTES + CRC_BYTES ||
	    headers > bytes - PRELUDE_BYTES - CRC_BYTES)
		return PARSE_E_BAD;
	if (bytes > s->message.max)
		return PARSE_E_LIMIT;
	s->bytes = bytes;
	return PARSE_DONE;
}

static int read_message(struct eventstream *s, struct eventstream_message *ret_message)
{
	struct span m = buf_span(&s->message);
	size_t headers_end = PRELUDE_BYTES + u32_at(m, 4);
	struct eventstream_message message = {
		.payload = span_sub(m, headers_end, m.n - CRC_BYTES),
	};

	if (!crc_fits(m, m.n - CRC_BYTES) ||
	    !read_headers(span_sub(m, PRELUDE_BYTES, headers_end), &message))
		return PARSE_E_BAD;
	s->handed = true;
	*ret_message = message;
	return PARSE_DONE;
}

/* Reads the prelude, or the message, or what there is of them. */
static int step(struct eventstream *s, struct span in, size_t *used,
		struct eventstream_message *ret_message)
{
	size_t wanted = (s->bytes ? s->bytes : PRELUDE_BYTES) - s->message.n;
	struct span part = span_sub(in, *used, *used + wanted);
	int r = buf_put(&s->message, part);

	if (r)
		return r == -E2BIG ? PARSE_E_LIMIT : r;
	*used += part.n;
	if (part.n < wanted)
		return PARSE_E_MORE;
	if (s->bytes)
		return read_message(s, ret_message);
	r = read_prelude(s);
	return r ? r : PARSE_E_MORE;
}

int eventstream_feed(struct eventstream *s, struct span in, size_t *ret_used,
		     struct eventstream_message *ret_message)
{
	size_t used = 0;
	int r = PARSE_E_MORE;

	if (s->outcome)
		return s->outcome;
	if (s->handed) {
		buf_clear(&s->message);
		s->bytes = 0;
		s->handed = false;
	}
	while (r == PARSE_E_MORE && used < in.n)
		r = step(s, in, &used, ret_message);
	if (r != PARSE_DONE && r != PARSE_E_MORE)
		return s->outcome = r;
	*ret_used = used;
	return r;
}
