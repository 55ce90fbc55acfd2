/* SPDX-License-Identifier: MIT */
/* Functions of libc by which descriptors come, go and are duplicated: what clear.h knows of them
 * goes with them. */
#include "clear.h"
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

int fcntl64(int fd, int command, ...);

HOOK int connect(int fd, const struct sockaddr *to, socklen_t to_n)
{
	int r = real_libc()->connect(fd, to, to_n);
	const int saved = errno;

	/* The kernel has read the address then, and so can we. */
	if (r == 0 || saved == EINPROGRESS || saved == EINTR) {
		clear_connected(fd, to, to_n);
		errno = saved;
	}
	return r;
}

HOOK int close(int fd)
{
	watch_close(fd);
	return real_libc()->close(fd);
}

HOOK int dup(int fd)
{
	int r = real_libc()->dup(fd);

	if (r >= 0)
		watch_copy(fd, r);
	return r;
}

/* Where it fails, to stays what it was. */
static int replaced(int from, int to, int r)
{
	if (r < 0 || from == to)
		return r;
	watch_close(to);
	watch_copy(from, to);
	return r;
}

HOOK int dup2(int from, int to)
{
	return replaced(from, to, real_libc()->dup2(from, to));
}

HOOK int dup3(int from, int to, int flags)
{
	return replaced(from, to, real_libc()->dup3(from, to, flags));
}

static int duplicated(int fd, int command, int r)
{
	if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && r >= 0)
		watch_copy(fd, r);
	return r;
}

/* The third argument, if there is one, is an int or a pointer: as wide as a register. */
HOOK int fcntl(int fd, int command, ...)
{
	va_list list;
	void *argument;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return duplicated(fd, command, real_libc()->fcntl(fd, command, argument));
}

HOOK int fcntl64(int fd, int command, ...)
{
	va_list list;
	void *argument;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return duplicated(fd, command, real_libc()->fcntl64(fd, command, argument));
}
