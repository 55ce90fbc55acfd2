/* SPDX-License-Identifier: MIT */
/* From bytes to verdict, record and answer, with the providers that ship. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

static const char policies[] = "policy: block-merger\n"
			       "description: The merger is not for models.\n"
			       "when:\n"
			       "  field: prompt\n"
			       "  contains: project bluebird\n"
			       "then: block\n"
			       "reason: The merger is confidential.\n"
			       "---\n"
			       "policy: warn-tools\n"
			       "description: Tools are worth a look.\n"
			       "when:\n"
			       "  field: tools\n"
			       "  contains: shell\n"
			       "then: warn\n"
			       "reason: A shell is offered.\n";

struct bench {
	struct engine *engine;
	struct policy_set *policies;
	struct provider_set *providers;
	struct identity who;
	struct buf bytes;
	struct buf out;
};

static struct buf read_file(const char *path)
{
	struct buf text = BUF_INIT(AICP_YAML_BYTES_MAX);
	FILE *f = fopen(path, "r");
	char block[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		assert_int_equal(buf_put(&text, span_of(block, n)), 0);
	fclose(f);
	return text;
}

static void set_mode(struct bench *b, enum mode mode)
{
	struct engine_rules rules = {
		.policies = b->policies, .providers = b->providers, .mode = mode};

	memset(rules.key, 7, sizeof(rules.key));
	engine_set_rules(b->engine, &rules);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct buf openai = read_file("policies/providers/openai.yaml");
	struct buf anthropic = read_file("policies/providers/anthropic.yaml");
	struct buf gemini = read_file("policies/providers/gemini.yaml");
	struct buf ollama = read_file("policies/providers/ollama.yaml");
	struct provider_source files[] = {{"openai.yaml", buf_span(&openai)},
					  {"anthropic.yaml", buf_span(&anthropic)},
					  {"gemini.yaml", buf_span(&gemini)},
					  {"ollama.yaml", buf_span(&ollama)}};
	struct policy_source source = {"test.yaml", span_str(policies)};
	struct yaml_error error = YAML_ERROR_INIT;

	assert_non_null(b);
	if (policy_load(&source, 1, &b->policies, &error) ||
	    provider_load(files, 4, &b->providers, &error))
		fail_msg("%.*s", SPAN_ARG(buf_span(&error.text)));
	b->engine = engine_new();
	assert_non_null(b->engine);
	b->who = (struct identity){.pid = 42,
				   .start_ticks = 1,
				   .uid = 1000,
				   .gid = 1000,
				   .loginuid = IDENTITY_NONE,
				   .name = SPAN_LIT("curl"),
				   .exe = SPAN_LIT("/usr/bin/curl")};
	b->bytes = BUF_INIT(64u << 20);
	b->out = BUF_INIT(1u << 20);
	set_mode(b, MODE_ENFORCE);
	buf_deinit(&openai);
	buf_deinit(&anthropic);
	buf_deinit(&gemini);
	buf_deinit(&ollama);
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

static struct engine_request request_of(struct bench *b, const char *host)
{
	return (struct engine_request){
		.host = span_str(host),
		.bytes = b->bytes.p,
		.bytes_n = b->bytes.n,
		.coverage = "shim",
		.tier = "host",
		.who = &b->who,
		.now_ns = INT64_C(1795400000) * 1000000000,
		.random = {1, 2, 3},
	};
}

static void post(struct bench *b, const char *host, const char *path, const char *body)
{
	buf_clear(&b->bytes);
	buf_printf(&b->bytes,
		   "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer sk-CANARY\r\n"
		   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		   path, host, strlen(body), body);
	assert_int_equal(b->bytes.err, 0);
}

static struct engine_decision judge(struct bench *b, const char *host)
{
	struct engine_request q = request_of(b, host);
	struct engine_decision d;

	engine_judge(b->engine, &q, &d);
	assert_int_equal(engine_record(b->engine, &q, &d, 123, &b->out), 0);
	return d;
}

static struct engine_decision ask(struct bench *b, const char *prompt)
{
	char body[1024];

	snprintf(body, sizeof(body),
		 "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
		 prompt);
	post(b, "api.openai.com", "/v1/chat/completions", body);
	return judge(b, "api.openai.com");
}

static bool recorded(struct bench *b, const char *what)
{
	return strstr(buf_str(&b->out), what) != NULL;
}

static void test_allow(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = ask(b, "hello");

	assert_true(d.pass);
	assert_int_equal(d.verdict.action, VERDICT_ALLOW);
	assert_int_equal(d.verdict.reason, REASON_NO_MATCH);
	assert_string_equal(d.id, "010203000000000000000000");
	assert_true(recorded(b, "\"gen_ai.request.model\":\"gpt-4o\""));
	assert_true(recorded(b, "\"gen_ai.provider.name\":\"openai\""));
	assert_true(recorded(b, "\"uid\":1000"));
}

static void test_no_content_and_no_credential_in_the_record(void **state)
{
	struct bench *b = *state;

	ask(b, "a secret plan");
	assert_false(recorded(b, "secret plan"));
	assert_false(recorded(b, "CANARY"));
	assert_null(memmem(b->bytes.p, b->bytes.n, "CANARY", 6));
	assert_true(recorded(b, "\"chars\":13"));
}

static void test_block_answers_in_the_shape_of_the_provider(void **state)
{
	struct bench *b = *state;
	struct engine_decision d = ask(b, "about Project Bluebird");
	const char *answer;

	assert_false(d.pass);
	assert_int_equal(d.verdict.reason, REASON_POLICY);
	assert_true(recorded(b, "\"policy\":\"block-merger\""));
	assert_int_equal(engine_answer(&d, _REASON_COUNT, &b->out), 0);
	answer = buf_str(&b->out);
	assert_ptr_equal(strstr(answer, "HTTP/1.1 403 "), answer);
	assert_non_null(strstr(answer, "x-should-retry: false\r\n"));
	assert_non_null(strstr(answer, d.id));
	assert_non_null(strstr(answer, "{\"error\":{"));
	assert_non_null(strstr(answer, "The merger is confidential."));
}

/* A stream that is one array has its error in one; the same call as events has not. */
static void test_block_answers_in_an_array_where_the_stream_is_one(void **state)
{
	static const char *const target[] = {
		"/v1beta/models/Gemini-X:streamGenerateContent?key=k",
		"/v1beta/models/Gemini-X:streamGenerateContent?alt=sse"};
	const char *const host = "generativelanguage.googleapis.com";
	struct bench *b = *state;

	for (int i = 0; i < 2; i++) {
		struct engine_decision d;
		const char *body;

		post(b, host, target[i],
		     "{\"contents\":[{\"parts\":[{\"text\":\"about Project Bluebird\"}]}]}");
		d = judge(b, host);
		assert_false(d.pass);
		assert_true(recorded(b, "\"gen_ai.request.model\":\"Gemini-X\""));
		buf_clear(&b->out);
		assert_int_equal(engine_answer(&d, _REASON_COUNT, &b->out), 0);
		body = strstr(buf_str(&b->out), "\r\n\r\n");
		assert_non_null(body);
		assert_ptr_equal(strstr(body, i ? "{\"error\":{" : "[{\"error\":{"), body + 4);
	}
}

