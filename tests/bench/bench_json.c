/* SPDX-License-Identifier: MIT */
/* layer: base */
/* How fast JSON is scanned: time per text and MB/s, for the shapes that chat requests have. */
#include "clock.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#define SECONDS 0.5

static void put_message(struct buf *b, const char *text, size_t n)
{
	buf_put_str(b, "{\"role\":\"user\",\"content\":\"");
	for (size_t i = 0; i < n; i += strlen(text))
		buf_put_str(b, text);
	buf_put_str(b, "\"}");
}

/* A chat request of about `bytes`, in messages of `each` bytes of text. */
static void put_chat(struct buf *b, size_t bytes, size_t each, const char *text)
{
	buf_put_str(
		b,
		"{\"model\":\"gpt-4o-mini\",\"temperature\":0.7,\"stream\":false,\"messages\":[");
	for (size_t n = 0; b->n < bytes; n++) {
		if (n)
			buf_put_byte(b, ',');
		put_message(b, text, each);
	}
	buf_put_str(b, "]}");
}

/* The worst for the tape: a token every two bytes. */
static void put_numbers(struct buf *b, size_t bytes)
{
	buf_put_str(b, "[0");
	while (b->n < bytes)
		buf_put_str(b, ",1");
	buf_put_byte(b, ']');
}

static void put_keys(struct buf *b, unsigned keys, const char *form)
{
	for (unsigned i = 0; i < keys; i++) {
		buf_put_byte(b, i ? ',' : '{');
		buf_printf(b, form, i);
	}
	buf_put_byte(b, '}');
}

static void bench(const char *name, struct buf *b)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	double begin = clock_seconds(CLOCK_MONOTONIC), seconds;
	unsigned n = 0;

	do {
		if (!scan || b->err || json_scan_all(scan, buf_span(b)) != PARSE_DONE) {
			fprintf(stderr, "bench_json: %s: not scanned\n", name);
			exit(1);
		}
		n++;
		seconds = clock_seconds(CLOCK_MONOTONIC) - begin;
	} while (seconds < SECONDS);
	printf("%-34s %9zu %14.0f %9.0f\n", name, b->n, seconds / n * 1e9,
	       (double)b->n * n / seconds / 1e6);
	/* 20,000 verdicts a second on 4 KB need 80 MB/s of everything together. */
	printf("RESULT\tjson: %s\t%.0f\tMB/s\t%s\n", name, (double)b->n * n / seconds / 1e6,
	       strncmp(name, "4 KB chat", 9) ? "" : ">= 300");
	json_scan_free(scan);
	buf_deinit(b);
	*b = BUF_INIT(64u << 20);
}

int main(void)
{
	struct buf b = BUF_INIT(64u << 20);

	printf("%-34s %9s %14s %9s\n", "json: text", "bytes", "ns per text", "MB/s");
	put_chat(&b, 4000, 3900, "the quick brown fox ");
	bench("4 KB chat, one message", &b);
	put_chat(&b, 4000, 100, "the quick brown fox ");
	bench("4 KB chat, messages of 100 bytes", &b);
	put_chat(&b, 4000, 3900, "she said \\\"no\\\"\\n then ");
	bench("4 KB chat, with escapes", &b);
	put_chat(&b, 4000, 3900, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
	bench("4 KB chat, Japanese", &b);
	put_numbers(&b, 4000);
	bench("4 KB of one-digit numbers", &b);
	put_chat(&b, 8u << 20, 2000, "the quick brown fox ");
	bench("8 MB chat", &b);
	put_keys(&b, 500000, "\"key%u\":1");
	bench("object of 500,000 keys", &b);
	put_keys(&b, 500000, "\"aaaaaaaaaaaaaaaaaaaaaaaa\\u0061%07u\":1");
	bench("the same, long prefix, escaped", &b);
	buf_deinit(&b);
	return 0;
}
