/* SPDX-License-Identifier: MIT */
/*
 * Is a process still the program that it was? Asked of an open descriptor, without a look at /proc.
 *
 * The descriptor is the process's /proc/PID/pagemap. It belongs to the memory that the process had
 * when it was opened: execve() gives a process new memory, and its end takes it away. A read of one
 * byte is then at an end; before that it is refused as too short, and no byte of the process or of
 * its page tables is looked at, no lock taken. So it cannot hang.
 *
 * What it does not show: memory may be shared with another process (clone() with CLONE_VM) that
 * keeps it when this one executes a program. Whoever relies on a watch bounds it in time.
 */
#pragma once

#include <stdbool.h>

/* proc_dir: /proc/PID. The descriptor; -1 when the process may not be watched. */
int process_watch_open(int proc_dir);

/* The memory is there still. False also when it cannot be told. */
bool process_watch_holds(int watch);
