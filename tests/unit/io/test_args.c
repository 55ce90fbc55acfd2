/* SPDX-License-Identifier: MIT */
/* Arguments in records: what is kept, and what must never get there. */
#include "io/args.h"

#include "aicp/limits.h"
#include "support/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(struct span cmdline, const char *expected)
{
	struct buf out = BUF_INIT(8192);

	assert_int_equal(args_put(cmdline, true, &out), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_deinit(&out);
}

static void keeps_ordinary_arguments(void **state)
{
	(void)state;
	expect(SPAN_LIT(""), "");
	expect(SPAN_LIT("\0\0\0"), "");
	expect(SPAN_LIT("bash\0"), "bash");
	expect(SPAN_LIT("python3\0-u\0agent.py\0--model\0gpt-4o\0"),
	       "python3 -u agent.py --model gpt-4o");
	expect(SPAN_LIT("a\0\0b\0"), "a  b");
	expect(SPAN_LIT("no NUL at the end"), "no NUL at the end");
	expect(SPAN_LIT("sh\0-c\0one\ntwo"), "sh -c one two");
	expect(SPAN_LIT("pip\0install\0sk-learn"), "pip install sk-learn");
	expect(SPAN_LIT("curl\0https://example.org/a?b=c"), "curl https://example.org/a?b=c");
	expect(SPAN_LIT("x\0--max-tokens-limit\0"
			"5"),
	       "x --max-tokens-limit 5");
}

static void masks_credentials(void **state)
{
	(void)state;
	expect(SPAN_LIT("curl\0-H\0Authorization: Bearer canary\0u"),
	       "curl -H Authorization:[masked] u");
	expect(SPAN_LIT("curl\0-HAuthorization: Bearer canary"), "curl -HAuthorization:[masked]");
	expect(SPAN_LIT("curl\0-H\0x-api-key: canary"), "curl -H x-api-key:[masked]");
	expect(SPAN_LIT("a\0--api-key=canary\0b"), "a --api-key=[masked] b");
	expect(SPAN_LIT("a\0--api-key\0canary\0b"), "a --api-key [masked] b");
	expect(SPAN_LIT("env\0OPENAI_API_KEY=canary\0x"), "env OPENAI_API_KEY=[masked] x");
	expect(SPAN_LIT("a\0--password\0canary"), "a --password [masked]");
	expect(SPAN_LIT("curl\0-u\0me:canary\0x"), "curl -u [masked] x");
	expect(SPAN_LIT("curl\0https://me:canary@example.org/"),
	       "curl https://[masked]@example.org/");
	expect(SPAN_LIT("curl\0https://x.org/?a=1&key=canary&b=2"),
	       "curl https://x.org/?a=1&key=[masked]&b=2");
	expect(SPAN_LIT("sh\0-c\0x sk-proj-canary_12345 y"), "sh -c x [masked] y");
	expect(SPAN_LIT("a\0--key=sk-canary-123456789"), "a --key=[masked]");
	expect(SPAN_LIT("wget\0--header=Authorization: Bearer canary\0u"),
	       "wget --header=Authorization:[masked] u");
	expect(SPAN_LIT("wget\0--header=x-api-key: canary"), "wget --header=x-api-key:[masked]");
	expect(SPAN_LIT("sh\0-c\0curl -H 'Authorization: Bearer canary_123456' u"),
	       "sh -c curl -H 'Authorization: Bearer [masked]' u");
	expect(SPAN_LIT("say\0the bearer of news"), "say the bearer of news");
}

static void keeps_content_out(void **state)
{
	(void)state;
	expect(SPAN_LIT("curl\0-d\0{\"prompt\":\"canary\"}\0u"), "curl -d [19 bytes] u");
	expect(SPAN_LIT("curl\0--data-raw\0canary"), "curl --data-raw [6 bytes]");
	expect(SPAN_LIT("curl\0--data-binary\0@file.json"), "curl --data-binary @file.json");
}

static void cuts_what_is_long(void **state)
{
	struct buf in = BUF_INIT(65536), out = BUF_INIT(65536);
	char one[ARGS_ONE_BYTES_MAX + 50];

	(void)state;
	memset(one, 'x', sizeof(one));
	buf_put(&in, SPAN_LIT("a\0"));
	buf_put(&in, span_of(one, sizeof(one)));
	buf_put(&in, SPAN_LIT("\0b"));
	assert_int_equal(args_put(buf_span(&in), true, &out), 0);
	assert_int_equal(out.n, 2 + ARGS_ONE_BYTES_MAX + 3 + 2);
	assert_memory_equal(out.p + out.n - 5, "... b", 5);
	buf_clear(&out);
	for (int i = 0; i < 100; i++)
		buf_put(&in, span_of(one, sizeof(one)));
	for (int i = 0; i < 3000; i++)
		buf_put(&in, SPAN_LIT("word\0"));
	assert_int_equal(args_put(buf_span(&in), true, &out), 0);
	assert_true(out.n <= AICP_ARGS_BYTES_MAX + ARGS_ONE_BYTES_MAX + 16);
	assert_memory_equal(out.p + out.n - 4, " ...", 4);
	buf_clear(&out);
	assert_int_equal(args_put(SPAN_LIT("a\0b"), false, &out), 0);
	assert_string_equal(buf_str(&out), "a b ...");
	buf_deinit(&in);
	buf_deinit(&out);
}

static void reads_no_byte_too_many(void **state)
{
	static const struct span rows[] = {
		{(const uint8_t *)"a\0--api-key", 11},
		{(const uint8_t *)"sk-canary-12345678", 18},
		{(const uint8_t *)"x://a:b", 7},
		{(const uint8_t *)"x://a:b@", 8},
		{(const uint8_t *)"?key=", 5},
		{(const uint8_t *)"--", 2},
		{(const uint8_t *)"-", 1},
		{(const uint8_t *)"a=", 2},
	};
	struct guard guard;

	(void)state;
	guard_init(&guard, 64);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t n = 0; n <= rows[i].n; n++) {
			struct buf out = BUF_INIT(256);

			assert_int_equal(
				args_put(guard_copy(&guard, span_sub(rows[i], 0, n)), true, &out),
				0);
			buf_deinit(&out);
		}
	}
	guard_deinit(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_ordinary_arguments), cmocka_unit_test(masks_credentials),
		cmocka_unit_test(keeps_content_out),	    cmocka_unit_test(cuts_what_is_long),
		cmocka_unit_test(reads_no_byte_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
