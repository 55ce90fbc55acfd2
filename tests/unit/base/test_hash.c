/* SPDX-License-Identifier: MIT */
/* Digests, MACs and the text forms of bytes against the vectors of their standards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/hex.h"

#include <errno.h>

static void expect_hex(const struct hash *h, const char *want)
{
	char text[HASH_HEX_BYTES + 1] = {0};

	hex_encode(hash_span(h), text);
	assert_string_equal(text, want);
}

/* FIPS 180-4 examples (NIST CSRC) and the empty string. */
static void test_sha256(void **state)
{
	static const struct {
		const char *in, *want;
	} row[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	struct hash_ctx *ctx = hash_ctx_new();
	struct hash h;

	(void)state;
	assert_non_null(ctx);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct span s = span_str(row[i].in);

		assert_int_equal(hash_all(ctx, s, &h), 0);
		expect_hex(&h, row[i].want);
		assert_int_equal(hash_once(s, &h), 0);
		expect_hex(&h, row[i].want);
		for (size_t cut = 0; cut <= s.n; cut++) {
			struct span part[] = {span_sub(s, 0, cut), span_sub(s, cut, s.n)};

			assert_int_equal(hash_parts(ctx, part, 2, &h), 0);
			expect_hex(&h, row[i].want);
		}
	}
	hash_ctx_free(ctx);
}

/* A million times 'a', in pieces; a hash left half-way does not leak into the next. */
static void test_sha256_pieces(void **state)
{
	struct hash_ctx *ctx = hash_ctx_new();
	uint8_t a[1000];
	struct hash h;

	(void)state;
	memset(a, 'a', sizeof(a));
	assert_int_equal(hash_begin(ctx), 0);
	assert_int_equal(hash_put(ctx, SPAN_LIT("left over")), 0);
	assert_int_equal(hash_begin(ctx), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(hash_put(ctx, span_of(a, sizeof(a))), 0);
	assert_int_equal(hash_end(ctx, &h), 0);
	expect_hex(&h, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	hash_ctx_free(ctx);
}

/* In one part, and in two at every place. */
static void expect_hmac(struct hash_ctx *ctx, struct span key, struct span bytes, const char *want)
{
	const struct hash_key k = {ctx, key};
	struct hash h;

	assert_int_equal(hash_hmac(&k, &bytes, 1, &h), 0);
	expect_hex(&h, want);
	for (size_t i = 0; i <= bytes.n; i++) {
		const struct span parts[] = {span_sub(bytes, 0, i), span_sub(bytes, i, bytes.n)};

		assert_int_equal(hash_hmac(&k, parts, 2, &h), 0);
		expect_hex(&h, want);
	}
}

/* RFC 4231 cases 1, 2, 3 and 6. */
static void test_hmac(void **state)
{
	struct hash_ctx *ctx = hash_ctx_new();
	uint8_t k0b[20], kaa[131], dd[50];

	(void)state;
	assert_non_null(ctx);
	memset(k0b, 0x0b, sizeof(k0b));
	memset(kaa, 0xaa, sizeof(kaa));
	memset(dd, 0xdd, sizeof(dd));
	expect_hmac(ctx, span_of(k0b, 20), SPAN_LIT("Hi There"),
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	expect_hmac(ctx, SPAN_LIT("Jefe"), SPAN_LIT("what do ya want for nothing?"),
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	expect_hmac(ctx, span_of(kaa, 20), span_of(dd, 50),
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	expect_hmac(ctx, span_of(kaa, 131),
		    SPAN_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	/* No key is the empty key, whatever was used before. */
	expect_hmac(ctx, SPAN_NULL, SPAN_NULL,
		    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	hash_ctx_free(ctx);
}

static void test_secret_eq(void **state)
{
	(void)state;
	assert_true(hash_secret_eq(SPAN_LIT("same"), SPAN_LIT("same")));
	assert_false(hash_secret_eq(SPAN_LIT("same"), SPAN_LIT("sane")));
	assert_false(hash_secret_eq(SPAN_LIT("same"), SPAN_LIT("sam")));
	assert_true(hash_secret_eq(SPAN_NULL, SPAN_NULL));
}

static void test_hex(void **state)
{
	struct buf out = BUF_INIT(8);
	uint8_t back[4] = {9, 9, 9, 9};

	(void)state;
	assert_int_equal(hex_put(&out, SPAN_LIT("\x00\x7f\x80\xff")), 0);
	assert_true(span_eq_str(buf_span(&out), "007f80ff"));
	assert_true(hex_decode(buf_span(&out), back, 4));
	assert_memory_equal(back, "\x00\x7f\x80\xff", 4);
	assert_int_equal(hex_put(&out, SPAN_LIT("x")), -E2BIG);
	for (unsigned c = 0; c < 256; c++) {
		uint8_t text[2] = {'0', (uint8_t)c};
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

		assert_int_equal(hex_decode(span_of(text, 2), back, 1), digit);
	}
	assert_false(hex_decode(SPAN_LIT("000"), back, 1));
	assert_false(hex_decode(SPAN_LIT("0"), back, 1));
	assert_true(hex_decode(SPAN_NULL, back, 0));
	buf_deinit(&out);
}

/* RFC 4648 section 10. */
static void test_base64(void **state)
{
	static const char *const row[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};
	struct buf out = BUF_INIT(64);
	char back[8];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		size_t n = strlen(row[i][0]);

		buf_clear(&out);
		assert_int_equal(base64_put(&out, span_str(row[i][0])), 0);
		assert_true(span_eq_str(buf_span(&out), row[i][1]));
		buf_clear(&out);
		assert_int_equal(base64_decode(&out, span_str(row[i][1])), PARSE_DONE);
		assert_true(span_eq_str(buf_span(&out), row[i][0]));
		assert_true(base64_decode_exact(span_str(row[i][1]), back, n));
		assert_memory_equal(back, row[i][0], n);
		assert_false(base64_decode_exact(span_str(row[i][1]), back, n + 1));
	}
	buf_deinit(&out);
}

static void test_base64_strict(void **state)
{
	static const char *const bad[] = {
		"Z",	"Zg",	    "Zg=",    "Zh==", "Zm9=", "Zm=v",	  "====",
		"=Zg=", "Zg==Zg==", "Zm9v\n", "Zm9-", "Zm 9", "Zm9vZ===", "Zm9v====",
	};
	struct buf out = BUF_INIT(64);
	uint8_t back[16];

	(void)state;
	buf_put_str(&out, "kept");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(base64_decode(&out, span_str(bad[i])), PARSE_E_BAD);
		assert_true(span_eq_str(buf_span(&out), "kept"));
		for (size_t n = 0; n < 8; n++)
			assert_false(base64_decode_exact(span_str(bad[i]), back, n));
	}
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),	      cmocka_unit_test(test_sha256_pieces),
		cmocka_unit_test(test_hmac),	      cmocka_unit_test(test_secret_eq),
		cmocka_unit_test(test_hex),	      cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
