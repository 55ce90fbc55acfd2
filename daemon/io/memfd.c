/* SPDX-License-Identifier: MIT */
#include "io/memfd.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

int memfd_make(const char *name, struct span bytes)
{
	int fd CLEANUP(cleanup_closep) = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int made;

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < bytes.n;) {
		ssize_t n = write(fd, bytes.p + done, bytes.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
		return -errno;
	made = fd;
	fd = -1;
	return made;
}

int memfd_check(int fd, size_t n)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return MEMFD_E_SEALS;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_size >= 0 && (uint64_t)st.st_size == n ? 0 : MEMFD_E_SIZE;
}

int memfd_read(int fd, size_t n, struct buf *out)
{
	int r = buf_reserve(out, n);

	if (r < 0)
		return r;
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(fd, out->p + out->n, n - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO;
		out->n += (size_t)got;
		done += (size_t)got;
	}
	return 0;
}
