/* SPDX-License-Identifier: MIT */
/* Refusals: a whole answer in the provider's shape, whatever the message says. */
#include "unit/provider/vectors.h"

#include "support/oom.h"

/* The body of an HTTP response, after its head was looked at. */
static struct span body_of(struct span answer)
{
	const uint8_t *end = memmem(answer.p, answer.n, "\r\n\r\n", 4);
	struct span body;
	char length[64];

	assert_non_null(end);
	body = span_sub(answer, (size_t)(end - answer.p) + 4, answer.n);
	snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", body.n);
	assert_true(span_starts(answer, SPAN_LIT("HTTP/1.1 403 ")));
	assert_non_null(memmem(answer.p, answer.n - body.n, length, strlen(length)));
	return body;
}

static void expect_in(struct span answer, const char *text)
{
	if (!memmem(answer.p, answer.n, text, strlen(text)))
		fail_msg("`%s` is not in\n%.*s", text, SPAN_ARG(answer));
}

static void test_refusal(void **state)
{
	static const struct {
		const char *host, *body, *header;
	} row[] = {
		{"api.openai.com",
		 "{\"error\":{\"message\":\"No \\\"%DECISION%\\\" \\u0007\\r\\n\xef\xbf\xbd.\","
		 "\"type\":\"permission_error\",\"param\":null,\"code\":\"aicp_refused\"}}",
		 "\r\nx-request-id: 0123abcd-_\r\n"},
		{"api.anthropic.com",
		 "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\","
		 "\"message\":\"No \\\"%DECISION%\\\" "
		 "\\u0007\\r\\n\xef\xbf\xbd.\"},\"request_id\":\"0123abcd-_\"}",
		 "\r\nrequest-id: 0123abcd-_\r\n"},
		{"generativelanguage.googleapis.com",
		 "{\"error\":{\"code\":403,\"message\":\"No \\\"%DECISION%\\\" "
		 "\\u0007\\r\\n\xef\xbf\xbd.\",\"status\":\"PERMISSION_DENIED\",\"details\":[]}}",
		 "\r\n"},
		{"api.mistral.ai",
		 "{\"object\":\"error\",\"message\":\"No \\\"%DECISION%\\\" "
		 "\\u0007\\r\\n\xef\xbf\xbd.\",\"type\":\"permission_error\",\"param\":null,"
		 "\"code\":\"aicp_refused\"}",
		 "\r\nmistral-correlation-id: 0123abcd-_\r\n"},
		{"bedrock-runtime.eu-central-1.amazonaws.com",
		 "{\"message\":\"No \\\"%DECISION%\\\" \\u0007\\r\\n\xef\xbf\xbd.\"}",
		 "\r\nx-amzn-errortype: AccessDeniedException\r\nx-amzn-requestid: 0123abcd-_\r\n"},
		{"ollama", "{\"error\":\"No \\\"%DECISION%\\\" \\u0007\\r\\n\xef\xbf\xbd.\"}",
		 "\r\n"},
	};
	static const struct provider_refusal refusal = {
		.decision_id = SPAN_LIT("0123\r\nabcd-_"),
		.message = SPAN_LIT("No \"%DECISION%\" \x07\r\n\xff."),
	};
	struct provider_set *set = vectors_providers();
	struct json_scan *scan = json_scan_new(64);
	struct buf out = BUF_INIT(AICP_SHIM_ANSWER_BYTES_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const struct provider *p = provider_set_host(set, span_str(row[i].host));
		struct span shape = provider_error_template(p), body;

		buf_clear(&out);
		/* What does not belong in an id cannot end a header; what stands in a message fills
		 * no place. */
		assert_int_equal(provider_refusal(p, &refusal, &out), 0);
		body = body_of(buf_span(&out));
		assert_true(span_eq_str(body, row[i].body));
		assert_int_equal(json_scan_all(scan, body), PARSE_DONE);
		expect_in(buf_span(&out), row[i].header);
		expect_in(buf_span(&out), "\r\nx-aicp-decision-id: 0123abcd-_\r\n");
		expect_in(buf_span(&out), "\r\nx-should-retry: false\r\n");
		expect_in(buf_span(&out), "\r\nConnection: close\r\n");
		expect_in(buf_span(&out), "\r\nContent-Type: application/json\r\n");
		expect_in(shape, "%MESSAGE%");
		assert_null(memmem(shape.p, shape.n, "%DECISION%", 10));
		assert_int_equal(json_scan_all(scan, shape), PARSE_DONE);
	}
	json_scan_free(scan);
	buf_deinit(&out);
	provider_set_unref(set);
}

