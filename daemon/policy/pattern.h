/* SPDX-License-Identifier: MIT */
/* Regular expressions as policies write them: the part of PCRE that can be matched in linear time.
 */
#pragma once

#include "base/buf.h"

/* How many characters a pattern can count: the sum over its pieces, each times the counts around
 * it. The matcher grows with it. Broken patterns get some number: the compiler refuses them. */
uint64_t pattern_weight(struct span pattern);

/* Appends text as a pattern that matches this very text. */
int pattern_put_literal(struct buf *out, struct span text);
