/* SPDX-License-Identifier: MIT */
/* Targets of requests: segments, parameters, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "aicp/limits.h"
#include "api/moment.h"
#include "api/uri.h"
#include "support/guard.h"
#include "support/oom.h"

#include <errno.h>
#include <stdio.h>

static struct guard guard;

/* The parsed form as text: segments, then parameters; "!" and the outcome when it failed. */
static void parse(const char *target, char out[512])
{
	struct buf storage = BUF_INIT(AICP_API_TARGET_BYTES_MAX), text = BUF_INIT(511);
	struct uri uri;
	int r = uri_parse(guard_copy(&guard, span_str(target)), &storage, &uri);

	if (r)
		buf_printf(&text, "!%d", r);
	for (unsigned i = 0; !r && i < uri.segments_n; i++)
		buf_printf(&text, "[%.*s]", SPAN_ARG(uri.segment[i]));
	for (unsigned i = 0; !r && i < uri.parameters_n; i++)
		buf_printf(&text, "?%.*s=%.*s", SPAN_ARG(uri.parameter[i].name),
			   SPAN_ARG(uri.parameter[i].value));
	if (!r && uri.authority.n)
		buf_printf(&text, "@%.*s", SPAN_ARG(uri.authority));
	snprintf(out, 512, "%.*s", SPAN_ARG(buf_span(&text)));
	buf_deinit(&text);
	buf_deinit(&storage);
}

static void test_targets(void **state)
{
	static const char *const row[][2] = {
		{"/", ""},
		{"/api/logs", "[api][logs]"},
		{"/api/logs/", "[api][logs][]"},
		{"//api", "[][api]"},
		{"/a%2Fb/c", "[a/b][c]"},
		{"/a%2fb", "[a/b]"},
		{"/a+b", "[a+b]"},
		{"/%41%42", "[AB]"},
		{"/%2541", "[%41]"}, /* once, not twice */
		{"/caf%C3%A9", "[caf\xc3\xa9]"},
		{"/x?", "[x]"},
		{"/x?a=1", "[x]?a=1"},
		{"/x?a=1&b=2", "[x]?a=1?b=2"},
		{"/x?a", "[x]?a="},
		{"/x?a=b=c", "[x]?a=b=c"},
		{"/x?&&a=1&", "[x]?a=1"},
		{"/x?a=b+c%2Bd", "[x]?a=b c+d"},
		{"/x?a=%0A", "[x]?a=\n"}, /* a prompt may have lines */
		{"/x?a=?", "[x]?a=?"},
		{"http://h:1/x?a=1", "[x]?a=1@h:1"},
		{"HTTP://h/", "@h"},
		{"", "!2"},
		{"x", "!2"},
		{"*", "!2"},
		{"http://", "!2"},
		{"http:///x", "!2"},
		{"http://h", "!2"},
		{"https://h/", "!2"},
		{"/%", "!2"},
		{"/%4", "!2"},
		{"/%4g", "!2"},
		{"/%00", "!2"},
		{"/%0a", "!2"},
		{"/%7f", "!2"},
		{"/%ff", "!2"},
		{"/%c0%80", "!2"},
		{"/%ed%a0%80", "!2"},
		{"/a b", "!2"},
		{"/a\x01", "!2"},
		{"/\xc3\xa9", "!2"},
		{"/x?a=%00", "!2"},
		{"/x?a=1&a=2", "!2"},
		{"/x?a=1&%61=2", "!2"},
		{"/1/2/3/4/5/6/7/8", "[1][2][3][4][5][6][7][8]"},
		{"/1/2/3/4/5/6/7/8/9", "!3"},
		{"/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", "!3"},
	};
	char got[512];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		parse(row[i][0], got);
		assert_string_equal(got, row[i][1]);
	}
}

/* Every cut of a target is read without a byte too far, and storage is never written past its room.
 */
static void test_cuts(void **state)
{
	static const char target[] = "http://localhost:8642/api/a%2Fb/%C3%A9?x=%41&y=1%2B2&z";
	struct buf storage = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	struct uri uri;

	(void)state;
	for (size_t n = 0; n < sizeof(target); n++) {
		int r = uri_parse(guard_copy(&guard, span_of(target, n)), &storage, &uri);

		assert_true(r == PARSE_DONE || r == PARSE_E_BAD);
		assert_true(storage.n <= n);
	}
	buf_deinit(&storage);
}

