/* SPDX-License-Identifier: MIT */
/* One test of one fact: operator and operands, checked against the kind of the fact. */
#pragma once

#include "policy/load.h"

/* OPERATOR: value, where value is what stands behind the operator. */
MUST_CHECK int leaf_read(struct load *load, uint32_t subject, enum operator op,
			 const struct yaml_node *value, uint32_t *ret_condition);

/* FACT: value, the short form: text to equal, a list to be in, ">N", "contains:…", "matches:…". */
MUST_CHECK int leaf_read_short(struct load *load, uint32_t subject, const struct yaml_node *value,
			       uint32_t *ret_condition);

/* Appends a condition; -ENOMEM, PARSE_E_LIMIT. */
MUST_CHECK int leaf_new_condition(struct load *load, enum condition_kind kind, int line,
				  uint32_t *ret_condition);
