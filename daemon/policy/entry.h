/* SPDX-License-Identifier: MIT */
/* One policy as written: its keys, checked and read into the set. */
#pragma once

#include "policy/load.h"

/* Reads a mapping of keys and appends the policy to the set. source is its text as it stands in the
 * file. */
MUST_CHECK int entry_read(struct load *load, const struct yaml_node *mapping, struct span source);
