/* SPDX-License-Identifier: MIT */
/*
 * The text of /etc/ld.so.preload: what glibc's loader loads into every dynamic program.
 *
 * Names are parted by spaces, tabs, newlines and colons; # begins a comment that goes to the end of
 * its line.
 */
#pragma once

#include "base/buf.h"

#define PRELOAD_LIST_PATH "/etc/ld.so.preload"

/* Shows each name in its order, until visit says false. */
typedef bool (*preload_list_fn)(struct span name, void *data);
void preload_list_each(struct span text, preload_list_fn visit, void *data);

/* Is this the name of a shim, wherever it lies? */
bool preload_list_is_shim(struct span name);

/* The text without the names of shims; what else stands there stays byte for byte, but for lines
 * that would be left without anything. 0 or -errno. */
MUST_CHECK int preload_list_without_shim(struct span text, struct buf *ret_text);

/* The text with path as its only shim, behind all other names. 0 or -errno. */
MUST_CHECK int preload_list_with_shim(struct span text, const char *path, struct buf *ret_text);
