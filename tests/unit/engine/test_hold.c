/* SPDX-License-Identifier: MIT */
/* Requests that people are asked about: what binds their answer, and what they see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/json.h"
#include "engine/approvals.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

static const char policies[] =
	"- {name: hold-payroll, when: {prompt: 'contains:payroll'}, then: hold, reason: ask "
	"first}\n"
	"- {name: hold-last, when: {prompt.last: 'contains:now'}, then: hold}\n"
	"- {name: hide-ssn, when: {text.all: 'matches:\\d{3}-\\d{2}-\\d{4}'}, then: redact}\n"
	"- {name: no-gap, when: {prompt: 'contains:xREDACTED'}, then: block}\n"
	"- {name: hold-hidden, when: {prompt: 'contains:[REDACTED:hide-ssn]'}, then: hold}\n";

struct bench {
	struct engine *engine;
	struct policy_set *policies;
	struct provider_set *providers;
	struct identity who;
	struct engine_request q;
	struct buf bytes, out;
	const char *headers;
	bool can_rewrite;
	enum mode mode;
};

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
	b->who = (struct identity){.pid = 7,
				   .start_ticks = 1,
				   .uid = 1000,
				   .gid = 1000,
				   .loginuid = 1000,
				   .exe_sha256 = SPAN_LIT("00ff"),
				   .args = SPAN_LIT("python3 ask.py")};
	b->bytes = BUF_INIT(64u << 20);
	b->out = BUF_INIT(4u << 20);
	b->headers = "";
	b->can_rewrite = true;
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

static struct engine_decision judge(struct bench *b, const char *head, struct span body)
{
	struct engine_rules rules = {
		.policies = b->policies, .providers = b->providers, .mode = b->mode};
	struct engine_decision d;

	engine_set_rules(b->engine, &rules);
	buf_clear(&b->bytes);
	buf_printf(&b->bytes,
		   "POST %s HTTP/1.1\r\nHost: api.openai.com\r\n%sContent-Length: %zu\r\n\r\n",
		   head, b->headers, body.n);
	buf_put(&b->bytes, body);
	assert_int_equal(b->bytes.err, 0);
	b->q = (struct engine_request){.host = SPAN_LIT("api.openai.com"),
				       .bytes = b->bytes.p,
				       .bytes_n = b->bytes.n,
				       .coverage = "shim",
				       .tier = "host",
				       .can_rewrite = b->can_rewrite,
				       .who = &b->who,
				       .random = {1},
				       .random_approval = {2}};
	engine_judge(b->engine, &b->q, &d);
	return d;
}

static struct engine_decision post(struct bench *b, const char *body)
{
	return judge(b, "/v1/chat/completions", span_str(body));
}

static struct engine_decision ask(struct bench *b, const char *prompt)
{
	char body[4096];

	snprintf(body, sizeof(body),
		 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}", prompt);
	return post(b, body);
}

static bool says(const struct buf *out, const char *text)
{
	return memmem(out->p, out->n, text, strlen(text)) != NULL;
}

static void test_a_hold_neither_passes_nor_refuses(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = ask(b, "the payroll of May");

	assert_true(d.held);
	assert_false(d.pass);
	assert_int_equal(d.verdict.action, VERDICT_HOLD);
	assert_int_equal(d.verdict.reason, REASON_POLICY);
	assert_int_equal(d.rewritten.n, 0);
	assert_string_equal(d.hold.approval_id, "020000000000000000000000");
	assert_int_equal(engine_record(b->engine, &b->q, &d, 0, &b->out), 0);
	assert_true(says(&b->out, "\"action\":\"hold\""));
	assert_true(says(&b->out, "\"approval_id\":\"020000000000000000000000\""));
	engine_record_join(&b->out, "aaaaaaaaaaaaaaaaaaaaaaaa");
	assert_true(says(&b->out, "\"approval_id\":\"aaaaaaaaaaaaaaaaaaaaaaaa\",\"coverage\""));
	d = ask(b, "hello");
	assert_true(d.pass && !d.held);
	assert_int_equal(engine_record(b->engine, &b->q, &d, 0, &b->out), 0);
	assert_true(says(&b->out, "\"approval_id\":null"));
	assert_true(says(&b->out, "\"request_digest\":null"));
}

static void test_monitor_mode_only_would_hold(void **state)
{
	struct bench *b = *state;
	struct engine_decision d;

	b->mode = MODE_MONITOR;
	d = ask(b, "the payroll of May");
	assert_true(d.pass && !d.held);
	assert_int_equal(d.verdict.would, VERDICT_HOLD);
}

static struct hash digest_of(struct bench *b, const char *path, const char *headers,
			     const char *body)
{
	struct engine_decision d;

	b->headers = headers;
	d = judge(b, path, span_str(body));
	assert_true(d.held);
	return d.hold.digest;
}

#define BODY "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"payroll\"}]}"
#define CHAT "/v1/chat/completions"

static void test_what_a_retry_changes_is_not_in_the_digest(void **state)
{
	static const struct {
		const char *headers, *body;
	} same[] = {
		{"Idempotency-Key: 2\r\nX-Stainless-Retry-Count: 1\r\n", BODY},
		{"", "{ \"messages\" : [ {\"content\":\"payroll\",\"role\":\"user\"} "
		     "],\n\"model\":\"m\" }"},
		{"", "{\"model\":\"\\u006d\",\"messages\":[{\"role\":\"user\",\"content\":"
		     "\"p\\u0061yroll\"}]}"},
	};
	struct bench *b = *state;
	struct hash first = digest_of(b, CHAT, "Idempotency-Key: 1\r\n", BODY);

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct hash again = digest_of(b, CHAT, same[i].headers, same[i].body);

		if (!hash_eq(&first, &again))
			fail_msg("case %zu is another request", i);
	}
}

static void test_what_the_provider_would_act_on_is_in_the_digest(void **state)
{
	static const struct {
		const char *path, *body;
	} other[] = {
		{CHAT "?x=1", BODY},
		{CHAT,
		 "{\"model\":\"n\",\"messages\":[{\"role\":\"user\",\"content\":\"payroll\"}]}"},
		{CHAT,
		 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"payroll \"}]}"},
		{CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"payroll\"}]"
		       ",\"n\":2}"},
		{CHAT, "{\"model\":\"m\",\"n\":1,\"messages\":[{\"role\":\"user\",\"content\":"
		       "\"payroll\"}]}"},
		{CHAT, "{\"model\":\"m\",\"n\":1.0,\"messages\":[{\"role\":\"user\",\"content\":"
		       "\"payroll\"}]}"},
		{CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"payroll\"},"
		       "{\"role\":\"user\",\"content\":\"\"}]}"},
		{CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
		       "\"text\","
		       "\"text\":\"payroll\"}]}]}"},
	};
	struct bench *b = *state;
	struct hash seen[1 + sizeof(other) / sizeof(other[0])];

	seen[0] = digest_of(b, CHAT, "", BODY);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		seen[i + 1] = digest_of(b, other[i].path, "", other[i].body);
		for (size_t k = 0; k <= i; k++)
			if (hash_eq(&seen[k], &seen[i + 1]))
				fail_msg("cases %zu and %zu are the same request", k, i + 1);
	}
}

static void test_what_is_masked_in_the_query_is_in_the_digest(void **state)
{
	/* By their names, each may be a credential; to the provider it is what it is. */
	static const char *const path[] = {
		CHAT "?%6dodel=cheap", CHAT "?%6dodel=large", CHAT "?author=anne",
		CHAT "?author=emil",   CHAT "?page_token=1",  CHAT "?page_token=2",
		CHAT "?a=1&key=111",   CHAT "?a=1&key=112",   CHAT "?a=1&key=***",
	};
	struct bench *b = *state;
	struct hash seen[sizeof(path) / sizeof(path[0])];

	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		struct hash again;

		seen[i] = digest_of(b, path[i], "", BODY);
		again = digest_of(b, path[i], "", BODY);
		assert_true(hash_eq(&seen[i], &again));
		for (size_t k = 0; k < i; k++)
			if (hash_eq(&seen[k], &seen[i]))
				fail_msg("cases %zu and %zu are the same request", k, i);
	}
}

