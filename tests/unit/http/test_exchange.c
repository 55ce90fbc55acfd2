/* SPDX-License-Identifier: MIT */
/* The exchanges of one connection: whole requests, answers in order, early bytes, switched
 * protocols. */
#include "http/exchange.h"
#include "support/guard.h"
#include "support/oom.h"
#include "support/split.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define GET  "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST "POST /b HTTP/1.1\r\nHost: h\r\n"
#define OK   "HTTP/1.1 200 OK\r\n"

/* ---- requests at every split --------------------------------------------------------------------
 */

struct request {
	struct exchange x;
	int outcome, want;
	enum http_fault_kind fault;
};

static void request_begin(void *ctx)
{
	struct request *f = ctx;

	exchange_deinit(&f->x);
	exchange_init(&f->x, 1u << 20);
}

static bool request_feed(void *ctx, struct span piece)
{
	struct request *f = ctx;

	f->outcome = exchange_request(&f->x, piece);
	/* A byte behind a whole request is to be seen, too. */
	return f->outcome == PARSE_E_MORE || f->outcome == PARSE_DONE;
}

static void request_end(void *ctx, const char *how)
{
	struct request *f = ctx;

	if (f->outcome != f->want || f->x.fault.kind != f->fault)
		fail_msg("%.*s: %s: %d (%s)", SPAN_ARG(buf_span(&f->x.request)), how, f->outcome,
			 http_fault_text(f->x.fault.kind));
	assert_int_equal(f->x.state, f->want == PARSE_DONE     ? EXCHANGE_ANSWER
				     : f->want == PARSE_E_MORE ? EXCHANGE_REQUEST
							       : EXCHANGE_FAILED);
	if (f->want == PARSE_DONE)
		assert_true(span_eq_str(f->x.head.host, "h"));
	if (f->x.state == EXCHANGE_FAILED)
		assert_int_equal(exchange_request(&f->x, SPAN_LIT("x")), f->want);
}

static void request(const char *text, int want, enum http_fault_kind fault)
{
	static const struct split_parser parser = {request_begin, request_feed, request_end};
	struct request f = {.want = want, .fault = fault};

	exchange_init(&f.x, 1u << 20);
	split_each(&parser, &f, span_str(text));
	exchange_deinit(&f.x);
}

static void test_requests(void **state)
{
	(void)state;
	request("", PARSE_E_MORE, HTTP_FAULT_NONE);
	request("P", PARSE_E_MORE, HTTP_FAULT_NONE);
	request(GET, PARSE_DONE, HTTP_FAULT_NONE);
	request(POST "Content-Length: 0\r\n\r\n", PARSE_DONE, HTTP_FAULT_NONE);
	request(POST "Content-Length: 5\r\n\r\nhello", PARSE_DONE, HTTP_FAULT_NONE);
	request(POST "Content-Length: 5\r\n\r\nhell", PARSE_E_MORE, HTTP_FAULT_NONE);
	request(POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", PARSE_DONE,
		HTTP_FAULT_NONE);
	request(GET "G", HTTP_E_PIPELINED, HTTP_FAULT_PIPELINED);
	request(POST "Content-Length: 5\r\n\r\nhello!", HTTP_E_PIPELINED, HTTP_FAULT_PIPELINED);
	request(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx", HTTP_E_PIPELINED,
		HTTP_FAULT_PIPELINED);
	request(POST "Transfer-Encoding: chunked\r\n\r\nx", PARSE_E_BAD, HTTP_FAULT_CHUNK_SIZE);
	request(POST "Content-Length: 99999999\r\n\r\n", PARSE_E_LIMIT, HTTP_FAULT_BODY_SIZE);
	request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_E_HTTP2, HTTP_FAULT_HTTP2);
	request("GET / HTTP/1.1\r\n\r\n", PARSE_E_BAD, HTTP_FAULT_NO_HOST);
	request("\x16\x03\x01", PARSE_E_BAD, HTTP_FAULT_METHOD);
}

