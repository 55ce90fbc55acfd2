/* SPDX-License-Identifier: MIT */
/* Points in time as people write them in a query. */
#pragma once

#include "base/span.h"

/*
 * RFC 3339 ("2026-11-23T06:30:00Z", a fraction of up to nine digits, a zone as +01:00), the same
 * without a zone (UTC), a date alone (its midnight, UTC), or seconds since 1970 with a fraction.
 * A year alone is none of these. False, ret_ns untouched, for anything else, and for times before
 * 1970 or after 2261.
 */
bool moment_parse(struct span text, int64_t *ret_ns);
