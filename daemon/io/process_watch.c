/* SPDX-License-Identifier: MIT */
#include "io/process_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

/* linux/magic.h of 6.9: each process has an inode of its own there, never used again. */
#define PID_FS 0x50494446

int process_watch_open(int proc_dir, int pidfd)
{
	struct statfs fs;
	int watch;

	if (pidfd < 0 || fstatfs(pidfd, &fs) < 0 || fs.f_type != PID_FS)
		return -1;
	watch = openat(proc_dir, "pagemap", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (watch >= 0 && !process_watch_holds(watch)) {
		close(watch);
		return -1;
	}
	return watch;
}

bool process_watch_holds(int watch)
{
	char byte;

	return read(watch, &byte, 1) < 0 && errno == EINVAL;
}
