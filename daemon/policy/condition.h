/* SPDX-License-Identifier: MIT */
/* A condition tree: and, or, not, always, and tests of facts. */
#pragma once

#include "policy/load.h"

/* Reads what stands behind `when:`. All entries of one mapping have to hold. */
MUST_CHECK int condition_read(struct load *load, const struct yaml_node *node,
			      uint32_t *ret_condition);

/* Conditions joined as they come; one alone stays itself. {0} is empty. */
struct condition_chain {
	uint32_t first, last;
	size_t n;
};
void condition_chain_add(struct policy_set *set, struct condition_chain *chain, uint32_t condition);
/* AND or OR over the chain, which must not be empty. */
MUST_CHECK int condition_chain_close(struct load *load, const struct condition_chain *chain,
				     enum condition_kind kind, int line, uint32_t *ret_condition);
