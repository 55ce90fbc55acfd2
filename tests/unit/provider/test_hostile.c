/* SPDX-License-Identifier: MIT */
/*
 * What nobody wrote a vector for: every request vector is changed in every place, and no text may
 * get lost.
 *
 * What a user's words are is decided here a second time, by plain code that knows the message
 * shapes and nothing of paths.
 */
#include "unit/provider/vectors.h"

#include "support/guard.h"
#include "support/oom.h"
#include "support/split.h"

#define TOKENS_MAX 4096
#define BODY_MAX   (1u << 16)

static struct provider_set *providers;

/* Everything that one run needs; made once. */
static struct {
	struct json_scan *scan; /* of the request */
	struct json_scan *judge; /* of the second opinion */
	struct facts *facts;
	struct guard guard;
	struct buf body;
} run = {.body = BUF_INIT(BODY_MAX)};

enum voice { OTHER, PROMPT, TOOL };

/* Where a token stands. */
struct place {
	uint32_t up; /* container, or JSON_NONE */
	uint32_t key; /* its key in it, or JSON_NONE */
};

static void find_places(const struct json *j, struct place *place)
{
	assert_in_range(j->n, 1, TOKENS_MAX);
	place[0] = (struct place){JSON_NONE, JSON_NONE};
	for (uint32_t t = 0; t < j->n; t++) {
		if (j->token[t].kind != JSON_ARRAY && j->token[t].kind != JSON_OBJECT)
			continue;
		json_foreach (child, j, t) {
			bool is_key = j->token[child].flags & JSON_KEY;

			place[child] = (struct place){t, JSON_NONE};
			if (is_key)
				place[child + 1] = (struct place){t, child};
		}
	}
}

static bool key_is(const struct json *j, const struct place *p, uint32_t t, const char *key)
{
	return t != JSON_NONE && p[t].key != JSON_NONE &&
	       json_string_eq(j, p[t].key, span_str(key));
}

static bool value_is(const struct json *j, uint32_t object, const char *key, const char *value)
{
	uint32_t t = json_get(j, object, key);

	return t != JSON_NONE && json_string_eq(j, t, span_str(value));
}

/* Is t an item of the top-level array of that name? */
static bool is_message(const struct json *j, const struct place *p, uint32_t t)
{
	uint32_t up = t == JSON_NONE ? JSON_NONE : p[t].up;

	return up != JSON_NONE && p[up].up == 0 && j->token[up].kind == JSON_ARRAY &&
	       (key_is(j, p, up, "messages") || key_is(j, p, up, "input"));
}

/* Is t an item of a message's content? */
static bool is_block(const struct json *j, const struct place *p, uint32_t t)
{
	uint32_t up = t == JSON_NONE ? JSON_NONE : p[t].up;

	return up != JSON_NONE && key_is(j, p, up, "content") && is_message(j, p, p[up].up);
}

/* Text of a part that is told by its key: contents[].parts[].text where no role is the user's, or
 * messages[].content[].text; and what a function answered. */
static enum voice voice_of_part(const struct json *j, const struct place *p, uint32_t t)
{
	uint32_t part = p[t].up, list = p[part].up, message;
	bool contents;

	if (list == JSON_NONE || j->token[list].kind != JSON_ARRAY || p[list].up == JSON_NONE)
		return OTHER;
	message = p[list].up;
	contents = key_is(j, p, list, "parts") && p[message].up != JSON_NONE &&
		   key_is(j, p, p[message].up, "contents") && p[p[message].up].up == 0;
	if (contents &&
	    (json_get(j, message, "role") == JSON_NONE || value_is(j, message, "role", "user")))
		return PROMPT;
	if (key_is(j, p, list, "content") && p[message].up != JSON_NONE &&
	    key_is(j, p, p[message].up, "messages") && p[p[message].up].up == 0 &&
	    json_get(j, part, "type") == JSON_NONE && value_is(j, message, "role", "user"))
		return PROMPT;
	if (key_is(j, p, list, "content") && key_is(j, p, message, "toolResult") &&
	    is_block(j, p, p[message].up))
		return TOOL;
	return OTHER;
}

