/* SPDX-License-Identifier: MIT */
/*
 * Sending functions of libc: notes which socket a ClientHello goes out on, and nothing else.
 *
 * The real call comes first: what it sent is memory that can be read, while a program may probe
 * memory by handing write(2) a bad pointer and looking at EFAULT. Everything else costs two
 * comparisons.
 */
#include "hello.h"
#include "real.h"

#include <stddef.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

static inline void look(int fd, const void *p, size_t n)
{
	if (__builtin_expect(n >= HELLO_BYTES_MIN && hello_is(p), 0))
		hello_note(fd, p);
}

HOOK ssize_t write(int fd, const void *buf, size_t n)
{
	ssize_t r = real_libc()->write(fd, buf, n);

	if (r >= (ssize_t)HELLO_BYTES_MIN)
		look(fd, buf, (size_t)r);
	return r;
}

HOOK ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	ssize_t r = real_libc()->send(fd, buf, n, flags);

	if (r >= (ssize_t)HELLO_BYTES_MIN)
		look(fd, buf, (size_t)r);
	return r;
}

HOOK ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
		    socklen_t to_n)
{
	ssize_t r = real_libc()->sendto(fd, buf, n, flags, to, to_n);

	if (r >= (ssize_t)HELLO_BYTES_MIN)
		look(fd, buf, (size_t)r);
	return r;
}

/* A ClientHello's first bytes come in one piece from every library we know; pieces are not put
 * together. */
static inline void look_at_first(int fd, const struct iovec *v, size_t pieces, ssize_t r)
{
	if (r < (ssize_t)HELLO_BYTES_MIN || !pieces)
		return;
	look(fd, v[0].iov_base, v[0].iov_len < (size_t)r ? v[0].iov_len : (size_t)r);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t r = real_libc()->sendmsg(fd, m, flags);

	if (r >= (ssize_t)HELLO_BYTES_MIN)
		look_at_first(fd, m->msg_iov, m->msg_iovlen, r);
	return r;
}

HOOK ssize_t writev(int fd, const struct iovec *v, int n)
{
	ssize_t r = real_libc()->writev(fd, v, n);

	look_at_first(fd, v, n > 0 ? (size_t)n : 0, r);
	return r;
}
