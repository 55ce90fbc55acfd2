/* SPDX-License-Identifier: MIT */
/*
 * Recognises the one JSON spelling that is hashed: what base/json_write.h writes in canonical mode,
 * and nothing else.
 *
 * RFC 8785 with its hard part forbidden: no spaces; object keys of printable ASCII without quote
 * and backslash, strictly ascending; integers within ±(2^53 - 1) without leading zeros or "-0";
 * strings in UTF-8 with the shortest escapes. One pass, no memory: strictly ascending keys are also
 * distinct keys.
 */
#pragma once

#include "base/json_write.h"
#include "base/span.h"

/* Open containers at once; the writer stops at the same depth. */
#define CANONICAL_DEPTH_MAX (JSON_WRITE_DEPTH_MAX - 1)

/* Bytes of the canonical value that text begins with; 0 when there is none, or it is nested deeper
 * than depth_max. */
size_t canonical_length(struct span text, unsigned depth_max);

/* Is text one canonical object, and nothing behind it? */
bool canonical_object(struct span text, unsigned depth_max);

/* Walks the members of an object that canonical_object() accepted: rest begins as the object itself
 * and is moved on. False behind the last member. value is the member's text, a string with its
 * quotes. */
bool canonical_next(struct span *rest, struct span *ret_key, struct span *ret_value);

/* The text of a member's value, or SPAN_NULL. */
struct span canonical_get(struct span object, const char *key);

/* A value as an integer; false when it is something else. */
bool canonical_int(struct span value, int64_t *ret_value);

/* Appends a string value without quotes and escapes. False (out untouched) when it is no string;
 * errors stick in out. */
bool canonical_text(struct span value, struct buf *out);
