/* SPDX-License-Identifier: MIT */
/* What other roles may have recorded, and how it travels. */
#include "io/append.h"

#include "io/link.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void round_trips(void **state)
{
	(void)state;
	for (int essential = 0; essential < 2; essential++) {
		struct buf out = BUF_INIT(256);
		struct append a;

		assert_int_equal(append_begin(&out, RECORD_DECISION, essential), 0);
		buf_put_str(&out, "{\"a\":1}");
		assert_int_equal(append_read(buf_span(&out), &a), PARSE_DONE);
		assert_int_equal(a.type, RECORD_DECISION);
		assert_int_equal(a.essential, essential);
		assert_true(span_eq_str(a.body, "{\"a\":1}"));
		buf_deinit(&out);
	}
}

static void what_admins_do_is_essential(void **state)
{
	struct append a;

	(void)state;
	assert_int_equal(append_read(SPAN_LIT("\x05"
					      "admin{}"),
				     &a),
			 PARSE_DONE);
	assert_true(a.essential);
	assert_int_equal(append_read(SPAN_LIT("\x0b"
					      "auth.failed{}"),
				     &a),
			 PARSE_DONE);
	assert_false(a.essential);
}

static void nobody_forges_the_ledgers_own_records(void **state)
{
	const enum record_type own[] = {RECORD_START,
					RECORD_STOP,
					RECORD_HEARTBEAT,
					RECORD_KEY_CREATED,
					RECORD_KEY_REVOKED,
					RECORD_ROLLBACK,
					RECORD_APPROVAL_REQUESTED,
					RECORD_APPROVAL_DECIDED,
					RECORD_APPROVAL_EXPIRED};

	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		struct buf out = BUF_INIT(256);
		struct append a;

		assert_int_equal(append_begin(&out, own[i], true), 0);
		buf_put_str(&out, "{}");
		assert_int_equal(append_read(buf_span(&out), &a), PARSE_E_BAD);
		buf_deinit(&out);
	}
}

static void refuses_other_bytes(void **state)
{
	static const struct span rows[] = {
		{(const uint8_t *)"", 0},
		{(const uint8_t *)"\x08", 1},
		{(const uint8_t *)"\x08"
				  "decisio",
		 8},
		{(const uint8_t *)"\x7f"
				  "decision",
		 9},
		{(const uint8_t *)"\x00{}", 3},
		{(const uint8_t *)"\x04"
				  "none{}",
		 7},
		{(const uint8_t *)"\xff"
				  "decision{}",
		 11},
	};
	struct guard guard;
	struct append a;

	(void)state;
	guard_init(&guard, 64);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(append_read(guard_copy(&guard, rows[i]), &a), PARSE_E_BAD);
	guard_deinit(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(what_admins_do_is_essential),
		cmocka_unit_test(nobody_forges_the_ledgers_own_records),
		cmocka_unit_test(refuses_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
