/* SPDX-License-Identifier: MIT */
/* The 403 that the shim makes itself when the engine cannot be asked, in the provider's own error
 * shape. */
#pragma once

#include <stddef.h>

/*
 * Writes a whole HTTP response into out[0..cap) and returns its length; 0 when it does not fit.
 * shape[0..shape_n) is the error body with %MESSAGE% where the text goes; without one, OpenAI's
 * shape is used. No decision was made, so no decision id is claimed.
 */
size_t answer_make(char *out, size_t cap, const char *shape, size_t shape_n, const char *reason);
