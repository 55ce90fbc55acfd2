/* SPDX-License-Identifier: MIT */
#include "model/approval.h"

static const char *const state_name[_APPROVAL_STATE_COUNT] = {
	[APPROVAL_PENDING] = "pending",	  [APPROVAL_APPROVED] = "approved",
	[APPROVAL_REJECTED] = "rejected", [APPROVAL_EXPIRED] = "expired",
	[APPROVAL_USED] = "used",
};

static const char *const outcome_name[_HOLD_OUTCOME_COUNT] = {
	[HOLD_RELEASED] = "released",
	[HOLD_REFUSED] = "refused",
	[HOLD_ABANDONED] = "abandoned",
};

const char *approval_state_name(enum approval_state state)
{
	return state_name[state];
}

bool approval_state_find(struct span name, enum approval_state *ret_state)
{
	for (unsigned i = 0; i < _APPROVAL_STATE_COUNT; i++)
		if (span_eq_str(name, state_name[i])) {
			*ret_state = (enum approval_state)i;
			return true;
		}
	return false;
}

const char *hold_outcome_name(enum hold_outcome outcome)
{
	return outcome_name[outcome];
}

bool hold_outcome_find(struct span name, enum hold_outcome *ret_outcome)
{
	for (unsigned i = 0; i < _HOLD_OUTCOME_COUNT; i++)
		if (span_eq_str(name, outcome_name[i])) {
			*ret_outcome = (enum hold_outcome)i;
			return true;
		}
	return false;
}