static void test_get(void **state)
{
	struct buf storage = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	struct uri uri;

	(void)state;
	assert_int_equal(uri_parse(SPAN_LIT("/x?empty=&full=1"), &storage, &uri), PARSE_DONE);
	assert_null(uri_get(&uri, "none").p);
	assert_non_null(uri_get(&uri, "empty").p);
	assert_int_equal(uri_get(&uri, "empty").n, 0);
	assert_true(span_eq_str(uri_get(&uri, "full"), "1"));
	buf_deinit(&storage);
}

static void parse_once(void *ctx)
{
	struct buf storage = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	struct uri uri;
	int r = uri_parse(SPAN_LIT("/api/logs?user=x"), &storage, &uri);

	(void)ctx;
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	buf_deinit(&storage);
}

static void test_memory(void **state)
{
	struct buf storage = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	char *large = test_malloc(AICP_API_TARGET_BYTES_MAX + 1);
	struct uri uri;

	(void)state;
	assert_true(oom_each(parse_once, NULL) > 0);
	memset(large, 'a', AICP_API_TARGET_BYTES_MAX + 1);
	large[0] = '/';
	assert_int_equal(uri_parse(span_of(large, AICP_API_TARGET_BYTES_MAX), &storage, &uri),
			 PARSE_DONE);
	assert_int_equal(uri_parse(span_of(large, AICP_API_TARGET_BYTES_MAX + 1), &storage, &uri),
			 PARSE_E_LIMIT);
	test_free(large);
	buf_deinit(&storage);
}

static void test_moments(void **state)
{
	static const struct {
		const char *text;
		int64_t s, ns;
	} row[] = {
		{"0", 0, 0},
		{"1790000000", 1790000000, 0},
		{"1790000000.5", 1790000000, 500000000},
		{"1.123456789", 1, 123456789},
		{"1.1234567899", 1, 123456789},
		{"1970-01-01", 0, 0},
		{"2026-11-23", 1795392000, 0},
		{"2024-02-29", 1709164800, 0},
		{"2000-02-29T00:00:00Z", 951782400, 0},
		{"2026-11-23T06:30:00Z", 1795415400, 0},
		{"2026-11-23t06:30:00z", 1795415400, 0},
		{"2026-11-23T06:30:00", 1795415400, 0},
		{"2026-11-23 06:30:00", 1795415400, 0},
		{"2026-11-23T06:30:00.25Z", 1795415400, 250000000},
		{"2026-11-23T07:30:00+01:00", 1795415400, 0},
		{"2026-11-23T07:30:00 01:00", 1795415400, 0},
		{"2026-11-23T01:00:00-05:30", 1795415400, 0},
		{"2261-12-31", 9214560000, 0},
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (!moment_parse(guard_copy(&guard, span_str(row[i].text)), &ns))
			fail_msg("%s is refused", row[i].text);
		assert_int_equal(ns, row[i].s * 1000000000 + row[i].ns);
	}
}

static void test_bad_moments(void **state)
{
	static const char *const row[] = {
		"",
		"-1",
		"now",
		".5",
		"1.",
		"1.x",
		"1e9",
		"99999999999999999999",
		"9223372036",
		"2026",
		"2026-",
		"2026-11",
		"2026-11-",
		"2026-11-2",
		"2026-13-01",
		"2026-00-01",
		"2026-11-00",
		"2026-11-31",
		"2026-02-29",
		"2100-02-29",
		"1969-12-31",
		"2262-01-01",
		"2026-11-23T",
		"2026-11-23T06",
		"2026-11-23T06:30",
		"2026-11-23T06:30:0",
		"2026-11-23T24:00:00Z",
		"2026-11-23T06:60:00Z",
		"2026-11-23T06:30:61Z",
		"2026-11-23T06:30:00ZZ",
		"2026-11-23T06:30:00+1:00",
		"2026-11-23T06:30:00+24:00",
		"2026-11-23T06:30:00.Z",
		"2026-11-23X06:30:00Z",
		"2026/11/23",
		"1970-01-01T00:00:00+01:00",
		"20261-11-23",
		"2026-11-23T06:30:00Z ",
		" 2026-11-23",
	};
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (moment_parse(guard_copy(&guard, span_str(row[i])), &ns))
			fail_msg("%s is taken", row[i]);
		assert_int_equal(ns, 42);
	}
}

static int setup(void **state)
{
	(void)state;
	guard_init(&guard, AICP_API_TARGET_BYTES_MAX);
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
		cmocka_unit_test(test_targets), cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_get),	cmocka_unit_test(test_memory),
		cmocka_unit_test(test_moments), cmocka_unit_test(test_bad_moments),
	};

	return cmocka_run_group_tests_name("api/uri", tests, setup, teardown);
}
