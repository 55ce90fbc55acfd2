/* SPDX-License-Identifier: MIT */
/* Growable bytes: the maximum, the sticky error, and that nothing is written past the end. */
#include "base/buf.h"
#include "support/oom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_append(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	assert_int_equal(buf_put(&b, SPAN_NULL), 0);
	assert_null(b.p);
	assert_int_equal(buf_put_str(&b, "ab"), 0);
	assert_int_equal(buf_put_byte(&b, 'c'), 0);
	assert_int_equal(buf_printf(&b, "%d-%s", 7, "x"), 0);
	assert_true(span_eq_str(buf_span(&b), "abc7-x"));
	assert_string_equal(buf_str(&b), "abc7-x");
	assert_int_equal(b.n, 6);
	buf_consume(&b, 2);
	assert_true(span_eq_str(buf_span(&b), "c7-x"));
	buf_consume(&b, 0);
	buf_consume(&b, 100);
	assert_int_equal(b.n, 0);
	assert_string_equal(buf_str(&b), "");
	buf_deinit(&b);
	assert_null(b.p);
	assert_int_equal(b.max, 1000);
	/* Usable again. */
	assert_int_equal(buf_put_str(&b, "z"), 0);
	buf_deinit(&b);
}

static void test_maximum(void **state)
{
	(void)state;
	for (size_t max = 0; max < 300; max++) {
		struct buf b = BUF_INIT(max), f = BUF_INIT(max);

		for (size_t i = 0; i < max; i++)
			assert_int_equal(buf_put_byte(&b, 'x'), 0);
		/* Full to the last byte, and still printable. */
		assert_non_null(buf_str(&b));
		assert_int_equal(strlen(buf_str(&b)), max);
		assert_int_equal(buf_printf(&f, "%*s", (int)max, ""), 0);
		assert_int_equal(f.n, max);
		assert_int_equal(buf_put_byte(&b, 'x'), -E2BIG);
		assert_int_equal(buf_printf(&f, "%s", "y"), -E2BIG);
		/* Sticky: what would fit is not taken either, and nothing was lost. */
		assert_int_equal(buf_put(&b, SPAN_NULL), -E2BIG);
		assert_null(buf_str(&b));
		assert_int_equal(b.n, max);
		buf_clear(&b);
		assert_int_equal(buf_put_str(&b, ""), 0);
		assert_int_equal(b.n, 0);
		buf_deinit(&b);
		buf_deinit(&f);
	}
}

static void test_huge(void **state)
{
	struct buf b = BUF_INIT(100), any = BUF_INIT(SIZE_MAX);

	(void)state;
	/* Sums that wrap round are over the maximum, too. */
	assert_int_equal(buf_put_byte(&b, 1), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -E2BIG);
	buf_clear(&b);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 1), -E2BIG);
	buf_deinit(&b);
	assert_int_equal(buf_put_byte(&any, 1), 0);
	assert_int_equal(buf_reserve(&any, SIZE_MAX - 1), -ENOMEM);
	assert_int_equal(any.n, 1);
	buf_deinit(&any);
}

static void grow(void *ctx)
{
	struct buf b = BUF_INIT(1u << 16);
	size_t n = 0;

	(void)ctx;
	for (unsigned i = 0; i < 1000; i++)
		if (buf_put_str(&b, "0123456789") == 0)
			n += 10;
	assert_int_equal(b.err, oom_hit() ? -ENOMEM : 0);
	/* What was taken before is whole. */
	assert_int_equal(b.n, n);
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(b.p[i], '0' + i % 10);
	buf_deinit(&b);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	assert_in_range(oom_each(grow, NULL), 5, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
