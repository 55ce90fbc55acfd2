/* SPDX-License-Identifier: MIT */
/* /etc/ld.so.preload itself: read, and changed in one step or not at all. */
#pragma once

#include "base/buf.h"

/* The loader reads it whole; hosts have a handful of names in it. */
#define PRELOAD_FILE_BYTES_MAX (64u << 10)

/* 0, -ENOENT (there is none), -EINVAL (no regular file: a link, a device),
 * or another -errno. */
MUST_CHECK int preload_file_read(struct buf *ret_text);

/* Puts text in its place by rename, durable before and after; text of no bytes: takes the file
 * away. At every moment programs find the old text or the new one. 0 or -errno. */
MUST_CHECK int preload_file_write(struct span text);
