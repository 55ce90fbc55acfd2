/* SPDX-License-Identifier: MIT */
#include "io/process_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int process_watch_open(int proc_dir)
{
	int watch = openat(proc_dir, "pagemap", O_RDONLY | O_CLOEXEC | O_NOCTTY);

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