static void test_warn_passes(void **state)
{
	struct bench *b = *state;
	struct engine_decision d;

	post(b, "api.openai.com", "/v1/chat/completions",
	     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
	     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"run_shell\"}}]}");
	d = judge(b, "api.openai.com");
	assert_true(d.pass);
	assert_int_equal(d.verdict.action, VERDICT_WARN);
	assert_true(recorded(b, "\"matched\":[\"warn-tools\"]"));
}

/* Each of these could be read otherwise by a provider, or not be read by us. */
static void test_what_cannot_be_judged_is_refused(void **state)
{
	static const struct {
		const char *body;
		enum reason reason;
	} cases[] = {
		{"", REASON_MALFORMED},
		{"{", REASON_MALFORMED},
		{"{\"model\":\"a\",\"model\":\"b\",\"messages\":[]}", REASON_MALFORMED},
		{"{\"model\":\"a\",\"Model\":\"b\",\"messages\":[]}", REASON_MALFORMED},
		{"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}",
		 REASON_MALFORMED},
		{"{\"model\":\"a\",\"messages\":{}}", REASON_MALFORMED},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct engine_decision d;

		post(b, "api.openai.com", "/v1/chat/completions", cases[i].body);
		d = judge(b, "api.openai.com");
		if (d.pass || d.verdict.reason != cases[i].reason)
			fail_msg("case %zu: pass %d reason %s", i, d.pass,
				 reason_code(d.verdict.reason));
	}
}

