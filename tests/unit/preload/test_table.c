/* SPDX-License-Identifier: MIT */
/* Which hosts a governed file names, how the fail mode decides, and what the shim's own refusal
 * looks like. */
#include "preload/answer.h"
#include "preload/table.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char table[] = "aicp-governed\t1\n"
			    "fail\topen\n"
			    "mode\tmonitor\n"
			    "some-new-word\twith\tfields\n"
			    "host\tapi.openai.com\topenai\n"
			    "host\tAPI.Anthropic.com\tanthropic\n"
			    "host\t*.openai.azure.com\topenai\n"
			    "clear\tlocalhost:11434\tanthropic\n"
			    "clear\t[::1]:11434\topenai\n"
			    "clear\tapi.openai.com:8080\tanthropic\n"
			    "host\tno-shape.example\n"
			    "host\t\topenai\n"
			    "shape\topenai\t{\"error\":{\"message\":\"%MESSAGE%\"}}\n"
			    "shape\tanthropic\t{\"a\":\"%MESSAGE%\"}";

static bool find(const char *host, struct table_entry *e)
{
	return table_find(table, sizeof(table) - 1, host, e);
}

static void test_hosts(void **state)
{
	struct table_entry e;

	(void)state;
	assert_true(find("api.openai.com", &e));
	assert_true(e.mode.fail_open && e.mode.monitor);
	assert_int_equal(e.shape_n, strlen("{\"error\":{\"message\":\"%MESSAGE%\"}}"));
	assert_true(find("api.anthropic.com", &e));
	assert_memory_equal(e.shape, "{\"a\":\"%MESSAGE%\"}", e.shape_n);
	assert_int_equal(e.shape_n, 17);
	assert_true(find("x.openai.azure.com", NULL));
	assert_true(find("a.b.openai.azure.com", NULL));
	assert_true(find("no-shape.example", &e));
	assert_int_equal(e.shape_n, 0);
	assert_false(find("openai.azure.com", NULL));
	assert_false(find(".openai.azure.com", NULL));
	assert_false(find("xopenai.azure.com", NULL));
	assert_false(find("openai.com", NULL));
	assert_false(find("xapi.openai.com", NULL));
	assert_false(find("api.openai.com.evil.example", NULL));
	assert_false(find("", NULL));
}

/* An endpoint in clear is its name and its port; a name is governed in clear at every port. */
static void test_endpoints(void **state)
{
	struct table_entry e;

	(void)state;
	assert_true(find("localhost:11434", &e));
	assert_memory_equal(e.shape, "{\"a\"", 4);
	assert_true(find("[::1]:11434", &e));
	assert_true(find("api.anthropic.com:80", &e));
	assert_memory_equal(e.shape, "{\"a\"", 4);
	assert_true(find("x.openai.azure.com:8080", NULL));
	/* The first line that fits counts. */
	assert_true(find("api.openai.com:8080", &e));
	assert_memory_equal(e.shape, "{\"error\"", 8);
	assert_false(find("localhost", NULL));
	assert_false(find("localhost:1143", NULL));
	assert_false(find("localhost:114344", NULL));
	assert_false(find("xlocalhost:11434", NULL));
	assert_false(find("[::1]", NULL));
	assert_false(find("[::1]:80", NULL));
	assert_false(find(":80", NULL));
}

static void test_defaults_are_strict(void **state)
{
	static const char bare[] = "aicp-governed\t1\nhost\th.example\ts\n";
	static const char odd[] =
		"aicp-governed\t1\nfail\tOPEN\nmode\tMonitor\nhost\th.example\ts\n";
	struct table_entry e = {.mode = {true, true}, .shape_n = 9};

	(void)state;
	assert_true(table_find(bare, sizeof(bare) - 1, "h.example", &e));
	assert_false(e.mode.fail_open || e.mode.monitor);
	assert_int_equal(e.shape_n, 0);
	assert_true(table_find(odd, sizeof(odd) - 1, "h.example", &e));
	assert_false(e.mode.fail_open || e.mode.monitor);
}

static void test_versions(void **state)
{
	(void)state;
	assert_false(table_valid("", 0));
	assert_false(table_valid("aicp-governed\t2\nhost\th\ts\n", 26));
	assert_false(table_valid("aicp-governed", 13));
	assert_false(table_valid("host\th\ts\n", 9));
	assert_true(table_valid("aicp-governed\t1", 15));
	assert_false(table_find("aicp-governed\t2\nhost\th\ts\n", 26, "h", NULL));
}

/* A file cut at any byte never names a host that the whole does not, and is read to its end only.
 */
