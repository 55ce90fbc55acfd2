/* SPDX-License-Identifier: MIT */
/*
 * Reads the texts of /proc (proc(5)): bytes in, values out, no files. A process chooses its own
 * name, arguments and (with delegation) the names of its cgroups; each parser holds against any
 * bytes there.
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

/* /proc/PID/stat */
struct procfs_stat {
	int64_t pid, ppid;
	int64_t start_ticks;
	struct span name; /* in parentheses; may itself hold ')' and line feeds; borrowed */
};
/* PARSE_DONE or PARSE_E_BAD. */
MUST_CHECK int procfs_stat(struct span text, struct procfs_stat *ret_stat);

/* A file that holds one decimal number and perhaps a line feed (loginuid). */
MUST_CHECK int procfs_number(struct span text, int64_t *ret_value);

/* /proc/PID/cgroup: path of the process in the unified hierarchy (the line "0::PATH"); borrowed.
 * PARSE_E_BAD when there is none. */
MUST_CHECK int procfs_cgroup(struct span text, struct span *ret_path);

/* Id of the container that a cgroup path names (64 hexadecimal digits, as Docker, containerd, CRI-O
 * and podman write them), or empty. The innermost one counts. */
struct span procfs_container(struct span cgroup);
/* The innermost systemd service or scope of a cgroup path, or empty. */
struct span procfs_unit(struct span cgroup);
