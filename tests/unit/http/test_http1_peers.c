/* SPDX-License-Identifier: MIT */
/*
 * Requests against two other parsers, h11 and Node's llhttp: whatever we take as one whole request,
 * they have to read to the same method, target, headers and body. What they take and we refuse is
 * our strictness. Documented exceptions: methods that llhttp does not know, and bodies of requests
 * that ask for an upgrade, which Node leaves to the program.
 */
#include "http/request.h"
#include "support/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define REQUESTS 4000

/* xorshift64*: the same requests every time. */
static uint64_t random_state = 0x853c49e6748fea9b;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1d >> 32) % n);
}

static void put_one(struct buf *b, const char *const *choices, uint32_t n)
{
	buf_put_str(b, choices[random_below(n)]);
}
#define PUT_ONE(_b, _choices) put_one(_b, _choices, sizeof(_choices) / sizeof(*(_choices)))

static void put_line(struct buf *b)
{
	static const char *const methods[] = {"GET",	"POST", "POST",	   "PUT",
					      "DELETE", "HEAD", "OPTIONS", "PATCH"};
	static const char *const targets[] = {
		"/",
		"/v1/chat/completions",
		"/a?b=c&d",
		"/%41/..//x",
		"http://h.example/x",
		"/a[b]",
		"/v1/models/x:generate?key=1",
		"*",
		"http://h.example",
		"//x",
		"/a;b=c,d",
		"/?",
	};
	static const char *const versions[] = {" HTTP/1.1\r\n", " HTTP/1.1\r\n", " HTTP/1.1\r\n",
					       " HTTP/1.0\r\n"};

	PUT_ONE(b, methods);
	buf_put_byte(b, ' ');
	PUT_ONE(b, targets);
	PUT_ONE(b, versions);
}

static void put_headers(struct buf *b)
{
	static const char *const headers[] = {
		"Accept: */*\r\n",
		"X-Empty:\r\n",
		"x-blank: \t \r\n",
		"X-Tab:\ta\tb \r\n",
		"X-High: \xe9\r\n",
		"content-type: application/json\r\n",
		"Authorization: Bearer sk-x\r\n",
		"Connection: close\r\n",
		"Connection: keep-alive\r\n",
		"X-!#$%&'*+-.^_`|~: odd\r\n",
		"X-Colon: a:b::c\r\n",
		"Expect: 100-continue\r\n",
		"X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket\r\n",
		"Upgrade: h2c\r\n",
		"Trailer: x\r\n",
		"TE: trailers\r\n",
		"Content_Length: 3\r\n",
		"Transfer-Encoding: identity\r\n",
		"Content-Length: 3\r\n",
		"Host: other\r\n",
		"X-Fold: a\r\n b\r\n",
		"X-Bad : a\r\n",
		"X-Lf: a\n",
		"X-Cr: a\rb\r\n",
		"Cookie: a=\"b\"; c\r\n",
	};
	uint32_t n = random_below(4);

	if (random_below(12))
		buf_put_str(b, "Host: h.example\r\n");
	while (n--)
		PUT_ONE(b, headers);
}

static void put_chunked(struct buf *b)
{
	static const char *const extensions[] = {"",	       "",	 "",  ";a", ";a=b",
						 ";a=\"b c\"", ";a;b=c", " ", ";"};
	static const char *const trailers[] = {
		"", "", "", "X-T: 1\r\n", "X-T: 1\r\nY:\r\n", "Content-Length: 1\r\n"};
	static const char *const ends[] = {"\r\n", "\r\n", "\r\n", "\r\n",
					   "\r\n", "\n",   "",	   "\r\nx"};

	for (uint32_t chunks = random_below(4); chunks; chunks--) {
		uint32_t n = random_below(20) + 1;

		buf_printf(b, random_below(2) ? "%x" : "%04X", n);
		PUT_ONE(b, extensions);
		buf_put_str(b, "\r\n");
		while (n--)
			buf_put_byte(b, (uint8_t)random_below(256));
		PUT_ONE(b, ends);
	}
	buf_put_byte(b, '0');
	PUT_ONE(b, extensions);
	buf_put_str(b, "\r\n");
	PUT_ONE(b, trailers);
	buf_put_str(b, "\r\n");
}

