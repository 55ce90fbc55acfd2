/* SPDX-License-Identifier: MIT */
/* Amazon's event streams: messages at every split, every bit turned, every length wrong. */
#include "http/eventstream.h"
#include "support/oom.h"
#include "support/split.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* A bit at a time, so that it shares nothing with the table of the library that is used. */
static uint32_t crc32_of(struct span s)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < s.n; i++) {
		crc ^= s.p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put_u32(struct buf *out, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_put_byte(out, (uint8_t)(value >> shift));
}

/* A message as its lengths claim, with right checksums whatever they claim. */
static void put_claim(struct buf *out, uint32_t bytes, uint32_t headers_bytes, struct span rest)
{
	struct buf m = BUF_INIT(1u << 20);

	put_u32(&m, bytes);
	put_u32(&m, headers_bytes);
	put_u32(&m, crc32_of(buf_span(&m)));
	buf_put(&m, rest);
	put_u32(&m, crc32_of(buf_span(&m)));
	assert_int_equal(buf_put(out, buf_span(&m)), 0);
	buf_deinit(&m);
}

static void put_message(struct buf *out, struct span headers, struct span payload)
{
	struct buf rest = BUF_INIT(1u << 20);

	buf_put(&rest, headers);
	buf_put(&rest, payload);
	put_claim(out, (uint32_t)(rest.n + 16), (uint32_t)headers.n, buf_span(&rest));
	buf_deinit(&rest);
}

/* One header with a string of under 256 bytes. */
static void put_header(struct buf *out, const char *name, const char *value)
{
	buf_put_byte(out, (uint8_t)strlen(name));
	buf_put_str(out, name);
	buf_put_byte(out, 7);
	buf_put_byte(out, 0);
	buf_put_byte(out, (uint8_t)strlen(value));
	buf_put_str(out, value);
}

static void put_event(struct buf *out, const char *type, const char *payload)
{
	struct buf headers = BUF_INIT(1024);

	put_header(&headers, ":event-type", type);
	put_header(&headers, ":content-type", "application/json");
	put_header(&headers, ":message-type", "event");
	put_message(out, buf_span(&headers), span_str(payload));
	buf_deinit(&headers);
}

struct fed {
	struct eventstream stream;
	struct buf seen; /* one line a message: type|event|content type|payload */
	size_t max;
	int outcome, want;
	const char *want_seen;
	bool between;
};

static void fed_begin(void *ctx)
{
	struct fed *f = ctx;

	eventstream_deinit(&f->stream);
	eventstream_init(&f->stream, f->max);
	buf_clear(&f->seen);
}

static bool fed_feed(void *ctx, struct span piece)
{
	struct fed *f = ctx;

	for (;;) {
		struct eventstream_message m;
		size_t used = 4711;

		f->outcome = eventstream_feed(&f->stream, piece, &used, &m);
		if (f->outcome == PARSE_E_MORE)
			assert_int_equal(used, piece.n);
		if (f->outcome != PARSE_DONE)
			return f->outcome == PARSE_E_MORE;
		buf_printf(&f->seen, "%.*s|%.*s|%.*s|%.*s\n", SPAN_ARG(m.message_type),
			   SPAN_ARG(m.event), SPAN_ARG(m.content_type), SPAN_ARG(m.payload));
		piece = span_sub(piece, used, piece.n);
	}
}

static void fed_end(void *ctx, const char *how)
{
	struct fed *f = ctx;
	struct eventstream_message m;
	size_t used;

	if (f->outcome != f->want || !span_eq_str(buf_span(&f->seen), f->want_seen))
		fail_msg("%s: %d\n%.*s\nnot %d\n%s", how, f->outcome, SPAN_ARG(buf_span(&f->seen)),
			 f->want, f->want_seen);
	assert_int_equal(eventstream_is_between(&f->stream), f->between);
	if (f->want != PARSE_E_MORE)
		assert_int_equal(eventstream_feed(&f->stream, SPAN_NULL, &used, &m), f->want);
}

static const struct split_parser fed_parser = {fed_begin, fed_feed, fed_end};

static void run(size_t max, const struct buf *text, int want, const char *seen)
{
	struct fed f = {.seen = BUF_INIT(1u << 16), .max = max, .want = want, .want_seen = seen};

	f.between = want == PARSE_E_MORE;
	eventstream_init(&f.stream, max);
	split_each(&fed_parser, &f, buf_span(text));
	eventstream_deinit(&f.stream);
	buf_deinit(&f.seen);
}

static void test_messages(void **state)
{
	struct buf text = BUF_INIT(1u << 16);

	(void)state;
	run(1000, &text, PARSE_E_MORE, "");
	put_event(&text, "messageStart", "{\"role\":\"assistant\"}");
	put_message(&text, SPAN_NULL, SPAN_NULL);
	put_event(&text, "metadata", "{}");
	run(1000, &text, PARSE_E_MORE,
	    "event|messageStart|application/json|{\"role\":\"assistant\"}\n|||\n"
	    "event|metadata|application/json|{}\n");
	buf_deinit(&text);
}

/* The published example of an empty message with no headers, byte for byte. */
static void test_known_bytes(void **state)
{
	static const uint8_t empty[] = {0,    0,    0,	  16,	0,    0,    0,	  0,
					0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff};
	struct buf text = BUF_INIT(64), made = BUF_INIT(64);

	(void)state;
	buf_put(&text, span_of(empty, sizeof(empty)));
	put_message(&made, SPAN_NULL, SPAN_NULL);
	assert_true(span_eq(buf_span(&made), buf_span(&text)));
	run(100, &text, PARSE_E_MORE, "|||\n");
	buf_deinit(&text);
	buf_deinit(&made);
}

/* Headers of every type, and of those asked for only as strings and once. */
static void test_headers(void **state)
{
	static const struct {
		struct span headers;
		int want;
		const char *seen;
	} row[] = {
		{SPAN_LIT("\1a\0\1b\1\1c\2x\1d\3xx\1e\4xxxx\1f\5xxxxxxxx\1g\6\0\3abc\1h\7\0\0"
			  "\1i\10xxxxxxxx\1j\11uuuuuuuuuuuuuuuu\13:error-code\7\0\1e"),
		 PARSE_E_MORE, "|e||p\n"},
		{SPAN_LIT("\17:exception-type\7\0\1e"), PARSE_E_MORE, "|e||p\n"},
		{SPAN_LIT("\1a\12"), PARSE_E_BAD, ""},
		{SPAN_LIT("\0\0"), PARSE_E_BAD, ""},
		{SPAN_LIT("\1"), PARSE_E_BAD, ""},
		{SPAN_LIT("\1a"), PARSE_E_BAD, ""},
		{SPAN_LIT("\1a\7\0"), PARSE_E_BAD, ""},
		{SPAN_LIT("\1a\7\0\2x"), PARSE_E_BAD, ""},
		{SPAN_LIT("\1a\11uuuuuuuuuuuuuuu"), PARSE_E_BAD, ""},
		{SPAN_LIT("\13:event-type\6\0\1e"), PARSE_E_BAD, ""},
		{SPAN_LIT("\13:event-type\7\0\1e\13:event-type\7\0\1e"), PARSE_E_BAD, ""},
		{SPAN_LIT("\13:event-type\7\0\0\17:exception-type\7\0\1e"), PARSE_E_BAD, ""},
	};
	struct buf text = BUF_INIT(1u << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		buf_clear(&text);
		put_message(&text, row[i].headers, SPAN_LIT("p"));
		run(1000, &text, row[i].want, row[i].seen);
	}
	buf_deinit(&text);
}

static void test_lengths(void **state)
{
	static const struct {
		uint32_t bytes, headers;
		int want;
	} row[] = {
		{0, 0, PARSE_E_BAD},	       {15, 0, PARSE_E_BAD},
		{16, 1, PARSE_E_BAD},	       {20, 5, PARSE_E_BAD},
		{16, UINT32_MAX, PARSE_E_BAD}, {UINT32_MAX, 0, PARSE_E_LIMIT},
		{101, 0, PARSE_E_LIMIT},       {UINT32_MAX, UINT32_MAX, PARSE_E_BAD},
	};
	struct buf text = BUF_INIT(1u << 16), payload = BUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		buf_clear(&text);
		put_claim(&text, row[i].bytes, row[i].headers, SPAN_NULL);
		run(100, &text, row[i].want, "");
	}
	/* As large as may be. */
	for (int i = 0; i < 84; i++)
		buf_put_byte(&payload, 'x');
	buf_clear(&text);
	put_message(&text, SPAN_NULL, buf_span(&payload));
	assert_int_equal(text.n, 100);
	run(100, &text, PARSE_E_MORE,
	    "|||"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "\n");
	buf_deinit(&text);
	buf_deinit(&payload);
}

