/* SPDX-License-Identifier: MIT */
/* What can be asked of one fact. */
#pragma once

#include "base/span.h"

enum operator_test {
	TEST_EQUAL, /* to any of the operands; texts without regard to ASCII case */
	TEST_HIT_ANY, /* any literal or pattern is found */
	TEST_HIT_ALL, /* each is found */
	TEST_GREATER,
	TEST_LESS,
	TEST_LENGTH_GREATER, /* code points of a text, items of a list */
	TEST_LENGTH_LESS,
	TEST_EXISTS,
};

enum operator_operand {
	OPERAND_VALUE,
	OPERAND_VALUES,
	OPERAND_LITERAL,
	OPERAND_LITERALS,
	OPERAND_PATTERN,
	OPERAND_NUMBER,
	OPERAND_BOOL,
};

enum operator_kinds { KINDS_ANY, KINDS_TEXTS, KINDS_NUMBERS };

enum operator{
#define X(id, name, test, negated, operand, kinds) OPERATOR_##id,
#include "policy/operator.def"
#undef X
	_OPERATOR_COUNT,
};

struct operator_info {
	const char *name;
	enum operator_test test;
	bool negated;
	enum operator_operand operand;
	enum operator_kinds kinds;
};

/* op < _OPERATOR_COUNT */
const struct operator_info *operator_info(enum operator op);

/* The operator of that name, or _OPERATOR_COUNT. */
enum operator operator_find(struct span name);
