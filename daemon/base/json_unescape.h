/* SPDX-License-Identifier: MIT */
/* What the escapes of a JSON string stand for; for strings that the scanner has found well formed.
 */
#pragma once

#include "base/span.h"

/* Bytes that one step can yield. */
#define JSON_UNESCAPE_STEP_BYTES 4

/* The character (or the plain byte) at raw.p[*pos]: writes what it stands for to out, moves *pos
 * behind it and returns how many bytes were written, at most JSON_UNESCAPE_STEP_BYTES. *pos must be
 * below raw.n. */
size_t json_unescape_step(struct span raw, size_t *pos, uint8_t *out);

/* All of raw; out has room for raw.n bytes, as no escape is shorter than what it stands for.
 * Returns bytes written. */
size_t json_unescape(struct span raw, uint8_t *out);
