/* SPDX-License-Identifier: MIT */
#include "policy/condition.h"

#include "aicp/limits.h"
#include "policy/leaf.h"
#include "policy/subject.h"

void condition_chain_add(struct policy_set *set, struct condition_chain *chain, uint32_t condition)
{
	if (chain->last)
		set->condition[chain->last].next = condition;
	else
		chain->first = condition;
	chain->last = condition;
	chain->n++;
}

int condition_chain_close(struct load *load, const struct condition_chain *chain,
			  enum condition_kind kind, int line, uint32_t *ret_condition)
{
	int err;

	if (chain->n == 1) {
		*ret_condition = chain->first;
		return 0;
	}
	err = leaf_new_condition(load, kind, line, ret_condition);
	if (err)
		return err;
	load->set->condition[*ret_condition].child = chain->first;
	return 0;
}

static int read_node(struct load *load, const struct yaml_node *node, unsigned depth,
		     uint32_t *ret_condition);

static int read_always(struct load *load, const struct yaml_node *node, uint32_t *ret_condition)
{
	bool value;

	if (!yaml_bool(node, &value) || !value)
		return LOAD_FAIL(
			load, node->line,
			"`always` can only be true; a policy is switched off by `enabled: false`");
	return leaf_new_condition(load, CONDITION_ALWAYS, node->line, ret_condition);
}

/* and: [...] and or: [...] */
static int read_group(struct load *load, const struct yaml_node *node, unsigned depth,
		      uint32_t *ret_condition)
{
	bool all = span_eq_str(node->key->text, "and");
	struct condition_chain chain = {0};
	uint32_t child;
	int err;

	if (node->kind != YAML_SEQUENCE || !node->child)
		return LOAD_FAIL(load, node->line,
				 "`%s` wants a list with at least one condition, each behind `- `",
				 all ? "and" : "or");
	yaml_foreach (item, node) {
		err = read_node(load, item, depth + 1, &child);
		if (err)
			return err;
		condition_chain_add(load->set, &chain, child);
	}
	return condition_chain_close(load, &chain, all ? CONDITION_AND : CONDITION_OR,
				     node->key->line, ret_condition);
}

static int read_not(struct load *load, const struct yaml_node *node, unsigned depth,
		    uint32_t *ret_condition)
{
	uint32_t child;
	int err;

	if (node->kind == YAML_SEQUENCE)
		return LOAD_FAIL(load, node->line,
				 "`not` wants one condition, not a list: not all of them, or none? "
				 "Write `not: {and: […]}` or `not: {or: […]}`");
	err = read_node(load, node, depth + 1, &child);
	if (!err)
		err = leaf_new_condition(load, CONDITION_NOT, node->key->line, ret_condition);
	if (err)
		return err;
	load->set->condition[*ret_condition].child = child;
	return 0;
}

/* and, or, not, always; *ret_known says whether the key was one of them. */
static int read_logic(struct load *load, const struct yaml_node *node, unsigned depth,
		      bool *ret_known, uint32_t *ret_condition)
{
	struct span key = node->key->text;

	*ret_known = true;
	if (span_eq_str(key, "and") || span_eq_str(key, "or"))
		return read_group(load, node, depth, ret_condition);
	if (span_eq_str(key, "not"))
		return read_not(load, node, depth, ret_condition);
	if (span_eq_str(key, "always"))
		return read_always(load, node, ret_condition);
	*ret_known = false;
	return 0;
}

static const char *const logic_words[] = {"and", "or", "not", "always"};
#define LOGIC_WORDS (sizeof(logic_words) / sizeof(logic_words[0]))

static int unknown_operator(struct load *load, const struct yaml_node *key)
{
	struct nearest near = {0};

	for (int i = 0; i < _OPERATOR_COUNT; i++)
		nearest_offer(&near, key->text, span_str(operator_info((enum operator)i)->name));
	for (size_t i = 0; i < LOGIC_WORDS; i++)
		nearest_offer(&near, key->text, span_str(logic_words[i]));
	return LOAD_FAIL(load, key->line,
			 "there is no operator `%.*s`" NEAREST_FMT " (docs/POLICY.md lists them)",
			 YAML_SHOW(key->text), NEAREST_ARG(near));
}

/* field: "*" with equals: "*" is always. */
static int read_wildcard(struct load *load, const struct yaml_node *node, uint32_t *ret_condition)
{
	if (!span_eq_str(node->key->text, "equals") || node->kind != YAML_SCALAR ||
	    !span_eq_str(node->text, "*"))
		return LOAD_FAIL(
			load, node->key->line,
			"the field `*` takes only `equals: \"*\"`, which is always so; to look "
			"into all text, use the field text.all");
	return leaf_new_condition(load, CONDITION_ALWAYS, node->key->line, ret_condition);
}

