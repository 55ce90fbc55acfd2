/* SPDX-License-Identifier: MIT */
/* Heads: what is read out of good ones, and each bad form by name and place, at every truncation.
 */
#include "http/http1.h"
#include "base/buf.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define H "Host: h\r\n"
#define E "\r\n"

static int read_head(struct span in, const char *method, struct message *m, size_t *used,
		     struct http_fault *fault)
{
	return method ? http1_response(in, span_str(method), m, used, fault)
		      : http1_request(in, m, used, fault);
}

/* Every beginning of a head that is good is PARSE_E_MORE; of a bad one, MORE and from some byte on
 * BAD for good. */
static void every_prefix(struct span text, const char *method, int want,
			 struct http_fault *want_fault)
{
	struct message m;
	struct guard g;
	int before = PARSE_E_MORE;

	guard_init(&g, text.n);
	for (size_t n = 0; n <= text.n; n++) {
		struct http_fault fault = {HTTP_FAULT_NONE, 0};
		size_t used = 4711;
		int r = read_head(guard_copy(&g, span_sub(text, 0, n)), method, &m, &used, &fault);

		if (n == text.n ? r != want : r != PARSE_E_MORE && r != want)
			fail_msg("%.*s: %d after %zu bytes (%s)", SPAN_ARG(text), r, n,
				 http_fault_text(fault.kind));
		if (before != PARSE_E_MORE && r != before)
			fail_msg("%.*s: %d after %zu bytes, %d before", SPAN_ARG(text), r, n,
				 before);
		if (r == PARSE_E_BAD || r == PARSE_E_LIMIT)
			if (fault.kind != want_fault->kind || fault.at != want_fault->at)
				fail_msg("%.*s: after %zu bytes: %s at %zu", SPAN_ARG(text), n,
					 http_fault_text(fault.kind), fault.at);
		assert_int_equal(r != PARSE_DONE, used == 4711);
		before = r;
	}
	guard_deinit(&g);
}

static struct message good(const char *text)
{
	struct message m;
	size_t used;
	struct http_fault fault = {HTTP_FAULT_NONE, 0};

	every_prefix(span_str(text), NULL, PARSE_DONE, NULL);
	if (http1_request(span_str(text), &m, &used, &fault) != PARSE_DONE)
		fail_msg("%s: %s at %zu", text, http_fault_text(fault.kind), fault.at);
	assert_int_equal(used, strlen(text));
	return m;
}

static void bad(const char *text, enum http_fault_kind kind, size_t at)
{
	struct http_fault fault = {kind, at};

	every_prefix(span_str(text), NULL, PARSE_E_BAD, &fault);
}

static void test_request(void **state)
{
	struct message m = good("POST /v1/chat/completions?a=b?c HTTP/1.1\r\n"
				"Host: api.openai.com:8443\r\n"
				"Content-Type: application/json; charset=utf-8\r\n"
				"X-Empty:\r\n"
				"X-Blank: \t a \t b\xc3\xa9 \t\r\n"
				"content-LENGTH:17\r\n"
				"Content-Encoding: gzip\r\n"
				"Expect: 100-Continue\r\n\r\n");

	(void)state;
	assert_int_equal(m.kind, MESSAGE_REQUEST);
	assert_true(span_eq_str(m.method, "POST"));
	assert_true(span_eq_str(m.target, "/v1/chat/completions?a=b?c"));
	assert_true(span_eq_str(m.path, "/v1/chat/completions"));
	assert_true(span_eq_str(m.query, "a=b?c"));
	assert_true(span_eq_str(m.host, "api.openai.com"));
	assert_int_equal(m.port, 8443);
	assert_int_equal(m.minor, 1);
	assert_int_equal(m.framing, MESSAGE_LENGTH);
	assert_int_equal(m.content_length, 17);
	assert_true(m.keep_alive);
	assert_true(m.expect_continue);
	assert_false(m.upgrade);
	assert_true(span_eq_str(m.content_type, "application/json; charset=utf-8"));
	assert_true(span_eq_str(m.content_encoding, "gzip"));
	assert_int_equal(m.headers_n, 7);
	assert_true(span_eq_str(message_header(&m, "x-empty"), ""));
	assert_non_null(message_header(&m, "x-empty").p);
	assert_true(span_eq_str(message_header(&m, "X-BLANK"), "a \t b\xc3\xa9"));
	assert_null(message_header(&m, "x-none").p);
}

