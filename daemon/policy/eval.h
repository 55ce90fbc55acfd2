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
	const struct fact_value **value; /* per subject: its value in the facts at hand */
	uint8_t *scanned; /* per subject: its text was read */
	size_t subjects_n;
	uint32_t *matched; /* indexes of policies */
	size_t matched_n;
	uint8_t *wanted; /* per place of the set: the last policy_findings() looks for it */
	struct policy_finding *finding; /* what it found */
	size_t findings_n, findings_cap;
	int err; /* -ENOMEM: some text could not be read */
};

/* Readies the memory for one evaluation of that set on these facts, which must not change until the
 * next. 0 or -ENOMEM. */
MUST_CHECK int eval_begin(struct policy_eval *eval, const struct policy_set *set,
			  const struct facts *facts);

/* Result of one condition and all below it. */
enum eval_result eval_condition(struct policy_eval *eval, const struct policy_set *set,
				uint32_t condition);

/* The value that a subject has in the facts at hand; kind FACT_ABSENT when none. */
static inline const struct fact_value *eval_value(const struct policy_eval *eval, uint32_t subject)
{
	return eval->value[subject];
}
