/* SPDX-License-Identifier: MIT */
/* Lets one allocation fail: malloc(), calloc() and realloc() of the whole test program go through
 * here. */
#pragma once

#include <stdbool.h>

/* Runs fn with its first allocation failing, then its second, and so on, until a run asks for no
 * more of them; that last run is one where nothing fails. fn looks at oom_hit() to know what it has
 * to expect, and frees all it owns each time. Returns how many allocations were made to fail. */
unsigned oom_each(void (*fn)(void *ctx), void *ctx);

/* Has an allocation failed in this run of fn? */
bool oom_hit(void);
