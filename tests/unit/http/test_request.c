/* SPDX-License-Identifier: MIT */
/* Whole requests: framing, decoding and refusal together, at every truncation and with failing
 * allocations. */
#include "http/request.h"
#include "support/guard.h"
#include "support/oom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

#include <cmocka.h>

#define POST "POST /v1/x?y HTTP/1.1\r\nHost: api.example:8080\r\n"

static void put_gzip(struct buf *out, struct span s)
{
	uint8_t coded[1000];
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)s.p, .avail_in = (uInt)s.n};

	z.next_out = coded;
	z.avail_out = sizeof(coded);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_put(out, span_of(coded, z.total_out));
	deflateEnd(&z);
}

/* A gzip body, in chunks of one byte or with its length. */
static void put_request(struct buf *b, const char *content, bool gzip, bool chunked)
{
	struct buf body = BUF_INIT(1000);

	if (gzip)
		put_gzip(&body, span_str(content));
	else
		buf_put_str(&body, content);
	buf_put_str(b, POST);
	if (gzip)
		buf_put_str(b, "Content-Encoding: gzip\r\n");
	if (!chunked) {
		buf_printf(b, "Content-Length: %zu\r\n\r\n", body.n);
		buf_put(b, buf_span(&body));
	} else {
		buf_put_str(b, "Transfer-Encoding: chunked\r\n\r\n");
		for (size_t i = 0; i < body.n; i++) {
			buf_put_str(b, "1\r\n");
			buf_put_byte(b, body.p[i]);
			buf_put_str(b, "\r\n");
		}
		buf_put_str(b, "0\r\nTrailer-Of-Ours: 1\r\n\r\n");
	}
	buf_deinit(&body);
}

static void test_whole(void **state)
{
	struct buf b = BUF_INIT(1u << 16), body = BUF_INIT(1u << 16);
	struct guard g;

	(void)state;
	guard_init(&g, 1u << 16);
	for (int form = 0; form < 4; form++) {
		bool gzip = form & 1, chunked = form & 2;

		buf_clear(&b);
		put_request(&b, "{\"a\":\"hello\"}", gzip, chunked);
		for (size_t n = 0; n <= b.n; n++) {
			struct span in = guard_copy(&g, span_sub(buf_span(&b), 0, n));
			struct http_fault fault = {HTTP_FAULT_NONE, 0};
			struct http_request q;
			int r = http_request_whole(in, &body, &q, &fault);

			if (r != (n == b.n ? PARSE_DONE : PARSE_E_MORE))
				fail_msg("form %d, %zu bytes: %d %s", form, n, r,
					 http_fault_text(fault.kind));
			assert_int_equal(fault.kind, HTTP_FAULT_NONE);
			assert_int_equal(q.head_bytes > 0, q.head.method.n > 0);
			assert_int_equal(q.content.n > 0, r == PARSE_DONE);
			if (r != PARSE_DONE)
				continue;
			assert_int_equal(q.wire_bytes, n);
			assert_true(span_eq_str(q.content, "{\"a\":\"hello\"}"));
			assert_int_equal(q.content_in_place, !gzip && !chunked);
			if (q.content_in_place)
				assert_ptr_equal(q.content.p, in.p + q.head_bytes);
			assert_true(span_eq_str(q.head.host, "api.example"));
			assert_int_equal(q.head.port, 8080);
		}
		/* One byte behind it. */
		buf_put_byte(&b, 'G');
		struct http_request q;
		struct http_fault fault;

		assert_int_equal(http_request_whole(buf_span(&b), &body, &q, &fault),
				 HTTP_E_PIPELINED);
		assert_int_equal(fault.kind, HTTP_FAULT_PIPELINED);
		assert_int_equal(fault.at, b.n - 1);
		assert_int_equal(q.content.n, 0);
		assert_true(span_eq_str(q.head.path, "/v1/x"));
	}
	guard_deinit(&g);
	buf_deinit(&b);
	buf_deinit(&body);
}

