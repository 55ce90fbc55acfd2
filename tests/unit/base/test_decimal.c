/* SPDX-License-Identifier: MIT */
/* Whole numbers within a bound, and nothing that is almost one. */
#include "base/decimal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void reads_what_fits(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, value;
	} row[] = {
		{"0", 0, 0},
		{"9", 9, 9},
		{"10", 10, 10},
		{"65535", 65535, 65535},
		{"18446744073709551615", UINT64_MAX, UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		uint64_t value = 77;

		assert_true(decimal_read(span_str(row[i].text), row[i].max, &value));
		assert_int_equal(value, row[i].value);
	}
}

static void refuses_the_rest(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
	} row[] = {
		{"", 9},
		{"00", 9},
		{"01", 9},
		{"-1", 9},
		{"+1", 9},
		{" 1", 9},
		{"1 ", 9},
		{"1.0", 9},
		{"0x1", 9},
		{"1e1", 99},
		{"\xd9\xa1", 9},
		{"1", 0},
		{"10", 9},
		{"65536", 65535},
		{"18446744073709551616", UINT64_MAX},
		{"99999999999999999999", UINT64_MAX},
	};
	uint64_t value = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		assert_false(decimal_read(span_str(row[i].text), row[i].max, &value));
	assert_int_equal(value, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_fits),
		cmocka_unit_test(refuses_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
