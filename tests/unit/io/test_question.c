/* SPDX-License-Identifier: MIT */
/* What the engine asks people, as it travels to the ledger. */
#include "io/question.h"

#include "aicp/limits.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void round_trips(void **state)
{
	const struct question asked = {SPAN_LIT("{\"a\":1}"), SPAN_LIT("{\"body\":\"hi\"}")};
	struct buf out = BUF_INIT(256);
	struct question read;

	(void)state;
	assert_int_equal(question_write(&asked, &out), 0);
	assert_int_equal(question_read(buf_span(&out), &read), PARSE_DONE);
	assert_true(span_eq(read.body, asked.body));
	assert_true(span_eq(read.content, asked.content));
	buf_deinit(&out);
}

/* Every shorter payload either has less content, or is none. */
static void a_cut_one_is_never_read_beyond_its_end(void **state)
{
	const struct question asked = {SPAN_LIT("{\"a\":1}"), SPAN_LIT("xyz")};
	struct buf out = BUF_INIT(256);
	struct question read;
	struct guard guard;

	(void)state;
	guard_init(&guard, 64);
	assert_int_equal(question_write(&asked, &out), 0);
	for (size_t n = 0; n < out.n; n++)
		assert_int_equal(question_read(guard_copy(&guard, span_of(out.p, n)), &read),
				 n > 4 + asked.body.n ? PARSE_DONE : PARSE_E_BAD);
	guard_deinit(&guard);
	buf_deinit(&out);
}

static void the_bounds_hold(void **state)
{
	struct buf big = BUF_INIT(4u << 20), out = BUF_INIT(8u << 20);
	struct question read;

	(void)state;
	assert_int_equal(buf_reserve(&big, AICP_APPROVAL_CONTENT_BYTES_MAX + 1), 0);
	memset(big.p, 'x', AICP_APPROVAL_CONTENT_BYTES_MAX + 1);
	question_write(
		&(struct question){SPAN_LIT("{}"), span_of(big.p, AICP_APPROVAL_CONTENT_BYTES_MAX)},
		&out);
	assert_int_equal(question_read(buf_span(&out), &read), PARSE_DONE);
	buf_clear(&out);
	question_write(&(struct question){SPAN_LIT("{}"),
					  span_of(big.p, AICP_APPROVAL_CONTENT_BYTES_MAX + 1)},
		       &out);
	assert_int_equal(question_read(buf_span(&out), &read), PARSE_E_LIMIT);
	buf_clear(&out);
	question_write(&(struct question){span_of(big.p, AICP_LEAF_BYTES_MAX + 1), SPAN_LIT("x")},
		       &out);
	assert_int_equal(question_read(buf_span(&out), &read), PARSE_E_LIMIT);
	buf_deinit(&big);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(a_cut_one_is_never_read_beyond_its_end),
		cmocka_unit_test(the_bounds_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
