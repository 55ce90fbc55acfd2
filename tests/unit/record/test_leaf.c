/* SPDX-License-Identifier: MIT */
/* The one spelling of a record: canonical JSON, times, and leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/json.h"
#include "record/canonical.h"
#include "record/leaf.h"
#include "record/record_type.h"
#include "record/stamp.h"
#include "support/guard.h"

#include <stdio.h>

static struct guard guard;

/* Looked at flush against a guard page. */
static bool canonical(const char *text)
{
	struct span s = guard_copy(&guard, span_str(text));

	return canonical_length(s, CANONICAL_DEPTH_MAX) == s.n && s.n > 0;
}

static void test_canonical_accepts(void **state)
{
	static const char *const good[] = {
		"null",
		"true",
		"false",
		"0",
		"-1",
		"9007199254740991",
		"-9007199254740991",
		"\"\"",
		"\"a\"",
		"\"\\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f\"",
		"\"/\x7f\"",
		"\"\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbf\"",
		"[]",
		"{}",
		"[1,\"a\",[],{},null]",
		"{\"a\":1,\"aa\":2,\"b\":{\"A\":1,\"a\":2}}",
		"{\"\":1,\" \":2,\"a.b\":3,\"~\":4}",
		"[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		size_t n = strlen(good[i]);

		assert_true(canonical(good[i]));
		/* No shorter text is the same value, and what stands behind it is not part of it.
		 */
		for (size_t cut = 0; cut < n; cut++) {
			struct span part = guard_copy(&guard, span_of(good[i], cut));
			size_t got = canonical_length(part, CANONICAL_DEPTH_MAX);

			assert_true(got == 0 || (good[i][0] <= '9' && got == cut && got < n));
		}
	}
}

static void test_canonical_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		" 1",
		"1 ",
		"01",
		"-0",
		"00",
		"-",
		"+1",
		"1.0",
		"1e3",
		"1E3",
		".5",
		"0x1",
		"9007199254740992",
		"-9007199254740992",
		"99999999999999999999999999",
		"nul",
		"True",
		"\"",
		"\"a",
		"\"\n\"",
		"\"\x01\"",
		"\"\\/\"",
		"\"\\u0041\"",
		"\"\\u000a\"",
		"\"\\u001F\"",
		"\"\\u0020\"",
		"\"\\u007f\"",
		"\"\\u00e9\"",
		"\"\\x\"",
		"\"\\u00\"",
		"\"\\u0008\"",
		"\"\\u000c\"",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xc3\"",
		"\"\xf4\x90\x80\x80\"",
		"[",
		"[1",
		"[1,]",
		"[,1]",
		"[1 ,2]",
		"[1, 2]",
		"]",
		"{",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{\"a\":1 }",
		"{ \"a\":1}",
		"{\"a\": 1}",
		"{\"a\" :1}",
		"{a:1}",
		"{\"b\":1,\"a\":2}",
		"{\"a\":1,\"a\":2}",
		"{\"aa\":1,\"a\":2}",
		"{\"a\\\"\":1}",
		"{\"\\\\\":1}",
		"{\"\xc3\xa9\":1}",
		"{\"\x7f\":1}",
		"{\"a\":1,\"\":2}",
		"{1:2}",
		"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (canonical(bad[i]))
			fail_msg("accepted: %s", bad[i]);
}

/* Eight bytes are looked at together: each value of a byte at each place of a text of any length.
 */
static void test_canonical_every_byte(void **state)
{
	(void)state;
	for (unsigned before = 0; before < 18; before++)
		for (unsigned behind = 0; behind < 10; behind++)
			for (unsigned byte = 0; byte < 256; byte++) {
				bool plain =
					byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
				char a[] = "aaaaaaaaaaaaaaaaaa", text[64];
				int n = snprintf(text, sizeof(text), "\"%.*s%c%.*s\"", (int)before,
						 a, (int)byte, (int)behind, a);
				struct span s = span_of(text, (size_t)n);

				assert_true((canonical_length(s, 1) == s.n) == plain);
				n = snprintf(text, sizeof(text), "{\"%.*s%c%.*s\":1}", (int)before,
					     a, (int)byte, (int)behind, a);
				s = span_of(text, (size_t)n);
				assert_true(canonical_object(s, 1) == (plain && byte != 0x7f));
			}
}

