/* SPDX-License-Identifier: MIT */
/* Bodies by their framing: content, length and fault at every split and truncation. */
#include "http/body.h"
#include "base/buf.h"
#include "support/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct fed {
	struct message head;
	uint64_t max;
	struct body body;
	struct buf content;
	size_t used;
	int outcome;
	/* expected */
	int want;
	const char *want_content;
	size_t want_used; /* with PARSE_DONE; with failures the offset of the fault */
	enum http_fault_kind want_fault;
};

static void fed_begin(void *ctx)
{
	struct fed *f = ctx;

	body_init(&f->body, &f->head, f->max);
	buf_clear(&f->content);
	f->used = 0;
	f->outcome = PARSE_E_MORE;
}

static bool fed_feed(void *ctx, struct span piece)
{
	struct fed *f = ctx;

	for (;;) {
		struct span slice = SPAN_NULL;
		size_t used = 4711;

		f->outcome = body_read(&f->body, piece, &slice, &used);
		if (f->outcome != PARSE_DONE && f->outcome != PARSE_E_MORE) {
			assert_int_equal(used, 4711);
			return false;
		}
		assert_true(used <= piece.n);
		assert_true(slice.n == 0 ||
			    (slice.p >= piece.p && slice.p + slice.n <= piece.p + used));
		assert_true(used > 0 || piece.n == 0 || f->outcome == PARSE_DONE);
		buf_put(&f->content, slice);
		f->used += used;
		if (f->outcome == PARSE_DONE || used == piece.n)
			return f->outcome == PARSE_E_MORE;
		piece = span_sub(piece, used, piece.n);
	}
}

static void fed_end(void *ctx, const char *how)
{
	struct fed *f = ctx;
	size_t at = f->outcome == PARSE_E_BAD || f->outcome == PARSE_E_LIMIT ? f->body.fault.at
									     : f->used;

	if (f->outcome != f->want || !span_eq_str(buf_span(&f->content), f->want_content) ||
	    at != f->want_used || f->body.fault.kind != f->want_fault)
		fail_msg("%s: %d at %zu (%s), content %.*s", how, f->outcome, at,
			 http_fault_text(f->body.fault.kind), SPAN_ARG(buf_span(&f->content)));
	if (f->outcome == PARSE_E_BAD || f->outcome == PARSE_E_LIMIT) {
		struct span slice;
		size_t used;

		/* For good. */
		assert_int_equal(body_read(&f->body, SPAN_LIT("0\r\n\r\n"), &slice, &used),
				 f->outcome);
		assert_int_equal(body_end(&f->body), f->outcome);
	}
}

static const struct split_parser fed_parser = {fed_begin, fed_feed, fed_end};

static void run(struct fed f, const char *text)
{
	f.content = BUF_INIT(1u << 20);
	split_each(&fed_parser, &f, span_str(text));
	buf_deinit(&f.content);
}

static void chunked(const char *text, const char *content)
{
	struct fed f = {.head.framing = MESSAGE_CHUNKED, .max = 1000};

	f.want = PARSE_DONE;
	f.want_content = content;
	f.want_used = strlen(text);
	run(f, text);
}

/* content is what came before the fault. */
static void chunked_bad(const char *text, const char *content, enum http_fault_kind kind, size_t at)
{
	struct fed f = {.head.framing = MESSAGE_CHUNKED, .max = 1000};

	f.want = PARSE_E_BAD;
	f.want_content = content;
	f.want_used = at;
	f.want_fault = kind;
	run(f, text);
}