static void test_long_head(void **state)
{
	struct buf b = BUF_INIT(1u << 20);
	struct request f = {.want = PARSE_DONE};

	(void)state;
	/* Longer than what is parsed at each byte, with many lines, and a body that moves the
	 * buffer. */
	buf_put_str(&b, POST);
	for (unsigned i = 0; i < 60; i++)
		buf_printf(&b, "x-header-%u: some value of it\r\n", i);
	buf_put_str(&b, "Content-Length: 20000\r\n\r\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_put_byte(&b, 'x');
	exchange_init(&f.x, 1u << 20);
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(exchange_request(&f.x, span_sub(buf_span(&b), i, i + 1)),
				 i + 1 < b.n ? PARSE_E_MORE : PARSE_DONE);
	request_end(&f, "byte by byte");
	assert_int_equal(f.x.head.headers_n, 62);
	assert_true(f.x.head.host.p >= f.x.request.p &&
		    f.x.head.host.p < f.x.request.p + f.x.request.n);
	exchange_deinit(&f.x);
	/* Over the maximum of the request, and an endless head. */
	exchange_init(&f.x, 1000);
	assert_int_equal(exchange_request(&f.x, buf_span(&b)), PARSE_E_LIMIT);
	exchange_deinit(&f.x);
	exchange_init(&f.x, 1u << 20);
	int r = PARSE_E_MORE;
	size_t n = 0;
	for (; r == PARSE_E_MORE; n++)
		r = exchange_request(&f.x, SPAN_LIT("x"));
	assert_int_equal(r, PARSE_E_LIMIT);
	assert_int_equal(n, AICP_HEAD_BYTES_MAX);
	exchange_deinit(&f.x);
	buf_deinit(&b);
}

/* ---- answers at every split ---------------------------------------------------------------------
 */

struct answer {
	const char *request;
	struct exchange x;
	struct buf content;
	unsigned status;
	size_t used;
	int outcome;
	bool close; /* the server closes behind the text */
	/* expected */
	int want;
	unsigned want_status;
	const char *want_content;
	size_t want_used;
	enum exchange_state want_state;
	bool want_next;
};

static void answer_begin(void *ctx)
{
	struct answer *f = ctx;

	exchange_deinit(&f->x);
	exchange_init(&f->x, 1u << 20);
	(void)!exchange_request(&f->x, span_str(f->request));
	buf_clear(&f->content);
	f->status = 0;
	f->used = 0;
}

static bool answer_feed(void *ctx, struct span piece)
{
	struct answer *f = ctx;

	for (;;) {
		struct exchange_answer a;
		size_t used = 4711;

		f->outcome = exchange_response(&f->x, piece, &a, &used);
		if (f->outcome != PARSE_DONE && f->outcome != PARSE_E_MORE) {
			assert_int_equal(used, 4711);
			return false;
		}
		assert_true(used <= piece.n);
		assert_true(used > 0 || !piece.n || f->outcome == PARSE_DONE);
		buf_put(&f->content, a.content);
		f->used += used;
		if (a.head)
			f->status = a.head->status;
		piece = span_sub(piece, used, piece.n);
		if (f->outcome == PARSE_DONE || !piece.n)
			return f->outcome == PARSE_E_MORE;
	}
}

static void answer_end(void *ctx, const char *how)
{
	struct answer *f = ctx;

	if (f->close && f->outcome == PARSE_E_MORE)
		f->outcome = exchange_response_end(&f->x);
	/* Of an answer that is refused with its first bytes, nothing was handed out. */
	if (f->x.answer.has_head)
		f->status = f->x.answer.head.status;
	if (f->outcome != f->want || f->status != f->want_status || f->x.state != f->want_state ||
	    !span_eq_str(buf_span(&f->content), f->want_content) ||
	    (f->want_used && f->used != f->want_used))
		fail_msg("%s: %d, status %u, state %d, %zu bytes, content %.*s (%s)", how,
			 f->outcome, f->status, f->x.state, f->used,
			 SPAN_ARG(buf_span(&f->content)), http_fault_text(f->x.fault.kind));
	assert_int_equal(exchange_next(&f->x), f->want_next);
}

static void answer(struct answer f, const char *text)
{
	static const struct split_parser parser = {answer_begin, answer_feed, answer_end};

	f.content = BUF_INIT(1u << 16);
	exchange_init(&f.x, 1u << 20);
	split_each(&parser, &f, span_str(text));
	exchange_deinit(&f.x);
	buf_deinit(&f.content);
}

static void whole(const char *req, const char *text, unsigned status, const char *content,
		  bool next)
{
	answer((struct answer){.request = req,
			       .want = PARSE_DONE,
			       .want_status = status,
			       .want_content = content,
			       .want_state = EXCHANGE_OVER,
			       .want_used = strlen(text),
			       .want_next = next},
	       text);
}

static void test_answers(void **state)
{
	(void)state;
	whole(GET, OK "Content-Length: 5\r\n\r\nhello", 200, "hello", true);
	whole(GET, OK "Content-Length: 0\r\n\r\n", 200, "", true);
	whole(GET, OK "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n",
	      200, "hello", true);
	whole(GET, "HTTP/1.1 204 No\r\n\r\n", 204, "", true);
	whole(GET, "HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", 304, "", true);
	whole("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", OK "Content-Length: 9\r\n\r\n", 200, "", true);
	whole(GET, OK "Connection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x", false);
	whole("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	      OK "Content-Length: 1\r\n\r\nx", 200, "x", false);
	whole("GET /a HTTP/1.0\r\n\r\n", OK "Content-Length: 1\r\n\r\nx", 200, "x", false);
	whole(GET, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false);
	/* Interim answers are none. */
	whole(POST "Content-Length: 1\r\n\r\nx",
	      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK
	      "Content-Length: 1\r\n\r\ny",
	      200, "y", true);
	/* An answer before the request is whole ends the connection. */
	whole(POST "Content-Length: 9\r\n\r\nx", "HTTP/1.1 413 Large\r\nContent-Length: 1\r\n\r\ny",
	      413, "y", false);
	/* Until the server closes. */
	answer((struct answer){.request = GET,
			       .close = true,
			       .want = PARSE_DONE,
			       .want_status = 200,
			       .want_content = "hello",
			       .want_state = EXCHANGE_OVER},
	       OK "\r\nhello");
	answer((struct answer){.request = GET,
			       .close = true,
			       .want = PARSE_E_BAD,
			       .want_status = 200,
			       .want_content = "hell",
			       .want_state = EXCHANGE_FAILED},
	       OK "Content-Length: 5\r\n\r\nhell");
	answer((struct answer){.request = GET,
			       .close = true,
			       .want = PARSE_E_BAD,
			       .want_content = "",
			       .want_state = EXCHANGE_FAILED},
	       "HTTP/1.1 100 Continue\r\n\r\n");
	/* Not more than is its own. */
	answer((struct answer){.request = GET,
			       .want = PARSE_DONE,
			       .want_status = 200,
			       .want_content = "x",
			       .want_state = EXCHANGE_OVER,
			       .want_used = strlen(OK "Content-Length: 1\r\n\r\nx"),
			       .want_next = true},
	       OK "Content-Length: 1\r\n\r\nx" OK);
}

static void test_bad_answers(void **state)
{
	struct answer f = {.request = GET,
			   .want = PARSE_E_BAD,
			   .want_content = "",
			   .want_state = EXCHANGE_FAILED};
	struct buf b = BUF_INIT(1u << 16);

	(void)state;
	answer(f, "ICY 200 OK\r\n\r\n");
	answer(f, OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n");
	/* Switching to what nobody asked for. */
	answer(f, "HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n");
	f.want_status = 200;
	answer(f, OK "Transfer-Encoding: chunked\r\n\r\nx");
	/* Interim answers without end. */
	for (unsigned i = 0; i < 17; i++)
		buf_put_str(&b, "HTTP/1.1 100 C\r\n\r\n");
	f.want = PARSE_E_LIMIT;
	f.want_status = 0;
	answer(f, buf_str(&b));
	buf_deinit(&b);
}

static void test_tunnels(void **state)
{
	struct answer f = {.want = PARSE_DONE, .want_content = "", .want_state = EXCHANGE_TUNNEL};
	struct exchange_answer a;
	size_t used;

	(void)state;
	f.request =
		"GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
	f.want_status = 101;
	f.want_used = strlen("HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n");
	answer(f, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n\x81\x05");
	f.request = "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n";
	f.want_status = 200;
	f.want_used = strlen(OK "\r\n");
	answer(f, OK "\r\n\x16\x03");
	/* And an answer that declines is one like any other. */
	whole("GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
	      OK "Content-Length: 1\r\n\r\nx", 200, "x", true);

	exchange_init(&f.x, 1000);
	assert_int_equal(exchange_request(&f.x, span_str(f.request)), PARSE_DONE);
	assert_int_equal(exchange_response(&f.x, SPAN_LIT(OK "\r\n"), &a, &used), PARSE_DONE);
	assert_int_equal(exchange_request(&f.x, SPAN_LIT("x")), EXCHANGE_E_ORDER);
	assert_int_equal(exchange_response(&f.x, SPAN_LIT("x"), &a, &used), EXCHANGE_E_ORDER);
	assert_int_equal(exchange_response_end(&f.x), PARSE_DONE);
	exchange_deinit(&f.x);
}

/* ---- one after the other ------------------------------------------------------------------------
 */

static void test_kept_alive(void **state)
{
	struct exchange x;
	struct exchange_answer a;
	struct http_request q;
	struct buf body = BUF_INIT(1000);
	size_t used;

	(void)state;
	exchange_init(&x, 1000);
	assert_int_equal(exchange_response(&x, SPAN_LIT(OK), &a, &used), EXCHANGE_E_ORDER);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(exchange_request(&x, SPAN_LIT(POST "Content-Length: 2\r\n\r\n")),
				 PARSE_E_MORE);
		assert_false(exchange_awaits_continue(&x));
		assert_false(exchange_next(&x));
		assert_int_equal(exchange_request(&x, SPAN_LIT("hi")), PARSE_DONE);
		assert_int_equal(exchange_request(&x, SPAN_NULL), PARSE_DONE);
		assert_int_equal(exchange_read_request(&x, &body, &q, NULL), PARSE_DONE);
		assert_true(span_eq_str(q.content, "hi"));
		assert_false(exchange_next(&x));
		assert_int_equal(exchange_response(&x, SPAN_LIT(OK "Content-Length: 2\r\n\r\nyo"),
						   &a, &used),
				 PARSE_DONE);
		assert_true(span_eq_str(a.content, "yo"));
		assert_int_equal(exchange_response(&x, SPAN_LIT(OK), &a, &used), EXCHANGE_E_ORDER);
		assert_true(exchange_next(&x));
	}
	exchange_deinit(&x);
	buf_deinit(&body);
}

static void test_continue(void **state)
{
	static const char head[] = POST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
	struct exchange_answer a;
	struct exchange x;
	size_t used;

	(void)state;
	exchange_init(&x, 1000);
	assert_int_equal(exchange_request(&x, SPAN_LIT(POST)), PARSE_E_MORE);
	assert_false(exchange_awaits_continue(&x));
	assert_int_equal(exchange_request(&x, span_str(head + strlen(POST))), PARSE_E_MORE);
	assert_true(exchange_awaits_continue(&x));
	assert_int_equal(
		exchange_response(&x, SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n"), &a, &used),
		PARSE_E_MORE);
	assert_null(a.head);
	assert_false(exchange_awaits_continue(&x));
	assert_int_equal(exchange_request(&x, SPAN_LIT("h")), PARSE_E_MORE);
	assert_int_equal(exchange_request(&x, SPAN_LIT("i")), PARSE_DONE);
	assert_int_equal(exchange_response(&x, SPAN_LIT(OK "Content-Length: 0\r\n\r\n"), &a, &used),
			 PARSE_DONE);
	assert_true(exchange_next(&x));
	/* The next one does not remember. */
	assert_int_equal(exchange_request(&x, span_str(head)), PARSE_E_MORE);
	assert_true(exchange_awaits_continue(&x));
	/* A client that sends at once waits for nothing. */
	assert_int_equal(exchange_request(&x, SPAN_LIT("h")), PARSE_E_MORE);
	assert_false(exchange_awaits_continue(&x));
	exchange_deinit(&x);
}

static void follow_out_of_memory(void *ctx)
{
	struct exchange_answer a;
	struct exchange x;
	size_t used;
	int r;

	(void)ctx;
	exchange_init(&x, 1000);
	r = exchange_request(&x, SPAN_LIT(POST "Content-Length: 20\r\n\r\n01234567890123456789"));
	if (r == PARSE_DONE)
		r = exchange_response(&x, SPAN_LIT(OK "Content-Length: 2\r\n\r\nyo"), &a, &used);
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	if (oom_hit())
		assert_int_equal(exchange_request(&x, SPAN_LIT("x")), -ENOMEM);
	exchange_deinit(&x);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	assert_in_range(oom_each(follow_out_of_memory, NULL), 2, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_long_head),
		cmocka_unit_test(test_answers),	 cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_tunnels),	 cmocka_unit_test(test_kept_alive),
		cmocka_unit_test(test_continue), cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
