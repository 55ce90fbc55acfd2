/* SPDX-License-Identifier: MIT */
/* Newline-delimited JSON at every split. */
#include "http/ndjson.h"
#include "support/oom.h"
#include "support/split.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct fed {
	struct ndjson ndjson;
	struct buf seen; /* each line and "|" */
	size_t max;
	int outcome, want;
	const char *want_seen;
};

static void fed_begin(void *ctx)
{
	struct fed *f = ctx;

	ndjson_deinit(&f->ndjson);
	ndjson_init(&f->ndjson, f->max);
	buf_clear(&f->seen);
}

static void see(struct fed *f, struct span line)
{
	buf_put(&f->seen, line);
	buf_put_byte(&f->seen, '|');
}

static bool fed_feed(void *ctx, struct span piece)
{
	struct fed *f = ctx;

	for (;;) {
		struct span line;
		size_t used = 4711;

		f->outcome = ndjson_feed(&f->ndjson, piece, &used, &line);
		if (f->outcome == PARSE_E_MORE)
			assert_int_equal(used, piece.n);
		if (f->outcome != PARSE_DONE)
			return f->outcome == PARSE_E_MORE;
		see(f, line);
		piece = span_sub(piece, used, piece.n);
	}
}

static void fed_end(void *ctx, const char *how)
{
	struct fed *f = ctx;
	struct span line;
	int r = ndjson_end(&f->ndjson, &line);

	if (r == PARSE_DONE)
		see(f, line);
	else
		assert_int_equal(r, f->want);
	if (f->outcome != f->want || !span_eq_str(buf_span(&f->seen), f->want_seen))
		fail_msg("%s: %d %.*s, not %d %s", how, f->outcome, SPAN_ARG(buf_span(&f->seen)),
			 f->want, f->want_seen);
}

static const struct split_parser fed_parser = {fed_begin, fed_feed, fed_end};

static void run(size_t max, const char *text, int want, const char *seen)
{
	struct fed f = {.seen = BUF_INIT(1u << 16), .max = max, .want = want, .want_seen = seen};

	ndjson_init(&f.ndjson, max);
	split_each(&fed_parser, &f, span_str(text));
	ndjson_deinit(&f.ndjson);
	buf_deinit(&f.seen);
}

static void test_lines(void **state)
{
	(void)state;
	run(100, "", PARSE_E_MORE, "");
	run(100, "\n\r\n\n", PARSE_E_MORE, "");
	run(100, "{}\n", PARSE_E_MORE, "{}|");
	run(100, "{\"a\":1}\r\n{\"b\":2}\n\n[]\n", PARSE_E_MORE, "{\"a\":1}|{\"b\":2}|[]|");
	/* A last line may lack its end. */
	run(100, "{}\n{\"b\":2}", PARSE_E_MORE, "{}|{\"b\":2}|");
	run(100, "a\rb\n", PARSE_E_MORE, "a\rb|");
}

static void test_limits(void **state)
{
	(void)state;
	run(4, "1234\n1234\n", PARSE_E_MORE, "1234|1234|");
	run(4, "12\n12345\n", PARSE_E_LIMIT, "12|");
	run(4, "12345", PARSE_E_LIMIT, "");
}

static void feed_out_of_memory(void *ctx)
{
	struct ndjson ndjson;
	struct span line;
	size_t used;
	int r;

	(void)ctx;
	ndjson_init(&ndjson, 100);
	r = ndjson_feed(&ndjson, SPAN_LIT("{}\n"), &used, &line);
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	if (oom_hit())
		assert_int_equal(ndjson_end(&ndjson, &line), -ENOMEM);
	ndjson_deinit(&ndjson);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	assert_in_range(oom_each(feed_out_of_memory, NULL), 1, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("ndjson", tests, NULL, NULL);
}
