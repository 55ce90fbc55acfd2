/* SPDX-License-Identifier: MIT */
/* layer: http */
/* How fast whole requests are read: time per request and MB/s, for the forms that clients send. */
#include "clock.h"
#include "http/request.h"
#include "http/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define SECONDS 0.5

static void put_content(struct buf *b, size_t bytes)
{
	buf_put_str(b,
		    "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"");
	for (unsigned i = 0; b->n < bytes - 4; i++)
		buf_printf(b, "word%u ", i * 2654435761u % 997);
	buf_put_str(b, "\"}]}");
}

static void put_gzip(struct buf *out, struct span s)
{
	z_stream z = {0};

	if (deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    buf_reserve(out, deflateBound(&z, s.n) + 64) < 0)
		exit(1);
	z.next_in = (uint8_t *)(uintptr_t)s.p;
	z.avail_in = (uInt)s.n;
	z.next_out = out->p + out->n;
	z.avail_out = (uInt)(out->cap - out->n);
	deflate(&z, Z_FINISH);
	out->n += z.total_out;
	deflateEnd(&z);
}

/* As the official Python client writes it. */
static void put_head(struct buf *b)
{
	buf_put_str(
		b,
		"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
		"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nAccept: "
		"application/json\r\n"
		"Content-Type: application/json\r\nUser-Agent: OpenAI/Python 1.40.0\r\n"
		"X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 1.40.0\r\n"
		"X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\n"
		"X-Stainless-Runtime-Version: 3.11.2\r\nX-Stainless-Async: false\r\n"
		"Authorization: Bearer sk-0123456789012345678901234567890123456789\r\n");
}

static void put_request(struct buf *b, size_t bytes, bool gzip, size_t chunk)
{
	struct buf content = BUF_INIT(64u << 20), coded = BUF_INIT(64u << 20);
	struct span s;

	put_content(&content, bytes);
	put_head(b);
	if (gzip) {
		put_gzip(&coded, buf_span(&content));
		buf_put_str(b, "Content-Encoding: gzip\r\n");
	}
	s = gzip ? buf_span(&coded) : buf_span(&content);
	if (!chunk) {
		buf_printf(b, "Content-Length: %zu\r\n\r\n", s.n);
		buf_put(b, s);
	} else {
		buf_put_str(b, "Transfer-Encoding: chunked\r\n\r\n");
		for (size_t i = 0; i < s.n; i += chunk) {
			struct span part = span_sub(s, i, i + chunk);

			buf_printf(b, "%zx\r\n", part.n);
			buf_put(b, part);
			buf_put_str(b, "\r\n");
		}
		buf_put_str(b, "0\r\n\r\n");
	}
	buf_deinit(&content);
	buf_deinit(&coded);
}

static void row(const char *name, size_t bytes, unsigned n, double seconds)
{
	printf("%-34s %9zu %14.0f %9.0f\n", name, bytes, seconds / n * 1e9,
	       (double)bytes * n / seconds / 1e6);
}

static void bench(const char *name, size_t bytes, bool gzip, size_t chunk)
{
	struct buf b = BUF_INIT(64u << 20), body = BUF_INIT(AICP_INFLATED_BYTES_MAX);
	double begin = clock_seconds(CLOCK_MONOTONIC), seconds;
	struct http_request q;
	unsigned n = 0;

	put_request(&b, bytes, gzip, chunk);
	do {
		if (b.err || http_request_whole(buf_span(&b), &body, &q, NULL) != PARSE_DONE) {
			fprintf(stderr, "bench_http: %s: not read\n", name);
			exit(1);
		}
		n++;
		seconds = clock_seconds(CLOCK_MONOTONIC) - begin;
	} while (seconds < SECONDS);
	row(name, b.n, n, seconds);
	printf("RESULT\thttp: %s\t%.0f\tns\t\n", name, seconds / n * 1e9);
	buf_deinit(&b);
	buf_deinit(&body);
}

static void bench_sse(void)
{
	struct buf b = BUF_INIT(1u << 20);
	double begin, seconds;
	unsigned n = 0;

	for (unsigned i = 0; i < 100; i++)
		buf_put_str(
			&b,
			"data: "
			"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":"
			"[{\"index\":0,\"delta\":{\"content\":\" "
			"word\"},\"finish_reason\":null}]}\n\n");
	begin = clock_seconds(CLOCK_MONOTONIC);
	do {
		struct span in = buf_span(&b);
		struct sse_event e;
		struct sse sse;
		size_t used;

		sse_init(&sse, AICP_SSE_LINE_BYTES_MAX);
		while (sse_feed(&sse, in, &used, &e) == PARSE_DONE)
			in = span_sub(in, used, in.n);
		sse_deinit(&sse);
		n++;
		seconds = clock_seconds(CLOCK_MONOTONIC) - begin;
	} while (seconds < SECONDS);
	row("event stream of 100 events", b.n, n, seconds);
	buf_deinit(&b);
}

int main(void)
{
	printf("%-34s %9s %14s %9s\n", "http: request", "bytes", "ns per request", "MB/s");
	bench("4 KB, with its length", 4096, false, 0);
	bench("4 KB, in chunks of 1 KB", 4096, false, 1024);
	bench("4 KB, gzip", 4096, true, 0);
	bench("4 KB, gzip, in chunks of 100 bytes", 4096, true, 100);
	bench("8 MB, gzip", 8u << 20, true, 0);
	bench_sse();
	return 0;
}