static void test_who_may_join_is_who_the_kernel_says(void **state)
{
	struct bench *b = *state;
	struct engine_decision first = ask(b, "payroll"), next;

	/* What the process chose, and another process of the same program. */
	b->who.pid = 8;
	b->who.args = SPAN_LIT("python3 other.py");
	next = ask(b, "payroll");
	assert_true(hash_eq(&first.hold.join, &next.hold.join));
	b->who.uid = 1001;
	next = ask(b, "payroll");
	assert_false(hash_eq(&first.hold.join, &next.hold.join));
	b->who.uid = 1000;
	b->who.loginuid = 1001;
	next = ask(b, "payroll");
	assert_false(hash_eq(&first.hold.join, &next.hold.join));
	b->who.loginuid = 1000;
	b->who.exe_sha256 = SPAN_LIT("00fe");
	next = ask(b, "payroll");
	assert_false(hash_eq(&first.hold.join, &next.hold.join));
	b->who.exe_sha256 = SPAN_LIT("00ff");
	b->who.container_id = SPAN_LIT("c1");
	next = ask(b, "payroll");
	assert_false(hash_eq(&first.hold.join, &next.hold.join));
}

static void test_the_client_says_how_long_it_waits(void **state)
{
	static const struct {
		const char *headers;
		int64_t ms;
	} cases[] = {
		{"", 0},
		{"X-Stainless-Read-Timeout: 600\r\n", 600000},
		{"x-stainless-timeout: 30\r\nX-Stainless-Read-Timeout: 600.5\r\n", 30000},
		{"X-Server-Timeout: 5\r\n", 5000},
		{"X-Server-Timeout: -5\r\n", 0},
		{"X-Server-Timeout: 99999999\r\n", 0},
		{"X-Server-Timeout: soon\r\n", 0},
		{"X-Server-Timeout:\r\n", 0},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b->headers = cases[i].headers;
		assert_int_equal(ask(b, "payroll").hold.client_wait_ms, cases[i].ms);
	}
}

