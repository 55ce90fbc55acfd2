/* SPDX-License-Identifier: MIT */
/* Will a program be seen by the shim? What its file says before it is run. */
#pragma once

#include "base/buf.h"

#include <elf.h>

enum program_fate {
	PROGRAM_SEEN, /* dynamic, of our machine: the loader will load the shim */
	PROGRAM_STATIC, /* no loader: nothing is preloaded */
	PROGRAM_SECURE, /* set-user-id, set-group-id or file capabilities: the loader ignores
			   LD_PRELOAD */
	PROGRAM_OTHER_ARCH, /* a shared object of this machine cannot be loaded into it */
	PROGRAM_UNKNOWN, /* neither ELF nor script; or a script whose interpreter cannot be read */
};

/* The machine whose programs the shim can be loaded into. */
#if defined(__x86_64__)
#define PROGRAM_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define PROGRAM_MACHINE EM_AARCH64
#else
#error "the shim exists for x86-64 and arm64"
#endif

/* Finds name along PATH as execvp() would. Appends the file's path. 0, -ENOENT or -EACCES. */
MUST_CHECK int program_find(const char *name, struct buf *ret_path);

/* Looks at the file, and for scripts at their interpreter (whose path is then in ret_file). 0 or
 * -errno. */
MUST_CHECK int program_fate(const char *path, enum program_fate *ret_fate, struct buf *ret_file);
