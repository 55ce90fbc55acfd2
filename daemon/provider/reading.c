/* SPDX-License-Identifier: MIT */
/* From the bytes of a request to facts. */
#include "base/cleanup.h"
#include "base/utf8.h"
#include "provider/file.h"
#include "provider/marks.h"

#include <errno.h>

/* One request while it is read. */
struct reading {
	const struct json *json;
	const struct shape *shape; /* NULL: only text.all is read */
	const struct operation *operation; /* NULL: not known */
	struct facts *facts;
	struct marks marks; /* none without a shape */
	size_t attachments;
	unsigned rank[_FACT_COUNT]; /* of the text that is set */
};

static void deinit_reading(struct reading *r)
{
	marks_deinit(&r->marks);
}

static int take_text(struct reading *r, enum fact_id id, unsigned rank, uint32_t t)
{
	struct buf text = BUF_INIT(AICP_FACT_TEXT_BYTES_MAX);
	int e;

	if (facts_get(r->facts, id)->kind != FACT_ABSENT && r->rank[id] <= rank)
		return PARSE_DONE;
	e = json_string_put(r->json, t, &text);
	if (!e)
		e = facts_set_text(r->facts, id, buf_span(&text));
	r->rank[id] = rank;
	buf_deinit(&text);
	return e;
}

static int take_fact(struct reading *r, const struct path_action *a, uint32_t t)
{
	enum fact_id id = (enum fact_id)a->arg;
	const struct fact_value *old = facts_get(r->facts, id);
	double number;

	switch (fact_info(id)->kind) {
	case FACT_TEXT:
		return take_text(r, id, a->rank, t);
	case FACT_BOOL:
		return facts_set_bool(r->facts, id, r->json->token[t].kind == JSON_TRUE);
	case FACT_NUMBER:
		if (!json_number(r->json, t, &number))
			return PARSE_E_BAD;
		/* A provider may read either of two; the larger one is the one to judge. */
		if (old->kind == FACT_NUMBER && old->number >= number)
			return PARSE_DONE;
		return facts_set_number(r->facts, id, number);
	case FACT_LIST:
	case FACT_ABSENT:
		break;
	}
	return PARSE_E_BAD;
}

static int take_item(struct reading *r, enum fact_id id, uint32_t t)
{
	struct buf text = BUF_INIT(AICP_FACT_TEXT_BYTES_MAX);
	int e = json_string_put(r->json, t, &text);

	if (!e)
		e = facts_add(r->facts, id, buf_span(&text));
	buf_deinit(&text);
	return e;
}

static int add_unjudged(struct facts *facts, struct span label)
{
	const struct fact_value *list = facts_get(facts, FACT_UNJUDGED);

	for (size_t i = 0; list->kind == FACT_LIST && i < list->list_n; i++)
		if (span_eq(list->list[i], label))
			return 0;
	return facts_add(facts, FACT_UNJUDGED, label);
}

static int take(struct path_walk *walk, const struct path_action *a, uint32_t t, bool deep)
{
	struct reading *r = walk->context;
	int e;

	if (marks_take(&r->marks, a, t, deep))
		return PARSE_DONE;
	switch ((enum shape_use)a->what) {
	case SHAPE_FACT:
		return take_fact(r, a, t);
	case SHAPE_LIST:
		return take_item(r, (enum fact_id)a->arg, t);
	case SHAPE_ATTACHMENT:
		e = add_unjudged(r->facts, a->label);
		if (e)
			return e;
		/* fall through */
	case SHAPE_DOCUMENT:
		r->attachments++;
		return facts_add(r->facts, FACT_ATTACHMENTS, a->label);
	case SHAPE_UNJUDGED:
		return add_unjudged(r->facts, a->label);
	case SHAPE_TEXT:
	case SHAPE_MESSAGE:
	case SHAPE_DATA:
	case SHAPE_COUNTER:
	case SHAPE_MODEL:
	case SHAPE_FINISH:
	case SHAPE_ID:
	case SHAPE_TOOL:
		break;
	}
	return PARSE_E_BAD;
}

/* The texts of a request; each is its strings in order, joined by newlines. */
struct texts {
	struct buf all, prompt, system, assistant, tool_results;
	size_t last_begin; /* of prompt.last in prompt */
	uint32_t last_message; /* token of the message it is from */
};

static void deinit_texts(struct texts *x)
{
	buf_deinit(&x->all);
	buf_deinit(&x->prompt);
	buf_deinit(&x->system);
	buf_deinit(&x->assistant);
	buf_deinit(&x->tool_results);
}

static int put_line(struct buf *out, struct span text)
{
	if (out->n)
		buf_put_byte(out, '\n');
	return buf_put(out, text);
}

