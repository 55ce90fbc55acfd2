/* SPDX-License-Identifier: MIT */
#include "provider/segments.h"

#include "base/cleanup.h"
#include "base/json_unescape.h"
#include "provider/file.h"
#include "provider/marks.h"

#include <errno.h>

/* The texts that strings are put into, as provider_request() does it. */
static const struct {
	enum fact_id fact;
	uint8_t mark; /* 0: every string is in it */
} texts[] = {
	{FACT_TEXT_ALL, 0},
	{FACT_PROMPT, SHAPE_PROMPT},
	{FACT_SYSTEM, SHAPE_SYSTEM},
	{FACT_ASSISTANT, SHAPE_ASSISTANT},
	{FACT_TOOL_RESULTS, SHAPE_TOOL_RESULTS},
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

struct placing {
	const struct json *json;
	const struct marks *marks;
	struct provider_segments *segments;
	size_t used[TEXTS]; /* bytes of each text so far */
};

void provider_segments_free(struct provider_segments *segments)
{
	free(segments->segment);
	*segments = (struct provider_segments){0};
}

static int add(struct provider_segments *segments, const struct provider_segment *segment)
{
	if (segments->n == segments->cap) {
		size_t cap = segments->cap ? segments->cap * 2 : 64;
		struct provider_segment *more =
			realloc(segments->segment, cap * sizeof(*segments->segment));

		if (!more)
			return -ENOMEM;
		segments->segment = more;
		segments->cap = cap;
	}
	segments->segment[segments->n++] = *segment;
	return 0;
}

static size_t unescaped_bytes(struct span raw)
{
	uint8_t step[JSON_UNESCAPE_STEP_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < raw.n;) {
		size_t plain = span_find(span_sub(raw, i, raw.n), '\\');

		i += plain;
		n += plain;
		if (i < raw.n)
			n += json_unescape_step(raw, &i, step);
	}
	return n;
}

static int place_string(struct placing *p, uint32_t t)
{
	const struct json_token *token = &p->json->token[t];
	uint8_t mark = p->marks->mark ? p->marks->mark[t] : 0;
	struct provider_segment segment = {
		.token = t,
		.begin = token->begin,
		.end = token->end,
		.n = token->end - token->begin,
		.escaped = token->flags & JSON_ESCAPED,
		.fixed = mark & SHAPE_MAY_BE_DATA,
	};
	int r = 0;

	if (mark & SHAPE_IS_DATA)
		return 0;
	if (segment.escaped && !p->segments->unplaced)
		segment.n = unescaped_bytes(json_raw(p->json, t));
	for (size_t i = 0; i < TEXTS && !r; i++) {
		if (texts[i].mark && !(mark & texts[i].mark))
			continue;
		segment.fact = texts[i].fact;
		segment.at = p->used[i] ? p->used[i] + 1 : 0;
		p->used[i] = segment.at + segment.n;
		r = add(p->segments, &segment);
	}
	return r;
}

static int place_strings(struct placing *p)
{
	const struct json_token *token = p->json->token;
	int r = 0;

	for (uint32_t t = 0; t < p->json->n && !r; t++)
		if (token[t].kind == JSON_STRING && !(token[t].flags & JSON_KEY) &&
		    token[t].begin != token[t].end)
			r = place_string(p, t);
	return r;
}

/* Only marks are asked for; the rest of the shape has been read. */
static int take(struct path_walk *walk, const struct path_action *action, uint32_t token, bool deep)
{
	(void)marks_take(walk->context, action, token, deep);
	return PARSE_DONE;
}

int provider_segments(const struct provider *provider, const struct message *head, struct span body,
		      struct json_scan *scan, struct provider_segments *segments)
{
	const struct operation *o = operation_find(provider->operations, head->method, head->path);
	struct marks marks CLEANUP(marks_deinit) = {0};
	struct path_walk walk = {.strict = true, .take = take, .context = &marks};
	struct placing p = {.marks = &marks, .segments = segments};
	struct json json;
	int r;

	segments->n = 0;
	if (!body.n || !marks_is_json_type(head->content_type) ||
	    json_scan_error(scan) != JSON_ERROR_NONE)
		return PARSE_E_BAD;
	json = json_scan_json(scan, body);
	p.json = walk.json = &json;
	if (o && o->shape && o->shape->request) {
		r = marks_init(&marks, &json, o->shape);
		if (!r)
			r = path_walk(&walk, o->shape->request);
		if (r)
			return r;
	}
	return place_strings(&p);
}
