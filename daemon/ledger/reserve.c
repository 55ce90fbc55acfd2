/* SPDX-License-Identifier: MIT */
#include "ledger/reserve.h"

#include "aicp/limits.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

int reserve_take(int dir_fd)
{
	int fd CLEANUP(cleanup_closep) =
		openat(dir_fd, RESERVE_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = posix_fallocate(fd, 0, AICP_LEDGER_RESERVE_BYTES);
	return -r;
}

void reserve_release(int dir_fd)
{
	(void)unlinkat(dir_fd, RESERVE_FILE, 0);
}

bool reserve_fits(int dir_fd)
{
	struct statvfs fs;

	/* Unlimited by blocks is not unlimited by quota: taking it shows. */
	return fstatvfs(dir_fd, &fs) == 0 &&
	       fs.f_bavail >= 2 * AICP_LEDGER_RESERVE_BYTES / (fs.f_frsize ? fs.f_frsize : 1);
}
