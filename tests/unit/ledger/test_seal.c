/* SPDX-License-Identifier: MIT */
/* Sealed content: opens under its key and subject only, and commits to itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hex.h"
#include "ledger/seal.h"

#include <errno.h>

static const uint8_t key[SEAL_KEY_BYTES] = {1, 2, 3};
static const struct seal_random random_bytes = {{9, 8, 7}, {6, 5, 4}};
#define SUBJECT SPAN_LIT("0123456789abcdef01234567")
#define CONTENT SPAN_LIT("{\"body\":\"please\"}")

static void opens_what_was_sealed(void **state)
{
	struct buf sealed = BUF_INIT(4096), plain = BUF_INIT(4096);

	(void)state;
	assert_int_equal(seal_put(key, &random_bytes, SUBJECT, CONTENT, &sealed), 0);
	assert_int_equal(sealed.n, CONTENT.n + SEAL_EXTRA_BYTES);
	assert_null(memmem(sealed.p, sealed.n, "please", 6));
	assert_int_equal(seal_open(key, SUBJECT, buf_span(&sealed), &plain), 0);
	assert_true(span_eq(buf_span(&plain), CONTENT));
	buf_deinit(&sealed);
	buf_deinit(&plain);
}

/* The published form, made with another implementation (Python's cryptography, AESGCM). */
static void is_what_the_header_says(void **state)
{
	static const char want[] =
		"010605040000000000000000001d0c853f46d94bf0248475f8a990d1b6af1266307cc005"
		"7dd9e62eaaf1f77b522c943a3a3b6a93259986d7951f7aaad84ed446832c9a5ea7b0d39d"
		"f454f99fd8cc";
	struct buf sealed = BUF_INIT(4096), hex = BUF_INIT(4096);

	(void)state;
	assert_int_equal(seal_put(key, &random_bytes, SUBJECT, CONTENT, &sealed), 0);
	assert_int_equal(hex_put(&hex, buf_span(&sealed)), 0);
	assert_string_equal(buf_str(&hex), want);
	buf_deinit(&sealed);
	buf_deinit(&hex);
}

static void refuses_every_change(void **state)
{
	struct buf sealed = BUF_INIT(4096), plain = BUF_INIT(4096);
	uint8_t other[SEAL_KEY_BYTES] = {1, 2, 4};

	(void)state;
	assert_int_equal(seal_put(key, &random_bytes, SUBJECT, CONTENT, &sealed), 0);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 0x10;
		assert_int_equal(seal_open(key, SUBJECT, buf_span(&sealed), &plain), -EBADMSG);
		sealed.p[i] ^= 0x10;
		assert_int_equal(seal_open(key, SUBJECT, span_of(sealed.p, i), &plain), -EBADMSG);
	}
	assert_int_equal(seal_open(other, SUBJECT, buf_span(&sealed), &plain), -EBADMSG);
	assert_int_equal(
		seal_open(key, SPAN_LIT("0123456789abcdef01234568"), buf_span(&sealed), &plain),
		-EBADMSG);
	assert_int_equal(plain.n, 0);
	buf_deinit(&sealed);
	buf_deinit(&plain);
}

static void commits_with_a_salt(void **state)
{
	struct seal_random other = random_bytes;
	struct hash a, b, c;

	(void)state;
	assert_int_equal(seal_commit(&random_bytes, CONTENT, &a), 0);
	assert_int_equal(seal_commit(&random_bytes, CONTENT, &b), 0);
	assert_true(hash_eq(&a, &b));
	other.salt[31] ^= 1;
	assert_int_equal(seal_commit(&other, CONTENT, &c), 0);
	assert_false(hash_eq(&a, &c));
	assert_int_equal(seal_commit(&random_bytes, SPAN_LIT("{}"), &c), 0);
	assert_false(hash_eq(&a, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_was_sealed),
		cmocka_unit_test(is_what_the_header_says),
		cmocka_unit_test(refuses_every_change),
		cmocka_unit_test(commits_with_a_salt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