/* The object that approvers are shown. */
static struct json content_of(struct bench *b, const struct engine_decision *d,
			      struct json_scan *scan)
{
	assert_int_equal(engine_approval_content(b->engine, &b->q, d, &b->out), 0);
	assert_int_equal(json_scan_all(scan, buf_span(&b->out)), PARSE_DONE);
	return json_scan_json(scan, buf_span(&b->out));
}

static struct span marked(const struct json *j, size_t i, struct buf *body, const char *policy)
{
	uint32_t findings = json_get(j, 0, "findings");
	int64_t start = 0, end = 0;

	buf_clear(body);
	assert_int_equal(json_string_put(j, json_get(j, 0, "body"), body), 0);
	json_foreach (child, j, findings) {
		if (i--)
			continue;
		assert_true(json_int(j, json_get(j, child, "start"), &start));
		assert_true(json_int(j, json_get(j, child, "end"), &end));
		assert_true(json_string_eq(j, json_get(j, child, "policy"), span_str(policy)));
		return span_sub(buf_span(body), (size_t)start, (size_t)end);
	}
	return SPAN_NULL;
}

static void test_approvers_see_what_leaves_with_findings_marked(void **state)
{
	struct bench *b = *state;
	struct json_scan *scan = json_scan_new(4096);
	struct buf body = BUF_INIT(1u << 20);
	struct engine_decision d;
	struct json j;

	b->headers = "Authorization: Bearer sk-CANARY\r\n";
	d = ask(b, "the p\\u0061yroll of 123-45-6789, now");
	assert_true(d.held);
	assert_true(d.rewritten.n > 0);
	assert_int_equal(d.redactions, 1);
	j = content_of(b, &d, scan);
	assert_false(says(&b->out, "123-45-6789"));
	assert_false(says(&b->out, "CANARY"));
	assert_true(says(&b->out, "[REDACTED:hide-ssn]"));
	assert_true(span_eq_str(marked(&j, 0, &body, "hold-payroll"), "p\\u0061yroll"));
	assert_true(span_eq_str(marked(&j, 1, &body, "hold-hidden"), "[REDACTED:hide-ssn]"));
	assert_true(span_eq_str(marked(&j, 2, &body, "hold-last"), "now"));
	/* The same without anything to redact. */
	d = ask(b, "payroll, now");
	j = content_of(b, &d, scan);
	assert_int_equal(d.rewritten.n, 0);
	assert_true(span_eq_str(marked(&j, 0, &body, "hold-payroll"), "payroll"));
	assert_true(span_eq_str(marked(&j, 1, &body, "hold-last"), "now"));
	assert_true(says(&b->out, "\"truncated\":false"));
	buf_deinit(&body);
	json_scan_free(scan);
}

