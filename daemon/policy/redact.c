/* SPDX-License-Identifier: MIT */
#include "policy/redact.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "policy/matcher.h"

#include <errno.h>

/* As the matcher has it, but that every match is reported, with its beginning. */
#define FLAGS (HS_FLAG_CASELESS | HS_FLAG_UTF8 | HS_FLAG_SOM_LEFTMOST)

/* The texts that stand in strings of the body. */
static bool is_body_text(enum fact_id id)
{
	static const enum fact_id texts[] = {FACT_PROMPT,    FACT_PROMPT_LAST,	FACT_SYSTEM,
					     FACT_ASSISTANT, FACT_TOOL_RESULTS, FACT_TEXT_ALL};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i] == id)
			return true;
	return false;
}

/* inverted: an odd number of nots stands above. */
static bool looks_for(const struct policy_set *set, const struct condition *c, bool inverted)
{
	if (c->kind != CONDITION_LEAF || c->negated != inverted ||
	    !is_body_text(set->subject[c->subject].id))
		return false;
	return c->test == TEST_EQUAL || c->test == TEST_HIT_ANY || c->test == TEST_HIT_ALL;
}

/* Calls note for each such test at and below a condition. */
static int each_test(const struct policy_set *set, uint32_t condition, bool inverted,
		     int (*note)(void *ctx, uint32_t condition), void *ctx)
{
	const struct condition *c = &set->condition[condition];
	int r = 0;

	if (looks_for(set, c, inverted))
		return note(ctx, condition);
	if (c->kind == CONDITION_NOT)
		inverted = !inverted;
	if (c->kind == CONDITION_LEAF || c->kind == CONDITION_ALWAYS)
		return 0;
	for (uint32_t i = c->child; i && !r; i = set->condition[i].next)
		r = each_test(set, i, inverted, note, ctx);
	return r;
}

static int note_any(void *ctx, uint32_t condition)
{
	(void)condition;
	*(bool *)ctx = true;
	return 1;
}

bool redact_finds(const struct policy_set *set, uint32_t condition)
{
	bool any = false;

	(void)each_test(set, condition, false, note_any, &any);
	return any;
}

/* One redacting policy while what it looks for is noted. */
struct noting {
	struct policy_set *set;
	uint32_t policy;
};

static int note_operands(void *ctx, uint32_t condition)
{
	struct noting *n = ctx;
	struct policy_set *set = n->set;
	const struct condition *c = &set->condition[condition];

	for (uint32_t i = 0; i < c->operands_n; i++) {
		int64_t at = SET_APPEND(set, redact, redacts_n, redacts_cap);

		if (at < 0)
			return (int)at;
		set->redact[at] = (struct redact){.policy = n->policy,
						  .condition = condition,
						  .operand = c->operand + i,
						  .inverted = c->negated};
	}
	return 0;
}

static int note_policies(struct policy_set *set)
{
	for (size_t i = 0; i < set->policies_n; i++) {
		struct policy *p = &set->policy[i];
		struct noting n = {set, (uint32_t)i};
		int r;

		if (p->action != VERDICT_REDACT)
			continue;
		p->redact = (uint32_t)set->redacts_n;
		r = each_test(set, p->when, false, note_operands, &n);
		if (r)
			return r;
		p->redacts_n = (uint32_t)set->redacts_n - p->redact;
	}
	return 0;
}

/* What is looked for in one fact, in the library's form. */
struct expressions {
	char **text;
	unsigned *flags, *id;
	unsigned n;
};

static void deinit_expressions(struct expressions *x)
{
	for (unsigned i = 0; i < x->n; i++)
		free(x->text[i]);
	free(x->text);
	free(x->flags);
	free(x->id);
}

static int add_expression(struct expressions *x, const struct policy_set *set, uint32_t id)
{
	const struct redact *redact = &set->redact[id];
	struct buf text = BUF_INIT(AICP_PATTERN_BYTES_MAX * 4 + 1);
	int r = matcher_put(&text, &set->condition[redact->condition],
			    &set->operand[redact->operand]);

	if (r < 0 || !buf_str(&text)) {
		buf_deinit(&text);
		return -ENOMEM;
	}
	x->text[x->n] = (char *)text.p;
	x->flags[x->n] = FLAGS;
	x->id[x->n++] = id;
	return 0;
}

static int refuse(struct load *load, const struct redact *redact, const char *why)
{
	const struct policy_set *set = load->set;
	const struct operand *operand = &set->operand[redact->operand];

	load->file = set->policy[redact->policy].file;
	return LOAD_FAIL(load, operand->line,
			 "`%.*s` can be found, but not where it begins, so it cannot be redacted: "
			 "%s Take a simpler pattern, or `then: block`",
			 YAML_SHOW(operand->text), why);
}

