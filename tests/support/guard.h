/* SPDX-License-Identifier: MIT */
/* Bytes that end right before a page nobody may touch: reading one byte too far is a crash. */
#pragma once

#include "base/span.h"

struct guard {
	uint8_t *map; /* pages_n readable pages, one forbidden */
	size_t pages_n, page;
};

/* Room for texts of up to bytes_max. Aborts when there is no memory. */
void guard_init(struct guard *g, size_t bytes_max);
void guard_deinit(struct guard *g);

/* A copy of s flush against the forbidden page, until the next copy; the rest of the room is
 * overwritten. */
struct span guard_copy(struct guard *g, struct span s);

/* Overwrites everything: who still looks at a copy, sees other bytes. */
void guard_wipe(struct guard *g);
