/* SPDX-License-Identifier: MIT */
#include "policy/eval.h"

#include "base/cleanup.h"
#include "base/utf8.h"
#include "policy/matcher.h"

#include <errno.h>

struct policy_eval *policy_eval_new(void)
{
	return calloc(1, sizeof(struct policy_eval));
}

static void forget(struct policy_eval *eval)
{
	hs_free_scratch(eval->scratch);
	free(eval->hits);
	free(eval->value);
	free(eval->scanned);
	free(eval->matched);
	free(eval->wanted);
	free(eval->finding);
	*eval = (struct policy_eval){0};
}

void policy_eval_free(struct policy_eval *eval)
{
	if (!eval)
		return;
	forget(eval);
	free(eval);
}

/* A set of the same digest has the same patterns in the same order, so the memory fits it too. */
static int fit(struct policy_eval *eval, const struct policy_set *set)
{
	if (memcmp(eval->digest, set->digest, sizeof(eval->digest)) == 0)
		return 0;
	forget(eval);
	eval->hits_words = set->hits_n / 64 + 1;
	eval->subjects_n = set->subjects_n;
	eval->hits = calloc(eval->hits_words, sizeof(*eval->hits));
	eval->value = calloc(set->subjects_n + 1, sizeof(*eval->value));
	eval->scanned = calloc(set->subjects_n + 1, sizeof(*eval->scanned));
	eval->matched = calloc(set->policies_n + 1, sizeof(*eval->matched));
	eval->wanted = calloc(set->places_n + 1, sizeof(*eval->wanted));
	if (!eval->hits || !eval->value || !eval->scanned || !eval->matched || !eval->wanted ||
	    matcher_scratch(set, &eval->scratch) < 0) {
		forget(eval);
		return -ENOMEM;
	}
	memcpy(eval->digest, set->digest, sizeof(eval->digest));
	return 0;
}

static const struct fact_value *value_of(const struct subject *subject, const struct facts *facts)
{
	return subject->id == _FACT_COUNT ? facts_get_open(facts, subject->name)
					  : facts_get(facts, subject->id);
}

int eval_begin(struct policy_eval *eval, const struct policy_set *set, const struct facts *facts)
{
	int r;

	eval->matched_n = 0;
	r = fit(eval, set);
	if (r < 0)
		return r;
	memset(eval->hits, 0, eval->hits_words * sizeof(*eval->hits));
	memset(eval->scanned, 0, eval->subjects_n);
	for (size_t i = 0; i < set->subjects_n; i++)
		eval->value[i] = value_of(&set->subject[i], facts);
	eval->err = 0;
	return 0;
}

static enum eval_result from_bool(bool value)
{
	return value ? EVAL_TRUE : EVAL_FALSE;
}

static enum eval_result negate(enum eval_result result)
{
	switch (result) {
	case EVAL_FALSE:
		return EVAL_TRUE;
	case EVAL_TRUE:
		return EVAL_FALSE;
	case EVAL_UNKNOWN:
		break;
	}
	return EVAL_UNKNOWN;
}

/* Reads the text, or every item of the list, once per evaluation. */
static void scan(struct policy_eval *eval, const struct policy_set *set, uint32_t subject,
		 const struct fact_value *value)
{
	const struct subject *s = &set->subject[subject];
	int r = 0;

	if (eval->scanned[subject])
		return;
	eval->scanned[subject] = 1;
	if (value->kind == FACT_TEXT)
		r = matcher_scan(s, value->text, eval->scratch, eval->hits);
	for (size_t i = 0; value->kind == FACT_LIST && i < value->list_n && !r; i++)
		r = matcher_scan(s, value->list[i], eval->scratch, eval->hits);
	if (r < 0)
		eval->err = r;
}

static bool is_hit(const struct policy_eval *eval, const struct operand *operand)
{
	return eval->hits[operand->hit / 64] >> (operand->hit % 64) & 1;
}

static enum eval_result test_hits(struct policy_eval *eval, const struct policy_set *set,
				  const struct condition *c, const struct fact_value *value)
{
	bool all = c->test == TEST_HIT_ALL;

	if (value->kind != FACT_TEXT && value->kind != FACT_LIST)
		return EVAL_UNKNOWN;
	scan(eval, set, c->subject, value);
	/* Unread text decides nothing here; the verdict does not wait for it (eval->err). */
	if (eval->err)
		return EVAL_UNKNOWN;
	for (uint32_t i = 0; i < c->operands_n; i++)
		if (is_hit(eval, &set->operand[c->operand + i]) != all)
			return from_bool(!all);
	return from_bool(all);
}

static enum eval_result equals_one(const struct fact_value *value, const struct operand *operand)
{
	if (value->kind == FACT_LIST && operand->kind == FACT_TEXT) {
		for (size_t i = 0; i < value->list_n; i++)
			if (span_ieq(value->list[i], operand->text))
				return EVAL_TRUE;
		return EVAL_FALSE;
	}
	if (value->kind != operand->kind)
		return EVAL_UNKNOWN;
	if (value->kind == FACT_BOOL)
		return from_bool(value->boolean == operand->boolean);
	if (value->kind == FACT_NUMBER)
		return from_bool(value->number == operand->number);
	return from_bool(span_ieq(value->text, operand->text));
}