static int compile(struct load *load, struct subject *subject, const struct expressions *x)
{
	hs_compile_error_t *why = NULL;
	hs_error_t e = hs_compile_multi((const char *const *)x->text, x->flags, x->id, x->n,
					HS_MODE_BLOCK, NULL, &subject->places, &why);
	int err = -ENOMEM;

	if (e == HS_SUCCESS)
		return 0;
	/* The library has one code for a bad pattern and for no memory. */
	if (!strstr(why->message, "allocate memory")) {
		if (why->expression >= 0 && (unsigned)why->expression < x->n)
			err = refuse(load, &load->set->redact[x->id[why->expression]],
				     why->message);
		else
			err = LOAD_FAIL(load, 0, "what is to be redacted in `%.*s`, together: %s",
					YAML_SHOW(subject->name), why->message);
	}
	hs_free_compile_error(why);
	return load_go_on(load, err);
}

static bool is_place(const struct policy_set *set, const struct redact *redact, uint32_t subject)
{
	const struct condition *c = &set->condition[redact->condition];

	return c->subject == subject && c->test != TEST_EQUAL;
}

static int build_subject(struct load *load, uint32_t subject)
{
	struct policy_set *set = load->set;
	struct expressions x CLEANUP(deinit_expressions) = {0};
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < set->redacts_n; i++)
		n += is_place(set, &set->redact[i], subject);
	if (!n)
		return 0;
	x.text = calloc(n, sizeof(*x.text));
	x.flags = calloc(n, sizeof(*x.flags));
	x.id = calloc(n, sizeof(*x.id));
	if (!x.text || !x.flags || !x.id)
		return -ENOMEM;
	for (size_t i = 0; i < set->redacts_n && !r; i++)
		if (is_place(set, &set->redact[i], subject))
			r = add_expression(&x, set, (uint32_t)i);
	return r ? r : compile(load, &set->subject[subject], &x);
}

/* A search of one policy's own replacement. */
struct search {
	const struct policy_set *set;
	uint32_t policy;
	bool found;
};

static int on_own(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		  void *ctx)
{
	struct search *s = ctx;

	(void)from;
	(void)to;
	(void)flags;
	s->found = s->set->redact[id].policy == s->policy;
	return s->found;
}

/* Is the policy's replacement what this part of it looks for? */
static int finds_own(const struct policy_set *set, const struct redact *redact,
		     hs_scratch_t *scratch, bool *ret_finds)
{
	const struct condition *c = &set->condition[redact->condition];
	const struct operand *operand = &set->operand[redact->operand];
	struct span text = set->policy[redact->policy].replacement;
	struct search s = {set, redact->policy, false};
	hs_error_t e;

	if (c->test == TEST_EQUAL) {
		*ret_finds = operand->kind == FACT_TEXT && span_ieq(operand->text, text);
		return 0;
	}
	if (!set->subject[c->subject].places)
		return 0;
	e = hs_scan(set->subject[c->subject].places, (const char *)text.p, (unsigned)text.n, 0,
		    scratch, on_own, &s);
	*ret_finds = s.found;
	return e == HS_SUCCESS || e == HS_SCAN_TERMINATED ? 0 : -ENOMEM;
}

static int check_policy(struct load *load, const struct policy *policy, hs_scratch_t *scratch)
{
	const struct policy_set *set = load->set;

	for (uint32_t i = 0; i < policy->redacts_n; i++) {
		const struct redact *redact = &set->redact[policy->redact + i];
		bool finds = false;
		int r = finds_own(set, redact, scratch, &finds);

		if (r)
			return r;
		if (!finds)
			continue;
		load->file = policy->file;
		return load_go_on(
			load,
			LOAD_FAIL(load, policy->line,
				  "policy `%.*s` finds its own replacement `%.*s`, so that nothing "
				  "it redacts could ever leave; give another `replacement:`",
				  YAML_SHOW(policy->name), YAML_SHOW(policy->replacement)));
	}
	return 0;
}

int redact_build(struct load *load)
{
	struct policy_set *set = load->set;
	hs_scratch_t *scratch = NULL;
	int r = note_policies(set);

	for (size_t i = 0; i < set->subjects_n && !r; i++)
		r = build_subject(load, (uint32_t)i);
	if (!r && set->redacts_n)
		r = matcher_scratch(set, &scratch);
	for (size_t i = 0; i < set->policies_n && !r; i++)
		r = check_policy(load, &set->policy[i], scratch);
	hs_free_scratch(scratch);
	return r;
}
