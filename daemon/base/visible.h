/* SPDX-License-Identifier: MIT */
/* Text that somebody else chose, made safe to look at. */
#pragma once

#include "base/buf.h"

/*
 * Appends text. Control characters and bytes that are no UTF-8 become \xNN; characters that show
 * nothing or change how what stands around them is shown (marks of direction, zero-width and tag
 * characters, variation selectors, line separators) become \u{N}. With lines, newline and tab stay.
 * 0 or the buffer's error.
 */
int visible_put(struct span text, bool lines, struct buf *out);
