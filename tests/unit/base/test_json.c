/* SPDX-License-Identifier: MIT */
/* The JSON scanner: what it accepts, what it refuses and where, the tape, and all of that at every
 * split. */
#include "base/json.h"
#include "aicp/limits.h"
#include "support/guard.h"
#include "support/oom.h"
#include "support/split.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- every way a text may arrive --------------------------------------------------------------
 */

struct fed {
	struct json_scan *scan;
	struct span text;
	int outcome;
	/* expected */
	int want;
	enum json_error error;
	size_t at;
	const struct json *tape;
};

static void fed_begin(void *ctx)
{
	struct fed *f = ctx;

	json_scan_reset(f->scan);
	f->outcome = PARSE_E_MORE;
}

static bool fed_feed(void *ctx, struct span piece)
{
	struct fed *f = ctx;

	f->outcome = json_scan_feed(f->scan, piece);
	return f->outcome == PARSE_DONE || f->outcome == PARSE_E_MORE;
}

static void same_tape(const struct json *a, const struct json *b, const char *how)
{
	if (a->n != b->n)
		fail_msg("%s: %u tokens, not %u", how, a->n, b->n);
	for (uint32_t t = 0; t < a->n; t++)
		if (memcmp(&a->token[t], &b->token[t], sizeof(a->token[t])) != 0)
			fail_msg("%s: token %u differs", how, t);
}

static void fed_end(void *ctx, const char *how)
{
	struct fed *f = ctx;

	if (f->outcome == PARSE_DONE || f->outcome == PARSE_E_MORE)
		f->outcome = json_scan_end(f->scan, f->text);
	if (f->outcome != f->want)
		fail_msg("%.*s: %s: outcome %d, not %d (%s at %zu)", SPAN_ARG(f->text), how,
			 f->outcome, f->want, json_error_text(json_scan_error(f->scan)),
			 json_scan_error_at(f->scan));
	if (json_scan_error(f->scan) != f->error || json_scan_error_at(f->scan) != f->at)
		fail_msg("%.*s: %s: %s at %zu, not %s at %zu", SPAN_ARG(f->text), how,
			 json_error_text(json_scan_error(f->scan)), json_scan_error_at(f->scan),
			 json_error_text(f->error), f->at);
	if (f->outcome == PARSE_DONE && f->tape) {
		struct json j = json_scan_json(f->scan, f->text);

		same_tape(&j, f->tape, how);
	}
}

static const struct split_parser fed_parser = {fed_begin, fed_feed, fed_end};

static void check(struct span text, int want, enum json_error error, size_t at)
{
	struct json_scan *whole = json_scan_new(UINT32_MAX);
	struct fed f = {json_scan_new(UINT32_MAX), text, 0, want, error, at, NULL};
	struct json tape;

	assert_non_null(whole);
	assert_non_null(f.scan);
	if (json_scan_all(whole, text) == PARSE_DONE) {
		tape = json_scan_json(whole, text);
		f.tape = &tape;
	}
	split_each(&fed_parser, &f, text);
	json_scan_free(f.scan);
	json_scan_free(whole);
}

static void good(const char *text)
{
	check(span_str(text), PARSE_DONE, JSON_ERROR_NONE, 0);
}

static void bad(const char *text, enum json_error error, size_t at)
{
	check(span_str(text), PARSE_E_BAD, error, at);
}

/* ---- what is JSON ------------------------------------------------------------------------------
 */

