/* SPDX-License-Identifier: MIT */
/* Bodies with parts replaced: to the byte, in every form a string can have, and against a slow
 * implementation that shares nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/rewrite.h"

#include "aicp/limits.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "support/guard.h"
#include "support/oom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Every string value of a JSON text as a segment of text.all, but those that begin with '=': they
 * are fixed. */
static void segments_of(struct json_scan *scan, struct span body, struct provider_segments *out)
{
	struct json json;
	size_t at = 0;

	assert_int_equal(json_scan_all(scan, body), PARSE_DONE);
	json = json_scan_json(scan, body);
	out->segment = calloc(json.n, sizeof(*out->segment));
	out->n = 0;
	for (uint32_t t = 0; t < json.n; t++) {
		struct buf text = BUF_INIT(1u << 20);

		if (json.token[t].kind != JSON_STRING || (json.token[t].flags & JSON_KEY) ||
		    json.token[t].begin == json.token[t].end)
			continue;
		assert_int_equal(json_string_put(&json, t, &text), 0);
		if (out->n)
			at++;
		out->segment[out->n++] = (struct provider_segment){
			.fact = FACT_TEXT_ALL,
			.token = t,
			.begin = json.token[t].begin,
			.end = json.token[t].end,
			.at = at,
			.n = text.n,
			.escaped = json.token[t].flags & JSON_ESCAPED,
			.fixed = text.p[0] == '=',
		};
		at += text.n;
		buf_deinit(&text);
	}
}

struct place {
	size_t begin, end;
	const char *replacement;
};

static int rewrite_at(struct rewrite *w, const char *body, const struct place *place, size_t n,
		      struct buf *out)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct provider_segments segments = {0};
	struct span result;
	size_t places = 0;
	int r = 0;

	segments_of(scan, span_str(body), &segments);
	rewrite_reset(w);
	for (size_t i = 0; i < n && !r; i++)
		r = rewrite_add(w,
				&(struct rewrite_range){FACT_TEXT_ALL, place[i].begin, place[i].end,
							span_str(place[i].replacement)});
	if (!r)
		r = rewrite_body(w, span_str(body), &segments, &result, &places);
	if (!r) {
		assert_true(places > 0);
		buf_put(out, result);
	}
	provider_segments_free(&segments);
	json_scan_free(scan);
	return r;
}

static void expect(const char *body, const struct place *place, size_t n, const char *expected)
{
	struct rewrite *w = rewrite_new();
	struct buf out = BUF_INIT(1u << 20);
	int r = rewrite_at(w, body, place, n, &out);

	assert_int_equal(r, expected ? PARSE_DONE : PARSE_E_BAD);
	if (expected && strcmp(buf_str(&out), expected) != 0)
		fail_msg("%s\nbecame\n%s\nnot\n%s", body, (const char *)out.p, expected);
	buf_deinit(&out);
	rewrite_free(w);
}

#define EXPECT(_body, _expected, ...)                                                              \
	expect(_body, (const struct place[]){__VA_ARGS__},                                         \
	       sizeof((const struct place[]){__VA_ARGS__}) / sizeof(struct place), _expected)

static void test_places(void **state)
{
	(void)state;
	EXPECT("[\"abc\"]", "[\"XX\"]", {0, 3, "XX"});
	EXPECT("[\"abc\"]", "[\"XXbc\"]", {0, 1, "XX"});
	EXPECT("[\"abc\"]", "[\"abXX\"]", {2, 3, "XX"});
	EXPECT(" { \"k\" : \"abc\" , \"n\":1.0e2 } ", " { \"k\" : \"aXXc\" , \"n\":1.0e2 } ",
	       {1, 2, "XX"});
	/* nothing beyond the text, and the newline between two strings is in no string */
	EXPECT("[\"ab\",\"cd\"]", NULL, {2, 3, "X"});
	EXPECT("[\"ab\",\"cd\"]", NULL, {5, 9, "X"});
	EXPECT("[\"ab\",\"cd\"]", "[\"ab\",\"cX\"]", {4, 99, "X"});
	EXPECT("[]", NULL, {0, 1, "X"});
	/* over two and three strings */
	EXPECT("[\"ab\",\"cd\"]", "[\"aX\",\"Xd\"]", {1, 4, "X"});
	EXPECT("[\"ab\",\"cd\",\"ef\"]", "[\"aX\",\"X\",\"Xf\"]", {1, 7, "X"});
	/* keys, and strings that are empty, stay */
	EXPECT("{\"a\":\"\",\"b\":\"a\"}", "{\"a\":\"\",\"b\":\"X\"}", {0, 1, "X"});
}

