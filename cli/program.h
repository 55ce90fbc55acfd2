/* SPDX-License-Identifier: MIT */
/* Will a program be seen by the shim? What its file says before it is run. */
#pragma once

#include "base/buf.h"

enum program_fate {
	PROGRAM_SEEN, /* dynamic, of our machine: the loader will load the shim */
	PROGRAM_STATIC, /* no loader: nothing is preloaded */
	PROGRAM_SECURE, /* set-user-id, set-group-id or file capabilities: the loader ignores
			   LD_PRELOAD */
	PROGRAM_OTHER_ARCH, /* a shared object of this machine cannot be loaded into it */
	PROGRAM_UNKNOWN, /* neither ELF nor script; or a script whose interpreter cannot be read */
};

/* Finds name along PATH as execvp() would. Appends the file's path. 0, -ENOENT or -EACCES. */
MUST_CHECK int program_find(const char *name, struct buf *ret_path);

/* Looks at the file, and for scripts at their interpreter (whose path is then in ret_file). 0 or
 * -errno. */
MUST_CHECK int program_fate(const char *path, enum program_fate *ret_fate, struct buf *ret_file);

/* Is it a shared object that programs of this machine can load, and whole? 0, or -ENOEXEC with why
 * appended. */
MUST_CHECK int program_check_shim(const char *path, struct buf *ret_why);
