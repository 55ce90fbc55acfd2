/* SPDX-License-Identifier: MIT */
/*
 * What a policy with `then: redact` takes out, and one with `then: hold` shows to people: what its
 * own tests found in the texts of the body.
 *
 * A test counts when it looks for something (`equals`, `in`, `contains…`, patterns) and stands
 * under an even number of nots, all counted. Inside daemon/policy only.
 */
#pragma once

#include "policy/eval.h"
#include "policy/load.h"

/* Does the condition, or any below it, find something to redact? */
bool place_finds(const struct policy_set *set, uint32_t condition);

/* The kind of place of such an action. */
static inline enum place_kind place_kind(enum verdict_action action)
{
	return action == VERDICT_HOLD ? PLACE_SHOWN : PLACE_REDACTED;
}

/* Notes for each such policy what it looks for, and compiles for each fact databases that say where
 * matches begin. Refuses to redact what the library cannot say that of (a hold goes on without the
 * mark), and a replacement that the policy would find again. The set's hit bits and order must
 * stand. */
MUST_CHECK int place_build(struct load *load);
