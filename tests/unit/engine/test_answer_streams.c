/* SPDX-License-Identifier: MIT */
/* Streamed answers as they come over the wire, at every split: from bytes to events to usage. Every
 * .sse, .ndjson and .eventstream file below tests/vectors is one; its first line says what to
 * expect. */
#include "unit/provider/vectors.h"

#include "http/eventstream.h"
#include "http/ndjson.h"
#include "http/sse.h"
#include "support/split.h"

enum kind { SSE, NDJSON, EVENTSTREAM };

static struct provider_set *providers;

struct stream {
	enum kind kind;
	struct vector vector;
	struct sse sse;
	struct ndjson ndjson;
	struct eventstream eventstream;
	struct provider_answer *answer;
	size_t events, all_events;
};

static void stream_deinit(struct stream *s)
{
	sse_deinit(&s->sse);
	ndjson_deinit(&s->ndjson);
	eventstream_deinit(&s->eventstream);
	provider_answer_free(s->answer);
	s->answer = NULL;
}

static void stream_begin(void *ctx)
{
	struct stream *s = ctx;

	stream_deinit(s);
	sse_init(&s->sse, AICP_SSE_LINE_BYTES_MAX);
	ndjson_init(&s->ndjson, AICP_SSE_LINE_BYTES_MAX);
	eventstream_init(&s->eventstream, AICP_SSE_LINE_BYTES_MAX);
	s->answer = provider_answer_new(s->vector.provider, SPAN_LIT("POST"),
					buf_span(&s->vector.path));
	assert_non_null(s->answer);
	s->events = 0;
}

/* The next event of in. */
static int next(struct stream *s, struct span in, size_t *ret_used, struct span *ret_event,
		struct span *ret_data)
{
	struct eventstream_message message = {.payload = SPAN_NULL};
	struct sse_event event = {.data = SPAN_NULL};
	int r = PARSE_E_BAD;

	switch (s->kind) {
	case SSE:
		r = sse_feed(&s->sse, in, ret_used, &event);
		*ret_event = event.event;
		*ret_data = event.data;
		break;
	case NDJSON:
		*ret_event = SPAN_NULL;
		r = ndjson_feed(&s->ndjson, in, ret_used, ret_data);
		break;
	case EVENTSTREAM:
		r = eventstream_feed(&s->eventstream, in, ret_used, &message);
		*ret_event = message.event;
		*ret_data = message.payload;
		break;
	}
	return r;
}

static bool stream_feed(void *ctx, struct span piece)
{
	struct stream *s = ctx;

	for (;;) {
		struct span event, data;
		size_t used;
		int r = next(s, piece, &used, &event, &data);

		if (r == PARSE_E_MORE)
			return true;
		assert_int_equal(r, PARSE_DONE);
		assert_int_equal(
			provider_answer_event(s->answer, event, data, s->vector.answer_scan),
			PARSE_DONE);
		s->events++;
		piece = span_sub(piece, used, piece.n);
	}
}

static void stream_end(void *ctx, const char *how)
{
	struct stream *s = ctx;

	if (!s->all_events)
		s->all_events = s->events;
	if (s->events < 2 || s->events != s->all_events)
		fail_msg("%s: %zu events, not %zu", how, s->events, s->all_events);
	vector_expect_usage(&s->vector, s->answer);
}

static void test_stream(void **state)
{
	static const struct split_parser parser = {stream_begin, stream_feed, stream_end};
	const char *path = *state;
	struct buf file = vectors_file(path), meta = BUF_INIT(1u << 16);
	struct span text = buf_span(&file), line = span_sub(text, 0, span_find(text, '\n'));
	struct stream s = {.kind = SSE};

	if (strstr(path, ".ndjson"))
		s.kind = NDJSON;
	if (strstr(path, ".eventstream"))
		s.kind = EVENTSTREAM;
	buf_put(&meta, span_sub(line, s.kind == SSE ? 2 : 0, line.n));
	vector_open(&s.vector, providers, meta);
	split_each(&parser, &s, span_sub(text, line.n + 1, text.n));
	stream_deinit(&s);
	vector_close(&s.vector);
	buf_deinit(&file);
}

int main(void)
{
	static const char *const patterns[] = {"tests/vectors/*/*.sse", "tests/vectors/*/*.ndjson",
					       "tests/vectors/*/*.eventstream"};
	struct CMUnitTest tests[256] = {0};
	glob_t files;
	size_t n = 0;
	int failed;

	providers = vectors_providers();
	for (int i = 0; i < 3; i++)
		if (glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &files))
			return 1;
	if (files.gl_pathc > sizeof(tests) / sizeof(*tests))
		return 1;
	for (; n < files.gl_pathc; n++)
		tests[n] = (struct CMUnitTest){.name = files.gl_pathv[n],
					       .test_func = test_stream,
					       .initial_state = files.gl_pathv[n]};
	failed = _cmocka_run_group_tests("answer streams", tests, n, NULL, NULL);
	globfree(&files);
	provider_set_unref(providers);
	return failed;
}