static void test_accepts(void **state)
{
	static const char *const texts[] = {
		"null",
		"true",
		"false",
		"0",
		"-0",
		"12",
		"-1.5e+10",
		"1E5",
		"0.0",
		"0e0",
		"\"\"",
		"\"a\"",
		" \t\r\n1 \t\r\n",
		"[]",
		"{}",
		"[[],{},\"\",0]",
		"{\"a\":1,\"b\":[true,false,null]}",
		"{\"\":0}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83D\\ude00\"",
		"\"\x7f \xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\"",
		"\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"",
		"{\"a\":{\"a\":{\"a\":[]}},\"A\":1,\"aa\":2}",
		"[\"a long enough run of plain text to be skipped eight at a time\"]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		good(texts[i]);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		enum json_error error;
		size_t at;
	} cases[] = {
		{"", JSON_ERROR_SYNTAX, 0},
		{"  ", JSON_ERROR_SYNTAX, 2},
		{"nul", JSON_ERROR_SYNTAX, 3},
		{"nulL", JSON_ERROR_SYNTAX, 3},
		{"True", JSON_ERROR_SYNTAX, 0},
		{"NaN", JSON_ERROR_SYNTAX, 0},
		{"Infinity", JSON_ERROR_SYNTAX, 0},
		{"-Infinity", JSON_ERROR_SYNTAX, 1},
		{"+1", JSON_ERROR_SYNTAX, 0},
		{".5", JSON_ERROR_SYNTAX, 0},
		{"01", JSON_ERROR_TRAILING, 1},
		{"-", JSON_ERROR_SYNTAX, 1},
		{"1.", JSON_ERROR_SYNTAX, 2},
		{"1.x", JSON_ERROR_SYNTAX, 2},
		{"[1e]", JSON_ERROR_SYNTAX, 3},
		{"1e+", JSON_ERROR_SYNTAX, 3},
		{"0x1", JSON_ERROR_TRAILING, 1},
		{"[1 2]", JSON_ERROR_SYNTAX, 3},
		{"[1,]", JSON_ERROR_SYNTAX, 3},
		{"[,1]", JSON_ERROR_SYNTAX, 1},
		{"[1", JSON_ERROR_SYNTAX, 2},
		{"[1}", JSON_ERROR_SYNTAX, 2},
		{"{\"a\":1]", JSON_ERROR_SYNTAX, 6},
		{"]", JSON_ERROR_SYNTAX, 0},
		{"{\"a\"}", JSON_ERROR_SYNTAX, 4},
		{"{\"a\":}", JSON_ERROR_SYNTAX, 5},
		{"{\"a\":1,}", JSON_ERROR_SYNTAX, 7},
		{"{a:1}", JSON_ERROR_SYNTAX, 1},
		{"{1:1}", JSON_ERROR_SYNTAX, 1},
		{"{\"a\" 1}", JSON_ERROR_SYNTAX, 5},
		{"'a'", JSON_ERROR_SYNTAX, 0},
		{"// c\n1", JSON_ERROR_SYNTAX, 0},
		{"\xef\xbb\xbf{}", JSON_ERROR_SYNTAX, 0},
		{"\v1", JSON_ERROR_SYNTAX, 0},
		{"1 1", JSON_ERROR_TRAILING, 2},
		{"{}{}", JSON_ERROR_TRAILING, 2},
		{"{},", JSON_ERROR_TRAILING, 2},
		{"\"a", JSON_ERROR_SYNTAX, 2},
		{"\"\\", JSON_ERROR_SYNTAX, 2},
		{"\"a\nb\"", JSON_ERROR_CONTROL, 2},
		{"\"tab\there\"", JSON_ERROR_CONTROL, 4},
		{"\"\\x41\"", JSON_ERROR_ESCAPE, 2},
		{"\"\\u12g4\"", JSON_ERROR_ESCAPE, 5},
		{"\"\\u12\"", JSON_ERROR_ESCAPE, 5},
		{"\"\\ud800\"", JSON_ERROR_ESCAPE, 7},
		{"\"\\ud800x\"", JSON_ERROR_ESCAPE, 7},
		{"\"\\ud800\\n\"", JSON_ERROR_ESCAPE, 8},
		{"\"\\ud800\\u0041\"", JSON_ERROR_ESCAPE, 12},
		{"\"\\ud800\\ud800\"", JSON_ERROR_ESCAPE, 12},
		{"\"\\udc00\"", JSON_ERROR_ESCAPE, 6},
		{"\"\x80\"", JSON_ERROR_UTF8, 1},
		{"\"\xc0\x80\"", JSON_ERROR_UTF8, 1},
		{"\"\xc2\"", JSON_ERROR_UTF8, 2},
		{"\"\xe0\x80\x80\"", JSON_ERROR_UTF8, 2},
		{"\"\xed\xa0\x80\"", JSON_ERROR_UTF8, 2},
		{"\"\xe2\x82\"", JSON_ERROR_UTF8, 3},
		{"\"\xf0\x80\x80\x80\"", JSON_ERROR_UTF8, 2},
		{"\"\xf4\x90\x80\x80\"", JSON_ERROR_UTF8, 2},
		{"\"\xf5\x80\x80\x80\"", JSON_ERROR_UTF8, 1},
		{"{\"a\":1,\"a\":2}", JSON_ERROR_DUPLICATE_KEY, 8},
		{"{\"a\":1,\"\\u0061\":2}", JSON_ERROR_DUPLICATE_KEY, 8},
		{"{\"\xc3\xa9\":1,\"\\u00e9\":2}", JSON_ERROR_DUPLICATE_KEY, 9},
		{"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", JSON_ERROR_DUPLICATE_KEY, 19},
		{"[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", JSON_ERROR_DUPLICATE_KEY, 20},
		{"{\"\":1,\"\":2}", JSON_ERROR_DUPLICATE_KEY, 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		bad(cases[i].text, cases[i].error, cases[i].at);
	check(span_of("\"\0\"", 3), PARSE_E_BAD, JSON_ERROR_CONTROL, 1);
	check(span_of("1\0", 2), PARSE_E_BAD, JSON_ERROR_TRAILING, 1);
}

static void truncated(void *ctx, struct span part)
{
	int r = json_scan_all(ctx, part);

	if (r != PARSE_E_BAD || json_scan_error_at(ctx) != part.n)
		fail_msg("%.*s: %d at %zu", SPAN_ARG(part), r, json_scan_error_at(ctx));
}

static void test_truncated(void **state)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);

	(void)state;
	split_truncated(
		SPAN_LIT("{\"a\":[1,-2.5e3,\"\\u00e9\xf0\x9f\x98\x80\",true,null,false],\"b\":{}}"),
		truncated, scan);
	json_scan_free(scan);
}

