/* SPDX-License-Identifier: MIT */
#include "policy/leaf.h"

#include "aicp/limits.h"
#include "policy/pattern.h"

int leaf_new_condition(struct load *load, enum condition_kind kind, int line,
		       uint32_t *ret_condition)
{
	struct policy_set *set = load->set;
	int64_t at;

	if (set->conditions_n > AICP_CONDITIONS_MAX) {
		LOAD_FAIL(load, line, "more than %u conditions in the whole set",
			  AICP_CONDITIONS_MAX);
		return PARSE_E_LIMIT;
	}
	at = SET_APPEND(set, condition, conditions_n, conditions_cap);
	if (at < 0)
		return (int)at;
	set->condition[at].kind = kind;
	set->condition[at].line = line;
	*ret_condition = (uint32_t)at;
	return 0;
}

static const char *kind_phrase(enum fact_kind kind)
{
	switch (kind) {
	case FACT_ABSENT:
		return "of any kind";
	case FACT_BOOL:
		return "true or false";
	case FACT_NUMBER:
		return "a number";
	case FACT_TEXT:
		return "text";
	case FACT_LIST:
		return "a list of texts";
	}
	return "";
}

static int check_kind(struct load *load, const struct subject *subject, enum operator op, int line)
{
	const struct operator_info *info = operator_info(op);
	bool texts = subject->kind == FACT_TEXT || subject->kind == FACT_LIST;

	if (subject->kind == FACT_ABSENT || info->kinds == KINDS_ANY)
		return 0;
	if (info->kinds == KINDS_TEXTS && !texts)
		return LOAD_FAIL(load, line,
				 "`%s` looks into text, and `%.*s` is %s; such facts take equals, "
				 "not_equals, in, not_in%s or exists",
				 info->name, YAML_SHOW(subject->name), kind_phrase(subject->kind),
				 subject->kind == FACT_NUMBER ? ", greater_than, less_than and kin"
							      : "");
	if (info->kinds == KINDS_NUMBERS && subject->kind != FACT_NUMBER)
		return LOAD_FAIL(
			load, line, "`%s` compares numbers, and `%.*s` is %s%s", info->name,
			YAML_SHOW(subject->name), kind_phrase(subject->kind),
			texts ? "; length_greater_than and length_less_than measure its length"
			      : "");
	return 0;
}

static int read_number(struct load *load, enum operator op, const struct yaml_node *node,
		       struct operand *operand)
{
	bool length = operator_info(op)->kinds == KINDS_TEXTS;
	int64_t whole;

	if (!yaml_number(node, &operand->number))
		return LOAD_FAIL(load, node->line,
				 "`%s` wants a number, written without quotes, and not `%.*s`",
				 operator_info(op)->name, YAML_SHOW(node->text));
	if (length && (!yaml_int(node, &whole) || whole < 0))
		return LOAD_FAIL(load, node->line, "`%s` wants a whole number from 0",
				 operator_info(op)->name);
	operand->kind = FACT_NUMBER;
	return 0;
}

/* A value to equal: of the fact's kind, or of the kind it is written as when the fact may be any.
 */
static int read_value(struct load *load, const struct subject *subject,
		      const struct yaml_node *node, struct operand *operand)
{
	if (subject->kind == FACT_BOOL || subject->kind == FACT_ABSENT) {
		operand->kind = FACT_BOOL;
		if (yaml_bool(node, &operand->boolean))
			return 0;
	}
	if (subject->kind == FACT_NUMBER || subject->kind == FACT_ABSENT) {
		operand->kind = FACT_NUMBER;
		if (yaml_number(node, &operand->number))
			return 0;
	}
	if (subject->kind == FACT_BOOL || subject->kind == FACT_NUMBER)
		return LOAD_FAIL(load, node->line,
				 "`%.*s` is %s, and `%.*s` is not; write it without quotes",
				 YAML_SHOW(subject->name), kind_phrase(subject->kind),
				 YAML_SHOW(node->text));
	if (span_eq_str(node->text, "*"))
		return LOAD_FAIL(
			load, node->line,
			"`*` stands for any value only in a scope; that `%.*s` is there at all "
			"is `exists: true`",
			YAML_SHOW(subject->name));
	operand->kind = FACT_TEXT;
	operand->text = node->text;
	return 0;
}

static int read_literal(struct load *load, enum operator op, const struct yaml_node *node,
			struct operand *operand)
{
	if (!node->text.n)
		return LOAD_FAIL(load, node->line,
				 "`%s` with an empty text is in every text; write what to look for",
				 operator_info(op)->name);
	if (node->text.n > AICP_PATTERN_BYTES_MAX)
		return LOAD_FAIL(load, node->line, "`%s`: longer than %u bytes",
				 operator_info(op)->name, AICP_PATTERN_BYTES_MAX);
	operand->kind = FACT_TEXT;
	operand->text = node->text;
	if (operator_info(op)->operand == OPERAND_PATTERN &&
	    pattern_weight(node->text) > AICP_PATTERN_WEIGHT_MAX)
		return LOAD_FAIL(
			load, node->line,
			"the pattern counts too far: its {…}, multiplied where they are nested, "
			"come to more than %u (`.` and the like weigh eight); use smaller "
			"counts, or + and *",
			AICP_PATTERN_WEIGHT_MAX);
	return 0;
}