static void test_outcomes(void **state)
{
	static const struct {
		const char *text;
		int outcome;
		enum http_fault_kind kind;
		size_t at;
		bool head;
	} cases[] = {
		{"", PARSE_E_MORE, HTTP_FAULT_NONE, 0, false},
		{"P", PARSE_E_MORE, HTTP_FAULT_NONE, 0, false},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", PARSE_E_MORE, HTTP_FAULT_NONE, 0, false},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_E_HTTP2, HTTP_FAULT_HTTP2, 0, false},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxyz", HTTP_E_HTTP2, HTTP_FAULT_HTTP2, 0, false},
		{"PRI * HTTP/2.0\r\n\r\nSX", PARSE_E_BAD, HTTP_FAULT_VERSION, 11, false},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", PARSE_DONE, HTTP_FAULT_NONE, 0, true},
		{"GET / HTTP/1.1\r\nHost: h\r\nContent-Encoding: foo\r\n\r\n", PARSE_DONE,
		 HTTP_FAULT_NONE, 0, true},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n", HTTP_E_PIPELINED,
		 HTTP_FAULT_PIPELINED, 27, true},
		{"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03", HTTP_E_PIPELINED,
		 HTTP_FAULT_PIPELINED, 33, true},
		{POST "Content-Encoding: foo\r\nContent-Length: 1\r\n\r\nx", HTTP_E_ENCODING,
		 HTTP_FAULT_ENCODING, 65, true},
		{POST "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", PARSE_E_BAD,
		 HTTP_FAULT_COMPRESSED, 93, true},
		{POST "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", PARSE_E_BAD,
		 HTTP_FAULT_COMPRESSED, 92, true},
		{POST "Content-Length: 33554433\r\n\r\n", PARSE_E_LIMIT, HTTP_FAULT_BODY_SIZE, 75,
		 true},
		{POST "Content-Length: 33554432\r\n\r\n", PARSE_E_MORE, HTTP_FAULT_NONE, 0, true},
		{POST "Transfer-Encoding: chunked\r\n\r\n2000001\r\n", PARSE_E_LIMIT,
		 HTTP_FAULT_BODY_SIZE, 84, true},
		{POST "Transfer-Encoding: chunked\r\n\r\n1\r\nxx", PARSE_E_BAD,
		 HTTP_FAULT_CHUNK_END, 81, true},
		{POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		 PARSE_E_BAD, HTTP_FAULT_LENGTH_AND_CODING, 85, false},
	};
	struct buf body = BUF_INIT(AICP_INFLATED_BYTES_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct http_fault fault = {HTTP_FAULT_NONE, 0};
		struct http_request q;
		int r = http_request_whole(span_str(cases[i].text), &body, &q, &fault);

		if (r != cases[i].outcome || fault.kind != cases[i].kind ||
		    fault.at != cases[i].at || (q.head_bytes > 0) != cases[i].head)
			fail_msg("%s: %d, %s at %zu, head %zu", cases[i].text, r,
				 http_fault_text(fault.kind), fault.at, q.head_bytes);
		assert_int_equal(http_request_whole(span_str(cases[i].text), &body, &q, NULL), r);
	}
	buf_deinit(&body);
}

/* The buffer's own maximum binds, too. */
static void test_small_buffer(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		struct buf b = BUF_INIT(1u << 16), body = BUF_INIT(4);
		struct http_fault fault = {HTTP_FAULT_NONE, 0};
		struct http_request q;
		int r;

		put_request(&b, "hello", form & 1, form & 2);
		r = http_request_whole(buf_span(&b), &body, &q, &fault);
		assert_int_equal(r, form ? PARSE_E_LIMIT : PARSE_DONE);
		assert_int_equal(fault.kind, !form	? HTTP_FAULT_NONE
					     : form & 1 ? HTTP_FAULT_BOMB
							: HTTP_FAULT_BODY_SIZE);
		buf_deinit(&b);
		buf_deinit(&body);
	}
}

static void read_out_of_memory(void *ctx)
{
	struct buf *b = ctx, body = BUF_INIT(1u << 16);
	struct http_request q;
	int r = http_request_whole(buf_span(b), &body, &q, NULL);

	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	buf_deinit(&body);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		struct buf b = BUF_INIT(1u << 16);
		unsigned n;

		put_request(&b, "hello", form & 1, form & 2);
		n = oom_each(read_out_of_memory, &b);
		/* In place, nothing is allocated. */
		if (form)
			assert_in_range(n, 1, 20);
		else
			assert_int_equal(n, 0);
		buf_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_small_buffer),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