static void test_chunked(void **state)
{
	(void)state;
	chunked("0\r\n\r\n", "");
	chunked("000\r\n\r\n", "");
	chunked("5\r\nhello\r\n0\r\n\r\n", "hello");
	chunked("3\r\na\r\n\r\n00000000000000a\r\n0123456789\r\n0\r\n\r\n", "a\r\n0123456789");
	chunked("A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
	chunked("1;a\r\nx\r\n1;a=b;c=\"d\\\"\\\\;\t\xc3\"\r\ny\r\n0;e\r\n\r\n", "xy");
	chunked("1;a;b;c=d\r\nx\r\n0\r\n\r\n", "x");
	chunked("1;a=\"\"\r\nx\r\n0\r\n\r\n", "x");
	chunked("1\r\nx\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", "x");
	chunked("0\r\nA-name-longer-than-any-forbidden-one: \t\xc3\xa9\r\n\r\n", "");
	chunked("0\r\nContent-Lengths: 1\r\n\r\n", "");
	chunked("0\r\nContent: 1\r\n\r\n", "");
}

static void test_chunked_bad(void **state)
{
	(void)state;
	chunked_bad("\r\n", "", HTTP_FAULT_CHUNK_SIZE, 0);
	chunked_bad(" 1\r\nx", "", HTTP_FAULT_CHUNK_SIZE, 0);
	chunked_bad("g\r\n", "", HTTP_FAULT_CHUNK_SIZE, 0);
	chunked_bad("-1\r\nx", "", HTTP_FAULT_CHUNK_SIZE, 0);
	chunked_bad("0x1\r\nx", "", HTTP_FAULT_CHUNK_SIZE, 1);
	chunked_bad("1 \r\nx", "", HTTP_FAULT_CHUNK_SIZE, 1);
	chunked_bad("1 ;a\r\nx", "", HTTP_FAULT_CHUNK_SIZE, 1);
	chunked_bad("1\nx", "", HTTP_FAULT_CHUNK_SIZE, 1);
	chunked_bad("1_0\r\nx", "", HTTP_FAULT_CHUNK_SIZE, 1);
	chunked_bad("00000000000000001\r\nx", "", HTTP_FAULT_CHUNK_SIZE, 16);
	chunked_bad("1\r\r\nx", "", HTTP_FAULT_LINE_END, 2);
	chunked_bad("1\rx", "", HTTP_FAULT_LINE_END, 2);
	chunked_bad("1;\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 2);
	chunked_bad("1; a\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 2);
	chunked_bad("1;=b\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 2);
	chunked_bad("1;a=\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 4);
	chunked_bad("1;a=b=c\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 5);
	chunked_bad("1;a=b\"c\"\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 5);
	chunked_bad("1;a=\"b\"c\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 7);
	chunked_bad("1;a=\"b\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 6);
	chunked_bad("1;a=\"\\\r\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 6);
	chunked_bad("1;a\nx", "", HTTP_FAULT_CHUNK_EXTENSION, 3);
	chunked_bad("1;a\n0\r\n\r\n", "", HTTP_FAULT_CHUNK_EXTENSION, 3);
	chunked_bad("1\r\nxy\r\n", "x", HTTP_FAULT_CHUNK_END, 4);
	chunked_bad("1\r\nx\n0\r\n\r\n", "x", HTTP_FAULT_CHUNK_END, 4);
	chunked_bad("1\r\nx\r0\r\n\r\n", "x", HTTP_FAULT_CHUNK_END, 5);
	chunked_bad("0\r\n\n", "", HTTP_FAULT_TRAILER, 3);
	chunked_bad("0\r\n\rx", "", HTTP_FAULT_LINE_END, 4);
	chunked_bad("0\r\n a: b\r\n\r\n", "", HTTP_FAULT_TRAILER, 3);
	chunked_bad("0\r\n: b\r\n\r\n", "", HTTP_FAULT_TRAILER, 3);
	chunked_bad("0\r\na : b\r\n\r\n", "", HTTP_FAULT_TRAILER, 4);
	chunked_bad("0\r\na\r\n\r\n", "", HTTP_FAULT_TRAILER, 4);
	chunked_bad("0\r\na: \x01\r\n\r\n", "", HTTP_FAULT_TRAILER, 6);
	chunked_bad("0\r\na: b\n\r\n", "", HTTP_FAULT_TRAILER, 7);
	chunked_bad("0\r\na: b\rc\r\n\r\n", "", HTTP_FAULT_LINE_END, 8);
	chunked_bad("0\r\nContent-Length: 1\r\n\r\n", "", HTTP_FAULT_TRAILER, 17);
	chunked_bad("0\r\nTRANSFER_ENCODING: chunked\r\n\r\n", "", HTTP_FAULT_TRAILER, 20);
	chunked_bad("0\r\nhost: x\r\n\r\n", "", HTTP_FAULT_TRAILER, 7);
	chunked_bad("0\r\nAuthorization: x\r\n\r\n", "", HTTP_FAULT_TRAILER, 16);
}

static void test_limits(void **state)
{
	struct fed f = {.head.framing = MESSAGE_CHUNKED, .max = 10, .want = PARSE_E_LIMIT};
	struct buf b = BUF_INIT(1u << 20);

	(void)state;
	f.want_fault = HTTP_FAULT_BODY_SIZE;
	f.want_content = "01234";
	f.want_used = 11;
	run(f, "5\r\n01234\r\n6\r\n56789a\r\n");
	f.want_content = "";
	f.want_used = 16;
	run(f, "ffffffffffffffff\r\n");
	f.want = PARSE_DONE;
	f.want_fault = HTTP_FAULT_NONE;
	f.want_content = "0123456789";
	f.want_used = 25;
	run(f, "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n");

	/* One chunk line of the largest size, and one of a byte more. */
	for (unsigned over = 0; over < 2; over++) {
		buf_clear(&b);
		buf_put_str(&b, "1;");
		while (b.n < AICP_CHUNK_LINE_BYTES_MAX - 1 + over)
			buf_put_byte(&b, 'e');
		buf_put_str(&b, "\r\nx\r\n0\r\n\r\n");
		f.max = 1000;
		f.want = over ? PARSE_E_LIMIT : PARSE_DONE;
		f.want_fault = over ? HTTP_FAULT_CHUNK_LINE : HTTP_FAULT_NONE;
		f.want_used = over ? AICP_CHUNK_LINE_BYTES_MAX : b.n;
		f.want_content = over ? "" : "x";
		run(f, buf_str(&b));
	}
	buf_deinit(&b);
}

/* Extensions of many chunks, and trailers, are bounded in sum. */
static void test_limits_in_sum(void **state)
{
	struct message head = {.framing = MESSAGE_CHUNKED};
	struct span slice;
	struct body body;
	size_t used, fed = 0;
	int r = PARSE_E_MORE;

	(void)state;
	body_init(&body, &head, AICP_BODY_BYTES_MAX);
	while (r == PARSE_E_MORE && fed < 10 * AICP_HEAD_BYTES_MAX) {
		struct span in = SPAN_LIT("1;extension=of-some-length\r\nx\r\n");

		while (r == PARSE_E_MORE && in.n) {
			r = body_read(&body, in, &slice, &used);
			if (r == PARSE_E_MORE)
				in = span_sub(in, used, in.n);
			fed++;
		}
	}
	assert_int_equal(r, PARSE_E_LIMIT);
	assert_int_equal(body.fault.kind, HTTP_FAULT_CHUNK_LINE);

	for (int many = 0; many < 2; many++) {
		char one[600];
		struct span line = many ? SPAN_LIT("a:b\r\n") : span_of(one, sizeof(one));
		unsigned lines = 0;

		memset(one, 'b', sizeof(one));
		memcpy(one, "a:", 2);
		memcpy(one + sizeof(one) - 2, "\r\n", 2);
		body_init(&body, &head, AICP_BODY_BYTES_MAX);
		r = body_read(&body, SPAN_LIT("0\r\n"), &slice, &used);
		while (r == PARSE_E_MORE) {
			r = body_read(&body, line, &slice, &used);
			lines++;
		}
		assert_int_equal(r, PARSE_E_LIMIT);
		assert_int_equal(body.fault.kind, HTTP_FAULT_TRAILER_SIZE);
		if (many)
			assert_int_equal(lines, AICP_HEADERS_MAX + 1);
		else
			assert_in_range(lines * line.n, AICP_HEAD_BYTES_MAX,
					AICP_HEAD_BYTES_MAX + line.n);
	}
}

static void test_length(void **state)
{
	struct fed f = {.head = {.framing = MESSAGE_LENGTH, .content_length = 5}, .max = 5};

	(void)state;
	f.want = PARSE_DONE;
	f.want_content = "hello";
	f.want_used = 5;
	run(f, "hello");
	run(f, "hello and what follows");
	f.want = PARSE_E_MORE;
	f.want_content = "hell";
	f.want_used = 4;
	run(f, "hell");
	f.head.content_length = 0;
	f.want = PARSE_DONE;
	f.want_content = "";
	f.want_used = 0;
	run(f, "hello");
	run(f, "");
	f.head.framing = MESSAGE_NO_BODY;
	run(f, "hello");
	/* Known too large: nothing of it is handed out. */
	f.head.framing = MESSAGE_LENGTH;
	f.head.content_length = 6;
	f.want = PARSE_E_LIMIT;
	f.want_fault = HTTP_FAULT_BODY_SIZE;
	run(f, "");
	run(f, "hello!");
	f.head.content_length = UINT64_MAX;
	run(f, "hello!");
}

static void test_until_close(void **state)
{
	struct fed f = {.head.framing = MESSAGE_UNTIL_CLOSE, .max = 5};
	struct span slice;
	size_t used;

	(void)state;
	f.want = PARSE_E_MORE;
	f.want_content = "hello";
	f.want_used = 5;
	run(f, "hello");
	body_init(&f.body, &f.head, 5);
	assert_int_equal(body_read(&f.body, SPAN_LIT("hello"), &slice, &used), PARSE_E_MORE);
	assert_int_equal(body_end(&f.body), PARSE_DONE);
	body_init(&f.body, &f.head, 5);
	assert_int_equal(body_read(&f.body, SPAN_LIT("hello!"), &slice, &used), PARSE_E_LIMIT);
}

static void test_end(void **state)
{
	static const char text[] = "1;a=\"b\"\r\nx\r\n0\r\nA: b\r\n\r\n";
	struct message head = {.framing = MESSAGE_CHUNKED};

	(void)state;
	/* Cut off anywhere, a body is not whole. */
	for (size_t n = 0; n <= sizeof(text) - 1; n++) {
		struct span in = span_of(text, n), slice;
		struct body body;
		size_t used;
		int r;

		body_init(&body, &head, 10);
		do {
			r = body_read(&body, in, &slice, &used);
			assert_in_range(r, PARSE_DONE, PARSE_E_MORE);
			in = span_sub(in, used, in.n);
		} while (r == PARSE_E_MORE && in.n);
		assert_int_equal(r, n == sizeof(text) - 1 ? PARSE_DONE : PARSE_E_MORE);
		assert_int_equal(body_end(&body), n == sizeof(text) - 1 ? PARSE_DONE : PARSE_E_BAD);
		if (n < sizeof(text) - 1)
			assert_int_equal(body.fault.kind, HTTP_FAULT_TRUNCATED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunked), cmocka_unit_test(test_chunked_bad),
		cmocka_unit_test(test_limits),	cmocka_unit_test(test_limits_in_sum),
		cmocka_unit_test(test_length),	cmocka_unit_test(test_until_close),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
