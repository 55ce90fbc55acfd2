/* SPDX-License-Identifier: MIT */
/* An explanation for a reader of plain text. */
#include "policy/explain.h"

/* Values come from programs and may hold line ends and worse: a terminal shows none of it. */
static void put_printable(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		bool c1 = text.p[i] == 0xc2 && i + 1 < text.n && text.p[i + 1] < 0xa0;

		if (c1)
			i++;
		buf_put_byte(out, c1 || text.p[i] < 0x20 || text.p[i] == 0x7f ? '?' : text.p[i]);
	}
}

static void put_condition(struct explain *x, const struct explain_step *step, void *user)
{
	const struct condition *c = &x->set->condition[step->condition];
	struct buf *out = user;

	buf_printf(out, "    %-8s", explain_result_name(explain_result(x, step->condition)));
	for (unsigned i = 0; i < step->depth; i++)
		buf_put_str(out, "  ");
	buf_clear(&x->text);
	explain_put_test(x, step->condition, &x->text);
	put_printable(buf_span(&x->text), out);
	if (c->kind == CONDITION_LEAF) {
		const struct fact_value *value = eval_value(x->eval, c->subject);

		buf_clear(&x->text);
		fact_value_put(value, EXPLAIN_TEXT_BYTES_MAX, &x->text);
		buf_put_str(out, value->kind == FACT_ABSENT ? "   (" : "   found: ");
		put_printable(buf_span(&x->text), out);
		buf_put_str(out, value->kind == FACT_ABSENT ? ")" : "");
	}
	buf_printf(out, "   [line %d]\n", c->line);
}

static void put_policy(struct explain *x, const struct policy *p, struct buf *out)
{
	enum eval_result scope = p->scope ? explain_result(x, p->scope) : EVAL_TRUE;
	enum eval_result when = explain_result(x, p->when);
	const char *state = !p->enabled		 ? "disabled"
			    : scope != EVAL_TRUE ? "out of scope"
			    : when == EVAL_TRUE	 ? "MATCHED"
						 : "no match";

	buf_printf(out, "\n%s: ", state);
	put_printable(p->name, out);
	buf_printf(out, "  (%s%s, priority %lld, %s:%d)\n", verdict_action_name(p->action),
		   p->mode == MODE_MONITOR ? ", monitor only" : "", (long long)p->priority, p->file,
		   p->line);
	if (p->scope) {
		buf_put_str(out, "  scope\n");
		explain_walk(x, p->scope, put_condition, out);
	}
	buf_put_str(out, "  when\n");
	explain_walk(x, p->when, put_condition, out);
}

static void put_summary(struct explain *x, struct buf *out)
{
	const uint32_t *index;
	const struct verdict *v = &x->verdict;

	buf_printf(out, "Decision: %s", verdict_action_name(v->action));
	if (v->would != v->action)
		buf_printf(out, " (if all were enforced: %s)", verdict_action_name(v->would));
	buf_put_str(out, "\nReason: ");
	put_printable(explain_primary_reason(x), out);
	if (v->policy.n) {
		buf_put_str(out, "\nPolicy: ");
		put_printable(v->policy, out);
	}
	buf_printf(out, "\nConfidence: %s\n", explain_confidence(x));
	buf_printf(out, "Policies: %zu evaluated, %zu matched\n", x->set->order_n,
		   policy_eval_matched(x->eval, &index));
	buf_printf(out, "Recommendation: %s\n", explain_recommendation(x));
}

int policy_explain_text(const struct policy_set *set, struct policy_eval *eval,
			const struct facts *facts, enum mode mode, struct buf *out)
{
	struct explain x;
	int r;

	explain_begin(&x, set, eval, facts, mode);
	put_summary(&x, out);
	for (size_t i = 0; i < set->policies_n && x.verdict.reason != REASON_NO_MEMORY; i++)
		put_policy(&x, &set->policy[i], out);
	r = out->err ? out->err : x.text.err;
	explain_end(&x);
	return r;
}