static enum voice voice_of_text(const struct json *j, uint32_t message)
{
	if (value_is(j, message, "role", "user"))
		return PROMPT;
	if (value_is(j, message, "role", "tool") || value_is(j, message, "role", "function"))
		return TOOL;
	return OTHER;
}

/* Is t a tool_result block of a message's content? */
static bool is_tool_result(const struct json *j, const struct place *p, uint32_t t)
{
	return t != JSON_NONE && value_is(j, t, "type", "tool_result") &&
	       key_is(j, p, p[t].up, "content") && is_message(j, p, p[p[t].up].up);
}

/* Strings that are content, or the text of a part of it. */
static enum voice voice_of(const struct json *j, const struct place *p, uint32_t t)
{
	uint32_t up = p[t].up, list;

	if (up == JSON_NONE || j->token[t].kind != JSON_STRING || j->token[t].flags & JSON_KEY)
		return OTHER;
	if (up == 0 && key_is(j, p, t, "input"))
		return PROMPT;
	if (key_is(j, p, t, "content") && is_message(j, p, up))
		return voice_of_text(j, up);
	if (key_is(j, p, t, "output") && is_message(j, p, up) &&
	    value_is(j, up, "type", "function_call_output"))
		return TOOL;
	if (key_is(j, p, t, "content") && is_tool_result(j, p, up))
		return TOOL;
	if (key_is(j, p, t, "text") && voice_of_part(j, p, t) != OTHER)
		return voice_of_part(j, p, t);
	if (!key_is(j, p, t, "text") ||
	    !(value_is(j, up, "type", "text") || value_is(j, up, "type", "input_text")))
		return OTHER;
	list = p[up].up;
	if (list == JSON_NONE || j->token[list].kind != JSON_ARRAY)
		return OTHER;
	if (key_is(j, p, list, "content") && is_message(j, p, p[list].up))
		return voice_of_text(j, p[list].up);
	if (key_is(j, p, list, "content") && is_tool_result(j, p, p[list].up))
		return TOOL;
	return OTHER;
}

static bool contains(enum fact_id id, struct span needle)
{
	const struct fact_value *value = facts_get(run.facts, id);

	return value->kind == FACT_TEXT &&
	       (!needle.n || memmem(value->text.p, value->text.n, needle.p, needle.n));
}

static int judge(const struct vector *v, struct span body)
{
	facts_reset(run.facts);
	return provider_request(v->provider, &v->head, guard_copy(&run.guard, body), run.scan,
				run.facts);
}

/* No string of a body that was taken for well formed is missing where it belongs. */
static void expect_nothing_lost(struct span body, const char *how)
{
	static struct place place[TOKENS_MAX];
	struct buf text = BUF_INIT(BODY_MAX);
	struct json j;

	if (json_scan_all(run.judge, body) != PARSE_DONE)
		fail_msg("%s: taken for well formed:\n%.*s", how, SPAN_ARG(body));
	j = json_scan_json(run.judge, body);
	find_places(&j, place);
	for (uint32_t t = 0; t < j.n; t++) {
		enum voice voice = voice_of(&j, place, t);
		bool there = true;

		if (j.token[t].kind != JSON_STRING || j.token[t].flags & JSON_KEY)
			continue;
		buf_clear(&text);
		assert_int_equal(json_string_put(&j, t, &text), 0);
		if (text.n < 64)
			there = contains(FACT_TEXT_ALL, buf_span(&text));
		if (voice == PROMPT)
			there &= contains(FACT_PROMPT, buf_span(&text));
		if (voice == TOOL)
			there &= contains(FACT_TOOL_RESULTS, buf_span(&text));
		if (!there)
			fail_msg("%s: `%.*s` (byte %u) is lost in\n%.*s", how,
				 SPAN_ARG(buf_span(&text)), j.token[t].begin, SPAN_ARG(body));
	}
	buf_deinit(&text);
}

