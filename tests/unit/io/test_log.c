/* SPDX-License-Identifier: MIT */
/* Log lines: one line whatever is said, and not too many of them. */
#include "io/log.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct log_line sample(struct span text)
{
	return (struct log_line){
		.wall_s = 1700000000,
		.role = "engine",
		.event = "bad-frame",
		.level = LOG_WARNING,
		.text = text,
	};
}

static void writes_one_object_a_line(void **state)
{
	struct log_line line = sample(SPAN_LIT("uid 1"));
	struct buf out = BUF_INIT(4096);

	(void)state;
	line.left_out = 3;
	assert_int_equal(log_format(&line, &out), 0);
	assert_string_equal(
		buf_str(&out),
		"{\"time\":\"2023-11-14T22:13:20Z\",\"level\":\"warning\",\"role\":\"engine\","
		"\"event\":\"bad-frame\",\"text\":\"uid 1\",\"left_out\":3}\n");
	buf_deinit(&out);
}

static void nothing_begins_a_line_of_its_own(void **state)
{
	struct json_scan *scan = json_scan_new(64);
	uint8_t every[256];

	(void)state;
	for (int i = 0; i < 256; i++)
		every[i] = (uint8_t)i;
	for (int i = 0; i < 256; i++) {
		struct log_line line = sample(span_of(every + i, (size_t)(256 - i)));
		struct buf out = BUF_INIT(4096);

		assert_int_equal(log_format(&line, &out), 0);
		assert_int_equal(out.p[out.n - 1], '\n');
		for (size_t at = 0; at + 1 < out.n; at++)
			assert_true(out.p[at] >= 0x20);
		assert_int_equal(json_scan_all(scan, span_sub(buf_span(&out), 0, out.n - 1)),
				 PARSE_DONE);
		buf_deinit(&out);
	}
	json_scan_free(scan);
}

static void limits_lines_and_counts_what_it_leaves_out(void **state)
{
	struct log_limit limit = {0};
	unsigned left_out = 99, said = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		bool pass = log_limit_pass(&limit, 1000, &left_out);

		said += pass;
		if (pass)
			assert_int_equal(left_out, 0);
	}
	assert_int_equal(said, LOG_BURST);
	assert_false(log_limit_pass(&limit, 1000 + LOG_WINDOW_S - 1, &left_out));
	assert_true(log_limit_pass(&limit, 1000 + LOG_WINDOW_S, &left_out));
	assert_int_equal(left_out, 100 - LOG_BURST + 1);
	assert_true(log_limit_pass(&limit, 1000 + LOG_WINDOW_S, &left_out));
	assert_int_equal(left_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_one_object_a_line),
		cmocka_unit_test(nothing_begins_a_line_of_its_own),
		cmocka_unit_test(limits_lines_and_counts_what_it_leaves_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
