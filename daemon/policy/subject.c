/* SPDX-License-Identifier: MIT */
#include "policy/subject.h"

/* Bare words of the seed project's files for what only agents can declare, and for the hour. */
static const struct {
	const char *word, *name;
} seed[] = {
	{"cost", "context.estimated_cost"},
	{"estimated_cost", "context.estimated_cost"},
	{"tokens", "context.estimated_tokens"},
	{"estimated_tokens", "context.estimated_tokens"},
	{"hour", "time.hour"},
	{"user.role", "context.user.role"},
	{"user_role", "context.user.role"},
};

static struct span from_seed(struct span name)
{
	for (size_t i = 0; i < sizeof(seed) / sizeof(seed[0]); i++)
		if (span_eq_str(name, seed[i].word))
			return span_str(seed[i].name);
	return name;
}

static void offer_known(struct nearest *near, struct span name)
{
	for (int i = 0; i < _FACT_COUNT; i++)
		nearest_offer(near, name, span_str(fact_info((enum fact_id)i)->name));
}

/* agent.risk_levle is well formed, and would never be set: one slip from a known name is a slip. */
static bool is_slip(const struct nearest *near, struct span name)
{
	return near->best.n && near->distance == 1 && name.n >= sizeof("agent.team") - 1;
}

static int add(struct load *load, struct span name, enum fact_id id, uint32_t *ret_subject)
{
	struct policy_set *set = load->set;
	int64_t at;

	for (size_t i = 0; i < set->subjects_n; i++)
		if (span_eq(set->subject[i].name, name)) {
			*ret_subject = (uint32_t)i;
			return 0;
		}
	at = SET_APPEND(set, subject, subjects_n, subjects_cap);
	if (at < 0)
		return (int)at;
	set->subject[at].name = name;
	set->subject[at].id = id;
	set->subject[at].kind = id == _FACT_COUNT ? FACT_ABSENT : fact_info(id)->kind;
	*ret_subject = (uint32_t)at;
	return 0;
}

int subject_read(struct load *load, struct span name, int line, uint32_t *ret_subject)
{
	struct span known = from_seed(name);
	enum fact_id id = fact_find(known);
	struct nearest near = {0};

	if (id != _FACT_COUNT)
		return add(load, span_str(fact_info(id)->name), id, ret_subject);
	offer_known(&near, name);
	if (!fact_open(known))
		return LOAD_FAIL(load, line,
				 "there is no fact `%.*s`" NEAREST_FMT
				 " (docs/FACTS.md lists all; what agents declare is called "
				 "context.NAME, metadata.NAME or agent.NAME)",
				 YAML_SHOW(name), NEAREST_ARG(near));
	if (is_slip(&near, name))
		return LOAD_FAIL(load, line,
				 "there is no fact `%.*s`, and it is one slip away from a known "
				 "one" NEAREST_FMT,
				 YAML_SHOW(name), NEAREST_ARG(near));
	return add(load, known, _FACT_COUNT, ret_subject);
}