static int feed_once(struct span text, bool *ret_between)
{
	struct eventstream stream;
	struct eventstream_message m;
	size_t used;
	int r;

	eventstream_init(&stream, 1000);
	r = eventstream_feed(&stream, text, &used, &m);
	*ret_between = eventstream_is_between(&stream);
	eventstream_deinit(&stream);
	return r;
}

static void cut(void *ctx, struct span part)
{
	bool between;

	(void)ctx;
	assert_int_equal(feed_once(part, &between), PARSE_E_MORE);
	assert_int_equal(between, part.n == 0);
}

/* Any bit that turns is found; any end before the end waits for more. */
static void test_damage(void **state)
{
	struct buf text = BUF_INIT(1u << 16);
	bool between;

	(void)state;
	put_event(&text, "metadata", "{\"usage\":{}}");
	split_truncated(buf_span(&text), cut, NULL);
	for (size_t bit = 0; bit < 8 * text.n; bit++) {
		text.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(feed_once(buf_span(&text), &between), PARSE_E_BAD);
		assert_false(between);
		text.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(feed_once(buf_span(&text), &between), PARSE_DONE);
	buf_deinit(&text);
}

static void feed_out_of_memory(void *ctx)
{
	const struct buf *text = ctx;
	struct eventstream stream;
	struct eventstream_message m;
	size_t used;
	int r;

	eventstream_init(&stream, 1000);
	r = eventstream_feed(&stream, buf_span(text), &used, &m);
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	if (oom_hit())
		assert_int_equal(eventstream_feed(&stream, SPAN_NULL, &used, &m), -ENOMEM);
	eventstream_deinit(&stream);
}

static void test_out_of_memory(void **state)
{
	struct buf text = BUF_INIT(1u << 16);

	(void)state;
	put_event(&text, "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}");
	assert_in_range(oom_each(feed_out_of_memory, &text), 1, 10);
	buf_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages), cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_headers),	 cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_damage),	 cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("eventstream", tests, NULL, NULL);
}
