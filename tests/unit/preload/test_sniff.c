/* SPDX-License-Identifier: MIT */
/* Which places a request in clear names, however it is cut into writes, and what is no request. */
#include "preload/clear_transport.h"
#include "preload/sniff.h"
#include "support/split.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What a head named, joined by blanks, and how it ended. */
struct look {
	const char *want;
	struct sniff sniff;
	enum sniff_outcome last;
	char got[1024];
};

static void begin(void *ctx)
{
	struct look *l = ctx;

	l->sniff = (struct sniff){0};
	l->last = SNIFF_MORE;
	l->got[0] = '\0';
}

static bool feed(void *ctx, struct span piece)
{
	struct look *l = ctx;
	size_t used;

	while (piece.n && l->last != SNIFF_END && l->last != SNIFF_NO) {
		l->last = sniff_feed(&l->sniff, piece.p, piece.n, &used);
		assert_true(used && used <= piece.n);
		piece = span_sub(piece, used, piece.n);
		if (l->last == SNIFF_HOST)
			(void)snprintf(l->got + strlen(l->got), sizeof(l->got) - strlen(l->got),
				       "%s ", l->sniff.host);
	}
	return l->last != SNIFF_END && l->last != SNIFF_NO;
}

static void end(void *ctx, const char *how)
{
	static const char *const outcome[] = {"more", "more", "end", "no"};
	struct look *l = ctx;

	strcat(l->got, outcome[l->last]);
	if (strcmp(l->got, l->want) != 0)
		print_error("%s\n", how);
	assert_string_equal(l->got, l->want);
}

static void test_heads(void **state)
{
	static const struct {
		const char *text, *want;
	} row[] = {
		{"POST /api/chat HTTP/1.1\r\nHost: localhost:11434\r\nA: b\r\n\r\n",
		 "localhost:11434 end"},
		{"GET / HTTP/1.1\r\nhost:LOCALHOST.:011434 \r\n\r\n", "localhost:11434 end"},
		{"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", "api.example:80 end"},
		{"GET / HTTP/1.1\r\nHost: api.example:\r\n\r\n", "api.example:80 end"},
		{"GET / HTTP/1.1\r\nHost: [::1]:11434\r\n\r\n", "[::1]:11434 end"},
		{"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", "[::1]:80 end"},
		/* A tolerant server's. */
		{"GET / HTTP/1.1\nHost : a:1\n\n", "a:1 end"},
		{"GET  /a b  HTTP/1.0 \r\nHost:\r\n a:1\r\n\r\n", "a:1 end"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nHost: b\r\n\r\n", "a:80 b:80 end"},
		/* To a proxy. */
		{"GET http://a/x HTTP/1.1\r\nHost: b:2\r\n\r\n", "a:80 b:2 end"},
		{"GET HTTP://u:p@A.:8080?q HTTP/1.1\r\n\r\n", "a:8080 end"},
		{"GET https://a HTTP/1.1\r\n\r\n", "a:443 end"},
		{"GET http:// HTTP/1.1\r\n\r\n", "end"},
		{"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "no"},
		/* Names nothing. */
		{"GET / HTTP/1.1\r\nX-Host: a\r\nX: Host: b\r\n\r\n", "end"},
		{"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "end"},
		{"GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", "end"},
		{"GET / HTTP/1.1\r\nHost: :80\r\nHost: .\r\n\r\n", "end"},
		{"OPTIONS * HTTP/1.1\r\n\r\nHost: a\r\n\r\n", "end"},
		/* Goes on. */
		{"PATCH /x HTTP/1.1\r\nHost: a", "more"},
		{"DELETE /x HTTP/1.1\r\nHost: a\r\n", "a:80 more"},
		{"HEAD", "more"},
		/* Something else. */
		{"GET /\r\n", "no"},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "no"},
		{"GET key\n", "no"},
		{"PRI * HTTP/2.0\r\n\r\n", "no"},
		{"post / HTTP/1.1\r\nHost: a\r\n\r\n", "no"},
		{"POSTS / HTTP/1.1\r\nHost: a\r\n\r\n", "no"},
		{"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", "no"},
		{"OPTIONS rtsp://a/x RTSP/1.0\r\nHost: a\r\n\r\n", "no"},
		{"\x16\x03\x01", "no"},
		{" GET", "no"},
	};
	const struct split_parser parser = {begin, feed, end};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct look l = {.want = row[i].want};

		split_each(&parser, &l, span_str(row[i].text));
	}
}

/* A name of the largest length is named, a longer one is not, and neither is kept beyond its room.
 */
static void test_long_names(void **state)
{
	char text[2048];

	(void)state;
	for (int n = 250; n < 300; n++) {
		struct look l;
		size_t length = (size_t)snprintf(
			text, sizeof(text), "GET http://%0*d:65535/ HTTP/1.1\r\nHost: %0*d\r\n\r\n",
			n, 1, n, 1);

		begin(&l);
		(void)feed(&l, span_of(text, length));
		assert_int_equal(l.last, SNIFF_END);
		if (n <= (int)AICP_HOST_BYTES_MAX)
			assert_int_equal(strlen(l.got), 2 * (size_t)n + 10 + 1);
		else
			assert_string_equal(l.got, "");
	}
}

static void test_is_request(void **state)
{
	struct sniff s = {0};
	size_t used;

	(void)state;
	(void)sniff_feed(&s, (const uint8_t *)"GET", 3, &used);
	assert_false(sniff_is_request(&s));
	(void)sniff_feed(&s, (const uint8_t *)" ", 1, &used);
	assert_true(sniff_is_request(&s));
	(void)sniff_feed(&s, (const uint8_t *)"\n", 1, &used);
	assert_false(sniff_is_request(&s));
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *want;
		int family;
	} row[] = {
		{"127.0.0.1", "127.0.0.1:11434", AF_INET},
		{"127.9.8.7", "127.0.0.1:11434", AF_INET},
		{"0.0.0.0", "127.0.0.1:11434", AF_INET},
		{"255.255.255.255", "255.255.255.255:11434", AF_INET},
		{"::1", "[::1]:11434", AF_INET6},
		{"::", "[::1]:11434", AF_INET6},
		{"::ffff:127.0.0.1", "127.0.0.1:11434", AF_INET6},
		{"::ffff:10.1.2.3", "10.1.2.3:11434", AF_INET6},
		{"2001:db8:1:2:3:4:5:6", "[2001:db8:1:2:3:4:5:6]:11434", AF_INET6},
		{"FE80:0::1", "[fe80::1]:11434", AF_INET6},
	};
	char host[SNIFF_HOST_BYTES_MAX + 1];
	struct sockaddr unix_one = {.sa_family = AF_UNIX};
	uint16_t port = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(11434)};
		struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(11434)};
		bool is_6 = row[i].family == AF_INET6;
		void *place = is_6 ? (void *)&a6.sin6_addr : &a4.sin_addr;

		assert_int_equal(inet_pton(row[i].family, row[i].text, place), 1);
		assert_true(clear_address(is_6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4,
					  is_6 ? sizeof(a6) : sizeof(a4), host, &port));
		assert_string_equal(host, row[i].want);
		assert_int_equal(port, 11434);
		assert_false(clear_address((struct sockaddr *)&a4, sizeof(a4) - 1, host, &port) &&
			     !is_6);
	}
	assert_false(clear_address(&unix_one, sizeof(unix_one), host, &port));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_is_request),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
