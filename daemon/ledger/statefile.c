/* SPDX-License-Identifier: MIT */
#include "ledger/statefile.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static int open_checked(int dir_fd, const char *name, enum statefile_kind kind, int *ret_fd)
{
	int fd CLEANUP(cleanup_closep) = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (kind == STATEFILE_SECRET && st.st_mode & 077))
		return -EPERM;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int statefile_read(int dir_fd, const char *name, enum statefile_kind kind, struct buf *out)
{
	int fd CLEANUP(cleanup_closep) = -1;
	uint8_t part[4096];
	ssize_t n;
	int r = open_checked(dir_fd, name, kind, &fd);

	if (r < 0)
		return r;
	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = buf_put(out, span_of(part, (size_t)n));
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_all(int fd, struct span bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes = span_sub(bytes, (size_t)n, bytes.n);
	}
	return 0;
}

static int write_file(int dir_fd, const char *name, enum statefile_kind kind, struct span bytes)
{
	mode_t mode = kind == STATEFILE_SECRET ? 0600 : 0644;
	int fd CLEANUP(cleanup_closep) =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int r;

	/* The umask of whoever started us is not asked. */
	if (fd < 0 || fchmod(fd, mode) < 0)
		return -errno;
	r = write_all(fd, bytes);
	return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

int statefile_replace(int dir_fd, const char *name, enum statefile_kind kind, struct span bytes)
{
	char fresh[64];
	int r;

	snprintf(fresh, sizeof(fresh), ".%s.new", name);
	if (unlinkat(dir_fd, fresh, 0) < 0 && errno != ENOENT)
		return -errno;
	r = write_file(dir_fd, fresh, kind, bytes);
	if (r == 0 && renameat(dir_fd, fresh, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir_fd, fresh, 0);
		return r;
	}
	return fsync(dir_fd) < 0 ? -errno : 0;
}
