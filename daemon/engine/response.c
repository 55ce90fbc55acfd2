/* SPDX-License-Identifier: MIT */
#include "engine/response_state.h"

#include "base/cleanup.h"
#include "engine/judge.h"

#include <errno.h>

/* Decoded at once: what deflate makes of so much (1,032 times as much at most) fits the scratch. */
#define DECODE_STEP_BYTES 2048u
/* Scratch memory of a rare large response is not kept. */
#define SCRATCH_KEEP_BYTES (256u << 10)

DEFINE_FREEP(struct response, response_free)

int response_scratch_init(struct response_scratch *s)
{
	*s = (struct response_scratch){
		.scan = json_scan_new(AICP_JSON_TOKENS_MAX),
		.decoded = BUF_INIT(AICP_RESPONSE_BYTES_MAX),
	};
	return s->scan ? 0 : -ENOMEM;
}

void response_scratch_deinit(struct response_scratch *s)
{
	json_scan_free(s->scan);
	buf_deinit(&s->decoded);
}

struct response *response_new(const struct engine *e, const struct engine_decision *d)
{
	struct response *r CLEANUP(response_freep) = NULL;
	struct span method = facts_get(e->facts, FACT_HTTP_METHOD)->text;
	struct span path = facts_get(e->facts, FACT_HTTP_PATH)->text;

	if (!d->provider || !method.n)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	http_answer_init(&r->http);
	r->method = BUF_INIT(AICP_HEAD_BYTES_MAX);
	r->content_type = BUF_INIT(AICP_HEAD_BYTES_MAX);
	memcpy(r->id, d->id, sizeof(r->id));
	r->providers = provider_set_ref(e->rules.providers);
	r->provider = provider_name(d->provider);
	r->answer = provider_answer_new(d->provider, method, path);
	if (!r->answer || buf_put(&r->method, method) < 0)
		return NULL;
	return TAKE(r);
}

/* ---- text ---- */

static void text_deinit(struct response *r)
{
	switch (r->text) {
	case RESPONSE_TEXT_NONE:
		break;
	case RESPONSE_TEXT_JSON:
		buf_deinit(&r->json);
		break;
	case RESPONSE_TEXT_SSE:
		sse_deinit(&r->sse);
		break;
	case RESPONSE_TEXT_NDJSON:
		ndjson_deinit(&r->ndjson);
		break;
	case RESPONSE_TEXT_EVENTSTREAM:
		eventstream_deinit(&r->eventstream);
		break;
	}
	r->text = RESPONSE_TEXT_NONE;
	inflate_free(r->inflate);
	r->inflate = NULL;
}

static size_t text_memory(const struct response *r)
{
	switch (r->text) {
	case RESPONSE_TEXT_NONE:
		break;
	case RESPONSE_TEXT_JSON:
		return r->json.cap;
	case RESPONSE_TEXT_SSE:
		return r->sse.line.cap + r->sse.data.cap + r->sse.event.cap + r->sse.id.cap;
	case RESPONSE_TEXT_NDJSON:
		return r->ndjson.line.cap;
	case RESPONSE_TEXT_EVENTSTREAM:
		return r->eventstream.message.cap;
	}
	return 0;
}

static bool ends_in(struct span s, struct span end)
{
	return s.n >= end.n && span_ieq(span_sub(s, s.n - end.n, s.n), end);
}

