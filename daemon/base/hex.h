/* SPDX-License-Identifier: MIT */
/* Bytes as lower-case hexadecimal text, and back. */
#pragma once

#include "base/buf.h"

/* Writes 2 * bytes.n characters, no NUL. */
void hex_encode(struct span bytes, char *out);

/* Appends the text to out. 0 or the buffer's error. */
int hex_put(struct buf *out, struct span bytes);

/* text must be exactly 2 * n lower-case digits. False (out untouched) when it is not. */
bool hex_decode(struct span text, void *out, size_t n);