static int put_prompt(struct texts *x, uint32_t message, struct span text)
{
	if (message != x->last_message) {
		x->last_begin = x->prompt.n ? x->prompt.n + 1 : 0;
		x->last_message = message;
	}
	return put_line(&x->prompt, text);
}

/* One string: into text.all, and from there to wherever it belongs. */
static int put_string(const struct reading *r, uint32_t t, uint32_t message, struct texts *x)
{
	uint8_t mark = r->marks.mark ? r->marks.mark[t] : 0;
	struct span text;
	size_t begin;
	int e;

	if (mark & SHAPE_IS_DATA)
		return 0;
	begin = x->all.n ? x->all.n + 1 : 0;
	if (begin)
		buf_put_byte(&x->all, '\n');
	e = json_string_put(r->json, t, &x->all);
	text = span_sub(buf_span(&x->all), begin, x->all.n);
	if (!e && (mark & SHAPE_PROMPT))
		e = put_prompt(x, message, text);
	if (!e && (mark & SHAPE_SYSTEM))
		e = put_line(&x->system, text);
	if (!e && (mark & SHAPE_ASSISTANT))
		e = put_line(&x->assistant, text);
	if (!e && (mark & SHAPE_TOOL_RESULTS))
		e = put_line(&x->tool_results, text);
	return e;
}

static int put_strings(const struct reading *r, struct texts *x)
{
	const struct json_token *token = r->json->token;
	uint32_t message = 0, message_end = 0;
	/* Escapes shrink and a newline is shorter than quotes: the text is room enough. */
	int e = buf_reserve(&x->all, r->json->text.n);

	for (uint32_t t = 0; t < r->json->n && !e; t++) {
		if (r->marks.mark && (r->marks.mark[t] & SHAPE_IS_MESSAGE)) {
			message = t;
			message_end = token[t].next;
		}
		if (token[t].kind != JSON_STRING || (token[t].flags & JSON_KEY) ||
		    token[t].begin == token[t].end)
			continue;
		/* Text outside of all messages is a message of its own. */
		e = put_string(r, t, t < message_end ? message : t, x);
	}
	return e;
}

static int set_if_any(struct facts *facts, enum fact_id id, const struct buf *text)
{
	return text->n ? facts_set_text(facts, id, buf_span(text)) : 0;
}

static int set_prompt(struct facts *facts, const struct texts *x)
{
	struct span prompt = buf_span(&x->prompt);
	int e = facts_set_text(facts, FACT_PROMPT, prompt);

	if (!e)
		e = facts_set_text(facts, FACT_PROMPT_LAST,
				   span_sub(prompt, x->last_begin, prompt.n));
	if (!e)
		e = facts_set_number(facts, FACT_PROMPT_CHARS, (double)utf8_count(prompt));
	return e;
}

/* Texts and counts, when the walk is over. whole: the body has the shape of its call. */
static int set_texts(struct reading *r, bool whole)
{
	struct texts x CLEANUP(deinit_texts) = {
		.all = BUF_INIT(AICP_FACT_TEXT_BYTES_MAX),
		.prompt = BUF_INIT(AICP_FACT_TEXT_BYTES_MAX),
		.system = BUF_INIT(AICP_FACT_TEXT_BYTES_MAX),
		.assistant = BUF_INIT(AICP_FACT_TEXT_BYTES_MAX),
		.tool_results = BUF_INIT(AICP_FACT_TEXT_BYTES_MAX),
		.last_message = JSON_NONE,
	};
	int e = put_strings(r, &x);

	if (!e)
		e = facts_set_text(r->facts, FACT_TEXT_ALL, buf_span(&x.all));
	if (e || !whole)
		return e;
	if (r->shape->has_prompt)
		e = set_prompt(r->facts, &x);
	if (!e)
		e = set_if_any(r->facts, FACT_SYSTEM, &x.system);
	if (!e)
		e = set_if_any(r->facts, FACT_ASSISTANT, &x.assistant);
	if (!e)
		e = set_if_any(r->facts, FACT_TOOL_RESULTS, &x.tool_results);
	if (!e && r->shape->has_messages)
		e = facts_set_number(r->facts, FACT_MESSAGES_COUNT, (double)r->marks.messages);
	if (!e)
		e = facts_set_number(r->facts, FACT_ATTACHMENTS_COUNT, (double)r->attachments);
	/* Providers send a whole answer unless asked for a stream, or their file says otherwise. */
	if (!e && (r->shape->has[FACT_STREAM] || r->operation->stream_known) &&
	    facts_get(r->facts, FACT_STREAM)->kind == FACT_ABSENT)
		e = facts_set_bool(r->facts, FACT_STREAM, r->operation->stream);
	return e;
}

