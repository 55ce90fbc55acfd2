/* SPDX-License-Identifier: MIT */
/* Requests that policies redact: what leaves to the byte, and what may not leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "support/oom.h"

#include <stdio.h>
#include <stdlib.h>

static const char policies[] =
	"- {name: hide-ssn, when: {text.all: 'matches:\\d{3}-\\d{2}-\\d{4}'}, then: redact}\n"
	"- {name: hide-name, when: {prompt: 'contains:bluebird'}, then: redact, replacement: 'a "
	"\"thing\"'}\n"
	"- {name: hide-last, when: {prompt.last: 'contains:kite'}, then: redact}\n"
	"- {name: hide-model, when: {text.all: 'contains:secret-model'}, then: redact, "
	"replacement: X}\n"
	"- {name: hide-role, when: {text.all: 'contains:assistant'}, then: redact, replacement: "
	"X}\n"
	"- {name: watched, when: {prompt: 'contains:osprey'}, then: redact, mode: monitor}\n"
	"- {name: no-thing, when: {prompt: 'contains:a \"thing\" of'}, then: block}\n"
	"- {name: no-short, when: {prompt: {length_less_than: 3}, system: 'contains:long'}, then: "
	"block}\n"
	"- {name: hide-two, when: {system: {contains: alpha, not_contains: beta}}, then: redact}\n"
	"- {name: hide-data, when: {text.all: 'contains:c2hv'}, then: redact}\n"
	"- {name: warn-end, when: {prompt: 'contains:REDACTED:hide-last'}, then: warn}\n"
	"- {name: hold-it, when: {prompt: 'contains:payroll'}, then: hold}\n";

struct bench {
	struct engine *engine;
	struct policy_set *policies;
	struct provider_set *providers;
	struct identity who;
	struct buf bytes, out;
	enum mode mode;
	bool can_rewrite;
	const char *headers;
};

static void set_rules(struct bench *b)
{
	struct engine_rules rules = {
		.policies = b->policies, .providers = b->providers, .mode = b->mode};

	engine_set_rules(b->engine, &rules);
}

static int setup(void **state)
{
	static uint8_t text[1u << 16];
	struct policy_source source = {"test.yaml", span_str(policies)};
	struct provider_source file = {"openai.yaml", SPAN_NULL};
	struct yaml_error error = YAML_ERROR_INIT;
	struct bench *b = calloc(1, sizeof(*b));
	FILE *f = fopen("policies/providers/openai.yaml", "r");

	assert_non_null(b);
	assert_non_null(f);
	file.text = span_of(text, fread(text, 1, sizeof(text), f));
	fclose(f);
	if (policy_load(&source, 1, &b->policies, &error) ||
	    provider_load(&file, 1, &b->providers, &error))
		fail_msg("%s", buf_str(&error.text));
	b->engine = engine_new();
	assert_non_null(b->engine);
	b->bytes = BUF_INIT(64u << 20);
	b->out = BUF_INIT(1u << 20);
	b->can_rewrite = true;
	b->headers = "Content-Type: application/json\r\n";
	set_rules(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	engine_free(b->engine);
	policy_set_unref(b->policies);
	provider_set_unref(b->providers);
	buf_deinit(&b->bytes);
	buf_deinit(&b->out);
	free(b);
	return 0;
}

static struct engine_decision judge(struct bench *b)
{
	struct engine_request q = {.host = SPAN_LIT("api.openai.com"),
				   .bytes = b->bytes.p,
				   .bytes_n = b->bytes.n,
				   .coverage = "shim",
				   .can_rewrite = b->can_rewrite,
				   .who = &b->who};
	struct engine_decision d;

	engine_judge(b->engine, &q, &d);
	assert_int_equal(engine_record(b->engine, &q, &d, 0, &b->out), 0);
	return d;
}

static struct engine_decision post_to(struct bench *b, const char *path, const char *body)
{
	buf_clear(&b->bytes);
	buf_printf(&b->bytes,
		   "POST %s HTTP/1.1\r\nHost: api.openai.com\r\n%s"
		   "Content-Length: %zu\r\n\r\n%s",
		   path, b->headers, strlen(body), body);
	assert_int_equal(b->bytes.err, 0);
	return judge(b);
}

static struct engine_decision post(struct bench *b, const char *body)
{
	return post_to(b, "/v1/chat/completions", body);
}

static bool recorded(struct bench *b, const char *what)
{
	return strstr(buf_str(&b->out), what) != NULL;
}

static void expect_redacted(struct bench *b, const struct engine_decision *d, const char *body)
{
	assert_int_equal(d->verdict.action, VERDICT_REDACT);
	assert_int_equal(d->verdict.reason, REASON_POLICY);
	assert_true(d->pass);
	if (!span_eq_str(d->rewritten, body))
		fail_msg("%.*s\nand not\n%s", SPAN_ARG(d->rewritten), body);
	assert_true(recorded(b, "\"action\":\"redact\""));
	assert_true(recorded(b, "\"reason\":\"policy\",\"redactions\":"));
	assert_true(recorded(b, "\"would\":\"redact\""));
}

static void expect_blocked(struct bench *b, const struct engine_decision *d)
{
	assert_int_equal(d->verdict.action, VERDICT_BLOCK);
	assert_int_equal(d->verdict.reason, REASON_CANNOT_REWRITE);
	assert_int_equal(d->verdict.would, VERDICT_BLOCK);
	assert_false(d->pass);
	assert_int_equal(d->rewritten.n, 0);
	assert_true(recorded(b, "\"reason\":\"cannot-rewrite\",\"redactions\":0"));
}

#define USER(_text)                                                                                \
	"{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"" _text "\"}]}"

static void test_redacts(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = post(b, USER("My SSN is 123-45-6789."));

	expect_redacted(b, &d, USER("My SSN is [REDACTED:hide-ssn]."));
	assert_int_equal(d.redactions, 1);
	assert_true(span_eq_str(d.verdict.policy, "hide-ssn"));
	assert_true(recorded(b, "\"redactions\":1,"));
	assert_true(recorded(b, "\"matched\":[\"hide-ssn\"]"));
	assert_false(recorded(b, "6789"));
}

static void test_all_policies_are_obeyed(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = post(
		b, " {\"n\" : 1.0e0, "
		   "\"messages\":[{\"role\":\"system\",\"content\":\"\\u0031\\u00323-45-6789 "
		   "kite\"},{\"content\":\"Bluebird kite\",\"role\":\"user\"},{\"role\":\"user\","
		   "\"content\":[{\"type\":\"text\",\"text\":\"\\ud83d\\ude00Kite\"},{\"type\":"
		   "\"text\","
		   "\"text\":\"kite\"}]}] ,\"model\":\"gpt-4o\" }\n");

	expect_redacted(
		b, &d,
		" {\"n\" : 1.0e0, "
		"\"messages\":[{\"role\":\"system\",\"content\":\"[REDACTED:hide-ssn] "
		"kite\"},{\"content\":\"a \\\"thing\\\" "
		"kite\",\"role\":\"user\"},{\"role\":\"user\","
		"\"content\":[{\"type\":\"text\",\"text\":\"\\ud83d\\ude00[REDACTED:hide-last]\"},{"
		"\"type\":\"text\",\"text\":\"[REDACTED:hide-last]\"}]}] ,\"model\":\"gpt-4o\" "
		"}\n");
	assert_int_equal(d.redactions, 4);
}

/* What has no shape has text.all, when it is JSON. */
static void test_unknown_operations(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = post_to(b, "/v1/new", "[\"123-45-6789\", 5]");

	expect_redacted(b, &d, "[\"[REDACTED:hide-ssn]\", 5]");
	b->headers = "Content-Type: text/plain\r\n";
	d = post_to(b, "/v1/new", "[\"123-45-6789\", 5]");
	expect_blocked(b, &d);
}

