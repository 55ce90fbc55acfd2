/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648 section 4) in its one strict form: padded, no line breaks, unused bits zero. */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

/* Appends the text of bytes. 0 or the buffer's error. */
int base64_put(struct buf *out, struct span bytes);

/* Appends the bytes that text stands for. PARSE_DONE, PARSE_E_BAD (out untouched) or the buffer's
 * error. */
MUST_CHECK int base64_decode(struct buf *out, struct span text);

/* The same for exactly n bytes; false (out untouched) when text stands for anything else. */
bool base64_decode_exact(struct span text, void *out, size_t n);
