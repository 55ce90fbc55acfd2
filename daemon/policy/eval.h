/* SPDX-License-Identifier: MIT */
/* Evaluation of conditions on facts, in three values. Inside daemon/policy only. */
#pragma once

#include "policy/set.h"

/* Unknown: the fact is missing, or of a kind that the test cannot be asked of. A policy matches on
 * true alone. */
enum eval_result { EVAL_FALSE, EVAL_TRUE, EVAL_UNKNOWN };

struct policy_eval {
	char digest[HASH_HEX_BYTES + 1]; /* of the set that the memory below fits */
	hs_scratch_t *scratch;
	uint64_t *hits; /* bit set: this literal or pattern was found */
	size_t hits_words;
	uint8_t *scanned; /* per subject: its text was read */
	size_t subjects_n;
	uint32_t *matched; /* indexes of policies */
	size_t matched_n;
	int err; /* -ENOMEM: some text could not be read */
};

/* Readies the memory for one evaluation of that set. 0 or -ENOMEM. */
MUST_CHECK int eval_begin(struct policy_eval *eval, const struct policy_set *set);

/* Result of one condition and all below it. Between eval_begin() calls the facts must not change.
 */
enum eval_result eval_condition(struct policy_eval *eval, const struct policy_set *set,
				const struct facts *facts, uint32_t condition);

/* The value that a subject has in these facts; kind FACT_ABSENT when none. */
const struct fact_value *eval_value(const struct subject *subject, const struct facts *facts);