/* The new body is judged by all policies. */
static void test_judged_again(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = post(b, USER("bluebird of"));

	expect_blocked(b, &d);
	/* matches that overlap are one */
	d = post(b, USER("123-45-6789-45-6789"));
	expect_redacted(b, &d, USER("[REDACTED:hide-ssn]"));
	/* a warning more is no reason */
	d = post(b, USER("kite"));
	expect_redacted(b, &d, USER("[REDACTED:hide-last]"));
}

static void test_the_call_stays_the_same(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = post(b, "{\"model\":\"secret-model\",\"messages\":[]}");

	expect_blocked(b, &d);
	d = post(b, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"},"
		    "{\"role\":\"user\",\"content\":\"y\"}]}");
	expect_blocked(b, &d);
	d = post(b, USER("the assistant"));
	expect_redacted(b, &d, USER("the X"));
}

static void test_attachments_stay(void **state)
{
	struct bench *b = *state;
	struct engine_decision d =
		post(b, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
			"\"image_url\",\"image_url\":{\"url\":\"c2hvcnQ=\"}}]}]}");

	expect_blocked(b, &d);
	d = post(b, USER("c2hv"));
	expect_redacted(b, &d, USER("[REDACTED:hide-data]"));
}

static void test_sealed_bodies(void **state)
{
	static const char *const headers[] = {
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/x\r\n",
		"authorization: aws4-ecdsa-p256-sha256 x\r\n",
		"X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n",
		"x-amz-checksum-crc32: abc\r\n",
		"Content-Digest: sha-256=:x:\r\n",
		"Repr-Digest: sha-256=:x:\r\n",
		"Digest: x\r\n",
		"Content-MD5: x\r\n",
		"Signature: x\r\n",
		"Signature-Input: x\r\n",
	};
	struct bench *b = *state;
	struct engine_decision d;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		b->headers = headers[i];
		d = post(b, USER("123-45-6789"));
		expect_blocked(b, &d);
		d = post(b, USER("fine"));
		assert_true(d.pass && d.verdict.action == VERDICT_ALLOW);
	}
	b->headers = "";
	d = post_to(b, "/v1/chat/completions?a=b&X-Amz-Signature=00", USER("123-45-6789"));
	expect_blocked(b, &d);
	b->headers = "Authorization: Bearer aws4-x\r\n";
	d = post(b, USER("123-45-6789"));
	expect_redacted(b, &d, USER("[REDACTED:hide-ssn]"));
}