static void test_a_refusal_says_what_is_wrong_with_the_request(void **state)
{
	struct bench *b = *state;
	struct engine_decision d;

	buf_clear(&b->bytes);
	buf_put_str(&b->bytes, "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
			       "Content-Type: application/x-www-form-urlencoded\r\n"
			       "Content-Length: 2\r\n\r\n{}");
	d = judge(b, "api.openai.com");
	assert_false(d.pass);
	assert_int_equal(engine_answer(&d, _REASON_COUNT, &b->out), 0);
	if (!recorded(b, "Content-Type"))
		fail_msg("%s", buf_str(&b->out));
}

static void test_kinds_are_refused(void **state)
{
	static const enum reason reason[_AICP_SHIM_KIND_COUNT] = {
		[AICP_SHIM_KIND_NONE] = REASON_MALFORMED,
		[AICP_SHIM_KIND_HTTP2] = REASON_HTTP2,
		[AICP_SHIM_KIND_NOT_HTTP] = REASON_NOT_HTTP,
		[AICP_SHIM_KIND_TOO_LARGE] = REASON_TOO_LARGE,
		[AICP_SHIM_KIND_PIPELINED] = REASON_PIPELINED,
		[AICP_SHIM_KIND_EARLY_DATA] = REASON_EARLY_DATA,
	};
	struct bench *b = *state;

	for (int kind = 0; kind <= _AICP_SHIM_KIND_COUNT; kind++) {
		struct engine_request q = request_of(b, "api.openai.com");
		struct engine_decision d;

		q.kind = (enum aicp_shim_kind)kind;
		q.bytes_n = 0;
		engine_judge(b->engine, &q, &d);
		assert_false(d.pass);
		assert_int_equal(d.verdict.reason,
				 kind == _AICP_SHIM_KIND_COUNT ? REASON_MALFORMED : reason[kind]);
	}
}

