/* SPDX-License-Identifier: MIT */
/* What both forms of an explanation share. Inside daemon/policy only. */
#pragma once

#include "policy/eval.h"

#define EXPLAIN_TEXT_BYTES_MAX 80 /* of one value shown */
#define EXPLAIN_VALUES_MAX     16 /* shown of a list of operands */

/* One evaluation, and what is needed to tell it. */
struct explain {
	const struct policy_set *set;
	struct policy_eval *eval;
	const struct facts *facts;
	enum mode mode;
	struct verdict verdict;
	size_t decides; /* index of the deciding policy, or policies_n */
	struct buf text; /* scratch */
};

/* Evaluates anew: the same facts and set give the same. */
void explain_begin(struct explain *x, const struct policy_set *set, struct policy_eval *eval,
		   const struct facts *facts, enum mode mode);
void explain_end(struct explain *x);

/* What explain_walk() hands out of each condition, outer ones first. */
struct explain_step {
	uint32_t condition;
	unsigned depth;
	bool negated; /* below an odd number of `not` */
};
typedef void explain_visit(struct explain *x, const struct explain_step *step, void *user);
void explain_walk(struct explain *x, uint32_t condition, explain_visit *visit, void *user);

enum eval_result explain_result(struct explain *x, uint32_t condition);
const char *explain_result_name(enum eval_result result); /* true, false, unknown */
const char *
explain_operator_name(const struct condition *c); /* and, or, not, always, or the test's */
void explain_put_operand(const struct operand *operand, struct buf *out);
void explain_put_test(struct explain *x, uint32_t condition,
		      struct buf *out); /* model equals `gpt-4` */

/* Does this condition speak for the verdict, inside the deciding policy? */
bool explain_is_factor(struct explain *x, const struct explain_step *step);

/* high: all that matched ask for the same; medium: they do not, and the most restrictive won; low:
 * none matched. */
const char *explain_confidence(const struct explain *x);
const char *explain_recommendation(const struct explain *x);
struct span explain_primary_reason(const struct explain *x);
