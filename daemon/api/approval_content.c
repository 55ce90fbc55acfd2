/* SPDX-License-Identifier: MIT */
#include "api/approval_content.h"

#include "aicp/limits.h"
#include "base/base64.h"
#include "base/visible.h"

#include <errno.h>
#include <stdlib.h>

/* Each byte may become four, or a character of three eight. */
#define SHOWN_BYTES_MAX (4u * AICP_APPROVAL_CONTENT_BYTES_MAX)

struct finding {
	size_t begin, end;
	uint32_t policy; /* token of its name */
};

/* Where findings begin or end, in order and each once, from 0 to the length of the text. */
struct edges {
	size_t at[2 * AICP_APPROVAL_FINDINGS_MAX + 2];
	size_t n;
};

struct content {
	struct json json;
	struct buf body; /* bytes that would be sent, as far as they are there */
	struct finding finding[AICP_APPROVAL_FINDINGS_MAX];
	size_t findings_n;
	struct edges edges;
	struct buf text; /* scratch */
};

static int compare(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

static int read_body(struct content *c)
{
	uint32_t body = json_get(&c->json, 0, "body");
	uint32_t encoding = json_get(&c->json, 0, "body_encoding");
	int r;

	if (body == JSON_NONE || encoding == JSON_NONE || c->json.token[body].kind != JSON_STRING ||
	    c->json.token[encoding].kind != JSON_STRING)
		return PARSE_E_BAD;
	if (json_string_eq(&c->json, encoding, SPAN_LIT("utf8")))
		return json_string_put(&c->json, body, &c->body);
	if (!json_string_eq(&c->json, encoding, SPAN_LIT("base64")))
		return PARSE_E_BAD;
	r = json_string_put(&c->json, body, &c->text);
	return r ? r : base64_decode(&c->body, buf_span(&c->text));
}

/* What lies behind the part that is kept has nothing to mark. */
static void read_findings(struct content *c)
{
	uint32_t list = json_get(&c->json, 0, "findings");

	if (list == JSON_NONE || c->json.token[list].kind != JSON_ARRAY)
		return;
	json_foreach (t, &c->json, list) {
		uint32_t begin = json_get(&c->json, t, "start"), end = json_get(&c->json, t, "end");
		uint32_t policy = json_get(&c->json, t, "policy");
		int64_t from, to;

		if (c->findings_n == AICP_APPROVAL_FINDINGS_MAX)
			return;
		if (begin == JSON_NONE || end == JSON_NONE || policy == JSON_NONE ||
		    c->json.token[policy].kind != JSON_STRING ||
		    !json_int(&c->json, begin, &from) || !json_int(&c->json, end, &to) ||
		    from < 0 || from >= to || (uint64_t)from >= c->body.n)
			continue;
		c->finding[c->findings_n++] = (struct finding){
			.begin = (size_t)from,
			.end = (uint64_t)to < c->body.n ? (size_t)to : c->body.n,
			.policy = policy,
		};
	}
}

static void find_edges(struct content *c)
{
	struct edges *e = &c->edges;
	size_t n = 0;

	e->at[n++] = 0;
	e->at[n++] = c->body.n;
	for (size_t i = 0; i < c->findings_n; i++) {
		e->at[n++] = c->finding[i].begin;
		e->at[n++] = c->finding[i].end;
	}
	qsort(e->at, n, sizeof(*e->at), compare);
	e->n = 1;
	for (size_t i = 1; i < n; i++)
		if (e->at[i] != e->at[e->n - 1])
			e->at[e->n++] = e->at[i];
}

static void put_piece(struct content *c, size_t begin, size_t end, struct json_write *w)
{
	json_write_object(w, NULL);
	json_write_array(w, "policies");
	for (size_t i = 0; i < c->findings_n; i++)
		if (c->finding[i].begin <= begin && end <= c->finding[i].end)
			json_write_raw(w, NULL, json_whole(&c->json, c->finding[i].policy));
	json_write_end_array(w);
	buf_clear(&c->text);
	visible_put(span_sub(buf_span(&c->body), begin, end), true, &c->text);
	json_write_string(w, "text", buf_span(&c->text));
	json_write_end_object(w);
}

static int put(struct content *c, struct span text, struct json_write *w)
{
	int r = read_body(c);

	if (r)
		return r == -E2BIG ? PARSE_E_BAD : r;
	read_findings(c);
	find_edges(c);
	json_write_raw(w, "content", text);
	json_write_array(w, "shown");
	for (size_t i = 0; i + 1 < c->edges.n; i++)
		put_piece(c, c->edges.at[i], c->edges.at[i + 1], w);
	json_write_end_array(w);
	return c->text.err;
}

int approval_content_put(struct span text, struct json_scan *scan, struct json_write *w)
{
	struct content *c;
	int r = json_scan_all(scan, text);

	if (r)
		return r < 0 ? r : PARSE_E_BAD;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->json = json_scan_json(scan, text);
	c->body = BUF_INIT(AICP_APPROVAL_CONTENT_BYTES_MAX);
	c->text = BUF_INIT(SHOWN_BYTES_MAX);
	r = c->json.token[0].kind == JSON_OBJECT ? put(c, text, w) : PARSE_E_BAD;
	if (c->body.p)
		explicit_bzero(c->body.p, c->body.n);
	buf_deinit(&c->body);
	buf_deinit(&c->text);
	free(c);
	return r;
}
