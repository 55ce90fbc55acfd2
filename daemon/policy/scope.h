/* SPDX-License-Identifier: MIT */
/* To whom a policy applies. */
#pragma once

#include "policy/load.h"

/* Reads `scope` and `applies_to` (either may be NULL) to a condition; 0 when the policy applies to
 * all. */
MUST_CHECK int scope_read(struct load *load, const struct yaml_node *scope,
			  const struct yaml_node *applies_to, uint32_t *ret_condition);
