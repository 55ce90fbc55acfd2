/* SPDX-License-Identifier: MIT */
/* The end of a request is the same at every split, and what cannot be one is told from what is too
 * large. */
#include "aicp/limits.h"
#include "preload/http.h"
#include "support/guard.h"
#include "support/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct sample {
	const char *name;
	struct span text;
	enum http_outcome outcome;
	size_t used; /* 0: all of it */
};

#define SAMPLE(_name, _text, _outcome)                                                             \
	{                                                                                          \
		_name, {(const uint8_t *)(_text), sizeof(_text) - 1}, _outcome, 0                  \
	}
#define SAMPLE_USED(_name, _text, _outcome, used)                                                  \
	{                                                                                          \
		_name, {(const uint8_t *)(_text), sizeof(_text) - 1}, _outcome, used               \
	}

#define LINE "POST /v1/chat HTTP/1.1\r\nHost: api.openai.com\r\n"

static const struct sample samples[] = {
	SAMPLE("get", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_DONE),
	SAMPLE("no fields", "GET / HTTP/1.1\r\n\r\n", HTTP_DONE),
	SAMPLE("version 1.0", "GET / HTTP/1.0\r\n\r\n", HTTP_DONE),
	SAMPLE("length", LINE "Content-Length: 5\r\n\r\nhello", HTTP_DONE),
	SAMPLE("length in odd case and blanks", LINE "cONTENT-lENGTH: \t 5 \t\r\n\r\nhello",
	       HTTP_DONE),
	SAMPLE("length zero", LINE "Content-Length: 0\r\n\r\n", HTTP_DONE),
	SAMPLE("empty value", LINE "X-Empty:\r\n\r\n", HTTP_DONE),
	SAMPLE("body with line ends", LINE "Content-Length: 8\r\n\r\n\r\n\r\n0\r\n\r", HTTP_DONE),
	SAMPLE("chunked", LINE "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	       HTTP_DONE),
	SAMPLE("chunked in parts",
	       LINE "Transfer-Encoding: Chunked\r\n\r\n1\r\nh\r\nA\r\n0123456789\r\n0\r\n\r\n",
	       HTTP_DONE),
	SAMPLE("chunk extension",
	       LINE "Transfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\nh\r\n0;z\r\n\r\n", HTTP_DONE),
	SAMPLE("chunk size with zeros",
	       LINE "Transfer-Encoding: chunked\r\n\r\n0001\r\nh\r\n000\r\n\r\n", HTTP_DONE),
	SAMPLE("trailers", LINE "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n",
	       HTTP_DONE),
	SAMPLE("chunk data that looks like the end",
	       LINE "Transfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n", HTTP_DONE),
	SAMPLE_USED("a request behind", "GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", HTTP_DONE,
		    18),
	SAMPLE_USED("a byte behind", LINE "Content-Length: 1\r\n\r\nxy", HTTP_DONE,
		    sizeof(LINE) - 1 + 22),
	SAMPLE("half a head", LINE "Content-Le", HTTP_MORE),
	SAMPLE("half a body", LINE "Content-Length: 5\r\n\r\nhel", HTTP_MORE),
	SAMPLE("no last chunk", LINE "Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n", HTTP_MORE),
	SAMPLE("no end of trailers", LINE "Transfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n",
	       HTTP_MORE),
	SAMPLE("nothing", "", HTTP_MORE),
	SAMPLE_USED("http/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_TWO, 15),
	SAMPLE_USED("tls", "\x16\x03\x01\x02", HTTP_BAD, 1),
	SAMPLE_USED("line end first", "\r\nGET / HTTP/1.1\r\n\r\n", HTTP_BAD, 1),
	SAMPLE_USED("blank first", " GET / HTTP/1.1\r\n\r\n", HTTP_BAD, 1),
	SAMPLE_USED("version 3", "GET / HTTP/3.0\r\n", HTTP_BAD, 15),
	SAMPLE_USED("version long", "GET / HTTP/1.11\r\n", HTTP_BAD, 15),
	SAMPLE_USED("version missing", "GET /\r\n", HTTP_BAD, 6),
	SAMPLE_USED("two blanks", "GET  / HTTP/1.1\r\n", HTTP_BAD, 5),
	SAMPLE_USED("blank in target", "GET /a b HTTP/1.1\r\n", HTTP_BAD, 16),
	SAMPLE_USED("bare LF after line", "GET / HTTP/1.1\nHost: h\n\n", HTTP_BAD, 15),
	SAMPLE_USED("bare LF in field", "GET / HTTP/1.1\r\nHost: h\n\r\n", HTTP_BAD, 24),
	SAMPLE_USED("bare CR in field", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", HTTP_BAD, 25),
	SAMPLE_USED("NUL in field", "GET / HTTP/1.1\r\nA: \0\r\n\r\n", HTTP_BAD, 20),
	SAMPLE_USED("folded line", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", HTTP_BAD, 23),
	SAMPLE_USED("blank before colon", "GET / HTTP/1.1\r\nA : b\r\n\r\n", HTTP_BAD, 18),
	SAMPLE_USED("no name", "GET / HTTP/1.1\r\n: b\r\n\r\n", HTTP_BAD, 17),
	SAMPLE("two lengths", "A / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r", HTTP_BAD),
	SAMPLE("list of lengths", "A / HTTP/1.1\r\nContent-Length: 1, 1\r", HTTP_BAD),
	SAMPLE("signed length", "A / HTTP/1.1\r\nContent-Length: +1\r", HTTP_BAD),
	SAMPLE("negative length", "A / HTTP/1.1\r\nContent-Length: -1\r", HTTP_BAD),
	SAMPLE("hex length", "A / HTTP/1.1\r\nContent-Length: 0x1\r", HTTP_BAD),
	SAMPLE("empty length", "A / HTTP/1.1\r\nContent-Length: \r", HTTP_BAD),
	SAMPLE("endless length", "A / HTTP/1.1\r\nContent-Length: 1844674407370955161600000000\r",
	       HTTP_BAD),
	SAMPLE("length and coding",
	       "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", HTTP_BAD),
	SAMPLE("coding in 1.0", "A / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD),
	SAMPLE("two codings",
	       "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r",
	       HTTP_BAD),
	SAMPLE("gzip coding", "A / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r", HTTP_BAD),
	SAMPLE("identity coding", "A / HTTP/1.1\r\nTransfer-Encoding: identity\r", HTTP_BAD),
	SAMPLE("coding with a tail",
	       "A / HTTP/1.1\r\nTransfer-Encoding: chunked                     x\r", HTTP_BAD),
	SAMPLE("chunk size empty", "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r",
	       HTTP_BAD),
	SAMPLE("chunk size signed", "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-",
	       HTTP_BAD),
	SAMPLE("chunk size blank", "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 ",
	       HTTP_BAD),
	SAMPLE("chunk extension first", "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n;",
	       HTTP_BAD),
	SAMPLE("chunk bare LF", "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\n", HTTP_BAD),
	SAMPLE("chunk data too long", "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy",
	       HTTP_BAD),
	SAMPLE("chunk size overflows",
	       "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff", HTTP_BAD),
	SAMPLE("trailer bare LF", "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n",
	       HTTP_BAD),
	SAMPLE("trailer without colon",
	       "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nAb\r", HTTP_BAD),
	SAMPLE("length one over", "A / HTTP/1.1\r\nContent-Length: 33554433\r\n\r\n",
	       HTTP_TOO_LARGE),
	SAMPLE("length at the limit", "A / HTTP/1.1\r\nContent-Length: 33554432\r\n\r\n",
	       HTTP_MORE),
	SAMPLE("chunk over the limit",
	       "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2000001\r\n", HTTP_TOO_LARGE),
	SAMPLE("chunks over the limit in sum",
	       "A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n2000000\r\n",
	       HTTP_TOO_LARGE),
};

struct run {
	const struct sample *sample;
	struct http http;
	enum http_outcome outcome;
	size_t used;
};

static void begin(void *ctx)
{
	struct run *run = ctx;

	*run = (struct run){.sample = run->sample, .outcome = HTTP_MORE};
}

static bool feed(void *ctx, struct span piece)
{
	struct run *run = ctx;
	size_t used = SIZE_MAX;

	run->outcome = http_feed(&run->http, piece.p, piece.n, &used);
	assert_true(used <= piece.n);
	run->used += used;
	return run->outcome == HTTP_MORE;
}

static void end(void *ctx, const char *how)
{
	struct run *run = ctx;
	size_t want = run->sample->used ? run->sample->used : run->sample->text.n;

	if (run->outcome != run->sample->outcome || run->used != want)
		fail_msg("%s, %s: outcome %d (expected %d) after %zu bytes (expected %zu)",
			 run->sample->name, how, run->outcome, run->sample->outcome, run->used,
			 want);
}

static void test_samples_at_every_split(void **state)
{
	static const struct split_parser parser = {begin, feed, end};

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct run run = {.sample = &samples[i]};

		split_each(&parser, &run, samples[i].text);
	}
}

/* A request is never whole before its last byte. */
static void test_no_early_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		size_t whole = samples[i].used ? samples[i].used : samples[i].text.n, used;

		for (size_t n = 0; n < whole; n++) {
			struct http http = {0};

			assert_int_equal(http_feed(&http, samples[i].text.p, n, &used), HTTP_MORE);
			assert_int_equal(used, n);
		}
	}
}

static void test_an_outcome_stays(void **state)
{
	struct http http = {0};
	size_t used;

	(void)state;
	assert_int_equal(http_feed(&http, (const uint8_t *)"\n", 1, &used), HTTP_BAD);
	assert_int_equal(http_feed(&http, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18, &used),
			 HTTP_BAD);
	assert_int_equal(used, 0);
	http = (struct http){0};
	assert_int_equal(http_feed(&http, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18, &used),
			 HTTP_DONE);
	assert_int_equal(http_feed(&http, (const uint8_t *)"x", 1, &used), HTTP_DONE);
	assert_int_equal(used, 0);
}

static enum http_outcome repeat(struct http *http, const char *s, size_t times)
{
	enum http_outcome r = HTTP_MORE;
	size_t used;

	for (size_t i = 0; i < times && r == HTTP_MORE; i++)
		r = http_feed(http, (const uint8_t *)s, strlen(s), &used);
	return r;
}

static void test_limits(void **state)
{
	struct http http = {0};

	(void)state;
	assert_int_equal(repeat(&http, "A", 24), HTTP_MORE);
	assert_int_equal(repeat(&http, "A", 1), HTTP_BAD);

	http = (struct http){0};
	assert_int_equal(repeat(&http, "GET /", 1), HTTP_MORE);
	assert_int_equal(repeat(&http, "a", AICP_HEAD_BYTES_MAX - 5), HTTP_MORE);
	assert_int_equal(repeat(&http, "a", 1), HTTP_TOO_LARGE);

	http = (struct http){0};
	assert_int_equal(repeat(&http, "GET / HTTP/1.1\r\n", 1), HTTP_MORE);
	assert_int_equal(repeat(&http, "A: b\r\n", AICP_HEADERS_MAX), HTTP_MORE);
	assert_int_equal(repeat(&http, "A: b\r\n", 1), HTTP_TOO_LARGE);

	http = (struct http){0};
	assert_int_equal(repeat(&http, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", 1),
			 HTTP_MORE);
	assert_int_equal(repeat(&http, "x", AICP_CHUNK_LINE_BYTES_MAX - 2), HTTP_MORE);
	assert_int_equal(repeat(&http, "x", 1), HTTP_TOO_LARGE);

	http = (struct http){0};
	assert_int_equal(
		repeat(&http, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", 1),
		HTTP_MORE);
	assert_int_equal(repeat(&http, "A: b\r\n", AICP_HEAD_BYTES_MAX), HTTP_TOO_LARGE);
}

/* What is over a limit can be followed to its end all the same. */
static void test_unlimited(void **state)
{
	static const uint8_t zeros[65536];
	struct http http = {0};
	uint64_t left = 33554433;
	size_t used;

	(void)state;
	assert_int_equal(repeat(&http, "A / HTTP/1.1\r\nContent-Length: 33554433\r\n\r\n", 1),
			 HTTP_TOO_LARGE);
	http.unlimited = true;
	while (left > sizeof(zeros)) {
		assert_int_equal(http_feed(&http, zeros, sizeof(zeros), &used), HTTP_MORE);
		left -= used;
	}
	assert_int_equal(http_feed(&http, zeros, sizeof(zeros), &used), HTTP_DONE);
	assert_int_equal(used, left);
}

static void test_expect(void **state)
{
	struct http http = {0};

	(void)state;
	assert_int_equal(
		repeat(&http, "A / HTTP/1.1\r\nExpect: 100-Continue \r\nContent-Length: 1\r\n\r\n",
		       1),
		HTTP_MORE);
	assert_true(http.head_done && http.expect_continue);
	http = (struct http){0};
	assert_int_equal(
		repeat(&http, "A / HTTP/1.1\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n", 1),
		HTTP_MORE);
	assert_false(http.expect_continue);
	http = (struct http){0};
	assert_int_equal(
		repeat(&http, "A / HTTP/1.1\r\nX-Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		       1),
		HTTP_MORE);
	assert_false(http.expect_continue);
	assert_int_equal(http.head_bytes, 59);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_at_every_split),
		cmocka_unit_test(test_no_early_end),
		cmocka_unit_test(test_an_outcome_stays),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_unlimited),
		cmocka_unit_test(test_expect),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