static void put_request(struct buf *b)
{
	static const char *const lengths[] = {
		"Content-Length: ", "content-length:", "Content-Length:\t0"};
	static const char *const codings[] = {
		"Transfer-Encoding: chunked\r\n",
		"transfer-encoding:CHUNKED \r\n",
		"Transfer-Encoding: chunked\r\n",
		"Transfer-Encoding: x, chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
	};
	uint32_t body = random_below(3), n = random_below(30);

	put_line(b);
	put_headers(b);
	if (body == 1) {
		PUT_ONE(b, lengths);
		buf_printf(b, "%u\r\n\r\n", n);
		while (n--)
			buf_put_byte(b, (uint8_t)random_below(256));
	} else if (body == 2) {
		PUT_ONE(b, codings);
		buf_put_str(b, "\r\n");
		put_chunked(b);
	} else {
		buf_put_str(b, "\r\n");
	}
	/* A fifth is broken at one byte. */
	if (!random_below(5))
		b->p[random_below((uint32_t)b->n)] =
			(uint8_t) " \r\n\t:;/x0\x00\x7f\x80"[random_below(12)];
}

static void put_requests(struct buf *requests)
{
	struct buf b = BUF_INIT(1u << 16);

	peer_put(requests,
		 SPAN_LIT("CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n"));
	for (unsigned i = 0; i < REQUESTS; i++) {
		buf_clear(&b);
		put_request(&b);
		peer_put(requests, buf_span(&b));
	}
	buf_deinit(&b);
}

/* As the peers write what they read; without content for what they do not read. */
static void dump(const struct http_request *q, bool with_content, struct buf *out)
{
	buf_put(out, q->head.method);
	buf_put_byte(out, '\n');
	buf_put(out, q->head.target);
	buf_put_byte(out, '\n');
	for (unsigned i = 0; i < q->head.headers_n; i++) {
		buf_put(out, q->head.header[i].name);
		buf_put_byte(out, '\n');
		/* h11 writes it in lower case. */
		if (span_ieq(q->head.header[i].name, SPAN_LIT("transfer-encoding")))
			buf_put_str(out, "chunked");
		else
			buf_put(out, q->head.header[i].value);
		buf_put_byte(out, '\n');
	}
	buf_put_byte(out, '\n');
	if (with_content)
		buf_put(out, q->content);
}

static void compare(const char *command, bool reads_upgrades)
{
	struct buf requests = BUF_INIT(64u << 20), answers = BUF_INIT(64u << 20);
	struct buf body = BUF_INIT(1u << 20), mine = BUF_INIT(1u << 20);
	size_t at = 0, answer_at = 0;
	struct span request, answer;
	unsigned taken = 0, refused = 0;

	put_requests(&requests);
	assert_true(peer_ask(command, buf_span(&requests), &answers));
	while (peer_next(buf_span(&requests), &at, &request)) {
		struct http_request q;

		assert_true(peer_next(buf_span(&answers), &answer_at, &answer));
		if (http_request_whole(request, &body, &q, NULL) != PARSE_DONE) {
			refused++;
			continue;
		}
		if (span_eq_str(answer, "?"))
			continue;
		taken++;
		buf_clear(&mine);
		dump(&q, reads_upgrades || !q.head.upgrade, &mine);
		if (!span_eq(buf_span(&mine), answer))
			fail_msg("%.*s\nwe read\n%.*s\n%s\n%.*s", SPAN_ARG(request),
				 SPAN_ARG(buf_span(&mine)), command, SPAN_ARG(answer));
	}
	assert_true(taken > REQUESTS / 5 && refused > REQUESTS / 5);
	buf_deinit(&requests);
	buf_deinit(&answers);
	buf_deinit(&body);
	buf_deinit(&mine);
}

static void test_h11(void **state)
{
	(void)state;
	compare("PATH=/usr/bin:$PATH python3 tests/unit/http/peer_h11.py", true);
}

static void test_node(void **state)
{
	(void)state;
	if (system("node --version >/dev/null 2>&1") != 0)
		skip();
	compare("node tests/unit/http/peer_node.js", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_h11),
		cmocka_unit_test(test_node),
	};

	return cmocka_run_group_tests_name("http1_peers", tests, NULL, NULL);
}