static struct span replaced(struct span body, size_t begin, size_t end, const char *with)
{
	buf_clear(&run.body);
	buf_put(&run.body, span_sub(body, 0, begin));
	buf_put_str(&run.body, with);
	assert_int_equal(buf_put(&run.body, span_sub(body, end, body.n)), 0);
	return buf_span(&run.body);
}

/* Bytes of a whole value, with the quotes of a string. */
static void whole_value(const struct json *j, uint32_t t, size_t *ret_begin, size_t *ret_end)
{
	bool quotes = j->token[t].kind == JSON_STRING;

	*ret_begin = j->token[t].begin - quotes;
	*ret_end = j->token[t].end + quotes;
}

/* A word with a space in it, once plain and once escaped, takes the place of every string. */
static void canaries(const struct vector *v, const struct json *j, const struct place *place)
{
	static const char *const word[] = {"c4n4ry w0rd", "c4n4r\\u0079\\u0020w0rd"};
	struct span canary = SPAN_LIT("c4n4ry w0rd");

	for (uint32_t t = 0; t < j->n; t++) {
		enum voice voice = voice_of(j, place, t);

		if (j->token[t].kind != JSON_STRING || j->token[t].flags & JSON_KEY)
			continue;
		for (size_t k = 0; k < 2; k++) {
			struct span body =
				replaced(v->body, j->token[t].begin, j->token[t].end, word[k]);

			assert_int_equal(judge(v, body), PARSE_DONE);
			assert_true(contains(FACT_TEXT_ALL, canary));
			if (voice == PROMPT)
				assert_true(contains(FACT_PROMPT, canary));
			if (voice == TOOL)
				assert_true(contains(FACT_TOOL_RESULTS, canary));
		}
	}
}

/* Every value becomes one of every other kind. */
static void other_kinds(const struct vector *v, const struct json *j)
{
	static const char *const kinds[] = {
		"null", "true", "42",	   "1e999",  "\"words of it\"",	  "[]",
		"{}",	"[[]]", "[\"w\"]", "[null]", "{\"text\":\"w x\"}"};

	for (uint32_t t = 0; t < j->n; t++) {
		size_t begin, end;

		if (j->token[t].flags & JSON_KEY)
			continue;
		whole_value(j, t, &begin, &end);
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
			struct span body = replaced(v->body, begin, end, kinds[k]);
			int r = judge(v, body);

			assert_in_range(r, PARSE_DONE, PARSE_E_LIMIT);
			if (r == PARSE_DONE)
				expect_nothing_lost(body, kinds[k]);
		}
	}
}

/* A key in another case is refused, or what it holds is not lost. */
static void other_cases(const struct vector *v, const struct json *j, const struct place *place)
{
	for (uint32_t t = 0; t < j->n; t++) {
		size_t at = j->token[t].begin;
		char upper[2] = {0};
		struct span body;
		int r;

		if (!(j->token[t].flags & JSON_KEY) || j->token[t].end == at)
			continue;
		upper[0] = (char)(v->body.p[at] ^ 0x20);
		if (span_ascii_lower((uint8_t)upper[0]) != v->body.p[at])
			continue;
		body = replaced(v->body, at, at + 1, upper);
		r = judge(v, body);
		assert_in_range(r, PARSE_DONE, PARSE_E_BAD);
		/* Judged by the places of the untouched body: the words are a user's still. */
		for (uint32_t s = 0; s < j->n && r == PARSE_DONE; s++)
			if (voice_of(j, place, s) == PROMPT &&
			    !(j->token[s].flags & JSON_ESCAPED) &&
			    !contains(FACT_PROMPT, json_raw(j, s)))
				fail_msg("`%.*s` is lost in\n%.*s", SPAN_ARG(json_raw(j, s)),
					 SPAN_ARG(body));
	}
}

static void truncated(void *ctx, struct span part)
{
	const struct vector *v = ctx;

	facts_reset(run.facts);
	assert_int_equal(provider_request(v->provider, &v->head, part, run.scan, run.facts),
			 PARSE_E_BAD);
}

