/* SPDX-License-Identifier: MIT */
/* All literals and patterns over one fact become one database, so that each text is read once. */
#pragma once

#include "policy/load.h"

/* Gives every literal and pattern of the set its hit bit (equal ones over the same fact share it)
 * and compiles one database per subject. Refuses what cannot be matched in linear time, and what
 * matches the empty text. */
MUST_CHECK int matcher_build(struct load *load);

/* Appends operand as the library reads it: a pattern as written, a literal with nothing special
 * left. 0 or the buffer's error. */
MUST_CHECK int matcher_put(struct buf *out, const struct condition *condition,
			   const struct operand *operand);

/* Scratch memory that fits every database of the set: grown in *scratch. 0 or -ENOMEM. */
MUST_CHECK int matcher_scratch(const struct policy_set *set, hs_scratch_t **scratch);

/* Sets the bits of what is found in text (UTF-8). 0, or -ENOMEM when the library refuses. */
MUST_CHECK int matcher_scan(const struct subject *subject, struct span text, hs_scratch_t *scratch,
			    uint64_t *hits);