static void test_cut_files(void **state)
{
	struct guard g;
	struct table_entry e;

	(void)state;
	guard_init(&g, sizeof(table));
	for (size_t n = 0; n < sizeof(table); n++) {
		struct span part = guard_copy(&g, span_of(table, n));

		assert_false(table_find((const char *)part.p, part.n, "other.example", &e));
		(void)table_find((const char *)part.p, part.n, "api.openai.com", &e);
		(void)table_find((const char *)part.p, part.n, "a.openai.azure.com", &e);
	}
	guard_deinit(&g);
}

static void test_shape_too_long(void **state)
{
	static char text[TABLE_SHAPE_BYTES_MAX + 200];
	struct table_entry e;
	int n = snprintf(text, sizeof(text), "aicp-governed\t1\nhost\th\ts\nshape\ts\t");

	(void)state;
	memset(text + n, 'x', TABLE_SHAPE_BYTES_MAX);
	assert_true(table_find(text, (size_t)n + TABLE_SHAPE_BYTES_MAX, "h", &e));
	assert_int_equal(e.shape_n, TABLE_SHAPE_BYTES_MAX);
	memset(text + n, 'x', TABLE_SHAPE_BYTES_MAX + 1);
	assert_true(table_find(text, (size_t)n + TABLE_SHAPE_BYTES_MAX + 1, "h", &e));
	assert_int_equal(e.shape_n, 0);
}

static void test_decide(void **state)
{
	(void)state;
	for (int monitor = 0; monitor < 2; monitor++)
		for (int open = 0; open < 2; open++)
			for (int reply = 0; reply < _DECIDE_REPLY_COUNT; reply++) {
				struct decide_mode mode = {.monitor = monitor, .fail_open = open};
				enum decide_action want =
					monitor || open ? DECIDE_PASS : DECIDE_LOCAL;

				if (reply == DECIDE_REPLY_PASS)
					want = DECIDE_PASS;
				if (reply == DECIDE_REPLY_ANSWER)
					want = DECIDE_ANSWER;
				if (reply == DECIDE_REPLY_HOLD)
					want = DECIDE_HOLD;
				if (reply == DECIDE_REPLY_REWRITE)
					want = DECIDE_REWRITE;
				assert_int_equal(decide(mode, (enum decide_reply)reply), want);
			}
}

static void test_texts_differ(void **state)
{
	(void)state;
	for (int a = DECIDE_REPLY_ABSENT; a < _DECIDE_REPLY_COUNT; a++)
		for (int b = DECIDE_REPLY_ABSENT; b < a; b++)
			assert_string_not_equal(decide_text((enum decide_reply)a),
						decide_text((enum decide_reply)b));
}

static void test_answer(void **state)
{
	static const char shape[] = "{\"error\":\"%MESSAGE%\"}";
	char out[1024];
	size_t n = answer_make(out, sizeof(out), shape, sizeof(shape) - 1, "a \"b\" \\ \n c");
	char *body;

	(void)state;
	assert_true(n && n < sizeof(out));
	out[n] = '\0';
	assert_ptr_equal(strstr(out, "HTTP/1.1 403 Forbidden\r\n"), out);
	assert_non_null(strstr(out, "\r\nx-should-retry: false\r\n"));
	assert_non_null(strstr(out, "\r\nConnection: close\r\n"));
	body = strstr(out, "\r\n\r\n");
	assert_non_null(body);
	assert_string_equal(
		body + 4,
		"{\"error\":\"aicp did not let this request leave: a \\\"b\\\" \\\\   c\"}");
	assert_int_equal(strtoul(strstr(out, "Content-Length: ") + 16, NULL, 10), strlen(body + 4));
}

static void test_answer_without_shape(void **state)
{
	char out[1024];
	size_t n = answer_make(out, sizeof(out), "no place for it", 15, "x");

	(void)state;
	assert_true(n && n < sizeof(out));
	out[n] = '\0';
	assert_non_null(
		strstr(out, "{\"error\":{\"message\":\"aicp did not let this request leave: x\","));
}

/* It fits exactly, or is not written at all; never a byte too far. */
static void test_answer_room(void **state)
{
	char whole[1024];
	size_t n = answer_make(whole, sizeof(whole), NULL, 0, "x");
	struct guard g;

	(void)state;
	guard_init(&g, sizeof(whole));
	for (size_t cap = 0; cap < n + 2; cap++) {
		struct span room = guard_copy(&g, span_of(whole, cap));
		size_t got = answer_make((char *)(uintptr_t)room.p, cap, NULL, 0, "x");

		assert_int_equal(got, cap < n ? 0 : n);
	}
	guard_deinit(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_defaults_are_strict),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_cut_files),
		cmocka_unit_test(test_shape_too_long),
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_texts_differ),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_answer_without_shape),
		cmocka_unit_test(test_answer_room),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
