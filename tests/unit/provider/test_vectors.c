/* SPDX-License-Identifier: MIT */
/* Every file below tests/vectors is read as it says; each is a test of its own. */
#include "unit/provider/vectors.h"

static struct provider_set *providers;

static void expect_list(const char *path, const char *name, const struct json *j, uint32_t t,
			const struct fact_value *value)
{
	size_t i = 0;

	json_foreach (item, j, t) {
		if (i >= value->list_n || !json_string_eq(j, item, value->list[i]))
			fail_msg("%s: %s[%zu] is not %.*s", path, name, i,
				 SPAN_ARG(json_raw(j, item)));
		i++;
	}
	if (i != value->list_n)
		fail_msg("%s: %s has %zu items, not %zu", path, name, value->list_n, i);
}

static void expect_fact(const char *path, const char *name, const struct json *j, uint32_t t,
			const struct fact_value *value)
{
	double number = 0;
	bool same = true;

	switch (value->kind) {
	case FACT_ABSENT:
		same = false;
		break;
	case FACT_BOOL:
		same = j->token[t].kind == (value->boolean ? JSON_TRUE : JSON_FALSE);
		break;
	case FACT_NUMBER:
		same = json_number(j, t, &number) && number >= value->number &&
		       number <= value->number;
		break;
	case FACT_TEXT:
		same = json_string_eq(j, t, value->text);
		break;
	case FACT_LIST:
		same = j->token[t].kind == JSON_ARRAY;
		if (same)
			expect_list(path, name, j, t, value);
		break;
	}
	if (!same) {
		struct buf text = BUF_INIT(1u << 20);

		fact_value_put(value, 2000, &text);
		fail_msg("%s: %s is\n%s\nand not\n%.*s", path, name, buf_str(&text),
			 SPAN_ARG(json_raw(j, t)));
	}
}

/* All facts of the vector are set, and no others. */
static void expect_facts(const char *path, const struct vector *v, const struct facts *facts,
			 bool whole)
{
	uint32_t want = json_get(&v->json, 0, "facts");
	size_t found = 0, wanted = 0;

	json_foreach (key, &v->json, want) {
		(void)key;
		wanted++;
	}
	for (int id = 0; id < _FACT_COUNT; id++) {
		const char *name = fact_info((enum fact_id)id)->name;
		const struct fact_value *value = facts_get(facts, (enum fact_id)id);
		uint32_t t = json_get(&v->json, want, name);

		found += t != JSON_NONE;
		if (t != JSON_NONE)
			expect_fact(path, name, &v->json, t, value);
		else if (value->kind != FACT_ABSENT && whole && id != FACT_TEXT_ALL &&
			 id != FACT_PARSE)
			fail_msg("%s: %s is set, and should not be", path, name);
	}
	if (found != wanted)
		fail_msg("%s names a fact that does not exist", path);
}

static void run_request(const char *path, struct vector *v)
{
	struct json_scan *scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	struct facts *facts = facts_new();
	uint32_t outcome = json_get(&v->json, 0, "outcome");
	bool whole = json_string_eq(&v->json, outcome, SPAN_LIT("ok"));
	int r;

	assert_non_null(scan);
	assert_non_null(facts);
	r = provider_request(v->provider, &v->head, v->body, scan, facts);
	if (whole)
		assert_true(span_eq_str(facts_get(facts, FACT_PARSE)->text, "ok"));
	else
		assert_true(facts_get(facts, FACT_PARSE_ERROR)->text.n > 0);
	assert_int_equal(r, whole ? PARSE_DONE : PARSE_E_BAD);
	expect_facts(path, v, facts, whole);
	json_scan_free(scan);
	facts_free(facts);
}

static void run_answer(struct vector *v)
{
	struct provider_answer *answer =
		provider_answer_new(v->provider, SPAN_LIT("POST"), buf_span(&v->path));
	uint32_t body = json_get(&v->json, 0, "answer");

	assert_non_null(answer);
	assert_int_not_equal(body, JSON_NONE);
	assert_int_equal(provider_answer_json(answer, json_raw(&v->json, body), v->answer_scan),
			 PARSE_DONE);
	vector_expect_usage(v, answer);
	provider_answer_free(answer);
}

static void test_json(void **state)
{
	const char *path = *state;
	struct vector v;

	vector_open(&v, providers, vectors_file(path));
	if (vector_is_request(&v))
		run_request(path, &v);
	else
		run_answer(&v);
	vector_close(&v);
}

/* The next line of text, without its end. */
static struct span take_line(struct span *text)
{
	size_t n = span_find(*text, '\n');
	struct span line = span_sub(*text, 0, n);

	*text = span_sub(*text, n + 1, text->n);
	return line;
}

/* An event stream whose first line is a comment with what to expect of it. */
static void test_sse(void **state)
{
	struct buf file = vectors_file(*state), meta = BUF_INIT(1u << 16);
	struct span rest = buf_span(&file), event = SPAN_NULL, line = take_line(&rest);
	struct provider_answer *answer;
	size_t events = 0;
	struct vector v;

	assert_true(span_starts(line, SPAN_LIT(": ")));
	buf_put(&meta, span_sub(line, 2, line.n));
	vector_open(&v, providers, meta);
	answer = provider_answer_new(v.provider, SPAN_LIT("POST"), buf_span(&v.path));
	assert_non_null(answer);
	while (rest.n) {
		line = take_line(&rest);
		if (span_starts(line, SPAN_LIT("event: ")))
			event = span_sub(line, 7, line.n);
		if (!span_starts(line, SPAN_LIT("data: ")))
			continue;
		assert_int_equal(provider_answer_event(answer, event, span_sub(line, 6, line.n),
						       v.answer_scan),
				 PARSE_DONE);
		events++;
	}
	assert_in_range(events, 2, 1000);
	vector_expect_usage(&v, answer);
	provider_answer_free(answer);
	vector_close(&v);
	buf_deinit(&file);
}

int main(void)
{
	struct CMUnitTest tests[512] = {0};
	size_t n = 0;
	glob_t json, sse;
	int failed;

	providers = vectors_providers();
	if (glob("tests/vectors/*/*.json", 0, NULL, &json) ||
	    glob("tests/vectors/*/*.sse", 0, NULL, &sse) || json.gl_pathc + sse.gl_pathc > 512)
		return 1;
	for (size_t i = 0; i < json.gl_pathc; i++)
		tests[n++] = (struct CMUnitTest){.name = json.gl_pathv[i],
						 .test_func = test_json,
						 .initial_state = json.gl_pathv[i]};
	for (size_t i = 0; i < sse.gl_pathc; i++)
		tests[n++] = (struct CMUnitTest){.name = sse.gl_pathv[i],
						 .test_func = test_sse,
						 .initial_state = sse.gl_pathv[i]};
	failed = _cmocka_run_group_tests("vectors", tests, n, NULL, NULL);
	globfree(&json);
	globfree(&sse);
	provider_set_unref(providers);
	return failed;
}