static void test_overlaps(void **state)
{
	(void)state;
	EXPECT("[\"abcdef\"]", "[\"aXe[Y]\"]", {1, 3, "X"}, {2, 4, "Z"}, {5, 6, "[Y]"});
	EXPECT("[\"abcdef\"]", "[\"aXYdef\"]", {2, 3, "Y"}, {1, 2, "X"});
	/* of two that begin together, the one added first */
	EXPECT("[\"abcdef\"]", "[\"Yef\"]", {0, 2, "Y"}, {0, 4, "X"});
	EXPECT("[\"abcdef\"]", "[\"Xef\"]", {0, 4, "X"}, {0, 2, "Y"}, {1, 3, "Z"});
}

static void test_escapes(void **state)
{
	(void)state;
	EXPECT("[\"a\\nb\"]", "[\"aXb\"]", {1, 2, "X"});
	EXPECT("[\"a\\nb\"]", "[\"X\\nb\"]", {0, 1, "X"});
	EXPECT("[\"a\\nb\"]", "[\"a\\nX\"]", {2, 3, "X"});
	EXPECT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t!\"]", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\tX\"]",
	       {8, 9, "X"});
	EXPECT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t!\"]", "[\"\\\"X\\t!\"]", {1, 7, "X"});
	EXPECT("[\"\\u0041\\u00e9\\u20ac!\"]", "[\"X\\u00e9\\u20ac!\"]", {0, 1, "X"});
	EXPECT("[\"\\u0041\\u00e9\\u20ac!\"]", "[\"\\u0041X\\u20ac!\"]", {1, 3, "X"});
	EXPECT("[\"\\u0041\\u00e9\\u20ac!\"]", "[\"\\u0041\\u00e9X!\"]", {3, 6, "X"});
	EXPECT("[\"\\ud83d\\ude00!\"]", "[\"X!\"]", {0, 4, "X"});
	EXPECT("[\"\\ud83d\\ude00!\"]", "[\"\\ud83d\\ude00X\"]", {4, 5, "X"});
	/* \u0000 is a character too */
	EXPECT("[\"a\\u0000b\"]", "[\"aXb\"]", {1, 2, "X"});
	/* what stands there instead is escaped */
	EXPECT("[\"abc\"]",
	       "[\"a\\\"\\\\\\n\\u0001\xc3\xa9"
	       "c\"]",
	       {1, 2, "\"\\\n\x01\xc3\xa9"});
}