/* ---- the tape ----------------------------------------------------------------------------------
 */

static void test_tape(void **state)
{
	struct span text = SPAN_LIT(" {\"a\":[1,\"x\\n\"],\"b\\u0062\":{}} ");
	static const struct json_token want[] = {
		{1, 29, 7, JSON_OBJECT, 0, 0},
		{3, 4, 2, JSON_STRING, JSON_KEY, 1},
		{6, 15, 5, JSON_ARRAY, 0, 1},
		{7, 8, 4, JSON_NUMBER, 0, 2},
		{10, 13, 5, JSON_STRING, JSON_ESCAPED, 2},
		{17, 24, 6, JSON_STRING, JSON_KEY | JSON_ESCAPED, 1},
		{26, 28, 7, JSON_OBJECT, 0, 1},
	};
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct json j, w = {text, want, 7};

	(void)state;
	assert_int_equal(json_scan_all(scan, text), PARSE_DONE);
	j = json_scan_json(scan, text);
	same_tape(&j, &w, "tape");
	json_scan_free(scan);
}

static struct json scanned(struct json_scan *scan, const char *text)
{
	struct span s = span_str(text);

	if (json_scan_all(scan, s) != PARSE_DONE)
		fail_msg("%s: %s at %zu", text, json_error_text(json_scan_error(scan)),
			 json_scan_error_at(scan));
	return json_scan_json(scan, s);
}

static void test_get(void **state)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct json j =
		scanned(scan, "{\"a\":{\"x\":1},\"\\u0062\":[\"\\ud83d\\ude00\"],\"e\":\"\"}");
	struct buf out = BUF_INIT(64);
	uint32_t b = json_get(&j, 0, "b");
	unsigned keys = 0;

	(void)state;
	assert_int_equal(json_get(&j, 0, "x"), JSON_NONE);
	assert_int_equal(json_get(&j, JSON_NONE, "x"), JSON_NONE);
	assert_int_equal(json_get(&j, b, "x"), JSON_NONE);
	assert_int_equal(j.token[json_get(&j, json_get(&j, 0, "a"), "x")].kind, JSON_NUMBER);
	assert_int_equal(j.token[b].kind, JSON_ARRAY);
	assert_true(json_string_eq(&j, b + 1, SPAN_LIT("\xf0\x9f\x98\x80")));
	assert_false(json_string_eq(&j, b + 1, SPAN_LIT("\xf0\x9f\x98")));
	assert_false(json_string_eq(&j, b + 1, SPAN_LIT("\xf0\x9f\x98\x80\x80")));
	assert_false(json_string_eq(&j, b, SPAN_LIT("")));
	assert_true(json_string_eq(&j, json_get(&j, 0, "e"), SPAN_LIT("")));
	assert_int_equal(json_string_put(&j, b + 1, &out), 0);
	assert_true(span_eq_str(buf_span(&out), "\xf0\x9f\x98\x80"));
	json_foreach (child, &j, 0) {
		assert_true(j.token[child].flags & JSON_KEY);
		keys++;
	}
	assert_int_equal(keys, 3);
	buf_deinit(&out);
	json_scan_free(scan);
}

