/* SPDX-License-Identifier: MIT */
/* A head for another body: only what framed the old body changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "preload/reframe.h"

#include <stdlib.h>
#include <string.h>

static char *reframed(const char *head, size_t body_bytes)
{
	size_t n = strlen(head), got;
	/* Exactly the promised room: more is found by the sanitizer. */
	uint8_t *in = malloc(n), *out = malloc(n + REFRAME_HEAD_GROWTH);
	char *text;

	memcpy(in, head, n);
	got = reframe_head(in, n, body_bytes, out);
	text = calloc(1, got + 1);
	memcpy(text, out, got);
	free(in);
	free(out);
	return text;
}

static void check(const char *head, size_t body_bytes, const char *want)
{
	char *got = reframed(head, body_bytes);

	assert_string_equal(got, want);
	free(got);
}

static void test_length_is_replaced(void **state)
{
	(void)state;
	check("POST /v1 HTTP/1.1\r\nHost: h\r\ncontent-LENGTH: 7\r\nA: b\r\n\r\n", 1234,
	      "POST /v1 HTTP/1.1\r\nHost: h\r\nA: b\r\nContent-Length: 1234\r\n\r\n");
	check("POST / HTTP/1.1\r\n\r\n", 0, "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
	check("POST / HTTP/1.1\r\n\r\n", SIZE_MAX,
	      "POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n");
}

static void test_codings_and_digests_go(void **state)
{
	(void)state;
	check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nContent-Encoding: "
	      "gzip\r\n"
	      "Content-MD5: x\r\nDigest: x\r\nContent-Digest: x\r\nRepr-Digest: x\r\nHost: "
	      "h\r\n\r\n",
	      5, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
}

static void test_others_stay_byte_for_byte(void **state)
{
	(void)state;
	check("POST / HTTP/1.1\r\nContent-Lengthy: 7\r\nX-Digest: 1\r\nAuthorization: Bearer "
	      "a:b\r\n"
	      "Content-Type:  application/json ; x=y\r\nExpect: 100-continue\r\n\r\n",
	      1,
	      "POST / HTTP/1.1\r\nContent-Lengthy: 7\r\nX-Digest: 1\r\nAuthorization: Bearer "
	      "a:b\r\n"
	      "Content-Type:  application/json ; x=y\r\nExpect: 100-continue\r\nContent-Length: "
	      "1\r\n\r\n");
}

static void test_the_request_line_is_no_header(void **state)
{
	(void)state;
	check("DIGEST: / HTTP/1.1\r\nHost: h\r\n\r\n", 1,
	      "DIGEST: / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n");
}

static void test_what_is_no_head_is_refused(void **state)
{
	(void)state;
	check("", 1, "");
	check("\r\n", 1, "");
	check("POST / HTTP/1.1\r\nHost: h\r\n", 1, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length_is_replaced),
		cmocka_unit_test(test_codings_and_digests_go),
		cmocka_unit_test(test_others_stay_byte_for_byte),
		cmocka_unit_test(test_the_request_line_is_no_header),
		cmocka_unit_test(test_what_is_no_head_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