/* Whatever the writer writes is accepted, and a scanner that knows nothing of canonical forms
 * agrees. */
static void test_canonical_writer(void **state)
{
	struct json_scan *scan = json_scan_new(1000);
	struct buf out = BUF_INIT(1u << 16), back = BUF_INIT(1u << 10);
	struct span rest, key, value;
	uint8_t all[256];
	struct json_write w;
	int64_t n;

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	json_write_init(&w, &out, true);
	json_write_object(&w, NULL);
	json_write_array(&w, "array");
	json_write_int(&w, NULL, INT64_C(-9007199254740991));
	json_write_null(&w, NULL);
	json_write_end_array(&w);
	json_write_string(&w, "bytes", span_of(all, sizeof(all)));
	json_write_int(&w, "n", -42);
	json_write_string(&w, "text", SPAN_LIT("a\"\\\b\t\n\f\r\x01\x1f/\x7f\xc3\xa9"));
	json_write_bool(&w, "yes", true);
	json_write_end_object(&w);
	assert_int_equal(out.err, 0);
	assert_true(canonical_object(buf_span(&out), 2));
	assert_false(canonical_object(buf_span(&out), 1));
	assert_int_equal(json_scan_all(scan, buf_span(&out)), PARSE_DONE);
	assert_true(canonical_int(canonical_get(buf_span(&out), "n"), &n));
	assert_int_equal(n, -42);
	assert_false(canonical_int(canonical_get(buf_span(&out), "yes"), &n));
	assert_true(canonical_text(canonical_get(buf_span(&out), "text"), &back));
	assert_true(span_eq(buf_span(&back), SPAN_LIT("a\"\\\b\t\n\f\r\x01\x1f/\x7f\xc3\xa9")));
	assert_null(canonical_get(buf_span(&out), "absent").p);
	rest = buf_span(&out);
	for (n = 0; canonical_next(&rest, &key, &value); n++)
		assert_true(value.n > 0);
	assert_int_equal(n, 5);
	buf_deinit(&out);
	buf_deinit(&back);
	json_scan_free(scan);
}

/* Every text that is one byte away from a canonical one is another value or none: never the same
 * value spelled otherwise. */
static void test_canonical_is_unique(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\\n\xc3\xa9\"],\"b\":null}";
	struct json_scan *scan = json_scan_new(100);
	char changed[sizeof(text)];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int c = 0; c < 256; c++) {
			struct span s = span_of(changed, sizeof(text) - 1);

			memcpy(changed, text, sizeof(text));
			changed[i] = (char)c;
			if (canonical_object(s, CANONICAL_DEPTH_MAX))
				assert_int_equal(json_scan_all(scan, s), PARSE_DONE);
		}
	}
	json_scan_free(scan);
}

