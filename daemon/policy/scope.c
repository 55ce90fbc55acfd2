/* SPDX-License-Identifier: MIT */
#include "policy/scope.h"

#include "policy/condition.h"
#include "policy/leaf.h"
#include "policy/subject.h"

/* What a scope can name, and the fact that says so of a call. */
static const struct {
	const char *word, *fact;
} dimensions[] = {
	{"agent", "agent.id"},
	{"model", "model"},
	{"user", "user"},
	{"team", "agent.team"},
	{"owner", "agent.owner"},
	{"environment", "agent.environment"},
	{"risk_level", "agent.risk_level"},
	{"provider", "provider"},
	{"operation", "operation"},
	{"host", "http.host"},
	{"uid", "process.uid"},
	{"unit", "process.unit"},
	{"cgroup", "process.cgroup"},
	{"container", "process.container_id"},
};

static int find_dimension(struct load *load, struct span word, int line, uint32_t *ret_subject)
{
	struct nearest near = {0};

	for (size_t i = 0; i < sizeof(dimensions) / sizeof(dimensions[0]); i++) {
		if (span_eq_str(word, dimensions[i].word))
			return subject_read(load, span_str(dimensions[i].fact), line, ret_subject);
		nearest_offer(&near, word, span_str(dimensions[i].word));
	}
	nearest_offer(&near, word, span_str("global"));
	return LOAD_FAIL(
		load, line,
		"a scope has no `%.*s`" NEAREST_FMT
		" (global, agent, model, user, team, owner, environment, risk_level, provider, "
		"operation, host, uid, unit, cgroup, container)",
		YAML_SHOW(word), NEAREST_ARG(near));
}

static bool is_any(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && span_eq_str(node->text, "*");
}

/* agent: a1, agent: [a1, a2], agent: "*". */
static int read_dimension(struct load *load, struct span word, const struct yaml_node *values,
			  int line, struct condition_chain *chain)
{
	uint32_t subject, leaf;
	int err = find_dimension(load, word, line, &subject);

	if (err || is_any(values))
		return err;
	if (values->kind == YAML_MAPPING)
		return LOAD_FAIL(load, values->line, "a scope names values: one, or a list");
	err = leaf_read(load, subject,
			values->kind == YAML_SEQUENCE ? OPERATOR_IN : OPERATOR_EQUALS, values,
			&leaf);
	if (!err)
		condition_chain_add(load->set, chain, leaf);
	return err;
}

static int read_mapping(struct load *load, const struct yaml_node *node,
			struct condition_chain *chain)
{
	if (!node->child)
		return LOAD_FAIL(load, node->line,
				 "an empty scope; leave it out for a policy that applies to all");
	yaml_foreach (values, node) {
		int err = read_dimension(load, values->key->text, values, values->key->line, chain);

		if (err)
			return err;
	}
	return 0;
}

static int read_chain(struct load *load, const struct yaml_node *scope,
		      const struct yaml_node *applies_to, struct condition_chain *chain)
{
	if (scope && scope->kind == YAML_SEQUENCE)
		return LOAD_FAIL(load, scope->line,
				 "`scope` is a mapping such as {agent: [a1, a2]}");
	if (scope && scope->kind == YAML_MAPPING) {
		if (applies_to)
			return LOAD_FAIL(
				load, applies_to->line,
				"`applies_to` beside a `scope` that is a mapping; put all of it "
				"into the scope");
		return read_mapping(load, scope, chain);
	}
	if (scope && span_eq_str(scope->text, "global")) {
		if (applies_to)
			return LOAD_FAIL(load, applies_to->line,
					 "`scope: global` applies to all, and `applies_to` to "
					 "some; keep one");
		return 0;
	}
	if (scope && !applies_to)
		return LOAD_FAIL(
			load, scope->line,
			"`scope: %.*s` wants `applies_to: [names]` beside it; `global` alone "
			"applies to all",
			YAML_SHOW(scope->text));
	if (scope)
		return read_dimension(load, scope->text, applies_to, scope->line, chain);
	if (applies_to->kind == YAML_MAPPING)
		return read_mapping(load, applies_to, chain);
	return LOAD_FAIL(
		load, applies_to->line,
		"`applies_to` names values, but of what? Put `scope: agent` (or another) beside "
		"it, or write a mapping such as {agent: [a1, a2]}");
}

int scope_read(struct load *load, const struct yaml_node *scope, const struct yaml_node *applies_to,
	       uint32_t *ret_condition)
{
	struct condition_chain chain = {0};
	int err = 0;

	if (scope || applies_to)
		err = read_chain(load, scope, applies_to, &chain);
	if (err)
		return err;
	if (!chain.n) {
		*ret_condition = 0;
		return 0;
	}
	return condition_chain_close(load, &chain, CONDITION_AND,
				     (scope ? scope : applies_to)->line, ret_condition);
}
