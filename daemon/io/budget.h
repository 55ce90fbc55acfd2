/* SPDX-License-Identifier: MIT */
/*
 * What each uid may use of the engine at once, and what it was refused and lost until that stands
 * in the ledger. One uid over its budget costs the others nothing. Pure.
 */
#pragma once

#include "aicp/limits.h"
#include "base/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Things that happen too often, or at too bad a time, for a record each: counted, then recorded
 * together. */
enum budget_count {
	BUDGET_OVER, /* refused: over budget */
	BUDGET_BAD_FRAME, /* answered with a refusal: no frame of the protocol */
	BUDGET_NO_FRAME, /* closed: connected and sent nothing */
	BUDGET_CLOSED, /* closed without an answer: so far over budget that none could be kept
			  waiting */
	BUDGET_FAIL_OPEN, /* passed although the decision could not be recorded, as `fail: open`
			     says */
	BUDGET_UNJUDGED, /* passed by a shim that could not ask, as it told later; a claim */
	BUDGET_UNRECORDED, /* refused, and the decision could not be recorded */
	BUDGET_ABANDONED, /* the program was gone before its verdict */
	BUDGET_UNWITNESSED, /* passed, and there was no room to witness its response */
	BUDGET_RESPONSE_LOST, /* a response was witnessed and could not be recorded */
	_BUDGET_COUNTS,
};

struct budget_user {
	struct budget_user *next;
	uid_t uid;
	unsigned connections, refusals, holds, responses;
	size_t response_bytes;
	unsigned unanswered; /* records of responses that the ledger has not answered yet */
	uint64_t bytes;
	int64_t unreadable_until_ns; /* monotonic; see engine_accept.c */
	uint64_t count[_BUDGET_COUNTS]; /* not yet in the ledger */
};

struct budget; /* all users */
struct budget *budget_new(void);
void budget_free(struct budget *budget);

enum budget_outcome {
	BUDGET_E_REFUSE = 1, /* over budget: may wait for its refusal; give back with
				budget_leave_refused() */
	BUDGET_E_CLOSE, /* not even that; nothing to give back, *ret_user is set unless memory is
			   out */
};

/* The user, made when new; NULL when there is no room. Lives until budget_tidy() finds it idle. */
struct budget_user *budget_user(struct budget *budget, uid_t uid);

/* A new connection of uid. 0: within budget, give back with budget_leave(). */
MUST_CHECK int budget_enter(struct budget *budget, uid_t uid, struct budget_user **ret_user);
void budget_leave(struct budget_user *user);
void budget_leave_refused(struct budget_user *user);

/* A connection within budget that is to wait for people: one of the user's connections becomes one
 * of its holds, given back with budget_leave_hold(). False: too many wait, nothing changed. */
bool budget_hold(struct budget *budget, struct budget_user *user);
void budget_leave_hold(struct budget *budget, struct budget_user *user);
unsigned budget_holds(const struct budget *budget); /* of all users */

/* A response that is to be witnessed: given back with budget_leave_response(). False: too many are.
 */
bool budget_response(struct budget *budget, struct budget_user *user);
void budget_leave_response(struct budget *budget, struct budget_user *user);
unsigned budget_responses(const struct budget *budget); /* of all users */
/* What a response holds of memory changed. False: over budget; it is charged all the same, and has
 * to be given up. */
bool budget_response_bytes(struct budget *budget, struct budget_user *user, size_t before,
			   size_t now);

/* The ledger is gone: what it has not answered becomes BUDGET_RESPONSE_LOST. Returns how many. */
unsigned budget_lose_responses(struct budget *budget);

/* Bytes of a request in judgement. False: over budget, nothing was charged. */
bool budget_charge(struct budget_user *user, uint64_t bytes);
void budget_refund(struct budget_user *user, uint64_t bytes);

/* Any count that is not zero; false when all are. */
bool budget_unreported(struct budget *budget, struct budget_user **ret_user,
		       enum budget_count *ret_count);

/* Frees users of whom nothing is left to say. */
void budget_tidy(struct budget *budget);