static void test_who_cannot_rewrite_is_blocked(void **state)
{
	struct bench *b = *state;
	struct engine_decision d;

	b->can_rewrite = false;
	d = post(b, USER("123-45-6789"));
	expect_blocked(b, &d);
}

static void test_monitor_changes_nothing(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = post(b, USER("osprey"));

	assert_int_equal(d.verdict.action, VERDICT_ALLOW);
	assert_int_equal(d.verdict.would, VERDICT_REDACT);
	assert_true(d.pass && d.rewritten.n == 0 && d.redactions == 0);
	/* beside one that does not monitor */
	d = post(b, USER("osprey bluebird"));
	expect_redacted(b, &d, USER("osprey a \\\"thing\\\""));
	b->mode = MODE_MONITOR;
	set_rules(b);
	d = post(b, USER("123-45-6789"));
	assert_int_equal(d.verdict.action, VERDICT_ALLOW);
	assert_int_equal(d.verdict.would, VERDICT_REDACT);
	assert_int_equal(d.verdict.reason, REASON_POLICY);
	assert_true(d.pass && d.rewritten.n == 0);
	b->headers = "Content-MD5: x\r\n";
	d = post(b, USER("123-45-6789"));
	assert_int_equal(d.verdict.action, VERDICT_ALLOW);
	assert_int_equal(d.verdict.would, VERDICT_BLOCK);
	assert_int_equal(d.verdict.reason, REASON_CANNOT_REWRITE);
}

static void test_a_hold_beside_it_waits_with_the_new_body(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = post(b, USER("payroll 123-45-6789"));

	assert_true(d.held && !d.pass);
	assert_int_equal(d.verdict.action, VERDICT_HOLD);
	assert_true(d.rewritten.n > 0);
	assert_null(memmem(d.rewritten.p, d.rewritten.n, "6789", 4));
}

/* Chunked bodies are redacted as what they say. */
static void test_chunked(void **state)
{
	struct bench *b = *state;
	struct engine_decision d;

	buf_clear(&b->bytes);
	buf_put_str(&b->bytes, "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
			       "Transfer-Encoding: chunked\r\n\r\n"
			       "27\r\n{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"\r\n"
			       "1e\r\nuser\",\"content\":\"123-45-6789\"}\r\n2\r\n]}\r\n0\r\n\r\n");
	d = judge(b);
	expect_redacted(b, &d, USER("[REDACTED:hide-ssn]"));
}

static void without_memory(void *ctx)
{
	struct bench *b = ctx;
	struct engine_decision d;
	struct engine_request q = {.host = SPAN_LIT("api.openai.com"),
				   .bytes = b->bytes.p,
				   .bytes_n = b->bytes.n,
				   .coverage = "shim",
				   .can_rewrite = true,
				   .who = &b->who};
	struct engine *e = engine_new();
	struct engine_rules rules = {.policies = b->policies, .providers = b->providers};

	if (!e) {
		assert_true(oom_hit());
		return;
	}
	engine_set_rules(e, &rules);
	engine_judge(e, &q, &d);
	assert_true(d.pass == !oom_hit() || d.verdict.action == VERDICT_REDACT);
	assert_int_equal(d.pass, d.verdict.action == VERDICT_REDACT);
	if (d.pass)
		assert_true(span_eq_str(d.rewritten, USER("[REDACTED:hide-ssn]")));
	else
		assert_int_equal(d.rewritten.n, 0);
	engine_free(e);
}

static void test_out_of_memory(void **state)
{
	struct bench *b = *state;

	post(b, USER("123-45-6789"));
	assert_in_range(oom_each(without_memory, b), 30, 400);
}

#define TEST(_f) cmocka_unit_test_setup_teardown(_f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_redacts),
		TEST(test_all_policies_are_obeyed),
		TEST(test_unknown_operations),
		TEST(test_judged_again),
		TEST(test_the_call_stays_the_same),
		TEST(test_attachments_stay),
		TEST(test_sealed_bodies),
		TEST(test_who_cannot_rewrite_is_blocked),
		TEST(test_monitor_changes_nothing),
		TEST(test_a_hold_beside_it_waits_with_the_new_body),
		TEST(test_chunked),
		TEST(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
