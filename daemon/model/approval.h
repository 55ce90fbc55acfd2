/* SPDX-License-Identifier: MIT */
/* What people are asked, and what became of a request that waited for them. */
#pragma once

#include "base/span.h"

/* A question to people about one request: pending → approved or rejected; approved → used, once; to
 * expired from pending and approved. Nothing leads back. */
enum approval_state {
	APPROVAL_PENDING,
	APPROVAL_APPROVED,
	APPROVAL_REJECTED,
	APPROVAL_EXPIRED,
	APPROVAL_USED,
	_APPROVAL_STATE_COUNT,
};
const char *approval_state_name(enum approval_state state); /* "pending", ... */
bool approval_state_find(struct span name, enum approval_state *ret_state);

/* One exchange that waited. */
enum hold_outcome {
	HOLD_RELEASED, /* it went out */
	HOLD_REFUSED, /* it was answered with a refusal */
	HOLD_ABANDONED, /* its client left first */
	_HOLD_OUTCOME_COUNT,
};
const char *hold_outcome_name(enum hold_outcome outcome); /* "released", ... */
bool hold_outcome_find(struct span name, enum hold_outcome *ret_outcome);

/* Length of an approval's id, and of an execution's: hexadecimal digits. */
#define APPROVAL_ID_CHARS 24
