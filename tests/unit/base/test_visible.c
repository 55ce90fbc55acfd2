/* SPDX-License-Identifier: MIT */
/* What hides, turns or acts is shown by its number. */
#include "base/visible.h"

#include "base/utf8.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void shows_what_would_act(void **state)
{
	static const struct {
		const char *text, *shown, *lines;
	} row[] = {
		{"plain äöü 漢字 🙂", "plain äöü 漢字 🙂", NULL},
		{"a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd", "a\nb\tc\\x0dd"},
		{"\x1b[2J\x1b]0;t\x07", "\\x1b[2J\\x1b]0;t\\x07", NULL},
		{"\x7f\x9b", "\\x7f\\x9b", NULL},
		{"\xc2\x9b", "\\u{9b}", NULL}, /* CSI in eight bits */
		{"\xe2\x80\xae"
		 "evil"
		 "\xe2\x81\xa9",
		 "\\u{202e}evil\\u{2069}", NULL},
		{"a\xe2\x80\x8b"
		 "b\xef\xbb\xbf",
		 "a\\u{200b}b\\u{feff}", NULL},
		{"\xf3\xa0\x81\x81", "\\u{e0041}", NULL}, /* a tag: text that nobody sees */
		{"\xef\xb8\x8f", "\\u{fe0f}", NULL},
		{"\xed\xa0\x80\xc0\x80", "\\xed\\xa0\\x80\\xc0\\x80", NULL},
		{"\xe2\x80", "\\xe2\\x80", NULL}, /* cut */
		{"\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}", NULL},
		{"", "", NULL},
	};
	struct buf out = BUF_INIT(4096);
	struct guard guard;

	(void)state;
	guard_init(&guard, 256);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		for (int lines = 0; lines < 2; lines++) {
			const char *want = lines && row[i].lines ? row[i].lines : row[i].shown;

			buf_clear(&out);
			assert_int_equal(
				visible_put(guard_copy(&guard, span_str(row[i].text)), lines, &out),
				0);
			assert_string_equal(buf_str(&out), want);
		}
	guard_deinit(&guard);
	buf_deinit(&out);
}

/* Whatever comes, what is shown is UTF-8 without controls. */
static void nothing_gets_through(void **state)
{
	struct buf out = BUF_INIT(1u << 16);
	uint32_t x = 1;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint8_t text[64];

		for (size_t i = 0; i < sizeof(text); i++) {
			x = x * 1664525 + 1013904223;
			text[i] = (uint8_t)(x >> 24);
		}
		buf_clear(&out);
		assert_int_equal(visible_put(span_of(text, sizeof(text)), false, &out), 0);
		assert_true(utf8_valid(buf_span(&out)));
		for (size_t i = 0; i < out.n; i++)
			assert_true(out.p[i] >= ' ' && out.p[i] != 0x7f);
	}
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_what_would_act),
		cmocka_unit_test(nothing_gets_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
