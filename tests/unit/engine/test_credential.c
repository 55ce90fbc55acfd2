/* SPDX-License-Identifier: MIT */
/* Credentials leave no trace in a request's bytes, and the same key gives the same fingerprint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/credential.h"
#include "http/request.h"

#include <stdio.h>
#include <stdlib.h>

#define CANARY "sk-proj-CANARY0123456789"

static const struct span key = {(const uint8_t *)"0123456789abcdef0123456789abcdef", 32};

/* Parses and scrubs a copy of text; the caller frees *ret_bytes. */
static struct credential scrub(const char *text, char **ret_bytes)
{
	struct buf body = BUF_INIT(AICP_INFLATED_BYTES_MAX);
	struct hash_key keyed = {.ctx = hash_ctx_new(), .key = key};
	struct credential credential;
	struct http_request request;
	size_t n = strlen(text);
	char *bytes = malloc(n + 1);

	assert_non_null(bytes);
	memcpy(bytes, text, n + 1);
	assert_int_equal(http_request_whole(span_of(bytes, n), &body, &request, NULL), PARSE_DONE);
	assert_non_null(keyed.ctx);
	assert_int_equal(credential_scrub((uint8_t *)bytes, n, &request.head, &keyed, &credential),
			 0);
	hash_ctx_free(keyed.ctx);
	buf_deinit(&body);
	*ret_bytes = bytes;
	return credential;
}

static void test_nothing_remains(void **state)
{
	static const char *const carriers[] = {
		"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " CANARY "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nauthorization: " CANARY "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic " CANARY "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nx-api-key: " CANARY "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nApi-Key: " CANARY "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nx-goog-api-key: " CANARY "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1; session=" CANARY "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nX-Amz-Security-Token: " CANARY "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nX-Custom-Auth: " CANARY "\r\n\r\n",
		"GET /?key=" CANARY " HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /?a=b&api_key=" CANARY "&c=d HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /?X-Amz-Signature=" CANARY " HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /?k%65y=" CANARY " HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /?access_token=" CANARY " HTTP/1.1\r\nHost: h\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		char *bytes;
		struct credential c = scrub(carriers[i], &bytes);

		if (strstr(bytes, "CANARY"))
			fail_msg("credential left in: %s", bytes);
		assert_int_equal(strlen(c.fingerprint), CREDENTIAL_HEX_BYTES);
		assert_int_equal(strlen(bytes), strlen(carriers[i]));
		free(bytes);
	}
}

static void test_same_key_same_fingerprint(void **state)
{
	char *a, *b, *c;
	struct credential bearer =
		scrub("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " CANARY "\r\n\r\n", &a);
	struct credential header =
		scrub("GET / HTTP/1.1\r\nHost: h\r\nx-api-key: " CANARY "\r\n\r\n", &b);
	struct credential other =
		scrub("GET / HTTP/1.1\r\nHost: h\r\nx-api-key: " CANARY "x\r\n\r\n", &c);

	(void)state;
	assert_string_equal(bearer.fingerprint, header.fingerprint);
	assert_string_not_equal(bearer.fingerprint, other.fingerprint);
	free(a);
	free(b);
	free(c);
}

static void test_others_are_left_alone(void **state)
{
	static const char text[] =
		"POST /v1/chat?model=x HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/7\r\n"
		"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
	char *bytes;
	struct credential c = scrub(text, &bytes);

	(void)state;
	assert_string_equal(bytes, text);
	assert_string_equal(c.fingerprint, "");
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_remains),
		cmocka_unit_test(test_same_key_same_fingerprint),
		cmocka_unit_test(test_others_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