static int set_parse(struct facts *facts, const char *parse, struct span error)
{
	int e = facts_set_text(facts, FACT_PARSE, span_str(parse));

	if (!e && error.n)
		e = facts_set_text(facts, FACT_PARSE_ERROR, error);
	return e;
}

static int malformed(struct facts *facts, struct span error)
{
	int e = set_parse(facts, "malformed", error);

	return e ? e : PARSE_E_BAD;
}

/* A call whose body is JSON of a known shape. */
static int read_shape(struct reading *r)
{
	struct path_walk walk = {.json = r->json, .strict = true, .take = take, .context = r};
	struct buf error = BUF_INIT(2048);
	int e, outcome;

	e = marks_init(&r->marks, r->json, r->shape);
	if (e)
		return e;
	outcome = path_walk(&walk, r->shape->request);
	if (outcome < 0)
		return outcome;
	e = set_texts(r, outcome == PARSE_DONE);
	if (e)
		return e;
	if (outcome == PARSE_DONE)
		return set_parse(r->facts, "ok", SPAN_NULL);
	path_fault_put(&walk, &error);
	e = error.err ? error.err : malformed(r->facts, buf_span(&error));
	buf_deinit(&error);
	return e;
}

static int bad_json(struct facts *facts, const struct json_scan *scan, int outcome)
{
	struct buf error = BUF_INIT(512);
	int e;

	buf_printf(&error, "not JSON as it has to be: %s (byte %zu)",
		   json_error_text(json_scan_error(scan)), json_scan_error_at(scan));
	e = error.err;
	if (!e)
		e = set_parse(facts, outcome == PARSE_E_LIMIT ? "too-large" : "malformed",
			      buf_span(&error));
	buf_deinit(&error);
	return e ? e : outcome;
}

/* A body that no shape is known for: its strings, when it is JSON. */
static int read_unknown(struct span content_type, struct span body, struct json_scan *scan,
			struct facts *facts)
{
	struct json json;
	struct reading r = {.json = &json, .facts = facts};
	int e = 0, outcome = body.n ? json_scan_all(scan, body) : PARSE_DONE;

	if (outcome < 0)
		return outcome;
	if (outcome == PARSE_E_LIMIT)
		return bad_json(facts, scan, outcome);
	if (body.n && outcome == PARSE_DONE) {
		json = json_scan_json(scan, body);
		e = set_texts(&r, false);
	}
	if (!e && body.n && (outcome != PARSE_DONE || !marks_is_json_type(content_type)))
		e = add_unjudged(facts, SPAN_LIT("body"));
	return e ? e : set_parse(facts, "ok", SPAN_NULL);
}

static int read_known(const struct operation *o, struct span content_type, struct span body,
		      struct json_scan *scan, struct facts *facts)
{
	struct json json;
	struct reading r CLEANUP(deinit_reading) = {
		.json = &json, .shape = o->shape, .operation = o, .facts = facts};
	int outcome;

	if (!marks_is_json_type(content_type))
		return malformed(facts, SPAN_LIT("the content type is not JSON in UTF-8; send "
						 "application/json"));
	outcome = json_scan_all(scan, body);
	if (outcome < 0)
		return outcome;
	if (outcome != PARSE_DONE)
		return bad_json(facts, scan, outcome);
	json = json_scan_json(scan, body);
	return read_shape(&r);
}

/* A model that the path names is the one that is asked, whatever the body says. */
static int put_path_model(const struct operation *o, struct span path, struct facts *facts)
{
	struct buf model = BUF_INIT(AICP_PROVIDER_URI_BYTES_MAX);
	int e = operation_model(o, path, &model);

	if (!e && model.n)
		e = facts_set_text(facts, FACT_MODEL, buf_span(&model));
	buf_deinit(&model);
	return e;
}

int provider_request(const struct provider *provider, const struct message *head, struct span body,
		     struct json_scan *scan, struct facts *facts)
{
	const struct operation *o = operation_find(provider->operations, head->method, head->path);
	int r = facts_set_text(facts, FACT_PROVIDER, provider->name);

	if (!r)
		r = facts_set_text(facts, FACT_OPERATION, o ? o->name : SPAN_LIT("unknown"));
	if (!r && o)
		r = put_path_model(o, head->path, facts);
	if (r)
		return r;
	if (o && o->shape && o->shape->request)
		r = read_known(o, head->content_type, body, scan, facts);
	else
		r = read_unknown(head->content_type, body, scan, facts);
	if (r != -E2BIG)
		return r;
	r = set_parse(facts, "too-large",
		      SPAN_LIT("a text or list of the call is over the limits of aicp"));
	return r ? r : PARSE_E_LIMIT;
}
