/* SPDX-License-Identifier: MIT */
/* Where in the facts' texts stands what the policies that matched look for. */
#include "policy/place.h"

#include "aicp/limits.h"

#include <errno.h>
#include <stdlib.h>

/* One search in one fact. */
struct search {
	const struct policy_set *set;
	struct policy_eval *eval;
	enum fact_id fact;
	int err;
};

static int compare(const void *x, const void *y)
{
	const struct policy_finding *a = x, *b = y;

	if (a->policy != b->policy)
		return a->policy < b->policy ? -1 : 1;
	if (a->fact != b->fact)
		return a->fact < b->fact ? -1 : 1;
	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	return a->end < b->end ? -1 : a->end > b->end;
}

/* Takes b into a when they are of one policy and fact, and overlap or touch. */
static bool join(struct policy_finding *a, const struct policy_finding *b)
{
	if (a->policy != b->policy || a->fact != b->fact || b->begin > a->end || a->begin > b->end)
		return false;
	if (b->begin < a->begin)
		a->begin = b->begin;
	if (b->end > a->end)
		a->end = b->end;
	return true;
}

static void sort(struct policy_eval *eval)
{
	struct policy_finding *r = eval->finding;
	size_t n = 0;

	if (!eval->findings_n)
		return;
	qsort(r, eval->findings_n, sizeof(*r), compare);
	for (size_t i = 1; i < eval->findings_n; i++)
		if (!join(&r[n], &r[i]))
			r[++n] = r[i];
	eval->findings_n = n + 1;
}

static int make_room(struct policy_eval *eval)
{
	size_t cap = eval->findings_cap ? eval->findings_cap * 2 : 64;
	struct policy_finding *more;

	if (eval->findings_cap >= AICP_FINDINGS_MAX) {
		/* Many reports may be of few places; else sorting again and again would be slow. */
		sort(eval);
		return eval->findings_n > AICP_FINDINGS_MAX / 2 ? -E2BIG : 0;
	}
	more = realloc(eval->finding, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	eval->finding = more;
	eval->findings_cap = cap;
	return 0;
}

static int add(struct policy_eval *eval, const struct policy_finding *r)
{
	/* A pattern is reported at each of its ends. */
	if (eval->findings_n && join(&eval->finding[eval->findings_n - 1], r))
		return 0;
	if (eval->findings_n == eval->findings_cap) {
		int err = make_room(eval);

		if (err)
			return err;
	}
	eval->finding[eval->findings_n++] = *r;
	return 0;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *ctx)
{
	struct search *s = ctx;
	struct policy_finding r = {.policy = s->set->place[id].policy,
				   .fact = s->fact,
				   .begin = (uint32_t)from,
				   .end = (uint32_t)to};

	(void)flags;
	if (s->eval->wanted[id] && from < to)
		s->err = add(s->eval, &r);
	return s->err != 0;
}

/* What one policy looks for: texts that equal are found whole, the rest is searched for. */
static int want(struct policy_eval *eval, const struct policy_set *set, const struct policy *p)
{
	int err = 0;

	for (uint32_t i = p->place; i < p->place + p->places_n && !err; i++) {
		const struct place *place = &set->place[i];
		const struct condition *c = &set->condition[place->condition];
		const struct fact_value *value = eval_value(eval, c->subject);
		enum eval_result found = place->inverted ? EVAL_FALSE : EVAL_TRUE;
		struct policy_finding whole = {.policy = place->policy,
					       .fact = set->subject[c->subject].id};

		if (eval_condition(eval, set, place->condition) != found)
			continue;
		whole.end = (uint32_t)value->text.n;
		if (c->test != TEST_EQUAL)
			eval->wanted[i] = 1;
		else if (whole.end)
			err = add(eval, &whole);
	}
	return err;
}

/* Searches one fact, if any of what is looked for in it is wanted. */
static int search_subject(struct policy_eval *eval, const struct policy_set *set, uint32_t subject,
			  enum place_kind kind)
{
	const struct fact_value *value = eval_value(eval, subject);
	struct search s = {.set = set, .eval = eval, .fact = set->subject[subject].id};
	bool wanted = false;
	hs_error_t e;

	for (size_t i = 0; i < set->places_n && !wanted; i++)
		wanted = eval->wanted[i] &&
			 set->condition[set->place[i].condition].subject == subject;
	if (!wanted || value->kind != FACT_TEXT || !value->text.n)
		return 0;
	e = hs_scan(set->subject[subject].where[kind], (const char *)value->text.p,
		    (unsigned)value->text.n, 0, eval->scratch, on_match, &s);
	if (s.err)
		return s.err;
	return e == HS_SUCCESS ? 0 : -ENOMEM;
}

int policy_findings(const struct policy_set *set, struct policy_eval *eval, enum mode mode,
		    enum verdict_action action, const struct policy_finding **ret_finding,
		    size_t *ret_n)
{
	enum place_kind kind = place_kind(action);
	int err = 0;

	eval->findings_n = 0;
	memset(eval->wanted, 0, set->places_n);
	for (size_t i = 0; i < eval->matched_n && !err; i++) {
		const struct policy *p = &set->policy[eval->matched[i]];

		if (p->action == action && p->mode == MODE_ENFORCE && mode == MODE_ENFORCE)
			err = want(eval, set, p);
	}
	for (size_t i = 0; i < set->subjects_n && !err; i++)
		if (set->subject[i].where[kind])
			err = search_subject(eval, set, (uint32_t)i, kind);
	if (err)
		return err;
	sort(eval);
	*ret_finding = eval->finding;
	*ret_n = eval->findings_n;
	return 0;
}
