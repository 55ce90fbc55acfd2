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
		cmocka_unit_test(many_uids_are_bounded),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
