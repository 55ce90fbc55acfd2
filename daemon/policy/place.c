/* SPDX-License-Identifier: MIT */
#include "policy/place.h"

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

bool place_finds(const struct policy_set *set, uint32_t condition)
{
	bool any = false;

	(void)each_test(set, condition, false, note_any, &any);
	return any;
}

/* One policy while what it looks for is noted. */
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
		int64_t at = SET_APPEND(set, place, places_n, places_cap);

		if (at < 0)
			return (int)at;
		set->place[at] = (struct place){.policy = n->policy,
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

		if (p->action != VERDICT_REDACT && p->action != VERDICT_HOLD)
			continue;
		p->place = (uint32_t)set->places_n;
		r = each_test(set, p->when, false, note_operands, &n);
		if (r)
			return r;
		p->places_n = (uint32_t)set->places_n - p->place;
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
	const struct place *place = &set->place[id];
	struct buf text = BUF_INIT(AICP_PATTERN_BYTES_MAX * 4 + 1);
	int r = matcher_put(&text, &set->condition[place->condition],
			    &set->operand[place->operand]);

	if (r < 0 || !buf_str(&text)) {
		buf_deinit(&text);
		return -ENOMEM;
	}
	x->text[x->n] = (char *)text.p;
	x->flags[x->n] = FLAGS;
	x->id[x->n++] = id;
	return 0;
}

static int refuse(struct load *load, const struct place *place, const char *why)
{
	const struct policy_set *set = load->set;
	const struct operand *operand = &set->operand[place->operand];

	load->file = set->policy[place->policy].file;
	return LOAD_FAIL(load, operand->line,
			 "`%.*s` can be found, but not where it begins, so it cannot be redacted: "
			 "%s Take a simpler pattern, or `then: block`",
			 YAML_SHOW(operand->text), why);
}

static hs_error_t compile(const struct expressions *x, hs_database_t **ret_db,
			  hs_compile_error_t **ret_why)
{
	return hs_compile_multi((const char *const *)x->text, x->flags, x->id, x->n, HS_MODE_BLOCK,
				NULL, ret_db, ret_why);
}

/* The library has one code for a bad pattern and for no memory. */
static bool is_memory(const hs_compile_error_t *why)
{
	return strstr(why->message, "allocate memory") != NULL;
}

static int compile_redacted(struct load *load, struct subject *subject, const struct expressions *x)
{
	hs_compile_error_t *why = NULL;
	int err = -ENOMEM;

	if (compile(x, &subject->where[PLACE_REDACTED], &why) == HS_SUCCESS)
		return 0;
	if (!is_memory(why)) {
		if (why->expression >= 0 && (unsigned)why->expression < x->n)
			err = refuse(load, &load->set->place[x->id[why->expression]], why->message);
		else
			err = LOAD_FAIL(load, 0, "what is to be redacted in `%.*s`, together: %s",
					YAML_SHOW(subject->name), why->message);
	}
	hs_free_compile_error(why);
	return load_go_on(load, err);
}

static void drop_expression(struct expressions *x, unsigned i)
{
	free(x->text[i]);
	x->n--;
	x->text[i] = x->text[x->n];
	x->flags[i] = x->flags[x->n];
	x->id[i] = x->id[x->n];
}

/* A mark that cannot be set is no reason to refuse a policy that holds. */
static int compile_shown(struct subject *subject, struct expressions *x)
{
	while (x->n) {
		hs_compile_error_t *why = NULL;
		int at;
		bool memory;

		if (compile(x, &subject->where[PLACE_SHOWN], &why) == HS_SUCCESS)
			return 0;
		at = why->expression;
		memory = is_memory(why);
		hs_free_compile_error(why);
		if (memory)
			return -ENOMEM;
		if (at < 0 || (unsigned)at >= x->n)
			return 0;
		drop_expression(x, (unsigned)at);
	}
	return 0;
}

static bool is_searched(const struct policy_set *set, const struct place *place, uint32_t subject,
			enum place_kind kind)
{
	const struct condition *c = &set->condition[place->condition];

	return c->subject == subject && c->test != TEST_EQUAL &&
	       place_kind(set->policy[place->policy].action) == kind;
}

static int build_subject(struct load *load, uint32_t subject, enum place_kind kind)
{
	struct policy_set *set = load->set;
	struct expressions x CLEANUP(deinit_expressions) = {0};
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < set->places_n; i++)
		n += is_searched(set, &set->place[i], subject, kind);
	if (!n)
		return 0;
	x.text = calloc(n, sizeof(*x.text));
	x.flags = calloc(n, sizeof(*x.flags));
	x.id = calloc(n, sizeof(*x.id));
	if (!x.text || !x.flags || !x.id)
		return -ENOMEM;
	for (size_t i = 0; i < set->places_n && !r; i++)
		if (is_searched(set, &set->place[i], subject, kind))
			r = add_expression(&x, set, (uint32_t)i);
	if (r)
		return r;
	return kind == PLACE_SHOWN ? compile_shown(&set->subject[subject], &x)
				   : compile_redacted(load, &set->subject[subject], &x);
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
	s->found = s->set->place[id].policy == s->policy;
	return s->found;
}

/* Is the policy's replacement what this part of it looks for? */
static int finds_own(const struct policy_set *set, const struct place *place, hs_scratch_t *scratch,
		     bool *ret_finds)
{
	const struct condition *c = &set->condition[place->condition];
	const struct operand *operand = &set->operand[place->operand];
	struct span text = set->policy[place->policy].replacement;
	struct search s = {set, place->policy, false};
	hs_error_t e;

	if (c->test == TEST_EQUAL) {
		*ret_finds = operand->kind == FACT_TEXT && span_ieq(operand->text, text);
		return 0;
	}
	if (!set->subject[c->subject].where[PLACE_REDACTED])
		return 0;
	e = hs_scan(set->subject[c->subject].where[PLACE_REDACTED], (const char *)text.p,
		    (unsigned)text.n, 0, scratch, on_own, &s);
	*ret_finds = s.found;
	return e == HS_SUCCESS || e == HS_SCAN_TERMINATED ? 0 : -ENOMEM;
}

static int check_policy(struct load *load, const struct policy *policy, hs_scratch_t *scratch)
{
	const struct policy_set *set = load->set;

	for (uint32_t i = 0; policy->action == VERDICT_REDACT && i < policy->places_n; i++) {
		const struct place *place = &set->place[policy->place + i];
		bool finds = false;
		int r = finds_own(set, place, scratch, &finds);

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

int place_build(struct load *load)
{
	struct policy_set *set = load->set;
	hs_scratch_t *scratch = NULL;
	int r = note_policies(set);

	for (size_t i = 0; i < set->subjects_n && !r; i++)
		for (unsigned k = 0; k < _PLACE_KINDS && !r; k++)
			r = build_subject(load, (uint32_t)i, (enum place_kind)k);
	if (!r && set->places_n)
		r = matcher_scratch(set, &scratch);
	for (size_t i = 0; i < set->policies_n && !r; i++)
		r = check_policy(load, &set->policy[i], scratch);
	hs_free_scratch(scratch);
	return r;
}
