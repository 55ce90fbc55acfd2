/* SPDX-License-Identifier: MIT */
/*
 * What a role gives up before it looks at anything from outside: users, capabilities, core dumps,
 * being traced, and all system calls but those on its list.
 */
#pragma once

#include "base/parse.h"
#include "io/link.h"

#include <sys/types.h>

struct sandbox {
	enum link_role role;
	bool change_user; /* false: rootless, or the warden and its reader, which stay root */
	uid_t uid;
	gid_t gid;
};

/*
 * Enters the sandbox of a role; there is no way back. Afterwards: no supplementary groups, no
 * capabilities (the warden and the reader keep those of sandbox.c), no_new_privs, not dumpable, no
 * core, bounded descriptors, and for all but the warden the seccomp filter. 0 or -errno; then
 * *ret_step says, as a literal, which step failed.
 */
MUST_CHECK int sandbox_enter(const struct sandbox *sandbox, const char **ret_step);

/* Loads the system call filter of a role. A call that is on no list kills the process (and is in
 * the kernel's log). */
MUST_CHECK int sandbox_filter(enum link_role role);