static void test_a_long_request_is_cut_and_says_so(void **state)
{
	struct bench *b = *state;
	struct buf body = BUF_INIT(8u << 20);
	struct engine_decision d;

	buf_put_str(&body,
		    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"payroll ");
	for (size_t i = 0; i < 500000; i++)
		buf_put_str(&body, "\\\"\\u0007");
	buf_put_str(&body, "\"}]}");
	d = judge(b, CHAT, buf_span(&body));
	assert_true(d.held);
	assert_int_equal(engine_approval_content(b->engine, &b->q, &d, &b->out), 0);
	assert_true(b->out.n <= AICP_APPROVAL_CONTENT_BYTES_MAX);
	assert_true(says(&b->out, "\"truncated\":true"));
	assert_true(says(&b->out, "\"target_truncated\":false"));
	buf_deinit(&body);
}

static void test_a_long_target_is_cut_and_says_so(void **state)
{
	struct bench *b = *state;
	struct buf target = BUF_INIT(1u << 16);
	struct engine_decision d;

	buf_put_str(&target, CHAT "?a=");
	for (int i = 0; i < 9000; i++)
		buf_put_byte(&target, 'a');
	buf_put_str(&target, "&real=1");
	d = judge(b, buf_str(&target), SPAN_LIT(BODY));
	assert_true(d.held);
	assert_int_equal(engine_approval_content(b->engine, &b->q, &d, &b->out), 0);
	assert_true(says(&b->out, "\"truncated\":false"));
	assert_true(says(&b->out, "\"target_truncated\":true"));
	buf_deinit(&target);
}

static void test_approvers_see_whether_it_is_encrypted(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = ask(b, "payroll");

	assert_int_equal(engine_approval_content(b->engine, &b->q, &d, &b->out), 0);
	assert_true(says(&b->out, "\"scheme\":\"https\""));
	b->q.clear = true;
	assert_int_equal(engine_approval_content(b->engine, &b->q, &d, &b->out), 0);
	assert_true(says(&b->out, "\"scheme\":\"http\""));
}

static void test_obligations_of_other_policies_stay(void **state)
{
	struct bench *b = *state;
	struct engine_decision with, without;

	with = ask(b, "payroll 123-45-6789");
	assert_true(with.held && with.rewritten.n);
	/* Bound to what leaves: which number it was makes no difference. */
	without = ask(b, "payroll 987-65-4321");
	assert_true(hash_eq(&with.hold.digest, &without.hold.digest));
	/* What cannot be rewritten cannot leave, whoever would approve. */
	b->can_rewrite = false;
	with = ask(b, "payroll 123-45-6789");
	assert_false(with.pass || with.held);
	assert_int_equal(with.verdict.reason, REASON_CANNOT_REWRITE);
	assert_true(ask(b, "payroll").held);
	b->can_rewrite = true;
	b->headers = "Content-Digest: sha-256=:x:\r\n";
	with = ask(b, "payroll 123-45-6789");
	assert_int_equal(with.verdict.reason, REASON_CANNOT_REWRITE);
}

static void hold_everything(struct bench *b)
{
	struct policy_source source = {"all.yaml",
				       SPAN_LIT("- {name: all, when: always, then: hold}\n")};
	struct yaml_error error = YAML_ERROR_INIT;

	policy_set_unref(b->policies);
	assert_int_equal(policy_load(&source, 1, &b->policies, &error), PARSE_DONE);
}

static void test_a_body_that_is_no_json_is_shown_and_bound(void **state)
{
	static const char form[] = "--%s\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n"
				   "payroll\r\n--%s--\r\n";
	struct bench *b = *state;
	struct engine_decision d[3];
	char body[512];

	hold_everything(b);
	for (int i = 0; i < 3; i++) {
		const char *boundary = i == 1 ? "other" : "one";

		b->headers = i == 1 ? "Content-Type: multipart/form-data; boundary=\"other\"\r\n"
				    : "Content-Type: multipart/form-data; boundary=one\r\n";
		snprintf(body, sizeof(body), form, boundary, boundary);
		if (i == 2)
			body[strlen(body) - 12] = 'X';
		d[i] = judge(b, "/v1/files", span_str(body));
		assert_true(d[i].held);
	}
	assert_true(hash_eq(&d[0].hold.digest, &d[1].hold.digest));
	assert_false(hash_eq(&d[0].hold.digest, &d[2].hold.digest));
	b->headers = "Content-Type: application/octet-stream\r\n";
	d[0] = judge(b, "/v1/files", SPAN_LIT("\xff\xfe"));
	assert_true(d[0].held);
	assert_int_equal(engine_approval_content(b->engine, &b->q, &d[0], &b->out), 0);
	assert_true(
		says(&b->out, "\"body\":\"//4=\",\"body_bytes\":2,\"body_encoding\":\"base64\""));
}

