/* SPDX-License-Identifier: MIT */
#include "engine/digest.h"

#include "base/cleanup.h"
#include "base/json_write.h"

#include <errno.h>

/* Objects with more keys than this keep their order: sorting them is work that a hostile body would
 * choose for us, and no client sends such. */
#define KEYS_SORTED_MAX 4096u

struct canon {
	const struct json *json;
	struct buf *out;
	struct buf key; /* one unescaped string */
};

static int put_value(struct canon *c, uint32_t t);

static int put_text(struct canon *c, uint32_t t)
{
	buf_clear(&c->key);
	if (json_string_put(c->json, t, &c->key) < 0)
		return c->key.err;
	return json_write_quoted(c->out, buf_span(&c->key));
}

struct member {
	uint32_t token;
	struct span name; /* in names, once all are there */
	size_t begin;
};

static int compare(const void *x, const void *y)
{
	const struct member *a = x, *b = y;
	size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
	int r = n ? memcmp(a->name.p, b->name.p, n) : 0;

	return r ? r : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

static size_t count_keys(const struct json *json, uint32_t t)
{
	size_t n = 0;

	json_foreach (child, json, t)
		n++;
	return n;
}

/* The keys of object t in order; members has room for all. */
static int sort_keys(const struct json *json, uint32_t t, struct member *members, struct buf *names)
{
	size_t n = 0;

	json_foreach (child, json, t) {
		members[n] = (struct member){.token = child, .begin = names->n};
		if (json_string_put(json, child, names) < 0)
			return names->err;
		members[n].name.n = names->n - members[n].begin;
		n++;
	}
	for (size_t i = 0; i < n; i++)
		members[i].name.p = names->p + members[i].begin;
	qsort(members, n, sizeof(*members), compare);
	return 0;
}

static int put_member(struct canon *c, uint32_t key, bool first)
{
	if (!first)
		buf_put_byte(c->out, ',');
	if (put_text(c, key) < 0)
		return c->out->err ? c->out->err : -ENOMEM;
	buf_put_byte(c->out, ':');
	return put_value(c, key + 1);
}

static int put_sorted(struct canon *c, uint32_t t, size_t n)
{
	struct member *members CLEANUP(cleanup_freep) = calloc(n + 1, sizeof(*members));
	struct buf names CLEANUP(buf_deinit) = BUF_INIT(AICP_BODY_BYTES_MAX);
	int r = members ? sort_keys(c->json, t, members, &names) : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++)
		r = put_member(c, members[i].token, i == 0);
	return r;
}

static int put_object(struct canon *c, uint32_t t)
{
	size_t n = count_keys(c->json, t);
	bool first = true;
	int r = 0;

	buf_put_byte(c->out, '{');
	if (n <= KEYS_SORTED_MAX) {
		r = put_sorted(c, t, n);
	} else {
		json_foreach (child, c->json, t) {
			r = put_member(c, child, first);
			first = false;
			if (r)
				break;
		}
	}
	return r ? r : buf_put_byte(c->out, '}');
}

static int put_array(struct canon *c, uint32_t t)
{
	bool first = true;
	int r = 0;

	buf_put_byte(c->out, '[');
	json_foreach (child, c->json, t) {
		if (!first)
			buf_put_byte(c->out, ',');
		first = false;
		r = put_value(c, child);
		if (r)
			return r;
	}
	return buf_put_byte(c->out, ']');
}

/* As deep as the scanner lets texts be: AICP_JSON_DEPTH_MAX. */
static int put_value(struct canon *c, uint32_t t)
{
	switch ((enum json_kind)c->json->token[t].kind) {
	case JSON_OBJECT:
		return put_object(c, t);
	case JSON_ARRAY:
		return put_array(c, t);
	case JSON_STRING:
		return put_text(c, t);
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
	case JSON_NUMBER:
		break;
	}
	return buf_put(c->out, json_raw(c->json, t));
}

/* PARSE_DONE with the body's text in out; PARSE_E_BAD when it is no JSON; -ENOMEM. */
static int canonical_json(struct span body, struct json_scan *scan, struct buf *out)
{
	struct canon c = {.out = out, .key = BUF_INIT(AICP_BODY_BYTES_MAX)};
	struct json json;
	int r = json_scan_all(scan, body);

	if (r)
		return r < 0 ? r : PARSE_E_BAD;
	json = json_scan_json(scan, body);
	c.json = &json;
	r = put_value(&c, 0);
	buf_deinit(&c.key);
	return r;
}

