/* SPDX-License-Identifier: MIT */
/* Explanations: the whole JSON and the whole text of one call, and what they say when there is
 * little to say. */
#include "policy/policy.h"

#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char policies[] = "- name: no-pii\n"
			       "  when:\n"
			       "    or:\n"
			       "      - {prompt: 'contains:SSN'}\n"
			       "      - {field: prompt, matches_pattern: '\\d{3}-\\d{2}'}\n"
			       "  then: block\n"
			       "  reason: personal data\n"
			       "  compliance: [GDPR Art. 5]\n"
			       "- name: not-for-tests\n"
			       "  scope: {agent: [a1, a2]}\n"
			       "  when: {not: {agent.environment: test}, risk_score: '>70'}\n"
			       "  then: warn\n"
			       "- {name: off, enabled: false, when: always, then: hold}\n"
			       "- {name: watch, mode: monitor, priority: 7, when: always, then: "
			       "hold, reason: just looking}\n";

struct bench {
	struct policy_set *set;
	struct policy_eval *eval;
	struct facts *facts;
	struct buf out;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct policy_source source = {.name = "p.yaml"};
	struct yaml_error error = YAML_ERROR_INIT;

	source.text = span_str(policies);
	if (!b || policy_load(&source, 1, &b->set, &error) != PARSE_DONE)
		return -1;
	b->eval = policy_eval_new();
	b->facts = facts_new();
	b->out = BUF_INIT(1u << 20);
	yaml_error_deinit(&error);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	policy_set_unref(b->set);
	policy_eval_free(b->eval);
	facts_free(b->facts);
	buf_deinit(&b->out);
	free(b);
	return 0;
}

static void set_facts(struct bench *b)
{
	assert_int_equal(
		facts_set_text(b->facts, FACT_PROMPT, SPAN_LIT("my ssn is\n\x1b[31msecret")), 0);
	assert_int_equal(facts_set_number(b->facts, FACT_PROMPT_CHARS, 22), 0);
	assert_int_equal(facts_set_text(b->facts, FACT_AGENT_ID, SPAN_LIT("A1")), 0);
	assert_int_equal(facts_set_number(b->facts, FACT_RISK_SCORE, 70.5), 0);
}