static void test_stamp(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} row[] = {
		{0, "1970-01-01T00:00:00.000000000Z"},
		{INT64_C(1795415763123456789), "2026-11-23T06:36:03.123456789Z"},
		{INT64_C(951782399999999999), "2000-02-28T23:59:59.999999999Z"},
		{INT64_C(951868799000000000), "2000-02-29T23:59:59.000000000Z"},
		{INT64_C(2147483648000000000), "2038-01-19T03:14:08.000000000Z"},
		{INT64_C(4294967296000000000), "2106-02-07T06:28:16.000000000Z"},
		{-1, "1969-12-31T23:59:59.999999999Z"},
	};
	static const char *const bad[] = {
		"2026-11-23T06:36:03Z",		  "2026-11-23 06:36:03.123456789Z",
		"2026-11-23T06:36:03.123456789z", "2026-13-23T06:36:03.123456789Z",
		"2026-00-23T06:36:03.123456789Z", "2026-11-31T06:36:03.123456789Z",
		"2026-11-00T06:36:03.123456789Z", "2026-02-29T06:36:03.123456789Z",
		"1900-02-29T06:36:03.123456789Z", "2026-11-23T24:36:03.123456789Z",
		"2026-11-23T06:60:03.123456789Z", "2026-11-23T06:36:60.123456789Z",
		"1677-12-31T23:59:59.123456789Z", "2262-01-01T00:00:00.000000000Z",
		"2026-11-23T06:36:03.12345678Z",  "2026-11-23T06:36:03.1234567890Z",
		"+026-11-23T06:36:03.123456789Z", "",
	};
	char text[STAMP_BYTES + 1];
	int64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		stamp_write(row[i].ns, text);
		assert_string_equal(text, row[i].text);
		assert_true(stamp_parse(guard_copy(&guard, span_str(text)), &ns));
		assert_true(ns == row[i].ns);
	}
	ns = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (stamp_parse(guard_copy(&guard, span_str(bad[i])), &ns))
			fail_msg("accepted: %s", bad[i]);
	assert_true(ns == 7);
	/* Any 64-bit number can be written. */
	stamp_write(INT64_MAX, text);
	assert_string_equal(text, "2262-04-11T23:47:16.854775807Z");
	stamp_write(INT64_MIN, text);
	assert_string_equal(text, "1677-09-21T00:12:43.145224192Z");
	for (int64_t day = -100000; day < 106000; day++) {
		stamp_write(day * 86400 * INT64_C(1000000000), text);
		assert_true(stamp_parse(span_str(text), &ns));
		assert_true(ns == day * 86400 * INT64_C(1000000000));
	}
}

static const struct leaf example = {
	.at_ns = INT64_C(1795415763123456789),
	.body = {(const uint8_t *)"{\"a\":1}", 7},
	.log = {(const uint8_t *)"aicp/0123456789abcdef", 21},
	.seq = 1,
	.prev = {{0xff, 1, 2}},
	.type = {(const uint8_t *)"decision", 8},
};

static const char example_text[] =
	"{\"at\":\"2026-11-23T06:36:03.123456789Z\",\"body\":{\"a\":1},\"log\":\"aicp/"
	"0123456789abcdef\","
	"\"prev\":\"ff01020000000000000000000000000000000000000000000000000000000000\","
	"\"schema\":\"aicp-ledger/1\",\"seq\":1,\"type\":\"decision\"}";

static void test_leaf(void **state)
{
	struct hash_ctx *ctx = hash_ctx_new();
	struct buf out = BUF_INIT(1u << 20);
	struct leaf back;
	struct hash h;
	char hex[65] = "";

	(void)state;
	assert_int_equal(leaf_write(&example, &out), PARSE_DONE);
	assert_true(span_eq_str(buf_span(&out), example_text));
	assert_int_equal(leaf_parse(guard_copy(&guard, buf_span(&out)), &back), PARSE_DONE);
	assert_true(back.at_ns == example.at_ns);
	assert_true(span_eq(back.body, example.body));
	assert_true(span_eq(back.log, example.log));
	assert_true(hash_eq(&back.prev, &example.prev));
	assert_int_equal(back.seq, 1);
	assert_true(span_eq_str(back.type, "decision"));
	/* sha256sum of a zero byte and the text */
	assert_int_equal(leaf_hash(ctx, buf_span(&out), &h), 0);
	hex_encode(hash_span(&h), hex);
	assert_string_equal(hex,
			    "38c585ddbb31b1e0be9d1aea9baf66812c92c8035f59065284064fa7b1bc3585");
	buf_deinit(&out);
	hash_ctx_free(ctx);
}

/* Cut at every place, and every byte changed to every other: what is still accepted is written back
 * to the same bytes. */
