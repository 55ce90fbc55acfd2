/* SPDX-License-Identifier: MIT */
/* The system calls behind libc's functions. */
#include "bare.h"

#include "os.h"

#include <stdarg.h>
#include <sys/syscall.h>

static long as_libc(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

#define CALL(_n, a, b, c, d, e, f)                                                                 \
	as_libc(os_call((_n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))

static ssize_t bare_write(int fd, const void *p, size_t n)
{
	return CALL(SYS_write, fd, p, n, 0, 0, 0);
}

static ssize_t bare_writev(int fd, const struct iovec *v, int n)
{
	return CALL(SYS_writev, fd, v, n, 0, 0, 0);
}

static ssize_t bare_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
			   socklen_t to_n)
{
	return CALL(SYS_sendto, fd, p, n, flags, to, to_n);
}

static ssize_t bare_send(int fd, const void *p, size_t n, int flags)
{
	return CALL(SYS_sendto, fd, p, n, flags, 0, 0);
}

static ssize_t bare_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return CALL(SYS_sendmsg, fd, m, flags, 0, 0, 0);
}

static int bare_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	return (int)CALL(SYS_sendmmsg, fd, m, n, flags, 0, 0);
}

static ssize_t bare_sendfile(int out, int in, off_t *offset, size_t n)
{
	return CALL(SYS_sendfile, out, in, offset, n, 0, 0);
}

static ssize_t bare_splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n,
			   unsigned flags)
{
	return CALL(SYS_splice, in, in_at, out, out_at, n, flags);
}

static ssize_t bare_read(int fd, void *p, size_t n)
{
	return CALL(SYS_read, fd, p, n, 0, 0, 0);
}

static ssize_t bare_readv(int fd, const struct iovec *v, int n)
{
	return CALL(SYS_readv, fd, v, n, 0, 0, 0);
}

static ssize_t bare_recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *from,
			     socklen_t *from_n)
{
	return CALL(SYS_recvfrom, fd, p, n, flags, from, from_n);
}

static ssize_t bare_recv(int fd, void *p, size_t n, int flags)
{
	return CALL(SYS_recvfrom, fd, p, n, flags, 0, 0);
}

static ssize_t bare_recvmsg(int fd, struct msghdr *m, int flags)
{
	return CALL(SYS_recvmsg, fd, m, flags, 0, 0, 0);
}

static int bare_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t)
{
	return (int)CALL(SYS_recvmmsg, fd, m, n, flags, t, 0);
}

static ssize_t bare_read_chk(int fd, void *p, size_t n, size_t room)
{
	return bare_read(fd, p, n < room ? n : room);
}

static ssize_t bare_recv_chk(int fd, void *p, size_t n, size_t room, int flags)
{
	return bare_recv(fd, p, n < room ? n : room, flags);
}

static ssize_t bare_recvfrom_chk(int fd, void *p, size_t n, size_t room, int flags,
				 struct sockaddr *from, socklen_t *from_n)
{
	return bare_recvfrom(fd, p, n < room ? n : room, flags, from, from_n);
}

static int bare_connect(int fd, const struct sockaddr *to, socklen_t to_n)
{
	return (int)CALL(SYS_connect, fd, to, to_n, 0, 0, 0);
}

static int bare_close(int fd)
{
	return (int)CALL(SYS_close, fd, 0, 0, 0, 0, 0);
}

static int bare_dup(int fd)
{
	return (int)CALL(SYS_dup, fd, 0, 0, 0, 0, 0);
}

static int bare_dup3(int from, int to, int flags)
{
	return (int)CALL(SYS_dup3, from, to, flags, 0, 0, 0);
}

static int bare_dup2(int from, int to)
{
	/* dup3() refuses what dup2() takes as done; F_GETFD tells whether it is open. */
	if (from == to)
		return CALL(SYS_fcntl, from, 1, 0, 0, 0, 0) < 0 ? -1 : to;
	return bare_dup3(from, to, 0);
}

static int bare_fcntl(int fd, int command, ...)
{
	va_list list;
	long argument;

	va_start(list, command);
	argument = va_arg(list, long);
	va_end(list);
	return (int)CALL(SYS_fcntl, fd, command, argument, 0, 0, 0);
}

const struct real_libc bare_libc = {
	.send = bare_send,
	.sendto = bare_sendto,
	.sendmsg = bare_sendmsg,
	.sendmmsg = bare_sendmmsg,
	.write = bare_write,
	.writev = bare_writev,
	.sendfile = bare_sendfile,
	.sendfile64 = bare_sendfile,
	.splice = bare_splice,
	.read = bare_read,
	.readv = bare_readv,
	.recv = bare_recv,
	.recvfrom = bare_recvfrom,
	.recvmsg = bare_recvmsg,
	.recvmmsg = bare_recvmmsg,
	.read_chk = bare_read_chk,
	.recv_chk = bare_recv_chk,
	.recvfrom_chk = bare_recvfrom_chk,
	.connect = bare_connect,
	.close = bare_close,
	.dup = bare_dup,
	.dup2 = bare_dup2,
	.dup3 = bare_dup3,
	.fcntl = bare_fcntl,
	.fcntl64 = bare_fcntl,
};
