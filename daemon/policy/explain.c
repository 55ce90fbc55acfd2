/* SPDX-License-Identifier: MIT */
#include "policy/explain.h"

void explain_begin(struct explain *x, const struct policy_set *set, struct policy_eval *eval,
		   const struct facts *facts, enum mode mode)
{
	*x = (struct explain){.set = set, .eval = eval, .facts = facts, .mode = mode};
	x->text = BUF_INIT(64u << 10);
	x->verdict = policy_evaluate(set, eval, facts, mode);
	x->decides = policy_set_find(set, x->verdict.policy);
}

void explain_end(struct explain *x)
{
	buf_deinit(&x->text);
}

static void walk(struct explain *x, struct explain_step step, explain_visit *visit, void *user)
{
	const struct condition *c = &x->set->condition[step.condition];

	visit(x, &step, user);
	step.depth++;
	step.negated ^= c->kind == CONDITION_NOT;
	for (step.condition = c->child; step.condition;
	     step.condition = x->set->condition[step.condition].next)
		walk(x, step, visit, user);
}

void explain_walk(struct explain *x, uint32_t condition, explain_visit *visit, void *user)
{
	if (condition)
		walk(x, (struct explain_step){.condition = condition}, visit, user);
}

enum eval_result explain_result(struct explain *x, uint32_t condition)
{
	return eval_condition(x->eval, x->set, condition);
}

const char *explain_result_name(enum eval_result result)
{
	switch (result) {
	case EVAL_FALSE:
		return "false";
	case EVAL_TRUE:
		return "true";
	case EVAL_UNKNOWN:
		break;
	}
	return "unknown";
}

const char *explain_operator_name(const struct condition *c)
{
	switch (c->kind) {
	case CONDITION_ALWAYS:
		return "always";
	case CONDITION_AND:
		return "and";
	case CONDITION_OR:
		return "or";
	case CONDITION_NOT:
		return "not";
	case CONDITION_LEAF:
		break;
	}
	return operator_info(c->op)->name;
}

void explain_put_operand(const struct operand *operand, struct buf *out)
{
	struct fact_value value = {.kind = operand->kind,
				   .boolean = operand->boolean,
				   .number = operand->number,
				   .text = operand->text};

	fact_value_put(&value, EXPLAIN_TEXT_BYTES_MAX, out);
}

void explain_put_test(struct explain *x, uint32_t condition, struct buf *out)
{
	const struct condition *c = &x->set->condition[condition];

	if (c->kind != CONDITION_LEAF) {
		buf_put_str(out, explain_operator_name(c));
		return;
	}
	buf_put(out, x->set->subject[c->subject].name);
	buf_put_byte(out, ' ');
	buf_put_str(out, explain_operator_name(c));
	for (uint32_t i = 0; i < c->operands_n; i++) {
		if (i == EXPLAIN_VALUES_MAX) {
			buf_printf(out, " and %u more", c->operands_n - i);
			break;
		}
		buf_put_str(out, i ? ", `" : " `");
		explain_put_operand(&x->set->operand[c->operand + i], out);
		buf_put_byte(out, '`');
	}
}

bool explain_is_factor(struct explain *x, const struct explain_step *step)
{
	const struct condition *c = &x->set->condition[step->condition];

	if (c->kind != CONDITION_LEAF && c->kind != CONDITION_ALWAYS)
		return false;
	return explain_result(x, step->condition) == (step->negated ? EVAL_FALSE : EVAL_TRUE);
}

const char *explain_confidence(const struct explain *x)
{
	const struct policy *policy = x->set->policy;
	const uint32_t *index;
	size_t n = policy_eval_matched(x->eval, &index);

	if (!n)
		return "low";
	/* Most restrictive first: when first and last agree, all do. */
	return policy[index[0]].action == policy[index[n - 1]].action ? "high" : "medium";
}

const char *explain_recommendation(const struct explain *x)
{
	if (x->verdict.reason == REASON_NO_MEMORY)
		return "Free memory on this host, then send the request again.";
	if (x->verdict.action == VERDICT_ALLOW && x->verdict.would > VERDICT_ALLOW)
		return "Nothing was stopped: this is monitor mode. Before enforcing, check that "
		       "this "
		       "request is one the policy means.";
	switch (x->verdict.action) {
	case VERDICT_ALLOW:
		return "Nothing to do.";
	case VERDICT_WARN:
		return "The request passes and the warning is on record; change what the "
		       "contributing "
		       "factors name if it is not meant.";
	case VERDICT_REDACT:
		return "Take out what the contributing factors name, or send it where the policy "
		       "allows it.";
	case VERDICT_HOLD:
		return "Have the request approved, or change what the contributing factors name.";
	case VERDICT_BLOCK:
	case _VERDICT_COUNT:
		break;
	}
	return "Change what the contributing factors name, or ask the owner of the policy.";
}

struct span explain_primary_reason(const struct explain *x)
{
	return x->verdict.text.n ? x->verdict.text : span_str(reason_text(x->verdict.reason));
}