/* Whole characters go, wherever a range cuts them. */
static void test_characters_are_whole(void **state)
{
	(void)state;
	EXPECT("[\"a\xc3\xa9z\"]", "[\"aXz\"]", {1, 2, "X"});
	EXPECT("[\"a\xc3\xa9z\"]", "[\"aXz\"]", {2, 3, "X"});
	EXPECT("[\"a\xf0\x9f\x98\x80z\"]", "[\"aXz\"]", {3, 4, "X"});
	EXPECT("[\"a\\u00e9z\"]", "[\"aXz\"]", {2, 3, "X"});
	EXPECT("[\"a\\ud83d\\ude00z\"]", "[\"aXz\"]", {2, 3, "X"});
	EXPECT("[\"\\t\xe2\x82\xacz\"]", "[\"\\tXz\"]", {2, 3, "X"});
	/* once only */
	EXPECT("[\"a\xc3\xa9z\"]", "[\"aXz\"]", {1, 2, "X"}, {2, 3, "Y"});
	EXPECT("[\"a\\u00e9z\"]", "[\"aXz\"]", {1, 2, "X"}, {2, 3, "Y"});
	EXPECT("[\"a\xc3\xa9z\"]", "[\"aXY\"]", {1, 2, "X"}, {2, 4, "Y"});
	EXPECT("[\"a\\u00e9z\"]", "[\"aXY\"]", {1, 2, "X"}, {2, 4, "Y"});
}

static void test_fixed_strings(void **state)
{
	(void)state;
	EXPECT("[\"ab\",\"=cd\"]", "[\"aX\",\"=cd\"]", {1, 3, "X"});
	EXPECT("[\"ab\",\"=cd\"]", NULL, {1, 4, "X"});
	EXPECT("[\"ab\",\"=cd\"]", NULL, {0, 1, "X"}, {5, 6, "X"});
}

/* The body may only grow to its limit. */
static void test_limit(void **state)
{
	static char replacement[2000];
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct provider_segments segments = {0};
	struct rewrite *w = rewrite_new();
	struct buf body = BUF_INIT(1u << 20);
	struct span result = SPAN_NULL;
	size_t places;

	(void)state;
	memset(replacement, 'r', sizeof(replacement) - 1);
	buf_put_str(&body, "[\"");
	for (int i = 0; i < 20000; i++)
		buf_put_str(&body, "x.");
	buf_put_str(&body, "\"]");
	segments_of(scan, buf_span(&body), &segments);
	for (size_t i = 0; i < 20000; i++)
		assert_int_equal(
			rewrite_add(w, &(struct rewrite_range){FACT_TEXT_ALL, 2 * i, 2 * i + 1,
							       span_str(replacement)}),
			0);
	assert_int_equal(rewrite_body(w, buf_span(&body), &segments, &result, &places),
			 PARSE_E_LIMIT);
	assert_null(result.p);
	provider_segments_free(&segments);
	buf_deinit(&body);
	rewrite_free(w);
	json_scan_free(scan);
}

/* A generated body, and beside it what it says: one entry a character. */
struct character {
	char raw[16];
	size_t bytes; /* of text */
};
struct string {
	struct character c[12];
	size_t n;
};

static unsigned long long dice_state = 42;

static unsigned dice(unsigned n)
{
	dice_state = dice_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(dice_state >> 33) % n;
}

static void make_string(struct string *s)
{
	static const struct character forms[] = {
		{"a", 1},
		{"b", 1},
		{"\xc3\xa9", 2},
		{"\xe2\x82\xac", 3},
		{"\xf0\x9f\x98\x80", 4},
		{"\\n", 1},
		{"\\\\", 1},
		{"\\\"", 1},
		{"\\/", 1},
		{"\\u0061", 1},
		{"\\u00E9", 2},
		{"\\u20ac", 3},
		{"\\ud83d\\ude00", 4},
		{"\\u0000", 1},
	};

	s->n = 1 + dice(12);
	/* Strings without escapes go another way. */
	unsigned kinds = dice(2) ? 5 : sizeof(forms) / sizeof(forms[0]);

	for (size_t i = 0; i < s->n; i++)
		s->c[i] = forms[dice(kinds)];
}

/* Replaced character by character, the slow way. */
static void put_slowly(const struct string *strings, size_t n, size_t begin, size_t end,
		       struct buf *out)
{
	size_t at = 0;

	buf_put_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		bool in = false;