static void test_string_put(void **state)
{
	static const char *const cases[][2] = {
		{"\"\"", ""},
		{"\"plain\"", "plain"},
		{"\"\\n\"", "\n"},
		{"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz"},
		{"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00!\"",
		 "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!"},
		{"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		 "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
	};
	struct json_scan *scan = json_scan_new(UINT32_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct json j = scanned(scan, cases[i][0]);
		struct buf out = BUF_INIT(64), small = BUF_INIT(strlen(cases[i][1]));

		assert_int_equal(json_string_put(&j, 0, &out), 0);
		assert_true(span_eq_str(buf_span(&out), cases[i][1]));
		assert_true(json_string_eq(&j, 0, buf_span(&out)));
		/* A buffer of just the right size is large enough. */
		assert_int_equal(json_string_put(&j, 0, &small), 0);
		if (small.n) {
			small.max--;
			buf_clear(&small);
			assert_int_equal(json_string_put(&j, 0, &small), -E2BIG);
		}
		buf_deinit(&out);
		buf_deinit(&small);
	}
	json_scan_free(scan);
}

static void test_int(void **state)
{
	static const struct {
		const char *text;
		bool fits;
		int64_t value;
	} cases[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"-0.000", true, 0},
		{"0e999999999999999999999", true, 0},
		{"7", true, 7},
		{"-7", true, -7},
		{"1e3", true, 1000},
		{"1.5e1", true, 15},
		{"10.00", true, 10},
		{"1000e-3", true, 1},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"92233720368547758070e-1", true, INT64_MAX},
		{"0.9223372036854775807e19", true, INT64_MAX},
		{"1e18", true, INT64_C(1000000000000000000)},
		{"1e19", false, 0},
		{"0.5", false, 0},
		{"1.5", false, 0},
		{"1e-1", false, 0},
		{"1e999999999999999999999", false, 0},
		{"true", false, 0},
		{"\"1\"", false, 0},
	};
	struct json_scan *scan = json_scan_new(UINT32_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct json j = scanned(scan, cases[i].text);
		int64_t value = 42;

		if (json_int(&j, 0, &value) != cases[i].fits ||
		    value != (cases[i].fits ? cases[i].value : 42))
			fail_msg("%s: %lld", cases[i].text, (long long)value);
	}
	json_scan_free(scan);
}

static void test_number(void **state)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct buf text = BUF_INIT(1u << 20);
	struct json j;
	double value;

	(void)state;
	j = scanned(scan, "[0,-0,0.1,1.5e300,5e-324,1e-400,123456789012345678,1e400,-1e400,{}]");
	static const double want[] = {0, -0.0, 0.1, 1.5e300, 5e-324, 0, 123456789012345678.0};
	for (uint32_t i = 0; i < 7; i++) {
		assert_true(json_number(&j, i + 1, &value));
		assert_memory_equal(&value, &want[i], sizeof(value));
	}
	for (uint32_t i = 8; i <= 10; i++)
		assert_false(json_number(&j, i, &value));

	/* Digits far behind the last that fits a double still decide a tie: 2^53 + 1 and a little.
	 */
	buf_put_str(&text, "9007199254740993.");
	for (int i = 0; i < 2000; i++)
		buf_put_byte(&text, '0');
	j = scanned(scan, buf_str(&text));
	assert_true(json_number(&j, 0, &value));
	assert_true(value == 9007199254740992.0);
	buf_put_byte(&text, '1');
	j = scanned(scan, buf_str(&text));
	assert_true(json_number(&j, 0, &value));
	assert_true(value == 9007199254740994.0);
	int64_t i64;
	assert_false(json_int(&j, 0, &i64));
	buf_deinit(&text);
	json_scan_free(scan);
}

