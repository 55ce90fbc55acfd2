/* SPDX-License-Identifier: MIT */
/*
 * What a policy with `then: redact` takes out: what its own tests found in the texts of the body.
 *
 * A test counts when it looks for something (`equals`, `in`, `contains…`, patterns) and stands
 * under an even number of nots, all counted. Inside daemon/policy only.
 */
#pragma once

#include "policy/eval.h"
#include "policy/load.h"

/* Does the condition, or any below it, find something to redact? */
bool redact_finds(const struct policy_set *set, uint32_t condition);

/* Notes for each redacting policy what it looks for, and compiles for each fact one database that
 * says where matches begin. Refuses what the library cannot say that of, and a replacement that the
 * policy would find again. The set's hit bits and order must stand. */
MUST_CHECK int redact_build(struct load *load);