static void text_init(struct response *r, struct span content_type)
{
	struct span type = span_sub(content_type, 0, span_find(content_type, ';'));

	while (type.n && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
		type.n--;
	if (span_ieq(type, SPAN_LIT("text/event-stream"))) {
		r->text = RESPONSE_TEXT_SSE;
		sse_init(&r->sse, AICP_RESPONSE_BYTES_MAX);
	} else if (span_ieq(type, SPAN_LIT("application/x-ndjson"))) {
		r->text = RESPONSE_TEXT_NDJSON;
		ndjson_init(&r->ndjson, AICP_RESPONSE_BYTES_MAX);
	} else if (span_ieq(type, SPAN_LIT("application/vnd.amazon.eventstream"))) {
		r->text = RESPONSE_TEXT_EVENTSTREAM;
		eventstream_init(&r->eventstream, AICP_RESPONSE_BYTES_MAX);
	} else if (span_ieq(type, SPAN_LIT("application/json")) ||
		   ends_in(type, SPAN_LIT("+json"))) {
		r->text = RESPONSE_TEXT_JSON;
		r->json = BUF_INIT(AICP_RESPONSE_BYTES_MAX);
	}
}

static enum response_parse parse_of(int outcome)
{
	if (outcome == PARSE_E_LIMIT || outcome == -E2BIG)
		return RESPONSE_TOO_LARGE;
	return outcome == -ENOMEM ? RESPONSE_INTERNAL : RESPONSE_MALFORMED;
}

static bool is_good(int outcome)
{
	return outcome == PARSE_DONE || outcome == PARSE_E_MORE;
}

/* The next event of a stream; *ret_used how far in was read. */
static int next_event(struct response *r, struct span in, size_t *ret_used, struct span *ret_event,
		      struct span *ret_data)
{
	struct eventstream_message message = {.payload = SPAN_NULL};
	struct sse_event event = {.data = SPAN_NULL};
	int outcome = PARSE_E_BAD;

	*ret_event = SPAN_NULL;
	switch (r->text) {
	case RESPONSE_TEXT_SSE:
		outcome = sse_feed(&r->sse, in, ret_used, &event);
		*ret_event = event.event;
		*ret_data = event.data;
		break;
	case RESPONSE_TEXT_NDJSON:
		outcome = ndjson_feed(&r->ndjson, in, ret_used, ret_data);
		break;
	case RESPONSE_TEXT_EVENTSTREAM:
		outcome = eventstream_feed(&r->eventstream, in, ret_used, &message);
		*ret_event = message.event;
		*ret_data = message.payload;
		break;
	case RESPONSE_TEXT_NONE:
	case RESPONSE_TEXT_JSON:
		break;
	}
	return outcome;
}

/* One that cannot be read hides none of those behind it. PARSE_DONE or -ENOMEM. */
static int take_event(struct response *r, struct span event, struct span data,
		      struct json_scan *scan)
{
	int outcome = provider_answer_event(r->answer, event, data, scan);

	r->odd_event |= outcome > 0;
	return outcome < 0 ? outcome : PARSE_DONE;
}

/* Decoded text. PARSE_E_MORE, or what is wrong. */
static int take_text(struct response *r, struct span in, struct json_scan *scan)
{
	r->text_bytes += in.n;
	if (r->text_bytes > AICP_RESPONSE_TEXT_BYTES_MAX)
		return PARSE_E_LIMIT;
	if (r->text == RESPONSE_TEXT_JSON)
		return buf_put(&r->json, in) ? r->json.err : PARSE_E_MORE;
	for (;;) {
		struct span event, data;
		size_t used;
		int outcome = next_event(r, in, &used, &event, &data);

		if (outcome == PARSE_DONE)
			outcome = take_event(r, event, data, scan);
		if (outcome)
			return outcome;
		in = span_sub(in, used, in.n);
	}
}

/* Content as it is coded. PARSE_E_MORE, or what is wrong. */
static int take_content(struct response *r, struct span in, struct response_scratch *s)
{
	int outcome = PARSE_E_MORE;

	if (!r->inflate)
		return take_text(r, in, s->scan);
	while (in.n && outcome == PARSE_E_MORE) {
		struct span step = span_sub(in, 0, DECODE_STEP_BYTES);

		buf_clear(&s->decoded);
		outcome = inflate_feed(r->inflate, step, &s->decoded);
		if (is_good(outcome))
			outcome = take_text(r, buf_span(&s->decoded), s->scan);
		in = span_sub(in, step.n, in.n);
	}
	if (s->decoded.cap > SCRATCH_KEEP_BYTES)
		buf_deinit(&s->decoded);
	return outcome;
}

/* All text came. PARSE_DONE, or what is wrong. */
static int end_text(struct response *r, struct json_scan *scan)
{
	struct span line;
	int outcome = r->inflate && r->text_bytes ? inflate_end(r->inflate) : PARSE_DONE;

	if (outcome || !r->text_bytes)
		return outcome;
	switch (r->text) {
	case RESPONSE_TEXT_JSON:
		return provider_answer_json(r->answer, buf_span(&r->json), scan);
	case RESPONSE_TEXT_NDJSON:
		outcome = ndjson_end(&r->ndjson, &line);
		if (outcome == PARSE_DONE)
			return take_event(r, SPAN_NULL, line, scan);
		return outcome == PARSE_E_MORE ? PARSE_DONE : outcome;
	case RESPONSE_TEXT_EVENTSTREAM:
		return eventstream_is_between(&r->eventstream) ? PARSE_DONE : PARSE_E_BAD;
	case RESPONSE_TEXT_SSE: /* what has no empty line behind it is no event */
	case RESPONSE_TEXT_NONE:
		break;
	}
	return PARSE_DONE;
}

/* ---- the response ---- */

static void stop(struct response *r, enum response_parse parse)
{
	r->parse = parse;
	r->over = true;
	text_deinit(r);
	buf_deinit(&r->http.bytes);
}

/* The head is here: keeps what is needed of it, and gets ready for the text. */
static void take_head(struct response *r)
{
	const struct message *head = &r->http.head;
	bool has_text = provider_answer_reads(r->answer) && head->framing != MESSAGE_NO_BODY;
	int outcome = 0;

	r->status = head->status;
	buf_put(&r->content_type, record_cut(head->content_type));
	if (has_text)
		text_init(r, head->content_type);
	if (r->text != RESPONSE_TEXT_NONE && !inflate_is_identity(head->content_encoding))
		outcome = inflate_new(head->content_encoding, &r->inflate);
	if (head->upgrade || outcome == INFLATE_E_UNKNOWN ||
	    (has_text && r->text == RESPONSE_TEXT_NONE))
		stop(r, RESPONSE_UNSUPPORTED);
	else if (outcome < 0)
		stop(r, RESPONSE_INTERNAL);
	else if (!has_text && head->framing != MESSAGE_NO_BODY)
		stop(r, RESPONSE_NOT_READ);
	buf_deinit(&r->http.bytes);
}

static void finish(struct response *r, struct json_scan *scan)
{
	int outcome = end_text(r, scan);

	r->complete = true;
	if (!outcome && r->odd_event)
		outcome = PARSE_E_BAD;
	stop(r, outcome ? parse_of(outcome) : RESPONSE_OK);
}

bool response_feed(struct response *r, uint64_t offset, struct span in, struct response_scratch *s)
{
	/* A switch to another protocol is no fault of the response; it is not read, that is all. */
	const struct http_asked asked = {.method = buf_span(&r->method), .may_upgrade = true};
	int outcome = PARSE_E_MORE;

	if (!r->over && offset != r->bytes)
		stop(r, RESPONSE_GAP);
	while (!r->over && outcome == PARSE_E_MORE && in.n) {
		struct span content;
		size_t used;

		outcome = http_answer_read(&r->http, &asked, in, &content, &used);
		if (!is_good(outcome)) {
			stop(r, parse_of(outcome));
			break;
		}
		r->bytes += used;
		in = span_sub(in, used, in.n);
		if (r->http.has_head && !r->status)
			take_head(r);
		if (!r->over && content.n) {
			int text = take_content(r, content, s);

			if (!is_good(text))
				stop(r, parse_of(text));
		}
	}
	/* What stands behind a whole response is no part of it. */
	if (!r->over && outcome == PARSE_DONE)
		finish(r, s->scan);
	return !r->over;
}

void response_end(struct response *r, bool closed, struct response_scratch *s)
{
	if (r->over)
		return;
	if (closed && http_answer_end(&r->http) == PARSE_DONE)
		finish(r, s->scan);
	else
		stop(r, RESPONSE_CUT_OFF);
}

void response_give_up(struct response *r)
{
	if (!r->over)
		stop(r, RESPONSE_OVER_BUDGET);
}

size_t response_memory(const struct response *r)
{
	return sizeof(*r) + r->method.cap + r->http.bytes.cap + r->content_type.cap +
	       text_memory(r) + (r->inflate ? inflate_memory(r->inflate) : 0) +
	       provider_answer_memory(r->answer);
}

enum response_parse response_parse(const struct response *r)
{
	return r->parse;
}

uint64_t response_bytes(const struct response *r)
{
	return r->bytes;
}

void response_free(struct response *r)
{
	if (!r)
		return;
	text_deinit(r);
	http_answer_deinit(&r->http);
	buf_deinit(&r->method);
	buf_deinit(&r->content_type);
	provider_answer_free(r->answer);
	provider_set_unref(r->providers);
	free(r);
}
