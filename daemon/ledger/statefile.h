/* SPDX-License-Identifier: MIT */
/* Small files of the state directory: read whole, replaced whole, never half there. */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

/* Is the file for its owner alone? Anything that others could read is no secret. */
enum statefile_kind {
	STATEFILE_PUBLIC, /* made with mode 0644 */
	STATEFILE_SECRET, /* made with mode 0600; refused on reading (-EPERM) when others may read
			     it */
};

/* Appends a regular file's bytes to out. 0, -ENOENT, -EPERM, -E2BIG (over out's maximum) or -errno.
 */
MUST_CHECK int statefile_read(int dir_fd, const char *name, enum statefile_kind kind,
			      struct buf *out);

/* Puts bytes in name's place: new file, fsync, rename, fsync of the directory. Nothing of it is
 * tried again after a failed fsync; the next call begins with a new file. 0 or -errno (name is then
 * as it was). */
MUST_CHECK int statefile_replace(int dir_fd, const char *name, enum statefile_kind kind,
				 struct span bytes);
