/* SPDX-License-Identifier: MIT */
/* Budgets: one uid's excess is its own, and nothing counted is lost. */
#include "io/budget.h"

#include "support/oom.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void one_uid_does_not_cost_the_others(void **state)
{
	struct budget *b = budget_new();
	struct budget_user *user, *other;

	(void)state;
	for (unsigned i = 0; i < AICP_UID_CONNECTIONS_MAX; i++)
		assert_int_equal(budget_enter(b, 1000, &user), 0);
	for (unsigned i = 0; i < AICP_UID_REFUSALS_MAX; i++)
		assert_int_equal(budget_enter(b, 1000, &user), BUDGET_E_REFUSE);
	assert_int_equal(budget_enter(b, 1000, &user), BUDGET_E_CLOSE);
	assert_int_equal(budget_enter(b, 1001, &other), 0);
	/* The same bucket of the table. */
	assert_int_equal(budget_enter(b, 1000 + 256, &other), 0);
	assert_ptr_not_equal(user, other);
	budget_leave_refused(user);
	assert_int_equal(budget_enter(b, 1000, &user), BUDGET_E_REFUSE);
	budget_leave(user);
	assert_int_equal(budget_enter(b, 1000, &user), 0);
	budget_free(b);
}

static void charges_bytes(void **state)
{
	struct budget *b = budget_new();
	struct budget_user *user;

	(void)state;
	assert_int_equal(budget_enter(b, 1, &user), 0);
	assert_true(budget_charge(user, AICP_UID_BYTES_MAX));
	assert_false(budget_charge(user, 1));
	assert_true(budget_charge(user, 0));
	assert_false(budget_charge(user, UINT64_MAX));
	budget_refund(user, 1);
	assert_true(budget_charge(user, 1));
	budget_free(b);
}

static void keeps_counts_until_they_are_reported(void **state)
{
	struct budget *b = budget_new();
	struct budget_user *user, *got;
	enum budget_count count;

	(void)state;
	assert_false(budget_unreported(b, &got, &count));
	assert_int_equal(budget_enter(b, 7, &user), 0);
	user->count[BUDGET_ABANDONED] = 2;
	budget_leave(user);
	budget_tidy(b);
	assert_true(budget_unreported(b, &got, &count));
	assert_ptr_equal(got, user);
	assert_int_equal(count, BUDGET_ABANDONED);
	got->count[count] = 0;
	assert_false(budget_unreported(b, &got, &count));
	budget_tidy(b);
	budget_free(b);
}

static void responses_have_a_budget_of_their_own(void **state)
{
	struct budget *b = budget_new();
	struct budget_user *one = budget_user(b, 1), *two = budget_user(b, 2), *got;
	enum budget_count count;
	unsigned n = 0;

	(void)state;
	while (budget_response(b, one))
		n++;
	assert_int_equal(n, AICP_UID_RESPONSES_MAX);
	assert_true(budget_response(b, two));
	budget_leave_response(b, one);
	assert_true(budget_response(b, one));
	assert_int_equal(budget_responses(b), AICP_UID_RESPONSES_MAX + 1);
	/* Memory that is over is told once it is used, and counts until it is given back. */
	assert_true(budget_response_bytes(b, one, 0, AICP_UID_RESPONSE_BYTES_MAX));
	assert_false(budget_response_bytes(b, one, 0, 1));
	assert_true(budget_response_bytes(b, two, 0, 1));
	assert_true(budget_response_bytes(b, one, 1, 0));
	assert_true(budget_response_bytes(b, one, AICP_UID_RESPONSE_BYTES_MAX, 0));
	for (n = 0; n < AICP_UID_RESPONSES_MAX; n++)
		budget_leave_response(b, one);
	assert_true(budget_response_bytes(b, two, 1, 0));
	budget_leave_response(b, two);
	/* All users together. */
	for (n = 0; n < AICP_ENGINE_RESPONSES_MAX; n++)
		assert_true(budget_response(b, budget_user(b, 10 + n % 100)));
	assert_false(budget_response(b, two));
	/* Records that a ledger took with it. */
	one->unanswered = 3;
	budget_tidy(b);
	assert_int_equal(budget_lose_responses(b), 3);
	assert_int_equal(budget_lose_responses(b), 0);
	assert_true(budget_unreported(b, &got, &count));
	assert_ptr_equal(got, one);
	assert_int_equal(count, BUDGET_RESPONSE_LOST);
	budget_free(b);
}

static void many_uids_are_bounded(void **state)
{
	struct budget *b = budget_new();
	struct budget_user *user;

	(void)state;
	for (unsigned i = 0; i < AICP_UIDS_MAX; i++)
		assert_int_equal(budget_enter(b, i, &user), 0);
	assert_int_equal(budget_enter(b, AICP_UIDS_MAX, &user), BUDGET_E_CLOSE);
	assert_null(user);
	/* Idle ones make room. */
	assert_int_equal(budget_enter(b, 5, &user), 0);
	budget_leave(user);
	budget_leave(user);
	assert_int_equal(budget_enter(b, AICP_UIDS_MAX, &user), 0);
	budget_free(b);
}

static void enter_once(void *ctx)
{
	struct budget *b = budget_new();
	struct budget_user *user;

	(void)ctx;
	if (b && budget_enter(b, 1, &user) == BUDGET_E_CLOSE)
		assert_true(oom_hit() && !user);
	budget_free(b);
}

static void survives_failing_allocations(void **state)
{
	(void)state;
	assert_int_equal(oom_each(enter_once, NULL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_uid_does_not_cost_the_others),
		cmocka_unit_test(charges_bytes),
		cmocka_unit_test(keeps_counts_until_they_are_reported),
		cmocka_unit_test(responses_have_a_budget_of_their_own),
		cmocka_unit_test(many_uids_are_bounded),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