static void test_targets(void **state)
{
	static const struct {
		const char *text, *path, *query, *host;
		uint16_t port;
	} cases[] = {
		{"GET / HTTP/1.1\r\n" H E, "/", "", "h", 0},
		{"GET /? HTTP/1.1\r\n" H E, "/", "", "h", 0},
		{"GET //a/../%41%7e HTTP/1.1\r\n" H E, "//a/../%41%7e", "", "h", 0},
		{"GET http://h/x?y HTTP/1.1\r\n" H E, "/x", "y", "h", 0},
		{"GET HTTPS://H:443/x HTTP/1.1\r\n" H E, "/x", "", "h", 0},
		{"GET http://h HTTP/1.1\r\nHost: h:80\r\n" E, "/", "", "h", 80},
		{"GET http://h?q HTTP/1.1\r\n" H E, "/", "q", "h", 0},
		{"OPTIONS * HTTP/1.1\r\n" H E, "*", "", "h", 0},
		{"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n" E, "", "", "h", 443},
		{"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n" E, "", "", "h", 0},
		{"CONNECT h:443 HTTP/1.0\r\n" E, "", "", "h", 443},
		{"GET /x HTTP/1.0\r\n" E, "/x", "", "", 0},
		{"GET http://a.b:8/x HTTP/1.0\r\n" E, "/x", "", "a.b", 8},
		{"GET / HTTP/1.1\r\nHost: [::1]:80\r\n" E, "/", "", "[::1]", 80},
		{"GET / HTTP/1.1\r\nHost: a_b-c.d.\r\n" E, "/", "", "a_b-c.d.", 0},
		{"M-SEARCH /[a]$&'()*+,;=:@!~ HTTP/1.1\r\n" H E, "/[a]$&'()*+,;=:@!~", "", "h", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct message m = good(cases[i].text);

		if (!span_eq_str(m.path, cases[i].path) || !span_eq_str(m.query, cases[i].query) ||
		    !span_eq_str(m.host, cases[i].host) || m.port != cases[i].port)
			fail_msg("%s: path %.*s query %.*s host %.*s port %u", cases[i].text,
				 SPAN_ARG(m.path), SPAN_ARG(m.query), SPAN_ARG(m.host), m.port);
	}
}

static void test_framing(void **state)
{
	static const struct {
		const char *text;
		enum message_framing framing;
		bool keep_alive, expect, upgrade;
	} cases[] = {
		{"GET / HTTP/1.1\r\n" H E, MESSAGE_NO_BODY, true, false, false},
		{"GET / HTTP/1.0\r\n" E, MESSAGE_NO_BODY, false, false, false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" E, MESSAGE_NO_BODY, true, false,
		 false},
		{"GET / HTTP/1.1\r\n" H "Connection: foo, , close\r\n" E, MESSAGE_NO_BODY, false,
		 false, false},
		{"GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\nConnection: close\r\n" E,
		 MESSAGE_NO_BODY, false, false, false},
		{"POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n" E, MESSAGE_LENGTH, true, false,
		 false},
		{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n" E, MESSAGE_CHUNKED, true,
		 false, false},
		{"GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n" E, MESSAGE_NO_BODY, true, false,
		 false},
		{"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n" E,
		 MESSAGE_LENGTH, false, false, false},
		{"GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n" E,
		 MESSAGE_NO_BODY, true, false, true},
		{"GET / HTTP/1.1\r\n" H "Connection: keep-alive\t,\tupgrade\r\nUpgrade: h2c\r\n" E,
		 MESSAGE_NO_BODY, true, false, true},
		{"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\n" E, MESSAGE_NO_BODY, true, false,
		 false},
		{"GET / HTTP/1.1\r\n" H "Connection: upgrade\r\n" E, MESSAGE_NO_BODY, true, false,
		 false},
		{"CONNECT h:1 HTTP/1.1\r\n" H E, MESSAGE_NO_BODY, true, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct message m = good(cases[i].text);

		if (m.framing != cases[i].framing || m.keep_alive != cases[i].keep_alive ||
		    m.expect_continue != cases[i].expect || m.upgrade != cases[i].upgrade)
			fail_msg("%s: framing %d keep %d expect %d upgrade %d", cases[i].text,
				 m.framing, m.keep_alive, m.expect_continue, m.upgrade);
	}
}

/* Offsets below count from the start of the head; `GET / HTTP/1.1\r\n` is 16 bytes, `Host:
 * h\r\n` 9. */
#define G  "GET / HTTP/1.1\r\n"
#define GH G H

static void test_bad_lines(void **state)
{
	(void)state;
	bad("\r\n", HTTP_FAULT_METHOD, 0);
	bad(" GET / HTTP/1.1\r\n" H E, HTTP_FAULT_METHOD, 0);
	bad("G(T / HTTP/1.1\r\n" H E, HTTP_FAULT_METHOD, 1);
	bad("GET\t/ HTTP/1.1\r\n" H E, HTTP_FAULT_METHOD, 3);
	bad("GET\r\n", HTTP_FAULT_METHOD, 3);
	bad("GET  / HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET, 4);
	bad("GET /\r\n", HTTP_FAULT_TARGET, 5);
	bad("GET /\x80 HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET, 5);
	bad("GET /\x7f HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET, 5);
	bad("GET /  HTTP/1.1\r\n" H E, HTTP_FAULT_VERSION, 6);
	bad("GET / x HTTP/1.1\r\n" H E, HTTP_FAULT_VERSION, 6);
	bad("GET / http/1.1\r\n" H E, HTTP_FAULT_VERSION, 6);
	bad("GET / HTTP/2.0\r\n" H E, HTTP_FAULT_VERSION, 11);
	bad("GET / HTTP/1.2\r\n" H E, HTTP_FAULT_VERSION, 13);
	bad("GET / HTTP/1.1 \r\n" H E, HTTP_FAULT_LINE_END, 14);
	bad("GET / HTTP/1.10\r\n" H E, HTTP_FAULT_LINE_END, 14);
	bad("GET / HTTP/1.1\n" H E, HTTP_FAULT_LINE_END, 14);
	bad("GET / HTTP/1.1\r" H E, HTTP_FAULT_LINE_END, 15);
	bad(G "Host: h\n\n", HTTP_FAULT_LINE_END, 23);
	bad(G "Host: h\r\r\n", HTTP_FAULT_LINE_END, 24);
	bad(GH "\n", HTTP_FAULT_LINE_END, 25);
	bad(GH "\rx", HTTP_FAULT_LINE_END, 26);
	bad(G "Host : h\r\n" E, HTTP_FAULT_FIELD_NAME, 20);
	bad(G ": h\r\n" E, HTTP_FAULT_FIELD_NAME, 16);
	bad(G "Host\r\n" E, HTTP_FAULT_FIELD_NAME, 20);
	bad(G "H\xc3\xb6st: h\r\n" E, HTTP_FAULT_FIELD_NAME, 17);
	bad(G "H(: h\r\n" E, HTTP_FAULT_FIELD_NAME, 17);
	bad(G " Host: h\r\n" E, HTTP_FAULT_FOLDED, 16);
	bad(GH "A: b\r\n c\r\n" E, HTTP_FAULT_FOLDED, 31);
	bad(GH "A: b\r\n\tc\r\n" E, HTTP_FAULT_FOLDED, 31);
	bad(GH "A: b\x01\r\n" E, HTTP_FAULT_FIELD_VALUE, 29);
	bad(GH "A: b\x7f\r\n" E, HTTP_FAULT_FIELD_VALUE, 29);
	/* A NUL ends a C string, so by hand: */
	struct http_fault nul = {HTTP_FAULT_FIELD_VALUE, 29};
	every_prefix(SPAN_LIT("GET / HTTP/1.1\r\nHost: h\r\nA: b\0\r\n\r\n"), NULL, PARSE_E_BAD,
		     &nul);
	nul = (struct http_fault){HTTP_FAULT_TARGET, 5};
	every_prefix(SPAN_LIT("GET /\0 HTTP/1.1\r\n"), NULL, PARSE_E_BAD, &nul);
	nul = (struct http_fault){HTTP_FAULT_METHOD, 0};
	every_prefix(SPAN_LIT("\0GET / HTTP/1.1\r\n"), NULL, PARSE_E_BAD, &nul);
	/* A TLS record and an HTTP/2 frame are no requests. */
	every_prefix(SPAN_LIT("\x16\x03\x01\x02"), NULL, PARSE_E_BAD, &nul);
}

static void test_bad_meaning(void **state)
{
	(void)state;
	/* Targets. */
	bad("GET /a#b HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET, 4);
	bad("GET /a\\b HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET, 4);
	bad("GET /%4 HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET, 4);
	bad("GET /%zz HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET, 4);
	bad("GET /\"<> HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET, 4);
	bad("GET x HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET_FORM, 4);
	bad("GET * HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET_FORM, 4);
	bad("GET ftp://h/ HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET_FORM, 4);
	bad("GET http:///x HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET_FORM, 4);
	bad("GET http://u@h/ HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET_FORM, 4);
	bad("GET http://h:0/ HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET_FORM, 4);
	bad("GET http://x/ HTTP/1.1\r\n" H E, HTTP_FAULT_HOST_DIFFERS, 4);
	bad("GET http://h:81/ HTTP/1.1\r\n" H E, HTTP_FAULT_HOST_DIFFERS, 4);
	bad("GET https://h/ HTTP/1.1\r\nHost: h:80\r\n" E, HTTP_FAULT_HOST_DIFFERS, 4);
	bad("CONNECT h HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET_FORM, 8);
	bad("CONNECT /x HTTP/1.1\r\n" H E, HTTP_FAULT_TARGET_FORM, 8);
	bad("CONNECT x:1 HTTP/1.1\r\n" H E, HTTP_FAULT_HOST_DIFFERS, 8);
	bad("CONNECT h:1 HTTP/1.1\r\n" H "Content-Length: 0\r\n" E, HTTP_FAULT_CONNECT_BODY, 52);
	/* Host. */
	bad("GET / HTTP/1.1\r\n" E, HTTP_FAULT_NO_HOST, 18);
	bad(GH H E, HTTP_FAULT_REPEATED, 25);
	bad(G "Host:\r\n" E, HTTP_FAULT_HOST, 21);
	bad(G "Host: a b\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: a,b\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: a/b\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: u@a\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: a:\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: a:0\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: a:65536\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: a:080000\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: a:8a\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: [::1\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: []\r\n" E, HTTP_FAULT_HOST, 22);
	bad(G "Host: a\xc3\xa9\r\n" E, HTTP_FAULT_HOST, 22);
	bad("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n" E, HTTP_FAULT_REPEATED, 25);
}

static void test_smuggling(void **state)
{
	(void)state;
	bad(GH "Content-Length: 1\r\nContent-Length: 2\r\n" E, HTTP_FAULT_REPEATED, 44);
	bad(GH "Content-Length: 1\r\nContent-Length: 1\r\n" E, HTTP_FAULT_REPEATED, 44);
	bad(GH "Content-Length: 1, 1\r\n" E, HTTP_FAULT_LENGTH, 41);
	bad(GH "Content-Length: +1\r\n" E, HTTP_FAULT_LENGTH, 41);
	bad(GH "Content-Length: -1\r\n" E, HTTP_FAULT_LENGTH, 41);
	bad(GH "Content-Length: 0x1\r\n" E, HTTP_FAULT_LENGTH, 41);
	bad(GH "Content-Length: 1 2\r\n" E, HTTP_FAULT_LENGTH, 41);
	bad(GH "Content-Length:\r\n" E, HTTP_FAULT_LENGTH, 40);
	bad(GH "Content-Length: 18446744073709551616\r\n" E, HTTP_FAULT_LENGTH, 41);
	bad(GH "Content_Length: 1\r\n" E, HTTP_FAULT_LOOKALIKE, 25);
	bad(GH "transfer_encoding: chunked\r\n" E, HTTP_FAULT_LOOKALIKE, 25);
	bad(GH "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n" E,
	    HTTP_FAULT_LENGTH_AND_CODING, 44);
	bad(GH "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" E,
	    HTTP_FAULT_LENGTH_AND_CODING, 63);
	bad(GH "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" E,
	    HTTP_FAULT_REPEATED, 53);
	bad(GH "Transfer-Encoding: gzip, chunked\r\n" E, HTTP_FAULT_CODING, 44);
	bad(GH "Transfer-Encoding: chunked, identity\r\n" E, HTTP_FAULT_CODING, 44);
	bad(GH "Transfer-Encoding: identity\r\n" E, HTTP_FAULT_CODING, 44);
	bad(GH "Transfer-Encoding: xchunked\r\n" E, HTTP_FAULT_CODING, 44);
	bad(GH "Transfer-Encoding: \"chunked\"\r\n" E, HTTP_FAULT_CODING, 44);
	bad(GH "Transfer-Encoding: chunked;x=y\r\n" E, HTTP_FAULT_CODING, 44);
	bad(GH "Transfer-Encoding:\r\n" E, HTTP_FAULT_CODING, 43);
	bad(GH "Transfer-Encoding: \x0b"
	       "chunked\r\n" E,
	    HTTP_FAULT_FIELD_VALUE, 44);
	bad(GH "Transfer-Encoding : chunked\r\n" E, HTTP_FAULT_FIELD_NAME, 42);
	bad("GET / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n" E, HTTP_FAULT_OLD_CODING, 44);
	bad(GH "Content-Type: a/b\r\nContent-Type: c/d\r\n" E, HTTP_FAULT_REPEATED, 44);
	bad(GH "Content-Encoding: gzip\r\nContent-Encoding: br\r\n" E, HTTP_FAULT_REPEATED, 49);
	bad(GH "Expect: 200-ok\r\n" E, HTTP_FAULT_EXPECT, 33);
	bad(GH "Connection: close, content-length\r\n" E, HTTP_FAULT_CONNECTION, 44);
	bad(GH "Connection: Transfer_Encoding\r\n" E, HTTP_FAULT_CONNECTION, 37);
	bad(GH "Connection: host\r\n" E, HTTP_FAULT_CONNECTION, 37);
	bad(GH "Connection: Authorization\r\n" E, HTTP_FAULT_CONNECTION, 37);
}

/* ---- answers ------------------------------------------------------------------------------------
 */

static void test_response(void **state)
{
	static const struct {
		const char *method, *text;
		unsigned status;
		enum message_framing framing;
		bool keep_alive, upgrade;
	} cases[] = {
		{"POST", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" E, 200, MESSAGE_LENGTH, true,
		 false},
		{"POST", "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n" E, 200, MESSAGE_CHUNKED,
		 true, false},
		{"POST", "HTTP/1.1 403\r\nContent-Length: 0\r\nConnection: close\r\n" E, 403,
		 MESSAGE_LENGTH, false, false},
		{"GET",
		 "HTTP/1.1 200 No\tr\xc3\xa9"
		 "ason\r\n" E,
		 200, MESSAGE_UNTIL_CLOSE, false, false},
		{"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n" E, 200,
		 MESSAGE_LENGTH, true, false},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" E, 200, MESSAGE_NO_BODY, true,
		 false},
		{"HEAD", "HTTP/1.1 200 OK\r\n" E, 200, MESSAGE_NO_BODY, true, false},
		{"GET", "HTTP/1.1 100 Continue\r\n" E, 100, MESSAGE_NO_BODY, true, false},
		{"GET", "HTTP/1.1 204 None\r\nContent-Length: 5\r\n" E, 204, MESSAGE_NO_BODY, true,
		 false},
		{"GET", "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n" E, 304, MESSAGE_NO_BODY, true,
		 false},
		{"GET", "HTTP/1.1 101 Switch\r\nUpgrade: websocket\r\n" E, 101, MESSAGE_NO_BODY,
		 true, true},
		{"CONNECT", "HTTP/1.1 200 OK\r\n" E, 200, MESSAGE_NO_BODY, true, true},
		{"CONNECT", "HTTP/1.1 407 No\r\nContent-Length: 5\r\n" E, 407, MESSAGE_LENGTH, true,
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct message m;
		size_t used;

		every_prefix(span_str(cases[i].text), cases[i].method, PARSE_DONE, NULL);
		assert_int_equal(http1_response(span_str(cases[i].text), span_str(cases[i].method),
						&m, &used, NULL),
				 PARSE_DONE);
		assert_int_equal(used, strlen(cases[i].text));
		if (m.kind != MESSAGE_RESPONSE || m.status != cases[i].status ||
		    m.framing != cases[i].framing || m.keep_alive != cases[i].keep_alive ||
		    m.upgrade != cases[i].upgrade)
			fail_msg("%s: status %u framing %d keep %d upgrade %d", cases[i].text,
				 m.status, m.framing, m.keep_alive, m.upgrade);
	}
}

static void test_bad_response(void **state)
{
	static const struct {
		const char *text;
		struct http_fault fault;
	} cases[] = {
		{"ICY 200 OK\r\n" E, {HTTP_FAULT_VERSION, 0}},
		{"HTTP/2 200\r\n" E, {HTTP_FAULT_VERSION, 5}},
		{"HTTP/1.1  200 OK\r\n" E, {HTTP_FAULT_STATUS, 9}},
		{"HTTP/1.1 099 OK\r\n" E, {HTTP_FAULT_STATUS, 9}},
		{"HTTP/1.1 20 OK\r\n" E, {HTTP_FAULT_STATUS, 11}},
		{"HTTP/1.1 2000 OK\r\n" E, {HTTP_FAULT_STATUS, 12}},
		{"HTTP/1.1 200 O\nK\r\n" E, {HTTP_FAULT_LINE_END, 14}},
		{"HTTP/1.1 200 OK\n" E, {HTTP_FAULT_LINE_END, 15}},
		{"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n" E, {HTTP_FAULT_FOLDED, 23}},
		{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n" E,
		 {HTTP_FAULT_REPEATED, 36}},
		{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" E,
		 {HTTP_FAULT_LENGTH_AND_CODING, 55}},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n" E, {HTTP_FAULT_CODING, 36}},
		{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" E,
		 {HTTP_FAULT_OLD_CODING, 36}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct http_fault fault = cases[i].fault;

		every_prefix(span_str(cases[i].text), "GET", PARSE_E_BAD, &fault);
	}
}

/* ---- limits -------------------------------------------------------------------------------------
 */

static void test_limits(void **state)
{
	struct buf b = BUF_INIT(2 * AICP_HEAD_BYTES_MAX);
	struct http_fault fault;
	struct message m;
	size_t used;

	(void)state;
	/* Headers. */
	buf_put_str(&b, GH);
	for (unsigned i = 1; i < AICP_HEADERS_MAX; i++)
		buf_put_str(&b, "a: b\r\n");
	buf_put_str(&b, E);
	assert_int_equal(http1_request(buf_span(&b), &m, &used, NULL), PARSE_DONE);
	assert_int_equal(m.headers_n, AICP_HEADERS_MAX);
	b.n -= 2;
	buf_put_str(&b, "a: b\r\n" E);
	fault = (struct http_fault){HTTP_FAULT_FIELDS, b.n - 8};
	every_prefix(buf_span(&b), NULL, PARSE_E_LIMIT, &fault);

	/* Bytes: exactly at the limit, and one over it. */
	for (unsigned over = 0; over < 2; over++) {
		buf_clear(&b);
		buf_put_str(&b, GH "a: ");
		while (b.n < AICP_HEAD_BYTES_MAX - 4 + over)
			buf_put_byte(&b, 'x');
		buf_put_str(&b, "\r\n\r\n");
		assert_int_equal(http1_request(buf_span(&b), &m, &used, &fault),
				 over ? PARSE_E_LIMIT : PARSE_DONE);
		/* Bytes behind a head do not count. */
		buf_put_str(&b, "body");
		assert_int_equal(http1_request(buf_span(&b), &m, &used, &fault),
				 over ? PARSE_E_LIMIT : PARSE_DONE);
	}
	assert_int_equal(fault.kind, HTTP_FAULT_HEAD_SIZE);
	/* One endless line. */
	buf_clear(&b);
	while (b.n < AICP_HEAD_BYTES_MAX - 1)
		buf_put_byte(&b, 'x');
	assert_int_equal(http1_request(buf_span(&b), &m, &used, &fault), PARSE_E_MORE);
	buf_put_byte(&b, 'x');
	assert_int_equal(http1_request(buf_span(&b), &m, &used, &fault), PARSE_E_LIMIT);
	/* A host of 255 bytes, and one of 256. */
	for (unsigned over = 0; over < 2; over++) {
		buf_clear(&b);
		buf_put_str(&b, G "Host: ");
		for (unsigned i = 0; i < AICP_HOST_BYTES_MAX + over; i++)
			buf_put_byte(&b, 'h');
		buf_put_str(&b, "\r\n" E);
		assert_int_equal(http1_request(buf_span(&b), &m, &used, &fault),
				 over ? PARSE_E_BAD : PARSE_DONE);
	}
	for (int k = HTTP_FAULT_NONE; k <= _HTTP_FAULT_COUNT; k++)
		assert_true(strlen(http_fault_text((enum http_fault_kind)k)) > 5);
	buf_deinit(&b);
}

/* Any byte in any place of a head: accepted or refused, never something else, and within the input.
 */
static void test_any_byte(void **state)
{
	static const char text[] =
		"POST /a?b HTTP/1.1\r\nHost: h:1\r\nA:  b \r\nContent-Length: 1\r\n\r\n";
	struct guard g;

	(void)state;
	guard_init(&g, sizeof(text));
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (unsigned c = 0; c < 256; c++) {
			char copy[sizeof(text)];
			struct message m;
			struct span in;
			size_t used;
			int r;

			memcpy(copy, text, sizeof(text));
			copy[i] = (char)c;
			in = guard_copy(&g, span_of(copy, sizeof(text) - 1));
			r = http1_request(in, &m, &used, NULL);
			assert_in_range(r, PARSE_DONE, PARSE_E_BAD);
			if (r != PARSE_DONE)
				continue;
			assert_int_equal(used, in.n);
			for (unsigned h = 0; h < m.headers_n; h++) {
				assert_in_range(m.header[h].name.p, in.p, in.p + in.n);
				assert_in_range(m.header[h].value.p + m.header[h].value.n, in.p,
						in.p + in.n);
			}
		}
	}
	guard_deinit(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),	    cmocka_unit_test(test_targets),
		cmocka_unit_test(test_framing),	    cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_bad_meaning), cmocka_unit_test(test_smuggling),
		cmocka_unit_test(test_response),    cmocka_unit_test(test_bad_response),
		cmocka_unit_test(test_limits),	    cmocka_unit_test(test_any_byte),
	};

	return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