/* ---- limits and memory --------------------------------------------------------------------------
 */

static void nested(struct buf *b, unsigned depth)
{
	buf_clear(b);
	for (unsigned i = 0; i < depth; i++)
		buf_put_str(b, i % 2 ? "{\"a\":" : "[");
	for (unsigned i = depth; i--;)
		buf_put_byte(b, i % 2 ? '}' : ']');
}

static void test_depth(void **state)
{
	struct buf b = BUF_INIT(1u << 16);
	char text[AICP_JSON_DEPTH_MAX * 2 + 1];

	(void)state;
	memset(text, '[', AICP_JSON_DEPTH_MAX);
	memset(text + AICP_JSON_DEPTH_MAX, ']', AICP_JSON_DEPTH_MAX);
	check(span_of(text, sizeof(text) - 1), PARSE_DONE, JSON_ERROR_NONE, 0);
	memset(text, '[', sizeof(text));
	check(span_of(text, sizeof(text)), PARSE_E_LIMIT, JSON_ERROR_DEPTH, AICP_JSON_DEPTH_MAX);
	nested(&b, AICP_JSON_DEPTH_MAX);
	/* The innermost object has a key and no value. */
	check(buf_span(&b), PARSE_E_BAD, JSON_ERROR_SYNTAX, AICP_JSON_DEPTH_MAX / 2 * 6);
	buf_deinit(&b);
}

static void test_tokens(void **state)
{
	struct json_scan *scan = json_scan_new(4);

	(void)state;
	assert_int_equal(json_scan_all(scan, SPAN_LIT("[1,2,3]")), PARSE_DONE);
	assert_int_equal(json_scan_all(scan, SPAN_LIT("[1,2,3,4]")), PARSE_E_LIMIT);
	assert_int_equal(json_scan_error(scan), JSON_ERROR_TOKENS);
	assert_int_equal(json_scan_error_at(scan), 7);
	/* For good: */
	assert_int_equal(json_scan_feed(scan, SPAN_LIT(" ")), PARSE_E_LIMIT);
	assert_int_equal(json_scan_end(scan, SPAN_LIT("[1,2,3,4]")), PARSE_E_LIMIT);
	/* Until it is reset: */
	assert_int_equal(json_scan_all(scan, SPAN_LIT("{\"a\":1}")), PARSE_DONE);
	json_scan_free(scan);
}

static void test_misuse(void **state)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);

	(void)state;
	assert_int_equal(json_scan_feed(scan, SPAN_LIT("[1")), PARSE_E_MORE);
	assert_int_equal(json_scan_feed(scan, SPAN_NULL), PARSE_E_MORE);
	assert_int_equal(json_scan_feed(scan, SPAN_LIT("]")), PARSE_DONE);
	assert_int_equal(json_scan_feed(scan, SPAN_NULL), PARSE_DONE);
	assert_int_equal(json_scan_feed(scan, SPAN_LIT(" \n")), PARSE_DONE);
	/* Not the text that was fed: */
	assert_int_equal(json_scan_end(scan, SPAN_LIT("[1]")), -EINVAL);
	assert_int_equal(json_scan_end(scan, SPAN_LIT("[1] \n")), PARSE_DONE);
	assert_int_equal(json_scan_end(scan, SPAN_LIT("[1] \n")), PARSE_DONE);
	json_scan_free(scan);
	json_scan_free(NULL);
	for (int e = JSON_ERROR_NONE; e < _JSON_ERROR_COUNT; e++)
		assert_true(strlen(json_error_text(e)) > 3);
}