static void test_json(void **state)
{
	struct bench *b = *state;
	char expected[8192];

	set_facts(b);
	assert_int_equal(policy_explain(b->set, b->eval, b->facts, MODE_ENFORCE, &b->out), 0);
	snprintf(expected, sizeof(expected),
		 "{\"confidence\":\"medium\",\"contributing_factors\":[\"prompt contains "
		 "`SSN`\"],\"decision\":"
		 "\"block\",\"mode\":\"enforce\",\"policies\":["
		 "{\"action\":\"block\",\"compliance\":[\"GDPR Art. 5\"],\"conditions\":["
		 "{\"depth\":0,\"line\":3,\"operator\":\"or\",\"result\":\"true\"},"
		 "{\"depth\":1,\"fact\":\"prompt\",\"found\":\"my ssn "
		 "is\\n\\u001b[31msecret\",\"line\":4,"
		 "\"operator\":\"contains\",\"result\":\"true\",\"wanted\":[\"SSN\"]},"
		 "{\"depth\":1,\"fact\":\"prompt\",\"found\":\"my ssn "
		 "is\\n\\u001b[31msecret\",\"line\":5,"
		 "\"operator\":\"matches_pattern\",\"result\":\"false\",\"wanted\":[\"\\\\d{3}-"
		 "\\\\d{2}\"]}],"
		 "\"enabled\":true,\"file\":\"p.yaml\",\"line\":1,\"matched\":true,\"mode\":"
		 "\"enforce\",\"name\":"
		 "\"no-pii\",\"priority\":0,\"reason\":\"personal "
		 "data\",\"result\":\"true\",\"scope\":[],"
		 "\"scope_result\":\"true\"},"
		 "{\"action\":\"warn\",\"compliance\":[],\"conditions\":["
		 "{\"depth\":0,\"line\":11,\"operator\":\"and\",\"result\":\"unknown\"},"
		 "{\"depth\":1,\"line\":11,\"operator\":\"not\",\"result\":\"unknown\"},"
		 "{\"depth\":2,\"fact\":\"agent.environment\",\"found\":null,\"line\":11,"
		 "\"operator\":\"equals\","
		 "\"result\":\"unknown\",\"wanted\":[\"test\"]},"
		 "{\"depth\":1,\"fact\":\"risk_score\",\"found\":\"70.5\",\"line\":11,\"operator\":"
		 "\"greater_than\",\"result\":\"true\",\"wanted\":[\"70\"]}],"
		 "\"enabled\":true,\"file\":\"p.yaml\",\"line\":9,\"matched\":false,\"mode\":"
		 "\"enforce\",\"name\":"
		 "\"not-for-tests\",\"priority\":0,\"reason\":\"not-for-tests\",\"result\":"
		 "\"unknown\",\"scope\":["
		 "{\"depth\":0,\"fact\":\"agent.id\",\"found\":\"A1\",\"line\":10,\"operator\":"
		 "\"in\",\"result\":"
		 "\"true\",\"wanted\":[\"a1\",\"a2\"]}],\"scope_result\":\"true\"},"
		 "{\"action\":\"hold\",\"compliance\":[],\"conditions\":[{\"depth\":0,\"line\":13,"
		 "\"operator\":"
		 "\"always\",\"result\":\"true\"}],\"enabled\":false,\"file\":\"p.yaml\",\"line\":"
		 "13,\"matched\":"
		 "false,\"mode\":\"enforce\",\"name\":\"off\",\"priority\":0,\"reason\":\"off\","
		 "\"result\":\"true\","
		 "\"scope\":[],\"scope_result\":\"true\"},"
		 "{\"action\":\"hold\",\"compliance\":[],\"conditions\":[{\"depth\":0,\"line\":14,"
		 "\"operator\":"
		 "\"always\",\"result\":\"true\"}],\"enabled\":true,\"file\":\"p.yaml\",\"line\":"
		 "14,\"matched\":"
		 "true,\"mode\":\"monitor\",\"name\":\"watch\",\"priority\":7,\"reason\":\"just "
		 "looking\","
		 "\"result\":\"true\",\"scope\":[],\"scope_result\":\"true\"}],"
		 "\"policy_chain\":[\"no-pii\",\"watch\"],\"policy_set\":\"%s\",\"primary_reason\":"
		 "\"personal "
		 "data\",\"reason\":\"policy\",\"recommendation\":\"Change what the contributing "
		 "factors name, or "
		 "ask the owner of the "
		 "policy.\",\"technical_details\":{\"context_summary\":{\"agent_id\":\"A1\","
		 "\"model\":null,\"prompt_length\":22,\"risk_level\":null,\"user\":null},"
		 "\"decision_policy\":"
		 "\"no-pii\",\"policies_matched\":2,\"total_policies_evaluated\":3},\"would\":"
		 "\"block\"}",
		 policy_set_digest(b->set));
	assert_string_equal(buf_str(&b->out), expected);
}