/* Any byte becomes another one. */
static void other_bytes(const struct vector *v)
{
	static const char with[] = "\"\\{}[]:,x\xff";

	for (size_t i = 0; i < v->body.n; i++) {
		char byte[2] = {with[i % (sizeof(with) - 1)], 0};
		struct span body = replaced(v->body, i, i + 1, byte);
		int r = judge(v, body);

		assert_in_range(r, PARSE_DONE, PARSE_E_LIMIT);
		if (r == PARSE_DONE)
			expect_nothing_lost(body, byte);
	}
}

static void test_vector(void **state)
{
	static struct place place[TOKENS_MAX];
	struct json_scan *scan = json_scan_new(TOKENS_MAX);
	struct vector v;
	struct json j;

	assert_non_null(scan);
	vector_open(&v, providers, vectors_file(*state));
	if (vector_is_request(&v) && judge(&v, v.body) == PARSE_DONE &&
	    json_scan_all(scan, v.body) == PARSE_DONE) {
		j = json_scan_json(scan, v.body);
		find_places(&j, place);
		expect_nothing_lost(v.body, "as it is");
		canaries(&v, &j, place);
		/* Operations without a shape take whatever is JSON. */
		if (facts_get(run.facts, FACT_ATTACHMENTS_COUNT)->kind != FACT_ABSENT) {
			other_kinds(&v, &j);
			other_cases(&v, &j, place);
			split_truncated(v.body, truncated, &v);
			other_bytes(&v);
		}
	}
	vector_close(&v);
	json_scan_free(scan);
}

/* Every allocation fails in turn; the outcome is then -ENOMEM, and nothing leaks or is half set. */
static void read_without_memory(void *ctx)
{
	const struct vector *v = ctx;
	struct json_scan *scan = json_scan_new(TOKENS_MAX);
	struct facts *facts = facts_new();

	if (scan && facts) {
		int r = provider_request(v->provider, &v->head, v->body, scan, facts);

		assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	}
	json_scan_free(scan);
	facts_free(facts);
}

static void test_request_without_memory(void **state)
{
	struct vector v;

	(void)state;
	vector_open(&v, providers, vectors_file("tests/vectors/openai/responses_items.json"));
	assert_in_range(oom_each(read_without_memory, &v), 10, 10000);
	vector_close(&v);
}

static void answer_without_memory(void *ctx)
{
	const struct vector *v = ctx;
	struct span body = json_raw(&v->json, json_get(&v->json, 0, "answer"));
	struct provider_answer *answer =
		provider_answer_new(v->provider, SPAN_LIT("POST"), v->head.path);
	int r = -ENOMEM;

	if (answer)
		r = provider_answer_json(answer, body, v->answer_scan);
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	provider_answer_free(answer);
}

static void test_answer_without_memory(void **state)
{
	struct vector v;

	(void)state;
	vector_open(&v, providers, vectors_file("tests/vectors/openai/answer_chat.json"));
	assert_in_range(oom_each(answer_without_memory, &v), 2, 1000);
	vector_close(&v);
}

