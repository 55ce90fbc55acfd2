/* SPDX-License-Identifier: MIT */
/* layer: policy */
/*
 * A policy file and facts: it loads or is refused with a message, and what loads gives a verdict
 * that keeps its promises. Behind a line "%%" stand facts, one NAME=VALUE a line.
 */
#include "policy/policy.h"

#include "base/json.h"
#include "base/utf8.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span split(struct span *text)
{
	struct span all = *text;

	for (size_t i = 0; i + 4 <= all.n; i++)
		if (memcmp(all.p + i, "\n%%\n", 4) == 0) {
			*text = span_sub(all, 0, i + 1);
			return span_sub(all, i + 4, all.n);
		}
	return SPAN_NULL;
}

static void set_facts(struct facts *facts, struct span lines)
{
	while (lines.n) {
		size_t end = span_find(lines, '\n'), equals = span_find(lines, '=');
		struct fact_value value = {.kind = FACT_TEXT};

		value.text = span_sub(lines, equals + 1, end);
		if (equals < end && facts_set_open(facts, span_sub(lines, 0, equals), &value) < 0)
			(void)!facts_add(facts, FACT_TOOLS, value.text);
		lines = span_sub(lines, end + 1, lines.n);
	}
}

static void check_infos(const struct policy_set *set, struct span text)
{
	for (size_t i = 0; i < policy_set_count(set); i++) {
		struct policy_info info;

		policy_set_info(set, i, &info);
		CHECK(info.name.n && utf8_valid(info.name) && info.reason.n);
		CHECK(policy_set_find(set, info.name) == i);
		CHECK(info.source.n <= text.n && info.line > 0);
	}
}

static void check_explanations(const struct policy_set *set, struct policy_eval *eval,
			       const struct facts *facts)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct buf out = BUF_INIT(64u << 20);
	struct json json;
	struct verdict v;

	CHECK(scan);
	CHECK(policy_explain(set, eval, facts, MODE_ENFORCE, &out) == 0);
	CHECK(json_scan_all(scan, buf_span(&out)) == PARSE_DONE);
	json = json_scan_json(scan, buf_span(&out));
	v = policy_evaluate(set, eval, facts, MODE_ENFORCE);
	CHECK(json_string_eq(&json, json_get(&json, 0, "decision"),
			     span_str(verdict_action_name(v.action))));
	buf_clear(&out);
	CHECK(policy_explain_text(set, eval, facts, MODE_ENFORCE, &out) == 0);
	for (size_t i = 0; i < out.n; i++)
		CHECK(out.p[i] >= 0x20 || out.p[i] == '\n');
	buf_deinit(&out);
	json_scan_free(scan);
}

static void check_verdicts(const struct policy_set *set, struct span lines)
{
	struct policy_eval *eval = policy_eval_new();
	struct facts *facts = facts_new();
	struct verdict a, b, m;

	CHECK(eval && facts);
	set_facts(facts, lines);
	a = policy_evaluate(set, eval, facts, MODE_ENFORCE);
	b = policy_evaluate(set, eval, facts, MODE_ENFORCE);
	m = policy_evaluate(set, eval, facts, MODE_MONITOR);
	CHECK(a.action == b.action && a.would == b.would && span_eq(a.policy, b.policy));
	CHECK(a.would >= a.action && m.action == VERDICT_ALLOW && m.would == a.would);
	CHECK(a.reason == REASON_POLICY || a.reason == REASON_NO_MATCH);
	check_explanations(set, eval, facts);
	facts_free(facts);
	policy_eval_free(eval);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_source source = {.name = "f.yaml", .text = span_of(data, size)};
	struct span lines = split(&source.text);
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf errors = BUF_INIT(1u << 20);
	struct policy_set *set = NULL;
	size_t n = 0;
	int r = policy_load(&source, 1, &set, &error);

	CHECK(r >= PARSE_DONE && r <= PARSE_E_LIMIT && r != PARSE_E_MORE);
	CHECK(policy_check(&source, 1, &errors, &n) == 0);
	CHECK((n == 0) == (r == PARSE_DONE) && (n == 0) == (errors.n == 0));
	if (r == PARSE_DONE) {
		check_infos(set, source.text);
		check_verdicts(set, lines);
	} else {
		CHECK(span_starts(buf_span(&error.text), SPAN_LIT("f.yaml:")) && !set);
		CHECK(utf8_valid(buf_span(&error.text)));
	}
	policy_set_unref(set);
	buf_deinit(&errors);
	yaml_error_deinit(&error);
	return 0;
}
