/* SPDX-License-Identifier: MIT */
/* Regular expressions as policies write them: the part of PCRE that can be matched in linear time.
 */
#pragma once

#include "base/buf.h"

/* About how many states a pattern needs: the sum over its pieces, each times the counts around it;
 * what stands for most of Unicode (. and the like) counts eight. Broken patterns get some number:
 * the compiler refuses them. */
uint64_t pattern_weight(struct span pattern);

/* Appends text as a pattern that matches this very text. */
int pattern_put_literal(struct buf *out, struct span text);