static void test_text(void **state)
{
	struct bench *b = *state;

	set_facts(b);
	assert_int_equal(policy_explain_text(b->set, b->eval, b->facts, MODE_ENFORCE, &b->out), 0);
	assert_string_equal(
		buf_str(&b->out),
		"Decision: block\n"
		"Reason: personal data\n"
		"Policy: no-pii\n"
		"Confidence: medium\n"
		"Policies: 3 evaluated, 2 matched\n"
		"Recommendation: Change what the contributing factors name, or ask the owner of "
		"the policy.\n"
		"\n"
		"MATCHED: no-pii  (block, priority 0, p.yaml:1)\n"
		"  when\n"
		"    true    or   [line 3]\n"
		"    true      prompt contains `SSN`   found: my ssn is??[31msecret   [line 4]\n"
		"    false     prompt matches_pattern `\\d{3}-\\d{2}`   found: my ssn "
		"is??[31msecret   [line 5]\n"
		"\n"
		"no match: not-for-tests  (warn, priority 0, p.yaml:9)\n"
		"  scope\n"
		"    true    agent.id in `a1`, `a2`   found: A1   [line 10]\n"
		"  when\n"
		"    unknown and   [line 11]\n"
		"    unknown   not   [line 11]\n"
		"    unknown     agent.environment equals `test`   (absent)   [line 11]\n"
		"    true      risk_score greater_than `70`   found: 70.5   [line 11]\n"
		"\n"
		"disabled: off  (hold, priority 0, p.yaml:13)\n"
		"  when\n"
		"    true    always   [line 13]\n"
		"\n"
		"MATCHED: watch  (hold, monitor only, priority 7, p.yaml:14)\n"
		"  when\n"
		"    true    always   [line 14]\n");
}

static void test_nothing_matched(void **state)
{
	struct bench *b = *state;
	struct policy_source source = {.name = "p.yaml", .text = SPAN_LIT("")};
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_set *empty;

	assert_int_equal(policy_load(&source, 1, &empty, &error), PARSE_DONE);
	assert_int_equal(policy_explain(empty, b->eval, b->facts, MODE_ENFORCE, &b->out), 0);
	assert_non_null(strstr(buf_str(&b->out),
			       "\"confidence\":\"low\",\"contributing_factors\":[],"
			       "\"decision\":\"allow\""));
	assert_non_null(strstr(buf_str(&b->out),
			       "\"primary_reason\":\"no policy matched\",\"reason\":"
			       "\"no-match\",\"recommendation\":\"Nothing to do.\""));
	policy_set_unref(empty);
}

static void test_monitor(void **state)
{
	struct bench *b = *state;

	set_facts(b);
	assert_int_equal(policy_explain_text(b->set, b->eval, b->facts, MODE_MONITOR, &b->out), 0);
	assert_non_null(
		strstr(buf_str(&b->out),
		       "Decision: allow (if all were enforced: block)\nReason: personal data\n"));
	assert_non_null(strstr(buf_str(&b->out), "Nothing was stopped"));
}

/* Long values are cut, between characters; and the result is still JSON. */
static void test_long_values(void **state)
{
	struct bench *b = *state;
	struct buf text = BUF_INIT(1u << 16);
	struct json_scan *scan = json_scan_new(10000);

	buf_put_str(&text, "ssn ");
	for (int i = 0; i < 1000; i++)
		buf_put_str(&text, "äöü\"\\");
	assert_int_equal(facts_set_text(b->facts, FACT_PROMPT, buf_span(&text)), 0);
	assert_int_equal(policy_explain(b->set, b->eval, b->facts, MODE_ENFORCE, &b->out), 0);
	assert_true(b->out.n < 4000);
	assert_int_equal(json_scan_all(scan, buf_span(&b->out)), PARSE_DONE);
	assert_non_null(strstr(buf_str(&b->out), "…"));
	json_scan_free(scan);
	buf_deinit(&text);
}

static void test_out_is_full(void **state)
{
	struct bench *b = *state;

	for (size_t max = 0; max < 200; max += 7) {
		struct buf small = BUF_INIT(max);

		assert_int_equal(policy_explain(b->set, b->eval, b->facts, MODE_ENFORCE, &small),
				 -E2BIG);
		buf_deinit(&small);
		small = BUF_INIT(max);
		assert_int_equal(
			policy_explain_text(b->set, b->eval, b->facts, MODE_ENFORCE, &small),
			-E2BIG);
		buf_deinit(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_matched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_monitor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_is_full, setup, teardown),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
