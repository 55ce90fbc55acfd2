/* SPDX-License-Identifier: MIT */
/* An explanation as canonical JSON. */
#include "policy/explain.h"

#include "base/json_write.h"

static void put_condition(struct explain *x, const struct explain_step *step, void *user)
{
	const struct condition *c = &x->set->condition[step->condition];
	struct json_write *w = user;

	json_write_object(w, NULL);
	json_write_int(w, "depth", step->depth);
	if (c->kind == CONDITION_LEAF) {
		const struct subject *s = &x->set->subject[c->subject];
		const struct fact_value *value = eval_value(x->eval, c->subject);

		json_write_string(w, "fact", s->name);
		buf_clear(&x->text);
		fact_value_put(value, EXPLAIN_TEXT_BYTES_MAX, &x->text);
		if (value->kind == FACT_ABSENT)
			json_write_null(w, "found");
		else
			json_write_string(w, "found", buf_span(&x->text));
	}
	json_write_int(w, "line", c->line);
	json_write_str(w, "operator", explain_operator_name(c));
	json_write_str(w, "result", explain_result_name(explain_result(x, step->condition)));
	if (c->kind == CONDITION_LEAF) {
		json_write_array(w, "wanted");
		for (uint32_t i = 0; i < c->operands_n && i < EXPLAIN_VALUES_MAX; i++) {
			buf_clear(&x->text);
			explain_put_operand(&x->set->operand[c->operand + i], &x->text);
			json_write_string(w, NULL, buf_span(&x->text));
		}
		if (c->operands_n > EXPLAIN_VALUES_MAX)
			json_write_str(w, NULL, "…");
		json_write_end_array(w);
	}
	json_write_end_object(w);
}

static void put_conditions(struct explain *x, struct json_write *w, const char *key,
			   uint32_t condition)
{
	json_write_array(w, key);
	explain_walk(x, condition, put_condition, w);
	json_write_end_array(w);
}

static void put_policy(struct explain *x, struct json_write *w, const struct policy *p)
{
	enum eval_result scope = p->scope ? explain_result(x, p->scope) : EVAL_TRUE;
	enum eval_result when = explain_result(x, p->when);

	json_write_object(w, NULL);
	json_write_str(w, "action", verdict_action_name(p->action));
	json_write_array(w, "compliance");
	for (size_t i = 0; i < p->compliance_n; i++)
		json_write_string(w, NULL, p->compliance[i]);
	json_write_end_array(w);
	put_conditions(x, w, "conditions", p->when);
	json_write_bool(w, "enabled", p->enabled);
	json_write_str(w, "file", p->file);
	json_write_int(w, "line", p->line);
	json_write_bool(w, "matched", p->enabled && scope == EVAL_TRUE && when == EVAL_TRUE);
	json_write_str(w, "mode", mode_name(p->mode));
	json_write_string(w, "name", p->name);
	json_write_int(w, "priority", p->priority);
	json_write_string(w, "reason", p->reason);
	json_write_str(w, "result", explain_result_name(when));
	put_conditions(x, w, "scope", p->scope);
	json_write_str(w, "scope_result", explain_result_name(scope));
	json_write_end_object(w);
}

static void put_factor(struct explain *x, const struct explain_step *step, void *user)
{
	if (!explain_is_factor(x, step))
		return;
	buf_clear(&x->text);
	if (step->negated)
		buf_put_str(&x->text, "not: ");
	explain_put_test(x, step->condition, &x->text);
	json_write_string(user, NULL, buf_span(&x->text));
}

static void put_factors(struct explain *x, struct json_write *w)
{
	json_write_array(w, "contributing_factors");
	if (x->decides < x->set->policies_n) {
		const struct policy *p = &x->set->policy[x->decides];

		explain_walk(x, p->scope, put_factor, w);
		explain_walk(x, p->when, put_factor, w);
	}
	json_write_end_array(w);
}

static void put_chain(struct explain *x, struct json_write *w)
{
	const uint32_t *index;
	size_t n = policy_eval_matched(x->eval, &index);

	json_write_array(w, "policy_chain");
	for (size_t i = 0; i < n; i++)
		json_write_string(w, NULL, x->set->policy[index[i]].name);
	json_write_end_array(w);
}

static void put_fact(struct explain *x, struct json_write *w, const char *key, enum fact_id id)
{
	const struct fact_value *value = facts_get(x->facts, id);

	buf_clear(&x->text);
	fact_value_put(value, EXPLAIN_TEXT_BYTES_MAX, &x->text);
	if (value->kind == FACT_ABSENT)
		json_write_null(w, key);
	else
		json_write_string(w, key, buf_span(&x->text));
}

static void put_details(struct explain *x, struct json_write *w)
{
	const uint32_t *index;
	const struct fact_value *chars = facts_get(x->facts, FACT_PROMPT_CHARS);

	json_write_object(w, "technical_details");
	json_write_object(w, "context_summary");
	put_fact(x, w, "agent_id", FACT_AGENT_ID);
	put_fact(x, w, "model", FACT_MODEL);
	if (chars->kind == FACT_NUMBER)
		json_write_int(w, "prompt_length", (int64_t)chars->number);
	else
		json_write_null(w, "prompt_length");
	put_fact(x, w, "risk_level", FACT_RISK_LEVEL);
	put_fact(x, w, "user", FACT_USER);
	json_write_end_object(w);
	if (x->verdict.policy.n)
		json_write_string(w, "decision_policy", x->verdict.policy);
	else
		json_write_null(w, "decision_policy");
	json_write_int(w, "policies_matched", (int64_t)policy_eval_matched(x->eval, &index));
	json_write_int(w, "total_policies_evaluated", (int64_t)x->set->order_n);
	json_write_end_object(w);
}

int policy_explain(const struct policy_set *set, struct policy_eval *eval,
		   const struct facts *facts, enum mode mode, struct buf *out)
{
	struct json_write w;
	struct explain x;
	int r;

	explain_begin(&x, set, eval, facts, mode);
	json_write_init(&w, out, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "confidence", explain_confidence(&x));
	put_factors(&x, &w);
	json_write_str(&w, "decision", verdict_action_name(x.verdict.action));
	json_write_str(&w, "mode", mode_name(mode));
	json_write_array(&w, "policies");
	/* Without memory nothing was looked at. */
	for (size_t i = 0; i < set->policies_n && x.verdict.reason != REASON_NO_MEMORY; i++)
		put_policy(&x, &w, &set->policy[i]);
	json_write_end_array(&w);
	put_chain(&x, &w);
	json_write_str(&w, "policy_set", set->digest);
	json_write_string(&w, "primary_reason", explain_primary_reason(&x));
	json_write_str(&w, "reason", reason_code(x.verdict.reason));
	json_write_str(&w, "recommendation", explain_recommendation(&x));
	put_details(&x, &w);
	json_write_str(&w, "would", verdict_action_name(x.verdict.would));
	json_write_end_object(&w);
	r = out->err ? out->err : x.text.err;
	explain_end(&x);
	return r;
}
