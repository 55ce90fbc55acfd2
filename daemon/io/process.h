/* SPDX-License-Identifier: MIT */
/*
 * Who a process is, read from /proc. A process is held by its open /proc/PID folder, which never
 * comes to mean another process that got the same number; what can change (executable, cgroup,
 * arguments) is read anew each time.
 *
 * Reading can hang: a process may put its executable or arguments on a file system that it serves
 * itself. The caller has a watchdog.
 */
#pragma once

#include "io/exe_hash.h"
#include "model/identity.h"

struct process_table; /* the AICP_PROCESSES_MAX last asked for */
struct process_table *process_table_new(void);
void process_table_free(struct process_table *table);

enum process_outcome {
	PROCESS_E_GONE = 1, /* ended, or never was */
	PROCESS_E_HASH, /* all but the executable's hash: make it, then ask again */
};

/*
 * ret_who (all but uid and gid, which the socket's credentials say better): borrowed until the next
 * call. pidfd: of that very process, so that a reused number is noticed, or -1. With PROCESS_E_HASH
 * ret_who is complete but for exe_sha256. 0, PROCESS_E_..., -errno.
 *
 * ret_watch: with 0 and a pidfd a descriptor that shows how long ret_who is of the same program
 * (io/process_watch.h), the caller's to close, or -1; else untouched.
 */
MUST_CHECK int process_look(struct process_table *table, struct exe_hash *hashes, int64_t pid,
			    int pidfd, struct identity *ret_who, int *ret_watch);

/* Opens the executable that the last process_look() of that process saw. Descriptor, or -errno. */
int process_open_exe(struct process_table *table, int64_t pid, struct stat *ret_exe);