static void test_leaf_mutations(void **state)
{
	char text[sizeof(example_text)];
	struct buf again = BUF_INIT(1u << 16);
	unsigned accepted = 0;
	struct leaf leaf;

	(void)state;
	for (size_t n = 0; n < sizeof(example_text) - 1; n++)
		assert_int_equal(leaf_parse(guard_copy(&guard, span_of(example_text, n)), &leaf),
				 PARSE_E_BAD);
	for (size_t i = 0; i < sizeof(example_text) - 1; i++) {
		for (int c = 0; c < 256; c++) {
			memcpy(text, example_text, sizeof(text));
			text[i] = (char)c;
			if (leaf_parse(span_of(text, sizeof(text) - 1), &leaf) != PARSE_DONE)
				continue;
			accepted++;
			buf_clear(&again);
			assert_int_equal(leaf_write(&leaf, &again), PARSE_DONE);
			assert_true(span_eq(buf_span(&again), span_of(text, sizeof(text) - 1)));
		}
	}
	assert_true(accepted > 1000); /* digits of time, seq and prev, letters of log and type */
	buf_deinit(&again);
}

static void expect_refused(struct leaf leaf, int outcome)
{
	struct buf out = BUF_INIT(1u << 20);

	buf_put_str(&out, "kept");
	assert_int_equal(leaf_write(&leaf, &out), outcome);
	assert_true(span_eq_str(buf_span(&out), "kept"));
	buf_deinit(&out);
}

static void test_leaf_refuses(void **state)
{
	char *large = malloc(AICP_LEAF_BYTES_MAX + 100);
	struct buf out = BUF_INIT(1u << 20);
	struct leaf leaf;
	size_t room = AICP_LEAF_BYTES_MAX - (sizeof(example_text) - 1) + example.body.n;

	(void)state;
	leaf = example, leaf.body = SPAN_LIT("{\"a\": 1}");
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.body = SPAN_LIT("[]");
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.body = SPAN_LIT("{}{}");
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.body = SPAN_NULL;
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.log = SPAN_LIT("a b");
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.log = SPAN_NULL;
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.type = SPAN_LIT("Decision");
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.type = SPAN_LIT("a\"b");
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.seq = UINT64_C(1) << 53;
	expect_refused(leaf, PARSE_E_BAD);
	leaf = example, leaf.at_ns = INT64_MAX;
	expect_refused(leaf, PARSE_E_BAD);
	/* The largest that fits, and one byte more. */
	memset(large, 'x', room + 1);
	memcpy(large, "{\"a\":\"", 6);
	memcpy(large + room - 2, "\"}", 2);
	leaf = example, leaf.body = span_of(large, room);
	assert_int_equal(leaf_write(&leaf, &out), PARSE_DONE);
	assert_int_equal(out.n, AICP_LEAF_BYTES_MAX);
	assert_int_equal(leaf_parse(buf_span(&out), &leaf), PARSE_DONE);
	buf_put_byte(&out, 'x');
	assert_int_equal(leaf_parse(buf_span(&out), &leaf), PARSE_E_LIMIT);
	memset(large + room - 2, 'x', 2);
	memcpy(large + room - 1, "\"}", 2);
	leaf = example, leaf.body = span_of(large, room + 1);
	expect_refused(leaf, PARSE_E_LIMIT);
	buf_deinit(&out);
	free(large);
}

static void test_types(void **state)
{
	(void)state;
	for (unsigned i = 0; i < _RECORD_TYPE_COUNT; i++) {
		const char *name = record_type_name((enum record_type)i);

		assert_true(record_type_wellformed(span_str(name)));
		assert_int_equal(record_type_find(span_str(name)), i);
		assert_true(strlen(record_type_text((enum record_type)i)) > 10);
	}
	assert_int_equal(record_type_find(SPAN_LIT("no.such")), _RECORD_TYPE_COUNT);
	assert_false(record_type_wellformed(SPAN_LIT("")));
	assert_false(record_type_wellformed(SPAN_LIT("1a")));
	assert_false(record_type_wellformed(SPAN_LIT("abcdefghijklmnopqrstuvwxyz0123456")));
}

static int setup(void **state)
{
	(void)state;
	guard_init(&guard, 1u << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guard_deinit(&guard);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical_accepts),
		cmocka_unit_test(test_canonical_refuses),
		cmocka_unit_test(test_canonical_every_byte),
		cmocka_unit_test(test_canonical_writer),
		cmocka_unit_test(test_canonical_is_unique),
		cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_leaf),
		cmocka_unit_test(test_leaf_mutations),
		cmocka_unit_test(test_leaf_refuses),
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