static void test_host_of_request_must_be_that_of_the_connection(void **state)
{
	struct bench *b = *state;
	struct engine_decision d;

	post(b, "api.anthropic.com", "/v1/messages",
	     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
	d = judge(b, "api.openai.com");
	assert_false(d.pass);
	assert_int_equal(d.verdict.reason, REASON_HOST_MISMATCH);
}

static void test_a_request_in_clear_names_its_endpoint(void **state)
{
	static const struct {
		const char *endpoint, *host; /* of the connection, of the request */
		bool pass;
	} row[] = {
		{"localhost:11434", "localhost:11434", true},
		{"localhost:11434", "LocalHost:11434", true},
		{"127.0.0.1:11434", "127.0.0.1:11434", true},
		{"[::1]:11434", "[::1]:11434", true},
		{"ollama.com:80", "ollama.com", true},
		{"ollama.com:80", "ollama.com:80", true},
		{"localhost:11434", "localhost", false},
		{"localhost:11434", "localhost:11435", false},
		{"127.0.0.1:11434", "localhost:11434", false},
		{"ollama.com:80", "ollama.com:443", false},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct engine_request q;
		struct engine_decision d;

		post(b, row[i].host, "/api/chat",
		     "{\"model\":\"l\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
		q = request_of(b, row[i].endpoint);
		q.clear = true;
		engine_judge(b->engine, &q, &d);
		assert_int_equal(d.pass, row[i].pass);
		if (!row[i].pass)
			assert_int_equal(d.verdict.reason, REASON_HOST_MISMATCH);
		assert_non_null(d.provider);
		assert_int_equal(engine_record(b->engine, &q, &d, 1, &b->out), 0);
		assert_true(recorded(b, "\"gen_ai.provider.name\":\"ollama\""));
		assert_true(recorded(b, "\"url.scheme\":\"http\""));
	}
	/* The last one. */
	assert_true(recorded(b, "\"server.address\":\"ollama.com\",\"server.port\":80,"));
	ask(b, "under TLS");
	assert_true(recorded(b, "\"server.address\":\"api.openai.com\",\"server.port\":null,"));
	assert_true(recorded(b, "\"url.scheme\":\"https\""));
}

static void test_an_upgrade_is_refused(void **state)
{
	struct bench *b = *state;
	struct engine_decision d;

	buf_clear(&b->bytes);
	buf_put_str(&b->bytes, "GET /v1/realtime HTTP/1.1\r\nHost: api.openai.com\r\n"
			       "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	d = judge(b, "api.openai.com");
	assert_false(d.pass);
	assert_int_equal(d.verdict.reason, REASON_UNSUPPORTED);
}

static void test_monitor_stops_nothing_and_says_what_it_would_have_done(void **state)
{
	struct bench *b = *state;
	struct engine_decision d;

	set_mode(b, MODE_MONITOR);
	d = ask(b, "project bluebird");
	assert_true(d.pass);
	assert_int_equal(d.verdict.would, VERDICT_BLOCK);
	assert_true(recorded(b, "\"would\":\"block\""));
	assert_true(recorded(b, "\"mode\":\"monitor\""));

	post(b, "api.openai.com", "/v1/chat/completions", "{");
	d = judge(b, "api.openai.com");
	assert_true(d.pass);
	assert_int_equal(d.verdict.would, VERDICT_BLOCK);
	set_mode(b, MODE_ENFORCE);
}

static void test_without_rules_nothing_passes(void **state)
{
	struct bench *b = *state;
	struct engine *bare = engine_new();
	struct engine_request q;
	struct engine_decision d;

	post(b, "api.openai.com", "/v1/chat/completions", "{}");
	q = request_of(b, "api.openai.com");
	engine_judge(bare, &q, &d);
	assert_false(d.pass);
	assert_int_equal(d.verdict.reason, REASON_NO_POLICIES);
	engine_free(bare);
}

static void test_the_same_input_gives_the_same_output(void **state)
{
	struct bench *b = *state;
	struct buf first = BUF_INIT(1u << 20);

	ask(b, "project bluebird");
	buf_put(&first, buf_span(&b->out));
	ask(b, "something else");
	ask(b, "project bluebird");
	assert_true(span_eq(buf_span(&first), buf_span(&b->out)));
	buf_deinit(&first);
}

static void test_a_record_fits_a_leaf_whatever_the_request_holds(void **state)
{
	struct bench *b = *state;
	struct buf body = BUF_INIT(1u << 20);

	buf_put_str(&body, "{\"model\":\"");
	for (int i = 0; i < 100000; i++)
		buf_put_str(&body, "\xe2\x82\xac");
	buf_put_str(&body, "\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[");
	for (int i = 0; i < 900; i++)
		buf_printf(&body,
			   "%s{\"type\":\"function\",\"function\":{\"name\":\"\\u0001%0300d\"}}",
			   i ? "," : "", i);
	buf_put_str(&body, "]}");
	post(b, "api.openai.com", "/v1/chat/completions", buf_str(&body));
	judge(b, "api.openai.com");
	assert_true(b->out.n < AICP_LEAF_BYTES_MAX);
	buf_deinit(&body);
}

/* Six bytes in JSON for each byte of everything that a program can choose. */
static void test_a_record_fits_a_leaf_when_all_of_it_is_escaped(void **state)
{
	static const char ones[] = "\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001";
	struct bench *b = *state;
	const struct identity usual = b->who;
	struct buf body = BUF_INIT(1u << 20);
	uint8_t raw[4095];

	memset(raw, 1, sizeof(raw));
	b->who.exe = b->who.cgroup = b->who.args = span_of(raw, sizeof(raw));
	b->who.name = b->who.container_id = span_of(raw, 64);
	b->who.unit = span_of(raw, 255);
	b->who.parents_n = AICP_PARENTS_MAX;
	for (int i = 0; i < (int)AICP_PARENTS_MAX; i++)
		b->who.parents[i] = span_of(raw, 64);
	buf_put_str(&body, "{\"model\":\"");
	for (int i = 0; i < 100; i++)
		buf_put_str(&body, ones);
	buf_put_str(&body, "\",\"user\":\"");
	for (int i = 0; i < 100; i++)
		buf_put_str(&body, ones);
	buf_put_str(&body, "\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[");
	for (int i = 0; i < 64; i++) {
		buf_printf(&body, "%s{\"type\":\"function\",\"function\":{\"name\":\"%d",
			   i ? "," : "", i);
		for (int k = 0; k < 100; k++)
			buf_put_str(&body, ones);
		buf_put_str(&body, "\"}}");
	}
	buf_put_str(&body, "]}");
	post(b, "api.openai.com", "/v1/chat/completions", buf_str(&body));
	/* judge() wants a record. */
	assert_true(judge(b, "api.openai.com").pass);
	assert_true(recorded(b, "request.model\":\"\\u0001"));
	assert_true(recorded(b, "\"exe\":\"\\u0001"));
	assert_true(b->out.n < AICP_LEAF_BYTES_MAX);
	b->who = usual;
	buf_deinit(&body);
}

static void test_a_large_request_leaves_no_mark(void **state)
{
	struct bench *b = *state;
	struct buf body = BUF_INIT(8u << 20);

	buf_put_str(&body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
	for (int i = 0; i < 300000; i++)
		buf_put_str(&body, "word \\u00e9");
	buf_put_str(&body, "\"}]}");
	post(b, "api.openai.com", "/v1/chat/completions", buf_str(&body));
	assert_true(judge(b, "api.openai.com").pass);
	engine_trim(b->engine);
	assert_true(ask(b, "hello").pass);
	engine_trim(b->engine);
	buf_deinit(&body);
}

static void test_dry_run(void **state)
{
	struct bench *b = *state;

	assert_int_equal(
		engine_dry_run(
			b->engine,
			SPAN_LIT("{\"prompt\":\"Project Bluebird\",\"context\":{\"hour\":3}}"),
			&b->out),
		PARSE_DONE);
	assert_true(recorded(b, "\"action\":\"block\""));
	assert_true(recorded(b, "\"policy_id\":\"block-merger\""));
	assert_int_equal(engine_dry_run(b->engine, SPAN_LIT("{\"promt\":\"x\"}"), &b->out),
			 PARSE_E_BAD);
	assert_true(recorded(b, "promt"));
	assert_int_equal(engine_dry_run(b->engine, SPAN_LIT("{\"prompt\":7}"), &b->out),
			 PARSE_E_BAD);
	assert_int_equal(engine_dry_run(b->engine, SPAN_LIT("[]"), &b->out), PARSE_E_BAD);
	assert_int_equal(engine_dry_run(b->engine, SPAN_LIT("{"), &b->out), PARSE_E_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_no_content_and_no_credential_in_the_record),
		cmocka_unit_test(test_block_answers_in_the_shape_of_the_provider),
		cmocka_unit_test(test_block_answers_in_an_array_where_the_stream_is_one),
		cmocka_unit_test(test_warn_passes),
		cmocka_unit_test(test_what_cannot_be_judged_is_refused),
		cmocka_unit_test(test_a_refusal_says_what_is_wrong_with_the_request),
		cmocka_unit_test(test_kinds_are_refused),
		cmocka_unit_test(test_host_of_request_must_be_that_of_the_connection),
		cmocka_unit_test(test_a_request_in_clear_names_its_endpoint),
		cmocka_unit_test(test_an_upgrade_is_refused),
		cmocka_unit_test(test_monitor_stops_nothing_and_says_what_it_would_have_done),
		cmocka_unit_test(test_without_rules_nothing_passes),
		cmocka_unit_test(test_the_same_input_gives_the_same_output),
		cmocka_unit_test(test_a_record_fits_a_leaf_whatever_the_request_holds),
		cmocka_unit_test(test_a_record_fits_a_leaf_when_all_of_it_is_escaped),
		cmocka_unit_test(test_a_large_request_leaves_no_mark),
		cmocka_unit_test(test_dry_run),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
