/* SPDX-License-Identifier: MIT */
/* Weights of patterns, and literals as patterns. */
#include "policy/pattern.h"

#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t weight(const char *pattern)
{
	struct guard g;
	uint64_t w;

	guard_init(&g, strlen(pattern) + 1);
	w = pattern_weight(guard_copy(&g, span_str(pattern)));
	guard_deinit(&g);
	return w;
}

static void test_weight(void **state)
{
	(void)state;
	assert_int_equal(weight(""), 0);
	assert_int_equal(weight("abc"), 3);
	assert_int_equal(weight("a{3}b"), 4);
	assert_int_equal(weight("a{3,}b"), 4);
	assert_int_equal(weight("a{2,9}"), 9);
	assert_int_equal(weight("a{,9}"), 9);
	assert_int_equal(weight("\\d{3}-\\d{2}-\\d{4}"), 11);
	assert_int_equal(weight("(?:.{0,300}a){20}"), (2 + 8 * 300 + 1) * 20);
	assert_int_equal(weight("((a{10}){10}){10}"), 1000);
	assert_int_equal(weight("(a{1000}){1000}(b{1000}){1000}"), 2000000);
	assert_int_equal(weight("[a-z]{5}[]x]{2}[^]]{3}"), 5 + 2 + 8 * 3);
	assert_int_equal(weight("[{9}]"), 1);
	assert_int_equal(weight("\\pL\\W\\w\\."), 8 + 1 + 8 + 1 + 1);
	assert_int_equal(weight("\\{9}"), 3);
	assert_int_equal(weight("a{x}"), 4);
}

/* Nothing read behind the end, and no overflow, for patterns that make no sense. */
static void test_weight_of_broken_patterns(void **state)
{
	static const char *const broken[] = {"\\",
					     "[",
					     "[^",
					     "[]",
					     "[\\",
					     "a{",
					     "a{1",
					     "a{1,",
					     "(",
					     "((",
					     ")",
					     "a)){3}",
					     "a{99999999999999999999999}"};
	char deep[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		(void)weight(broken[i]);
	assert_true(weight("a{99999999999999999999999}") >= 4097);
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	assert_true(weight(deep) > 4096);
	memset(deep, 0, sizeof(deep));
	for (int i = 0; i < 60; i++)
		strcat(deep, "(");
	strcat(deep, "a");
	for (int i = 0; i < 60; i++)
		strcat(deep, "){999999}");
	assert_true(weight(deep) > 4096);
}

static void test_literal(void **state)
{
	struct buf out = BUF_INIT(1000);

	(void)state;
	assert_int_equal(pattern_put_literal(&out, SPAN_LIT("aZ9ä.*\n\\x")), 0);
	assert_string_equal(buf_str(&out), "aZ9ä\\x2e\\x2a\\x0a\\x5cx");
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_weight_of_broken_patterns),
		cmocka_unit_test(test_literal),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