		buf_put_str(out, i ? ",\"" : "\"");
		for (size_t k = 0; k < strings[i].n; k++) {
			const struct character *c = &strings[i].c[k];
			bool hit = at < end && begin < at + c->bytes;

			if (hit && !in)
				buf_put_str(out, "<R>");
			if (!hit)
				buf_put_str(out, c->raw);
			in = hit;
			at += c->bytes;
		}
		buf_put_byte(out, '"');
		at++; /* the newline */
	}
	buf_put_byte(out, ']');
}

static void test_against_a_slow_one(void **state)
{
	struct rewrite *w = rewrite_new();

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct buf body = BUF_INIT(1u << 16), slow = BUF_INIT(1u << 16),
			   fast = BUF_INIT(1u << 16);
		struct string strings[4];
		size_t n = 1 + dice(4), bytes = 0;
		struct place place = {.replacement = "<R>"};
		int r;

		for (size_t i = 0; i < n; i++) {
			make_string(&strings[i]);
			for (size_t k = 0; k < strings[i].n; k++)
				bytes += strings[i].c[k].bytes;
		}
		place.begin = dice((unsigned)bytes);
		place.end = place.begin + 1 + dice(8);
		put_slowly(strings, n, 0, 0, &body);
		put_slowly(strings, n, place.begin, place.end, &slow);
		r = rewrite_at(w, buf_str(&body), &place, 1, &fast);
		if (span_eq(buf_span(&body), buf_span(&slow)))
			assert_int_equal(r, PARSE_E_BAD);
		else
			assert_int_equal(r, PARSE_DONE);
		if (!r && !span_eq(buf_span(&fast), buf_span(&slow)))
			fail_msg("%s %zu..%zu\n%s\n%s", buf_str(&body), place.begin, place.end,
				 buf_str(&fast), buf_str(&slow));
		buf_deinit(&body);
		buf_deinit(&slow);
		buf_deinit(&fast);
	}
	rewrite_free(w);
}

/* Nothing is read behind the body. */
static void test_flush_against_a_guard_page(void **state)
{
	static const char text[] = "\"\\ud83d\\ude00\"";
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct provider_segments segments = {0};
	struct rewrite *w = rewrite_new();
	struct guard guard;
	struct span body, result;
	size_t places;

	(void)state;
	guard_init(&guard, 64);
	body = guard_copy(&guard, span_str(text));
	segments_of(scan, body, &segments);
	assert_int_equal(
		rewrite_add(w, &(struct rewrite_range){FACT_TEXT_ALL, 3, 4, SPAN_LIT("X")}), 0);
	assert_int_equal(rewrite_body(w, body, &segments, &result, &places), PARSE_DONE);
	assert_int_equal(places, 1);
	guard_wipe(&guard);
	assert_true(span_eq_str(result, "\"X\""));
	guard_deinit(&guard);
	provider_segments_free(&segments);
	rewrite_free(w);
	json_scan_free(scan);
}

static void without_memory(void *segments)
{
	static const char body[] = "[\"abc\"]";
	struct rewrite *w = rewrite_new();
	struct span result = SPAN_NULL;
	size_t places;
	int r;

	if (!w) {
		assert_true(oom_hit());
		return;
	}
	r = rewrite_add(w, &(struct rewrite_range){FACT_TEXT_ALL, 0, 1, SPAN_LIT("X")});
	if (!r)
		r = rewrite_body(w, span_str(body), segments, &result, &places);
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	assert_true(r == 0 || !result.p);
	rewrite_free(w);
}

static void test_out_of_memory(void **state)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct provider_segments segments = {0};

	(void)state;
	segments_of(scan, SPAN_LIT("[\"abc\"]"), &segments);
	assert_in_range(oom_each(without_memory, &segments), 4, 10);
	provider_segments_free(&segments);
	json_scan_free(scan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_characters_are_whole),
		cmocka_unit_test(test_fixed_strings),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_against_a_slow_one),
		cmocka_unit_test(test_flush_against_a_guard_page),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("rewrite", tests, NULL, NULL);
}