static void test_how_a_body_is_to_be_read_is_in_the_digest(void **state)
{
#define FORM "multipart/form-data; "
#define PARTS                                                                                      \
	"--A\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n"                                \
	"--B\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nhi\r\n--B--\r\n"            \
	"--C\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nho\r\n--C--\r\n--A--\r\n"
	static const struct {
		const char *type, *body;
	} other[] = {
		/* Which boundary counts depends on who reads it. */
		{FORM "xboundary=A; boundary=B", PARTS},
		{FORM "xboundary=A; boundary=C", PARTS},
		{FORM "boundary=A; boundary=B", PARTS},
		{FORM "boundary=A; boundary=C", PARTS},
		{FORM "boundary=A; boundary*0=B", PARTS},
		{FORM "boundary=A; boundary*0=C", PARTS},
		{FORM "x=\"; boundary=A\"; boundary=B", PARTS},
		{FORM "x=\"; boundary=A\"; boundary=C", PARTS},
		{FORM "boundary=A", PARTS},
		{"multipart/mixed; boundary=A", PARTS},
		/* The last part ends, or does not. */
		{FORM "boundary=A", "--A\r\nhi\r\n"},
		{FORM "boundary=A", "--A\r\nhi\r\n--A"},
		{"text/plain", "model=m&prompt=hi"},
		{"application/x-www-form-urlencoded", "model=m&prompt=hi"},
	};
	struct bench *b = *state;
	struct hash seen[sizeof(other) / sizeof(other[0])];

	hold_everything(b);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		char header[256];

		snprintf(header, sizeof(header), "Content-Type: %s\r\n", other[i].type);
		seen[i] = digest_of(b, "/v1/files", header, other[i].body);
		for (size_t k = 0; k < i; k++)
			if (hash_eq(&seen[k], &seen[i]))
				fail_msg("cases %zu and %zu are the same request", k, i);
	}
}

static void test_the_answer_names_the_approval(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = ask(b, "payroll");
	struct engine_hold_end end = {.reason = REASON_APPROVAL_PENDING,
				      .approval_id = span_str(d.hold.approval_id),
				      .policy = d.verdict.policy};

	assert_int_equal(engine_refuse_held(b->engine, b->q.host, d.id, &end, &b->out), 0);
	assert_true(says(&b->out, "HTTP/1.1 403"));
	assert_true(says(&b->out, "x-should-retry: false"));
	assert_true(says(&b->out, d.hold.approval_id));
	assert_true(says(&b->out, "joins it"));
	end.reason = REASON_APPROVAL_REJECTED;
	end.by = SPAN_LIT("uid:0");
	end.rationale = SPAN_LIT("not \"today\"");
	assert_int_equal(engine_refuse_held(b->engine, b->q.host, d.id, &end, &b->out), 0);
	assert_true(says(&b->out, "rejected by uid:0: not \\\"today\\\""));
}

static struct engine_hold hold_of(unsigned digest, unsigned join, const char *id)
{
	struct engine_hold hold = {.client_wait_ms = 0};

	snprintf(hold.approval_id, sizeof(hold.approval_id), "%s", id);
	hold.digest.b[0] = (uint8_t)digest;
	hold.join.b[0] = (uint8_t)join;
	return hold;
}

