/* SPDX-License-Identifier: MIT */
/*
 * Sending functions of libc: clear HTTP goes through clear.h, and a ClientHello is noted with the
 * socket that it went out on.
 *
 * For a ClientHello the real call comes first: what it sent is memory that can be read, while a
 * program may probe memory by handing write(2) a bad pointer and looking at EFAULT. Everything else
 * costs a load and some comparisons.
 */
#include "clear.h"
#include "hello.h"
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define HOOK	  __attribute__((visibility("default")))
#define RARELY(x) __builtin_expect(!!(x), 0)

static inline void look(int fd, const void *p, size_t n)
{
	if (RARELY(n >= HELLO_BYTES_MIN && hello_is(p)))
		hello_note(fd, p);
}

/* What a call was given beside its descriptor and its bytes. */
struct destination {
	const struct sockaddr *to;
	socklen_t to_n;
};

static ssize_t real_write(const struct clear_call *c)
{
	return real_libc()->write(c->fd, c->v[0].iov_base, c->v[0].iov_len);
}

static ssize_t real_writev(const struct clear_call *c)
{
	return real_libc()->writev(c->fd, c->v, (int)c->v_n);
}

static ssize_t real_send(const struct clear_call *c)
{
	return real_libc()->send(c->fd, c->v[0].iov_base, c->v[0].iov_len, c->flags);
}

static ssize_t real_sendto(const struct clear_call *c)
{
	const struct destination *d = c->arguments;

	return real_libc()->sendto(c->fd, c->v[0].iov_base, c->v[0].iov_len, c->flags, d->to,
				   d->to_n);
}

static ssize_t real_sendmsg(const struct clear_call *c)
{
	return real_libc()->sendmsg(c->fd, c->arguments, c->flags);
}

HOOK ssize_t write(int fd, const void *buf, size_t n)
{
	ssize_t r;

	if (RARELY(clear_sends(fd, buf, n))) {
		const struct iovec v = {(void *)(uintptr_t)buf, n};

		return clear_send(&(struct clear_call){fd, 0, &v, 1, real_write, NULL});
	}
	r = real_libc()->write(fd, buf, n);
	if (r >= (ssize_t)HELLO_BYTES_MIN)
		look(fd, buf, (size_t)r);
	return r;
}

HOOK ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	ssize_t r;

	if (RARELY(clear_sends(fd, buf, n))) {
		const struct iovec v = {(void *)(uintptr_t)buf, n};

		return clear_send(&(struct clear_call){fd, flags, &v, 1, real_send, NULL});
	}
	r = real_libc()->send(fd, buf, n, flags);
	if (r >= (ssize_t)HELLO_BYTES_MIN)
		look(fd, buf, (size_t)r);
	return r;
}

/* The first bytes connect as well; but not a socket that is connected, which stays what it is. */
static __attribute__((noinline)) void connects(int fd, const struct sockaddr *to, socklen_t to_n)
{
	struct watched *w = watch_mark(fd) == WATCH_GOVERNED ? watch_take(fd) : NULL;

	if (w)
		watch_drop(w);
	else
		clear_connected(fd, to, to_n);
}

HOOK ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
		    socklen_t to_n)
{
	ssize_t r;

	if (RARELY(flags & MSG_FASTOPEN && to))
		connects(fd, to, to_n);
	if (RARELY(clear_sends(fd, buf, n))) {
		const struct iovec v = {(void *)(uintptr_t)buf, n};
		const struct destination d = {to, to_n};

		return clear_send(&(struct clear_call){fd, flags, &v, 1, real_sendto, &d});
	}
	r = real_libc()->sendto(fd, buf, n, flags, to, to_n);
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

/* By the first piece that has bytes. */
static inline bool pieces_are_clear(int fd, const struct iovec *v, size_t n)
{
	size_t i = 0;

	if (__builtin_expect(watch_mark(fd) == WATCH_NONE, 1))
		return false;
	while (i < n && !v[i].iov_len)
		i++;
	return i < n && clear_sends(fd, v[i].iov_base, v[i].iov_len);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t r;

	if (RARELY(flags & MSG_FASTOPEN && m->msg_name))
		connects(fd, m->msg_name, m->msg_namelen);
	if (RARELY(watch_mark(fd) && pieces_are_clear(fd, m->msg_iov, m->msg_iovlen)))
		return clear_send(&(struct clear_call){fd, flags, m->msg_iov, m->msg_iovlen,
						       real_sendmsg, m});
	r = real_libc()->sendmsg(fd, m, flags);
	if (r >= (ssize_t)HELLO_BYTES_MIN)
		look_at_first(fd, m->msg_iov, m->msg_iovlen, r);
	return r;
}

HOOK ssize_t writev(int fd, const struct iovec *v, int n)
{
	const size_t pieces = n > 0 ? (size_t)n : 0;
	ssize_t r;

	if (RARELY(pieces_are_clear(fd, v, pieces)))
		return clear_send(&(struct clear_call){fd, 0, v, pieces, real_writev, NULL});
	r = real_libc()->writev(fd, v, n);
	look_at_first(fd, v, pieces, r);
	return r;
}

/* One message of several where they have to be looked at; the program sends the rest again. */
HOOK int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	ssize_t r;

	if (!n || __builtin_expect(watch_mark(fd) == WATCH_NONE, 1))
		return real_libc()->sendmmsg(fd, m, n, flags);
	r = sendmsg(fd, &m[0].msg_hdr, flags);
	if (r < 0)
		return -1;
	m[0].msg_len = (unsigned)r;
	return 1;
}

/* The kernel would send a file, or what is in a pipe, where we cannot look. Refused as by a socket
 * that cannot take it; programs then read and write. */
HOOK ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	if (RARELY(!clear_may_bypass(out))) {
		errno = EINVAL;
		return -1;
	}
	return real_libc()->sendfile(out, in, offset, n);
}

HOOK ssize_t sendfile64(int out, int in, off64_t *offset, size_t n)
{
	if (RARELY(!clear_may_bypass(out))) {
		errno = EINVAL;
		return -1;
	}
	return real_libc()->sendfile64(out, in, offset, n);
}

HOOK ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	if (RARELY(!clear_may_bypass(out))) {
		errno = EINVAL;
		return -1;
	}
	return real_libc()->splice(in, in_at, out, out_at, n, flags);
}