/* Counters that no provider can mean are refused, and keep what was known. */
static void test_answer_bad(void **state)
{
	static const char *const bad[] = {"{\"usage\":{\"prompt_tokens\":-1}}",
					  "{\"usage\":{\"prompt_tokens\":1.5}}",
					  "{\"usage\":{\"prompt_tokens\":1e300}}",
					  "{\"usage\":",
					  "",
					  "[DONE"};
	const struct provider *p = provider_set_host(providers, SPAN_LIT("api.openai.com"));
	struct provider_answer *a =
		provider_answer_new(p, SPAN_LIT("POST"), SPAN_LIT("/v1/chat/completions"));
	struct json_scan *scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	struct provider_usage usage;

	(void)state;
	assert_true(a && scan);
	assert_int_equal(
		provider_answer_json(a, SPAN_LIT("{\"usage\":{\"prompt_tokens\":7}}"), scan),
		PARSE_DONE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(provider_answer_json(a, span_str(bad[i]), scan), PARSE_E_BAD);
	/* What is of a kind that no counter has is passed over. */
	assert_int_equal(
		provider_answer_json(a, SPAN_LIT("{\"usage\":{\"prompt_tokens\":\"9\"}}"), scan),
		PARSE_DONE);
	assert_int_equal(provider_answer_event(a, SPAN_NULL, SPAN_LIT("[DONE]"), scan), PARSE_DONE);
	assert_int_equal(provider_answer_event(a, SPAN_NULL, SPAN_NULL, scan), PARSE_DONE);
	provider_answer_usage(a, &usage);
	assert_int_equal(usage.input_tokens, 7);
	assert_int_equal(usage.output_tokens, -1);
	provider_answer_free(a);

	a = provider_answer_new(p, SPAN_LIT("POST"), SPAN_LIT("/v1/unknown"));
	assert_non_null(a);
	assert_int_equal(provider_answer_json(a, SPAN_LIT("anything"), scan), PARSE_DONE);
	provider_answer_usage(a, &usage);
	assert_int_equal(usage.input_tokens, -1);
	provider_answer_free(a);
	json_scan_free(scan);
}

/* Lists and nesting without end are too large, and say so. */
static void test_limits(void **state)
{
	const struct provider *p = provider_set_host(providers, SPAN_LIT("api.openai.com"));
	struct message head = {.method = SPAN_LIT("POST"),
			       .path = SPAN_LIT("/v1/chat/completions"),
			       .content_type = SPAN_LIT("application/json")};
	struct buf body = BUF_INIT(1u << 20);

	(void)state;
	buf_put_str(&body, "{\"functions\":[");
	for (unsigned i = 0; i <= AICP_FACT_LIST_MAX; i++)
		buf_printf(&body, "%s{\"name\":\"f\"}", i ? "," : "");
	buf_put_str(&body, "]}");
	facts_reset(run.facts);
	assert_int_equal(provider_request(p, &head, buf_span(&body), run.scan, run.facts),
			 PARSE_E_LIMIT);
	assert_true(span_eq_str(facts_get(run.facts, FACT_PARSE)->text, "too-large"));

	buf_clear(&body);
	for (unsigned i = 0; i <= AICP_JSON_DEPTH_MAX; i++)
		buf_put_str(&body, "{\"x\":");
	for (int unknown = 0; unknown < 2; unknown++) {
		head.path = unknown ? SPAN_LIT("/v1/other") : SPAN_LIT("/v1/chat/completions");
		facts_reset(run.facts);
		assert_int_equal(provider_request(p, &head, buf_span(&body), run.scan, run.facts),
				 PARSE_E_LIMIT);
		assert_true(span_eq_str(facts_get(run.facts, FACT_PARSE)->text, "too-large"));
	}
	buf_deinit(&body);
}

int main(void)
{
	struct CMUnitTest tests[512] = {
		cmocka_unit_test(test_request_without_memory),
		cmocka_unit_test(test_answer_without_memory),
		cmocka_unit_test(test_answer_bad),
		cmocka_unit_test(test_limits),
	};
	size_t n = 4;
	glob_t files;
	int failed;

	run.scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	run.judge = json_scan_new(TOKENS_MAX);
	run.facts = facts_new();
	guard_init(&run.guard, BODY_MAX);
	providers = vectors_providers();
	if (!run.scan || !run.judge || !run.facts ||
	    glob("tests/vectors/*/*.json", 0, NULL, &files) || files.gl_pathc > 500)
		return 1;
	for (size_t i = 0; i < files.gl_pathc; i++)
		tests[n++] = (struct CMUnitTest){.name = files.gl_pathv[i],
						 .test_func = test_vector,
						 .initial_state = files.gl_pathv[i]};
	failed = _cmocka_run_group_tests("hostile", tests, n, NULL, NULL);
	globfree(&files);
	provider_set_unref(providers);
	json_scan_free(run.scan);
	json_scan_free(run.judge);
	facts_free(run.facts);
	guard_deinit(&run.guard);
	buf_deinit(&run.body);
	return failed;
}