/* Where clients expect all of a stream in one array, an error is one of its items. */
static void test_refusal_in_array(void **state)
{
	static const struct {
		const char *path, *query;
		bool in_array;
	} row[] = {
		{"/v1beta/models/m:streamGenerateContent", "", true},
		{"/v1beta/models/m:streamGenerateContent", "alt=json&key=x", true},
		{"/v1beta/models/m:streamGenerateContent", "alt=sse2", true},
		{"/v1beta/models/m:streamGenerateContent", "alt=sse", false},
		{"/v1beta/models/m:streamGenerateContent", "key=x&alt=sse", false},
		{"/v1beta/models/m:generateContent", "", false},
		{"/v1beta/other", "", false},
	};
	static const struct provider_refusal refusal = {SPAN_LIT("id"), SPAN_LIT("no"), true};
	struct provider_set *set = vectors_providers();
	const struct provider *p =
		provider_set_host(set, SPAN_LIT("generativelanguage.googleapis.com"));
	struct buf out = BUF_INIT(AICP_SHIM_ANSWER_BYTES_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		assert_int_equal(provider_refusal_in_array(p, SPAN_LIT("POST"),
							   span_str(row[i].path),
							   span_str(row[i].query)),
				 row[i].in_array);
	assert_int_equal(provider_refusal(p, &refusal, &out), 0);
	assert_true(span_eq_str(body_of(buf_span(&out)),
				"[{\"error\":{\"code\":403,\"message\":\"no\",\"status\":"
				"\"PERMISSION_DENIED\",\"details\":[]}}]"));
	buf_deinit(&out);
	provider_set_unref(set);
}

/* An answer that does not fit is an error, not a piece of an answer that says it is whole. */
static void test_refusal_too_large(void **state)
{
	struct provider_set *set = vectors_providers();
	const struct provider *p = provider_set_at(set, 0);
	struct buf out = BUF_INIT(AICP_SHIM_ANSWER_BYTES_MAX), message = BUF_INIT(1u << 16);
	struct provider_refusal refusal = {.decision_id = SPAN_LIT("id")};

	(void)state;
	for (size_t i = 0; i < AICP_SHIM_ANSWER_BYTES_MAX; i++)
		buf_put_byte(&message, 'm');
	refusal.message = buf_span(&message);
	assert_int_equal(provider_refusal(p, &refusal, &out), -E2BIG);
	buf_deinit(&out);
	buf_deinit(&message);
	provider_set_unref(set);
}

static void refuse_without_memory(void *ctx)
{
	struct buf out = BUF_INIT(AICP_SHIM_ANSWER_BYTES_MAX);
	struct provider_refusal refusal = {SPAN_LIT("id"), SPAN_LIT("no"), true};
	int r = provider_refusal(ctx, &refusal, &out);

	assert_int_equal(r, oom_hit() ? -ENOMEM : 0);
	buf_deinit(&out);
}

static void test_refusal_without_memory(void **state)
{
	struct provider_set *set = vectors_providers();

	(void)state;
	/* The function only reads it. */
	assert_in_range(oom_each(refuse_without_memory, (void *)(uintptr_t)provider_set_at(set, 0)),
			3, 100);
	provider_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_refusal_in_array),
		cmocka_unit_test(test_refusal_too_large),
		cmocka_unit_test(test_refusal_without_memory),
	};

	return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
