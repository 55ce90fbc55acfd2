/* SPDX-License-Identifier: MIT */
/* Times as records carry them: RFC 3339, UTC, always nine digits of a second. Texts order as the
 * times do. */
#pragma once

#include "base/span.h"

#define STAMP_BYTES 30 /* 2026-11-23T06:36:03.123456789Z */

/* wall_ns: since 1970, UTC, any value. Writes STAMP_BYTES characters and a NUL. */
void stamp_write(int64_t wall_ns, char out[STAMP_BYTES + 1]);

/* Exactly that form, of a time that exists and fits (years 1678 to 2261). False, ret_ns untouched,
 * when not. */
bool stamp_parse(struct span text, int64_t *ret_ns);