static void scan_out_of_memory(void *ctx)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct span *text = ctx;
	int r;

	if (scan) {
		r = json_scan_all(scan, *text);
		assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
		if (oom_hit()) {
			/* For good, until reset; then as if nothing had been. */
			assert_int_equal(json_scan_feed(scan, SPAN_LIT("1")), -ENOMEM);
			assert_int_equal(json_scan_all(scan, *text), PARSE_DONE);
		}
	} else {
		assert_true(oom_hit());
	}
	json_scan_free(scan);
}

static void put_object(struct buf *b, unsigned keys, const char *form)
{
	buf_clear(b);
	for (unsigned i = 0; i < keys; i++) {
		buf_put_byte(b, i ? ',' : '{');
		buf_printf(b, form, i);
	}
	buf_put_byte(b, '}');
}

static void test_out_of_memory(void **state)
{
	struct buf b = BUF_INIT(1u << 20);
	struct span text;

	(void)state;
	put_object(&b, 200, "\"\\u0061%u\":[1,2]");
	text = buf_span(&b);
	/* The scan, the tape and its growth, entries, spare, unescaped keys. */
	assert_in_range(oom_each(scan_out_of_memory, &text), 5, 20);
	buf_deinit(&b);
}

/* ---- repeated keys ------------------------------------------------------------------------------
 */

static void test_many_keys(void **state)
{
	static const unsigned counts[] = {2, 15, 16, 17, 18, 31, 32, 33, 1000};
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct buf b = BUF_INIT(1u << 20);

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		unsigned n = counts[c];

		put_object(&b, n, "\"k%u\":0");
		assert_int_equal(json_scan_all(scan, buf_span(&b)), PARSE_DONE);
		/* Repeat each in turn at the end; the one at the end is to blame. */
		for (unsigned i = 0; i < n; i++) {
			size_t end;

			put_object(&b, n, "\"k%u\":0");
			b.n--;
			end = b.n;
			buf_printf(&b, ",\"\\u006b%u\":1,\"last\":2}", i);
			assert_int_equal(json_scan_all(scan, buf_span(&b)), PARSE_E_BAD);
			assert_int_equal(json_scan_error(scan), JSON_ERROR_DUPLICATE_KEY);
			assert_int_equal(json_scan_error_at(scan), end + 2);
		}
	}
	/* Of several repeats the first in the text is told, whatever the order of the keys is. */
	put_object(&b, 40, "\"k%u\":0");
	b.n--;
	size_t first = b.n + 2;
	buf_put_str(&b, ",\"k7\":0,\"k1\":0,\"k9\":0}");
	assert_int_equal(json_scan_all(scan, buf_span(&b)), PARSE_E_BAD);
	assert_int_equal(json_scan_error_at(scan), first);
	/* Keys that are prefixes of each other, and NULs, are not equal. */
	assert_int_equal(
		json_scan_all(scan, SPAN_LIT("{\"a\":0,\"a\\u0000\":0,\"a\\u0000\\u0000\":0,"
					     "\"\":0,\"\\u0000\":0}")),
		PARSE_DONE);
	buf_deinit(&b);
	json_scan_free(scan);
}

/* Time is not asserted, but a quadratic check of 500,000 keys would take hours here. */
static void test_huge_objects(void **state)
{
	static const char *const forms[] = {
		"\"%u\":1",
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaa%08u\":1",
		"\"\\u0061%08u\":1",
	};
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct buf b = BUF_INIT(64u << 20);

	(void)state;
	for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
		put_object(&b, 500000, forms[f]);
		assert_int_equal(json_scan_all(scan, buf_span(&b)), PARSE_DONE);
		b.n--;
		buf_put_byte(&b, ',');
		buf_printf(&b, forms[f], 77u);
		buf_put_byte(&b, '}');
		assert_int_equal(json_scan_all(scan, buf_span(&b)), PARSE_E_BAD);
		assert_int_equal(json_scan_error(scan), JSON_ERROR_DUPLICATE_KEY);
	}
	buf_deinit(&b);
	json_scan_free(scan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),	  cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_tape),
		cmocka_unit_test(test_get),	  cmocka_unit_test(test_string_put),
		cmocka_unit_test(test_int),	  cmocka_unit_test(test_number),
		cmocka_unit_test(test_depth),	  cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_misuse),	  cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_many_keys), cmocka_unit_test(test_huge_objects),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
