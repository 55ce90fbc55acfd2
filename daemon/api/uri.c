/* SPDX-License-Identifier: MIT */
#include "api/uri.h"

#include "base/utf8.h"

#include <errno.h>

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = span_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends raw, decoded, to storage, which has room for it. In a query, + is a space. */
static int decode(struct span raw, bool query, struct buf *storage, struct span *ret)
{
	size_t begin = storage->n;
	struct span s;

	for (size_t i = 0; i < raw.n; i++) {
		uint8_t c = raw.p[i];

		if (c == '%') {
			int hi = i + 2 < raw.n ? digit(raw.p[i + 1]) : -1;
			int lo = i + 2 < raw.n ? digit(raw.p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return PARSE_E_BAD;
			c = (uint8_t)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && query) {
			c = ' ';
		} else if (c <= ' ' || c >= 0x7f) {
			return PARSE_E_BAD;
		}
		storage->p[storage->n++] = c;
	}
	s = span_of(storage->p + begin, storage->n - begin);
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < ' ' && !query) || s.p[i] == 0 || s.p[i] == 0x7f)
			return PARSE_E_BAD;
	if (!utf8_valid(s))
		return PARSE_E_BAD;
	*ret = s;
	return PARSE_DONE;
}

static int path_read(struct span path, struct buf *storage, struct uri *uri)
{
	if (!path.n || path.p[0] != '/')
		return PARSE_E_BAD;
	path = span_sub(path, 1, path.n);
	if (!path.n)
		return PARSE_DONE;
	for (;;) {
		size_t end = span_find(path, '/');
		int r;

		if (uri->segments_n == URI_SEGMENTS_MAX)
			return PARSE_E_LIMIT;
		r = decode(span_sub(path, 0, end), false, storage, &uri->segment[uri->segments_n]);
		if (r)
			return r;
		uri->segments_n++;
		if (end == path.n)
			return PARSE_DONE;
		path = span_sub(path, end + 1, path.n);
	}
}

static int parameter_read(struct span pair, struct buf *storage, struct uri *uri)
{
	struct uri_parameter *p = &uri->parameter[uri->parameters_n];
	size_t equals = span_find(pair, '=');
	int r;

	if (uri->parameters_n == URI_PARAMETERS_MAX)
		return PARSE_E_LIMIT;
	r = decode(span_sub(pair, 0, equals), true, storage, &p->name);
	if (!r)
		r = decode(span_sub(pair, equals + 1, pair.n), true, storage, &p->value);
	if (r)
		return r;
	/* Of two, one would be judged and the other used. */
	for (unsigned i = 0; i < uri->parameters_n; i++)
		if (span_eq(uri->parameter[i].name, p->name))
			return PARSE_E_BAD;
	uri->parameters_n++;
	return PARSE_DONE;
}

static int query_read(struct span query, struct buf *storage, struct uri *uri)
{
	while (query.n) {
		size_t end = span_find(query, '&');
		int r = end ? parameter_read(span_sub(query, 0, end), storage, uri) : PARSE_DONE;

		if (r)
			return r;
		query = span_sub(query, end + 1, query.n);
	}
	return PARSE_DONE;
}

int uri_parse(struct span target, struct buf *storage, struct uri *ret_uri)
{
	static const struct span scheme = {(const uint8_t *)"http://", 7};
	struct uri uri = {0};
	size_t query;
	int r;

	buf_clear(storage);
	r = buf_reserve(storage, target.n);
	if (r)
		return r == -E2BIG ? PARSE_E_LIMIT : r;
	if (target.n >= scheme.n && span_ieq(span_sub(target, 0, scheme.n), scheme)) {
		struct span rest = span_sub(target, scheme.n, target.n);
		size_t end = span_find(rest, '/');

		uri.authority = span_sub(rest, 0, end);
		if (!uri.authority.n)
			return PARSE_E_BAD;
		target = span_sub(rest, end, rest.n);
	}
	query = span_find(target, '?');
	r = path_read(span_sub(target, 0, query), storage, &uri);
	if (!r)
		r = query_read(span_sub(target, query + 1, target.n), storage, &uri);
	if (!r)
		*ret_uri = uri;
	return r;
}

struct span uri_get(const struct uri *uri, const char *name)
{
	for (unsigned i = 0; i < uri->parameters_n; i++)
		if (span_eq_str(uri->parameter[i].name, name)) {
			struct span value = uri->parameter[i].value;

			return value.p ? value : span_of("", 0);
		}
	return SPAN_NULL;
}