static enum eval_result test_equal(const struct policy_set *set, const struct condition *c,
				   const struct fact_value *value)
{
	enum eval_result result = EVAL_UNKNOWN;

	for (uint32_t i = 0; i < c->operands_n; i++) {
		enum eval_result one = equals_one(value, &set->operand[c->operand + i]);

		if (one == EVAL_TRUE)
			return EVAL_TRUE;
		if (one == EVAL_FALSE)
			result = EVAL_FALSE;
	}
	return result;
}

static enum eval_result test_length(const struct fact_value *value, const struct operand *operand,
				    bool greater)
{
	double length;

	if (value->kind == FACT_TEXT)
		length = (double)utf8_count(value->text);
	else if (value->kind == FACT_LIST)
		length = (double)value->list_n;
	else
		return EVAL_UNKNOWN;
	return from_bool(greater ? length > operand->number : length < operand->number);
}

static enum eval_result test(struct policy_eval *eval, const struct policy_set *set,
			     const struct condition *c, const struct fact_value *value)
{
	const struct operand *operand = &set->operand[c->operand];

	switch (c->test) {
	case TEST_EXISTS:
		return from_bool((value->kind != FACT_ABSENT) == operand->boolean);
	case TEST_EQUAL:
		return test_equal(set, c, value);
	case TEST_HIT_ANY:
	case TEST_HIT_ALL:
		return test_hits(eval, set, c, value);
	case TEST_GREATER:
		return value->kind == FACT_NUMBER ? from_bool(value->number > operand->number)
						  : EVAL_UNKNOWN;
	case TEST_LESS:
		return value->kind == FACT_NUMBER ? from_bool(value->number < operand->number)
						  : EVAL_UNKNOWN;
	case TEST_LENGTH_GREATER:
		return test_length(value, operand, true);
	case TEST_LENGTH_LESS:
		return test_length(value, operand, false);
	}
	return EVAL_UNKNOWN;
}

/* Kleene's AND and OR: the deciding value ends it, else one unknown makes it unknown. */
static enum eval_result eval_group(struct policy_eval *eval, const struct policy_set *set,
				   const struct condition *c)
{
	enum eval_result deciding = c->kind == CONDITION_AND ? EVAL_FALSE : EVAL_TRUE;
	enum eval_result result = negate(deciding);

	for (uint32_t i = c->child; i; i = set->condition[i].next) {
		enum eval_result one = eval_condition(eval, set, i);

		if (one == deciding)
			return deciding;
		if (one == EVAL_UNKNOWN)
			result = EVAL_UNKNOWN;
	}
	return result;
}

enum eval_result eval_condition(struct policy_eval *eval, const struct policy_set *set,
				uint32_t condition)
{
	const struct condition *c = &set->condition[condition];
	enum eval_result result;

	switch (c->kind) {
	case CONDITION_ALWAYS:
		return EVAL_TRUE;
	case CONDITION_AND:
	case CONDITION_OR:
		return eval_group(eval, set, c);
	case CONDITION_NOT:
		return negate(eval_condition(eval, set, c->child));
	case CONDITION_LEAF:
		break;
	}
	result = test(eval, set, c, eval_value(eval, c->subject));
	return c->negated ? negate(result) : result;
}

static struct verdict deny(enum mode mode)
{
	struct verdict v = VERDICT_DENY_DEFAULT;

	/* Monitor mode stops nothing: what could not be judged is recorded as what would have been
	 * refused. */
	if (mode == MODE_MONITOR)
		v.action = VERDICT_ALLOW;
	v.reason = REASON_NO_MEMORY;
	return v;
}

static bool matches(struct policy_eval *eval, const struct policy_set *set,
		    const struct policy *policy)
{
	if (policy->scope && eval_condition(eval, set, policy->scope) != EVAL_TRUE)
		return false;
	return eval_condition(eval, set, policy->when) == EVAL_TRUE;
}

struct verdict policy_evaluate(const struct policy_set *set, struct policy_eval *eval,
			       const struct facts *facts, enum mode mode)
{
	struct verdict verdict = {.reason = REASON_NO_MATCH};
	const struct policy *would = NULL, *acts = NULL, *decides;

	if (eval_begin(eval, set, facts) < 0)
		return deny(mode);
	for (size_t i = 0; i < set->order_n; i++) {
		const struct policy *p = &set->policy[set->order[i]];

		if (!matches(eval, set, p))
			continue;
		eval->matched[eval->matched_n++] = set->order[i];
		/* The order is the rank: the first that matches is the most restrictive. */
		if (!would)
			would = p;
		if (!acts && mode == MODE_ENFORCE && p->mode == MODE_ENFORCE)
			acts = p;
	}
	if (eval->err) {
		eval->matched_n = 0;
		return deny(mode);
	}
	if (!would)
		return verdict;
	verdict.action = acts ? acts->action : VERDICT_ALLOW;
	verdict.would = would->action;
	verdict.reason = REASON_POLICY;
	/* Who takes effect is who answers to the program; else who would have. */
	decides = acts && acts->action > VERDICT_ALLOW ? acts : would;
	verdict.policy = decides->name;
	verdict.text = decides->reason;
	return verdict;
}

size_t policy_eval_matched(const struct policy_eval *eval, const uint32_t **ret_index)
{
	*ret_index = eval->matched;
	return eval->matched_n;
}
