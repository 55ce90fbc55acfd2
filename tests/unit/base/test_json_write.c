/* SPDX-License-Identifier: MIT */
/* Canonical JSON: exact bytes, what is refused, and that the scanner reads back what was written.
 */
#include "base/json.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "support/oom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void write_sample(struct json_write *w)
{
	json_write_object(w, NULL);
	json_write_array(w, "a");
	json_write_int(w, NULL, 0);
	json_write_object(w, NULL);
	json_write_end_object(w);
	json_write_array(w, NULL);
	json_write_end_array(w);
	json_write_bool(w, NULL, true);
	json_write_end_array(w);
	json_write_bool(w, "b", false);
	json_write_str(w, "c", NULL);
	json_write_str(w, "d", "x\"y");
	json_write_object(w, "e");
	json_write_int(w, "a", (INT64_C(1) << 53) - 1);
	json_write_int(w, "b", -((INT64_C(1) << 53) - 1));
	json_write_end_object(w);
	json_write_raw(w, "f", SPAN_LIT("[1]"));
	json_write_null(w, "g");
	json_write_string(w, "h", SPAN_NULL);
	json_write_end_object(w);
}

static const char sample[] =
	"{\"a\":[0,{},[],true],\"b\":false,\"c\":null,\"d\":\"x\\\"y\","
	"\"e\":{\"a\":9007199254740991,\"b\":-9007199254740991},\"f\":[1],\"g\":null,\"h\":\"\"}";

static void test_sample(void **state)
{
	struct buf b = BUF_INIT(1u << 12);
	struct json_write w;

	(void)state;
	json_write_init(&w, &b, true);
	write_sample(&w);
	assert_int_equal(b.err, 0);
	assert_string_equal(buf_str(&b), sample);
	buf_deinit(&b);
}

static void test_order(void **state)
{
	static const struct {
		const char *first, *second;
		bool canonical;
		int err;
	} cases[] = {
		{"a", "b", true, 0},
		{"b", "a", true, -EINVAL},
		{"a", "a", true, -EINVAL},
		{"a", "aa", true, 0},
		{"aa", "a", true, -EINVAL},
		{"A", "a", true, 0},
		{"a", "A", true, -EINVAL},
		{"", "a", true, 0},
		{"a", "\xc3\xa9", true, -EINVAL},
		{"b", "a", false, 0},
		{"a", "\xc3\xa9", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = BUF_INIT(1000);
		struct json_write w;

		json_write_init(&w, &b, cases[i].canonical);
		json_write_object(&w, NULL);
		json_write_null(&w, cases[i].first);
		json_write_null(&w, cases[i].second);
		json_write_end_object(&w);
		assert_int_equal(b.err, cases[i].err);
		buf_deinit(&b);
	}
}

static void test_limits(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct json_write w;

	(void)state;
	json_write_init(&w, &b, true);
	json_write_int(&w, NULL, INT64_C(1) << 53);
	assert_int_equal(b.err, -ERANGE);
	buf_clear(&b);
	json_write_init(&w, &b, true);
	json_write_int(&w, NULL, INT64_MIN);
	assert_int_equal(b.err, -ERANGE);

	for (int depth = 1; depth < 20; depth++) {
		buf_clear(&b);
		json_write_init(&w, &b, true);
		for (int i = 0; i < depth; i++)
			json_write_array(&w, NULL);
		for (int i = 0; i < depth; i++)
			json_write_end_array(&w);
		assert_int_equal(b.err, depth < JSON_WRITE_DEPTH_MAX ? 0 : -E2BIG);
	}
	/* One closing too many does no harm. */
	json_write_end_object(&w);
	buf_deinit(&b);
}

static void test_quoted(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = {
		{{NULL, 0}, "\"\""},
		{SPAN_LIT("plain"), "\"plain\""},
		{SPAN_LIT("\"\\/"), "\"\\\"\\\\/\""},
		{SPAN_LIT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
		{SPAN_LIT("\0\x01\x0b\x1f\x7f"), "\"\\u0000\\u0001\\u000b\\u001f\x7f\""},
		{SPAN_LIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{SPAN_LIT("\xff"), "\"\xef\xbf\xbd\""},
		{SPAN_LIT("a\xc3"), "\"a\xef\xbf\xbd\""},
		{SPAN_LIT("\xe2\x82z"), "\"\xef\xbf\xbd\xef\xbf\xbdz\""},
		{SPAN_LIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{SPAN_LIT("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = BUF_INIT(1000);

		assert_int_equal(json_write_quoted(&b, cases[i].in), 0);
		assert_string_equal(buf_str(&b), cases[i].out);
		buf_deinit(&b);
	}
}

static size_t count_one_by_one(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] < 0x80 || s.p[i] >= 0xc0;
	return n;
}

/* Eight bytes are counted together: each value of a byte at each place. */
static void test_count(void **state)
{
	uint8_t bytes[21];

	(void)state;
	for (size_t n = 0; n <= sizeof(bytes); n++)
		for (size_t at = 0; at < n; at++)
			for (unsigned byte = 0; byte < 256; byte++) {
				memset(bytes, (int)(byte * 7 + n), sizeof(bytes));
				bytes[at] = (uint8_t)byte;
				assert_int_equal(utf8_count(span_of(bytes, n)),
						 count_one_by_one(span_of(bytes, n)));
			}
}

/* Every byte and every pair of bytes: the scanner reads it, and valid UTF-8 comes back as it was.
 */
static void test_read_back(void **state)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct buf b = BUF_INIT(1000), back = BUF_INIT(1000);

	(void)state;
	for (unsigned pair = 0; pair < 65536 + 256; pair++) {
		uint8_t bytes[2] = {(uint8_t)pair, (uint8_t)(pair >> 8)};
		struct span s = span_of(bytes, pair < 65536 ? 2 : 1);
		struct json j;

		buf_clear(&b);
		buf_clear(&back);
		assert_int_equal(json_write_quoted(&b, s), 0);
		assert_int_equal(json_scan_all(scan, buf_span(&b)), PARSE_DONE);
		j = json_scan_json(scan, buf_span(&b));
		assert_int_equal(json_string_put(&j, 0, &back), 0);
		assert_true(utf8_valid(buf_span(&back)));
		assert_int_equal(utf8_valid(s), span_eq(buf_span(&back), s));
	}
	buf_deinit(&b);
	buf_deinit(&back);
	json_scan_free(scan);
}

static void write_out_of_memory(void *ctx)
{
	struct buf b = BUF_INIT(1u << 12);
	struct json_write w;

	(void)ctx;
	json_write_init(&w, &b, true);
	write_sample(&w);
	assert_int_equal(b.err, oom_hit() ? -ENOMEM : 0);
	buf_deinit(&b);
}

static void test_out_of_memory(void **state)
{
	struct buf b = BUF_INIT(sizeof(sample) - 2);
	struct json_write w;

	(void)state;
	assert_in_range(oom_each(write_out_of_memory, NULL), 1, 10);
	/* One byte short. */
	json_write_init(&w, &b, true);
	write_sample(&w);
	assert_int_equal(b.err, -E2BIG);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),	      cmocka_unit_test(test_order),
		cmocka_unit_test(test_limits),	      cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_read_back),     cmocka_unit_test(test_count),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
