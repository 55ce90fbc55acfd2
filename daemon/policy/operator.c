/* SPDX-License-Identifier: MIT */
#include "policy/operator.h"

static const struct operator_info table[_OPERATOR_COUNT] = {
#define X(id, name, test, negated, operand, kinds)                                                 \
	{name, TEST_##test, negated, OPERAND_##operand, KINDS_##kinds},
#include "policy/operator.def"
#undef X
};

const struct operator_info *operator_info(enum operator op)
{
	return &table[op];
}

enum operator operator_find(struct span name)
{
	int i = 0;

	while (i < _OPERATOR_COUNT && !span_eq_str(name, table[i].name))
		i++;
	return (enum operator)i;
}
