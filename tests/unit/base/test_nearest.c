/* SPDX-License-Identifier: MIT */
/* Suggestions: near words are found, far ones are not, and no word is too odd. */
#include "base/nearest.h"

#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const known[] = {
	"mode", "model", "fail", "fail_unsure", "policies", "agent.risk_level", "id"};

static struct nearest search(const char *word)
{
	struct nearest near = {0};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		nearest_offer(&near, span_str(word), span_str(known[i]));
	return near;
}

static void check(const char *word, const char *expected, size_t distance)
{
	struct nearest near = search(word);

	if (!span_eq_str(near.best, expected))
		fail_msg("%s: %.*s, not %s", word, SPAN_ARG(near.best), expected);
	if (near.best.n)
		assert_int_equal(near.distance, distance);
}

static void test_near_and_far(void **state)
{
	(void)state;
	check("mode", "mode", 0);
	check("MODE", "mode", 0);
	check("mdoe", "mode", 1); /* neighbours swapped */
	check("mod", "mode", 1);
	check("modell", "model", 1);
	check("modek", "mode", 1); /* the first of two that are as near */
	check("agent.risk_levle", "agent.risk_level", 1);
	check("agentrisklevel", "agent.risk_level", 2);
	check("ix", "id", 1);
	check("policy", "", 0);
	check("xyz", "", 0);
	check("", "", 0);
}

static void test_long_words(void **state)
{
	char word[200];
	struct nearest near = {0};

	(void)state;
	memset(word, 'm', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	check(word, "", 0);
	for (size_t n = 40; n < 60; n++) {
		word[n] = 0;
		nearest_offer(&near, span_of(word, n), span_of(word, n));
		assert_int_equal(near.best.n, 40);
	}
}

/* Words need no NUL and are not read past their end. */
static void test_bounds(void **state)
{
	struct nearest near = {0};
	struct guard g;

	(void)state;
	guard_init(&g, 16);
	for (size_t n = 0; n <= 6; n++) {
		near = (struct nearest){0};
		nearest_offer(&near, guard_copy(&g, span_of("models", n)), SPAN_LIT("model"));
		assert_true((n >= 4) == (near.best.n > 0));
	}
	guard_deinit(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_near_and_far),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
