/* SPDX-License-Identifier: MIT */
/* Small objects of links: values of the right kind, or none. */
#include "io/fields.h"

#include "support/oom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SAMPLE                                                                                     \
	"{\"n\":-5,\"f\":1.5,\"s\":\"a\\n\\u00e9\",\"z\":\"a\\u0000b\",\"t\":true,\"o\":{\"x\":["  \
	"1]},\"null\":null}"

static void reads_values(void **state)
{
	struct fields f;
	char text[8];
	int64_t n;
	bool b = false;

	(void)state;
	assert_int_equal(fields_open(&f, SPAN_LIT(SAMPLE)), PARSE_DONE);
	assert_true(fields_int(&f, "n", &n));
	assert_int_equal(n, -5);
	assert_false(fields_int(&f, "f", &n));
	assert_false(fields_int(&f, "s", &n));
	assert_false(fields_int(&f, "absent", &n));
	assert_true(fields_bool(&f, "t", &b) && b);
	assert_false(fields_bool(&f, "n", &b));
	assert_false(fields_bool(&f, "null", &b));
	assert_true(fields_text(&f, "s", text, sizeof(text)));
	assert_string_equal(text, "a\n\xc3\xa9");
	assert_true(fields_text(&f, "s", text, 5));
	assert_false(fields_text(&f, "s", text, 4));
	assert_false(fields_text(&f, "z", text, sizeof(text)));
	assert_false(fields_text(&f, "n", text, sizeof(text)));
	assert_true(span_eq_str(fields_raw(&f, "o"), "{\"x\":[1]}"));
	assert_null(fields_raw(&f, "absent").p);
	fields_close(&f);
}

static void refuses_what_is_no_object(void **state)
{
	static const char *const rows[] = {
		"", "[]", "1", "\"a\"", "{", "{}x", "{\"a\":1,\"a\":2}", "\xff"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fields f;

		assert_int_equal(fields_open(&f, span_str(rows[i])), PARSE_E_BAD);
		fields_close(&f);
	}
}

static void open_once(void *ctx)
{
	struct fields f;
	int r = fields_open(&f, SPAN_LIT(SAMPLE));

	(void)ctx;
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	fields_close(&f);
}

static void survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(oom_each(open_once, NULL) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values),
		cmocka_unit_test(refuses_what_is_no_object),
		cmocka_unit_test(survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