static void test_known_approvals(void **state)
{
	struct approvals *a = approvals_new();
	struct engine_hold one = hold_of(1, 1, "one"), two = hold_of(1, 2, "two");
	struct approval *x, *y;

	(void)state;
	assert_non_null(a);
	assert_null(approvals_find(a, &one.join, &one.digest, 0));
	x = approvals_add(a, &one, 100, 0);
	y = approvals_add(a, &two, 100, 0);
	assert_true(x && y && x->on_its_way);
	assert_ptr_equal(approvals_find(a, &one.join, &one.digest, 99), x);
	assert_ptr_equal(approvals_find(a, &two.join, &two.digest, 99), y);
	assert_null(approvals_find(a, &one.join, &one.digest, 100));
	x->state = APPROVAL_USED;
	assert_null(approvals_find(a, &one.join, &one.digest, 0));
	assert_ptr_equal(approvals_by_id(a, SPAN_LIT("two")), y);
	approvals_mark(a);
	assert_true(x->stale && y->stale);
	assert_false(approvals_add(a, &one, 100, 0)->stale);
	approvals_remove(a, y);
	assert_null(approvals_by_id(a, SPAN_LIT("two")));
	approvals_free(a);
}

static void test_known_approvals_are_bounded(void **state)
{
	struct approvals *a = approvals_new();
	struct engine_hold hold = hold_of(9, 9, "x");
	struct approval *last = NULL;

	(void)state;
	for (unsigned i = 0; i < AICP_APPROVALS_MAX; i++) {
		last = approvals_add(a, &hold, 100, 0);
		assert_non_null(last);
	}
	assert_null(approvals_add(a, &hold, 100, 0));
	/* One that somebody waits for is kept although it is over. */
	last->waiting = &hold;
	assert_non_null(approvals_add(a, &hold, 300, 200));
	assert_ptr_equal(last->waiting, &hold);
	approvals_free(a);
}

static void test_decided_approvals_make_room(void **state)
{
	struct approvals *a = approvals_new();
	struct engine_hold hold = hold_of(9, 9, "x");
	struct approval *x[AICP_APPROVALS_MAX];

	(void)state;
	for (unsigned i = 0; i < AICP_APPROVALS_MAX; i++) {
		snprintf(hold.approval_id, sizeof(hold.approval_id), "%u", i);
		x[i] = approvals_add(a, &hold, 1000 + i, 0);
		assert_non_null(x[i]);
	}
	x[1]->state = APPROVAL_REJECTED;
	x[1]->waiting = &hold;
	x[2]->state = APPROVAL_APPROVED;
	x[3]->state = APPROVAL_REJECTED;
	x[4]->state = APPROVAL_REJECTED;
	/* Forgotten is what people have done with, rejections first; none that is waited for. */
	assert_non_null(approvals_add(a, &hold, 9000, 0));
	assert_null(approvals_by_id(a, SPAN_LIT("3")));
	assert_non_null(approvals_add(a, &hold, 9000, 0));
	assert_null(approvals_by_id(a, SPAN_LIT("4")));
	assert_ptr_equal(approvals_by_id(a, SPAN_LIT("2")), x[2]);
	assert_non_null(approvals_add(a, &hold, 9000, 0));
	assert_null(approvals_by_id(a, SPAN_LIT("2")));
	assert_null(approvals_add(a, &hold, 9000, 0));
	assert_ptr_equal(approvals_by_id(a, SPAN_LIT("1")), x[1]);
	approvals_free(a);
}

int main(void)
{
#define TEST(_f) cmocka_unit_test_setup_teardown(_f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_hold_neither_passes_nor_refuses),
		TEST(test_monitor_mode_only_would_hold),
		TEST(test_what_a_retry_changes_is_not_in_the_digest),
		TEST(test_what_the_provider_would_act_on_is_in_the_digest),
		TEST(test_what_is_masked_in_the_query_is_in_the_digest),
		TEST(test_how_a_body_is_to_be_read_is_in_the_digest),
		TEST(test_who_may_join_is_who_the_kernel_says),
		TEST(test_the_client_says_how_long_it_waits),
		TEST(test_approvers_see_what_leaves_with_findings_marked),
		TEST(test_a_long_request_is_cut_and_says_so),
		TEST(test_a_long_target_is_cut_and_says_so),
		TEST(test_approvers_see_whether_it_is_encrypted),
		TEST(test_obligations_of_other_policies_stay),
		TEST(test_a_body_that_is_no_json_is_shown_and_bound),
		TEST(test_the_answer_names_the_approval),
		cmocka_unit_test(test_known_approvals),
		cmocka_unit_test(test_known_approvals_are_bounded),
		cmocka_unit_test(test_decided_approvals_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