static struct span trim(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_sub(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Takes the next parameter off *rest, which begins with its ';'. False: none that has one reading.
 */
static bool take_parameter(struct span *rest, struct span *ret_name, struct span *ret_value)
{
	struct span s = span_sub(*rest, 1, rest->n);
	size_t eq = span_find(s, '='), end = span_find(s, ';');

	if (eq >= end)
		return false;
	*ret_name = trim(span_sub(s, 0, eq));
	if (eq + 1 < s.n && s.p[eq + 1] == '"') {
		size_t close = eq + 2 + span_find(span_sub(s, eq + 2, s.n), '"');

		*ret_value = span_sub(s, eq + 2, close);
		end = close + span_find(span_sub(s, close, s.n), ';');
		if (close >= s.n || span_find(*ret_value, '\\') < ret_value->n ||
		    trim(span_sub(s, close + 1, end)).n)
			return false;
	} else {
		*ret_value = trim(span_sub(s, eq + 1, end));
		if (span_find(*ret_value, '"') < ret_value->n)
			return false;
	}
	*rest = span_sub(s, end, s.n);
	return true;
}

static unsigned count_word(struct span s, const char *word)
{
	const size_t n = strlen(word);
	unsigned count = 0;

	for (size_t i = 0; i + n <= s.n; i++)
		count += span_ieq(span_sub(s, i, i + n), span_str(word));
	return count;
}

/* The boundary of a multipart type, or nothing, also when others could read another one: where the
 * word stands twice, or as a part of a name (RFC 2231 has "boundary*0"). RFC 2046 section 5.1.1: 1
 * to 70 characters. */
static struct span boundary_of(struct span type, struct span *ret_media)
{
	size_t begin = span_find(type, ';');
	struct span rest = span_sub(type, begin, type.n), boundary = SPAN_NULL, name, value;

	*ret_media = trim(span_sub(type, 0, begin));
	if (!span_ieq(span_sub(*ret_media, 0, 10), SPAN_LIT("multipart/")) ||
	    count_word(type, "boundary") != 1)
		return SPAN_NULL;
	while (rest.n) {
		if (!take_parameter(&rest, &name, &value))
			return SPAN_NULL;
		if (span_ieq(name, SPAN_LIT("boundary")) && value.n <= 70)
			boundary = value;
	}
	return boundary;
}

/* Where "--" and the boundary stand at the start of a line of body, from `from` on; or its end. */
static size_t find_boundary(struct span body, struct span boundary, size_t from)
{
	for (size_t i = from; i + 2 + boundary.n <= body.n; i++) {
		size_t dash = span_find(span_sub(body, i, body.n), '-');

		i += dash;
		if (i + 2 + boundary.n > body.n)
			break;
		if ((i == 0 || body.p[i - 1] == '\n') && body.p[i + 1] == '-' &&
		    span_eq(span_sub(body, i + 2, i + 2 + boundary.n), boundary))
			return i;
	}
	return body.n;
}

static void put_counted(struct buf *out, struct span s)
{
	buf_printf(out, "%zu:", s.n);
	buf_put(out, s);
}

/* What stands between boundaries, each with its length before it, so that parts cannot run into
 * each other. */
static int parts_of(struct span body, struct span boundary, struct buf *out)
{
	for (size_t at = 0;;) {
		size_t end = find_boundary(body, boundary, at);

		put_counted(out, span_sub(body, at, end));
		if (end == body.n)
			return out->err;
		at = end + 2 + boundary.n;
	}
}

static int put_body(const struct digest_request *q, struct json_scan *scan, struct buf *text)
{
	const size_t begin = text->n;
	struct span boundary, media;
	int r;

	buf_put_str(text, "json\n");
	r = canonical_json(q->body, scan, text);
	if (r <= 0)
		return r;
	text->n = begin;
	boundary = boundary_of(q->content_type, &media);
	buf_put_str(text, boundary.n ? "multipart\n" : "bytes\n");
	put_counted(text, boundary.n ? media : q->content_type);
	return boundary.n ? parts_of(q->body, boundary, text) : buf_put(text, q->body);
}

int digest_request(const struct digest_request *q, struct json_scan *scan, struct buf *text,
		   struct hash *ret_digest)
{
	const struct span head[] = {q->method, q->host, q->path, q->query, q->query_hash};
	int r;

	buf_clear(text);
	buf_put_str(text, "aicp/1/request\n");
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		put_counted(text, head[i]);
	r = put_body(q, scan, text);
	if (!r)
		r = text->err;
	return r ? r : hash_once(buf_span(text), ret_digest);
}