static int read_scalar(struct load *load, uint32_t subject, enum operator op,
		       const struct yaml_node *node)
{
	struct policy_set *set = load->set;
	struct operand operand = {.line = node->line};
	int err = 0;
	int64_t at;

	if (node->kind != YAML_SCALAR || yaml_is_null(node))
		return LOAD_FAIL(
			load, node->line,
			"`%s` wants a value here; whether the fact is there at all is `exists: "
			"true` or `exists: false`",
			operator_info(op)->name);
	switch (operator_info(op)->operand) {
	case OPERAND_VALUE:
	case OPERAND_VALUES:
		err = read_value(load, &set->subject[subject], node, &operand);
		break;
	case OPERAND_LITERAL:
	case OPERAND_LITERALS:
	case OPERAND_PATTERN:
		err = read_literal(load, op, node, &operand);
		break;
	case OPERAND_NUMBER:
		err = read_number(load, op, node, &operand);
		break;
	case OPERAND_BOOL:
		operand.kind = FACT_BOOL;
		if (!yaml_bool(node, &operand.boolean))
			err = LOAD_FAIL(load, node->line,
					"`%s` wants true or false, without quotes",
					operator_info(op)->name);
		break;
	}
	if (err)
		return err;
	at = SET_APPEND(set, operand, operands_n, operands_cap);
	if (at < 0)
		return (int)at;
	set->operand[at] = operand;
	return 0;
}

static int read_operands(struct load *load, uint32_t subject, enum operator op,
			 const struct yaml_node *value)
{
	const struct operator_info *info = operator_info(op);
	bool many = info->operand == OPERAND_VALUES || info->operand == OPERAND_LITERALS;
	int err;

	if (many && (value->kind != YAML_SEQUENCE || !value->child))
		return LOAD_FAIL(load, value->line,
				 "`%s` wants a list with at least one value: [a, b]", info->name);
	if (!many && value->kind == YAML_SEQUENCE)
		return LOAD_FAIL(
			load, value->line, "`%s` wants one value, not a list; %s", info->name,
			info->operand == OPERAND_LITERAL
				? "contains_any and contains_all take lists"
			: info->operand == OPERAND_VALUE ? "in and not_in take lists"
							 : "several tests stand under `or:`");
	if (!many)
		return read_scalar(load, subject, op, value);
	yaml_foreach (item, value) {
		err = read_scalar(load, subject, op, item);
		if (err)
			return err;
	}
	return 0;
}

int leaf_read(struct load *load, uint32_t subject, enum operator op, const struct yaml_node *value,
	      uint32_t *ret_condition)
{
	struct policy_set *set = load->set;
	int line = value->key ? value->key->line : value->line;
	size_t first = set->operands_n;
	struct condition *c;
	int err;

	err = check_kind(load, &set->subject[subject], op, line);
	if (!err)
		err = read_operands(load, subject, op, value);
	if (!err)
		err = leaf_new_condition(load, CONDITION_LEAF, line, ret_condition);
	if (err)
		return err;
	c = &set->condition[*ret_condition];
	c->op = op;
	c->test = operator_info(op)->test;
	c->negated = operator_info(op)->negated;
	c->subject = subject;
	c->operand = (uint32_t)first;
	c->operands_n = (uint32_t)(set->operands_n - first);
	return 0;
}

static struct span without_leading_blanks(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_sub(s, 1, s.n);
	return s;
}

/* ">5" and the like, written as one word; the longer ones first. */
static const struct {
	const char *prefix;
	enum operator op;
} shorts[] = {
	{">=", OPERATOR_GREATER_OR_EQUAL}, {"<=", OPERATOR_LESS_OR_EQUAL},
	{">", OPERATOR_GREATER_THAN},	   {"<", OPERATOR_LESS_THAN},
	{"contains:", OPERATOR_CONTAINS},  {"matches:", OPERATOR_MATCHES_PATTERN},
};

int leaf_read_short(struct load *load, uint32_t subject, const struct yaml_node *value,
		    uint32_t *ret_condition)
{
	struct yaml_node rest = *value;

	if (value->kind == YAML_SEQUENCE)
		return leaf_read(load, subject, OPERATOR_IN, value, ret_condition);
	if (value->kind == YAML_SCALAR && value->quoted && !value->text.n)
		return LOAD_FAIL(load, value->line,
				 "an empty value; a comparison is written in quotes: \">5\"");
	if (span_starts(value->text, span_str("==")) || span_starts(value->text, span_str("!=")))
		return LOAD_FAIL(load, value->line,
				 "`%.*s` can be read in two ways; write `field:` with `equals:` or "
				 "`not_equals:`",
				 YAML_SHOW(value->text));
	for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++) {
		struct span prefix = span_str(shorts[i].prefix);

		if (!span_starts(value->text, prefix))
			continue;
		rest.text = without_leading_blanks(span_sub(value->text, prefix.n, value->text.n));
		rest.quoted = operator_info(shorts[i].op)->operand != OPERAND_NUMBER;
		return leaf_read(load, subject, shorts[i].op, &rest, ret_condition);
	}
	return leaf_read(load, subject, OPERATOR_EQUALS, value, ret_condition);
}