/* The operators beside `field: NAME`. */
static int read_field(struct load *load, const struct yaml_node *node,
		      const struct yaml_node *field, uint32_t *ret_condition)
{
	enum operator op = operator_find(node->key->text);
	uint32_t subject;
	int err;

	if (op == _OPERATOR_COUNT)
		return unknown_operator(load, node->key);
	if (span_eq_str(field->text, "*"))
		return read_wildcard(load, node, ret_condition);
	err = subject_read(load, field->text, field->line, &subject);
	if (err)
		return err;
	return leaf_read(load, subject, op, node, ret_condition);
}

/* FACT: value, or FACT: {operator: value, …}. */
static int read_fact(struct load *load, const struct yaml_node *node, uint32_t *ret_condition)
{
	struct condition_chain chain = {0};
	uint32_t subject, leaf;
	int err;

	if (operator_find(node->key->text) != _OPERATOR_COUNT)
		return LOAD_FAIL(load, node->key->line,
				 "`%.*s` has no fact to ask about; put `field: NAME` beside it",
				 YAML_SHOW(node->key->text));
	for (size_t i = 0; i < LOGIC_WORDS; i++)
		if (span_ieq(node->key->text, span_str(logic_words[i])))
			return LOAD_FAIL(load, node->key->line,
					 "`%.*s` is written in lower case: `%s`",
					 YAML_SHOW(node->key->text), logic_words[i]);
	if (span_eq_str(node->key->text, "*"))
		return LOAD_FAIL(load, node->key->line,
				 "for what is always so, write `when: always`");
	err = subject_read(load, node->key->text, node->key->line, &subject);
	if (err)
		return err;
	if (node->kind != YAML_MAPPING)
		return leaf_read_short(load, subject, node, ret_condition);
	if (!node->child)
		return LOAD_FAIL(load, node->line,
				 "`%.*s` has no test; write OPERATOR: value under it",
				 YAML_SHOW(node->key->text));
	yaml_foreach (test, node) {
		enum operator op = operator_find(test->key->text);

		if (op == _OPERATOR_COUNT)
			return unknown_operator(load, test->key);
		err = leaf_read(load, subject, op, test, &leaf);
		if (err)
			return err;
		condition_chain_add(load->set, &chain, leaf);
	}
	return condition_chain_close(load, &chain, CONDITION_AND, node->key->line, ret_condition);
}

static int read_mapping(struct load *load, const struct yaml_node *node, unsigned depth,
			uint32_t *ret_condition)
{
	const struct yaml_node *field = yaml_get(node, "field");
	struct condition_chain chain = {0};
	bool tested = !field;
	uint32_t child;
	int err;

	if (field && (field->kind != YAML_SCALAR || !field->text.n))
		return LOAD_FAIL(load, field->line, "`field` wants the name of one fact");
	yaml_foreach (entry, node) {
		bool logic;

		if (entry == field)
			continue;
		err = read_logic(load, entry, depth, &logic, &child);
		if (!err && !logic) {
			tested = true;
			err = field ? read_field(load, entry, field, &child)
				    : read_fact(load, entry, &child);
		}
		if (err)
			return err;
		condition_chain_add(load->set, &chain, child);
	}
	if (!tested)
		return LOAD_FAIL(load, field->line,
				 "no operator beside `field: %.*s`; that it is there at all is "
				 "`exists: true`",
				 YAML_SHOW(field->text));
	return condition_chain_close(load, &chain, CONDITION_AND, node->line, ret_condition);
}

static int read_node(struct load *load, const struct yaml_node *node, unsigned depth,
		     uint32_t *ret_condition)
{
	if (depth > AICP_CONDITION_DEPTH_MAX) {
		LOAD_FAIL(load, node->line, "conditions nested deeper than %u levels",
			  AICP_CONDITION_DEPTH_MAX);
		return PARSE_E_LIMIT;
	}
	if (node->kind == YAML_SCALAR && span_eq_str(node->text, "always"))
		return leaf_new_condition(load, CONDITION_ALWAYS, node->line, ret_condition);
	if (node->kind == YAML_SEQUENCE)
		return LOAD_FAIL(
			load, node->line,
			"a list of conditions: must all hold, or any? Write `and:` or `or:` "
			"above it");
	if (node->kind == YAML_SCALAR && node->text.n)
		return LOAD_FAIL(
			load, node->line,
			"`%.*s` is no condition; write `always`, or a mapping such as {field: "
			"model, equals: gpt-4}",
			YAML_SHOW(node->text));
	if (node->kind != YAML_MAPPING || !node->child)
		return LOAD_FAIL(load, node->line,
				 "an empty condition; for a policy that matches every call write "
				 "`when: always`");
	return read_mapping(load, node, depth, ret_condition);
}

int condition_read(struct load *load, const struct yaml_node *node, uint32_t *ret_condition)
{
	return read_node(load, node, 1, ret_condition);
}
