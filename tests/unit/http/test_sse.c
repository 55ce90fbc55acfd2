/* SPDX-License-Identifier: MIT */
/* Event streams: the standard's own examples and the rest of its rules, at every split. */
#include "http/sse.h"
#include "support/oom.h"
#include "support/split.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct fed {
	struct sse sse;
	struct buf seen; /* one line per event: event|data|id|retry */
	size_t max;
	int outcome;
	int want;
	const char *want_seen;
};

static void fed_begin(void *ctx)
{
	struct fed *f = ctx;

	sse_deinit(&f->sse);
	sse_init(&f->sse, f->max);
	buf_clear(&f->seen);
}

static bool fed_feed(void *ctx, struct span piece)
{
	struct fed *f = ctx;

	for (;;) {
		struct sse_event e;
		size_t used = 4711;

		f->outcome = sse_feed(&f->sse, piece, &used, &e);
		if (f->outcome == PARSE_E_MORE)
			assert_int_equal(used, piece.n);
		if (f->outcome != PARSE_DONE)
			return f->outcome == PARSE_E_MORE;
		assert_true(used <= piece.n);
		buf_printf(&f->seen, "%.*s|%.*s|%.*s|%lld\n", SPAN_ARG(e.event), SPAN_ARG(e.data),
			   SPAN_ARG(e.id), (long long)e.retry_ms);
		piece = span_sub(piece, used, piece.n);
	}
}

static void fed_end(void *ctx, const char *how)
{
	struct fed *f = ctx;

	if (f->outcome != f->want || !span_eq_str(buf_span(&f->seen), f->want_seen))
		fail_msg("%s: %d\n%.*s\nnot %d\n%s", how, f->outcome, SPAN_ARG(buf_span(&f->seen)),
			 f->want, f->want_seen);
	if (f->outcome == PARSE_E_LIMIT) {
		struct sse_event e;
		size_t used;

		assert_int_equal(sse_feed(&f->sse, SPAN_LIT("data: x\n\n"), &used, &e),
				 PARSE_E_LIMIT);
	}
}

static const struct split_parser fed_parser = {fed_begin, fed_feed, fed_end};

static void run(size_t max, struct span text, int want, const char *seen)
{
	struct fed f = {.seen = BUF_INIT(1u << 16), .max = max, .want = want, .want_seen = seen};

	sse_init(&f.sse, max);
	split_each(&fed_parser, &f, text);
	sse_deinit(&f.sse);
	buf_deinit(&f.seen);
}

static void events(const char *text, const char *seen)
{
	run(1000, span_str(text), PARSE_E_MORE, seen);
}

static void test_events(void **state)
{
	(void)state;
	events("", "");
	events("data: a\n\n", "|a||-1\n");
	events("data: a\r\n\r\n", "|a||-1\n");
	events("data: a\r\r", "|a||-1\n");
	events("data: a\r\n\rdata: b\n\r\n", "|a||-1\n|b||-1\n");
	events("data: a\n\ndata: b\n\n\n\n", "|a||-1\n|b||-1\n");
	events("data: a\r\ndata: b\r\n\r\n", "|a\nb||-1\n");
	events("data: a\r\nevent: x\r\n\ndata: b\n\n", "x|a||-1\n|b||-1\n");
	/* Several lines; one space behind the colon belongs to it, no more. */
	events("data: YHOO\ndata:+2\ndata:  10\n\n", "|YHOO\n+2\n 10||-1\n");
	/* Comments, ids that stay, an id that is emptied, names. */
	events(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third "
	       "event\n\n",
	       "|first event|1|-1\n|second event||-1\n| third event||-1\n");
	events("id: 7\n\ndata: a\n\n", "|a|7|-1\n");
	/* Empty data is data; an event of one empty line, of two, and an unfinished one. */
	events("data\n\ndata\ndata\n\ndata:", "|||-1\n|\n||-1\n");
	events("data:test\n\ndata: test\n\n", "|test||-1\n|test||-1\n");
	/* No data, no event: and its name is forgotten. */
	events("event: x\n\ndata: a\n\n", "|a||-1\n");
	events("event: x\nevent: y\ndata: a\n\ndata: b\n\n", "y|a||-1\n|b||-1\n");
	/* Cut off: none. */
	events("data: a\n", "");
	events("data: a", "");
	/* Unknown fields, other case, spaces before the colon. */
	events("Data: a\ndata : b\nfoo: c\n data: d\ndata: e\n\n", "|e||-1\n");
	events("retry: 100\ndata: a\n\nretry: 1x\nretry: -1\nretry:\ndata: b\n\n",
	       "|a||100\n|b||100\n");
	events("retry: 99999999999999999999\ndata: a\n\n", "|a||-1\n");
	/* A BOM in front, only once; and what begins like one. */
	events("\xef\xbb\xbf"
	       "data: a\n\n",
	       "|a||-1\n");
	events("\xef\xbb\xbf\xef\xbb\xbf"
	       "data: a\n\ndata: b\n\n",
	       "|b||-1\n");
	events("\xef\xbb"
	       "data: a\n\ndata: b\n\n",
	       "|b||-1\n");
	events("\xef\n\ndata: b\n\n", "|b||-1\n");
	/* Bytes pass as they are. */
	events("data: \xff\xc3\xa9\n\n", "|\xff\xc3\xa9||-1\n");
	run(1000, SPAN_LIT("id: a\0b\ndata: x\n\nid: c\ndata: y\n\n"), PARSE_E_MORE,
	    "|x||-1\n|y|c|-1\n");
}

static void test_providers(void **state)
{
	(void)state;
	events("data: {\"choices\":[]}\n\ndata: [DONE]\n\n",
	       "|{\"choices\":[]}||-1\n|[DONE]||-1\n");
	events("event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: ping\ndata: "
	       "{}\n\n",
	       "message_start|{\"type\":\"message_start\"}||-1\nping|{}||-1\n");
}

static void test_limits(void **state)
{
	(void)state;
	run(10, SPAN_LIT("data: 1234\n\n"), PARSE_E_MORE, "|1234||-1\n");
	run(10, SPAN_LIT("data: 12345\n\n"), PARSE_E_LIMIT, "");
	run(10, SPAN_LIT("data: a\n\n:3456789abcdef"), PARSE_E_LIMIT, "|a||-1\n");
	run(10, SPAN_LIT("data:12345\ndata:1234\n\n"), PARSE_E_MORE, "|12345\n1234||-1\n");
	run(10, SPAN_LIT("data:12345\ndata:12345\n\n"), PARSE_E_LIMIT, "");
	run(10, SPAN_LIT("data:12345\ndata:1234\ndata:\n\n"), PARSE_E_LIMIT, "");
}

static void feed_out_of_memory(void *ctx)
{
	static const char text[] = "event: e\nid: 1\ndata: some text\ndata: more text\n\n";
	struct sse sse;
	struct sse_event e;
	size_t used;
	int r = PARSE_E_MORE;

	(void)ctx;
	sse_init(&sse, 1000);
	/* In two pieces, so that a line is kept, too. */
	for (int i = 0; i < 2 && r == PARSE_E_MORE; i++)
		r = sse_feed(&sse, i ? span_of(text + 3, sizeof(text) - 4) : span_of(text, 3),
			     &used, &e);
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	if (oom_hit())
		assert_int_equal(sse_feed(&sse, SPAN_LIT("x"), &used, &e), -ENOMEM);
	sse_deinit(&sse);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	assert_in_range(oom_each(feed_out_of_memory, NULL), 4, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_providers),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
