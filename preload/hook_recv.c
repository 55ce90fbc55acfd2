/* SPDX-License-Identifier: MIT */
/* Receiving functions of libc: on a socket that carries governed requests in clear, an answer of
 * ours is read before anything real. Everything else costs a load and a comparison. */
#include "clear.h"
#include "nudge.h"
#include "real.h"

#include <stddef.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

ssize_t __read_chk(int fd, void *buf, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags, struct sockaddr *from,
		       socklen_t *from_n);

struct origin {
	struct sockaddr *from;
	socklen_t *from_n;
};

struct message {
	struct msghdr *m;
	bool *called; /* set when the real call was made */
};

static ssize_t real_read(const struct clear_call *c)
{
	return real_libc()->read(c->fd, c->v[0].iov_base, c->v[0].iov_len);
}

static ssize_t real_readv(const struct clear_call *c)
{
	return real_libc()->readv(c->fd, c->v, (int)c->v_n);
}

static ssize_t real_recv(const struct clear_call *c)
{
	return real_libc()->recv(c->fd, c->v[0].iov_base, c->v[0].iov_len, c->flags);
}

static ssize_t real_recvfrom(const struct clear_call *c)
{
	const struct origin *o = c->arguments;

	return real_libc()->recvfrom(c->fd, c->v[0].iov_base, c->v[0].iov_len, c->flags, o->from,
				     o->from_n);
}

static ssize_t real_recvmsg(const struct clear_call *c)
{
	const struct message *message = c->arguments;

	*message->called = true;
	return real_libc()->recvmsg(c->fd, message->m, c->flags);
}

static ssize_t receive(int fd, void *buf, size_t n, int flags,
		       ssize_t (*real)(const struct clear_call *), const void *arguments)
{
	const struct iovec v = {buf, n};

	return clear_receive(&(struct clear_call){fd, flags, &v, 1, real, arguments});
}

/* To be asked before anything that the program gave is looked at: it may be no memory. */
static inline bool is_woken(int fd)
{
	return __builtin_expect(watch_mark(fd) == WATCH_WOKEN, 0);
}

/* The first read of a socket that was woken gets one byte; not one that would fill nothing, or ask
 * for something else than the stream. */
static inline bool is_nudged(int fd, size_t n, int flags)
{
	return is_woken(fd) && n && !(flags & (MSG_PEEK | MSG_TRUNC | MSG_OOB | MSG_ERRQUEUE)) &&
	       nudge_take(fd);
}

static ssize_t one_byte(void *buf)
{
	*(char *)buf = 0;
	return 1;
}

HOOK ssize_t read(int fd, void *buf, size_t n)
{
	if (is_nudged(fd, n, 0))
		return one_byte(buf);
	if (clear_receives(fd))
		return receive(fd, buf, n, 0, real_read, NULL);
	return real_libc()->read(fd, buf, n);
}

HOOK ssize_t __read_chk(int fd, void *buf, size_t n, size_t room)
{
	if (n <= room && is_nudged(fd, n, 0))
		return one_byte(buf);
	if (clear_receives(fd) && n <= room)
		return receive(fd, buf, n, 0, real_read, NULL);
	return real_libc()->read_chk(fd, buf, n, room);
}

HOOK ssize_t readv(int fd, const struct iovec *v, int n)
{
	if (is_woken(fd) && n > 0 && is_nudged(fd, v[0].iov_len, 0))
		return one_byte(v[0].iov_base);
	if (clear_receives(fd) && n > 0)
		return clear_receive(&(struct clear_call){fd, 0, v, (size_t)n, real_readv, NULL});
	return real_libc()->readv(fd, v, n);
}

HOOK ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	if (is_nudged(fd, n, flags))
		return one_byte(buf);
	if (clear_receives(fd))
		return receive(fd, buf, n, flags, real_recv, NULL);
	return real_libc()->recv(fd, buf, n, flags);
}

HOOK ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags)
{
	if (n <= room && is_nudged(fd, n, flags))
		return one_byte(buf);
	if (clear_receives(fd) && n <= room)
		return receive(fd, buf, n, flags, real_recv, NULL);
	return real_libc()->recv_chk(fd, buf, n, room, flags);
}

/* A stream has no origin to tell. */
static ssize_t receive_from(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
			    socklen_t *from_n)
{
	const struct origin o = {from, from_n};
	ssize_t r = receive(fd, buf, n, flags, real_recvfrom, &o);

	if (r >= 0 && from && from_n)
		*from_n = 0;
	return r;
}

HOOK ssize_t recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
		      socklen_t *from_n)
{
	if (clear_receives(fd))
		return receive_from(fd, buf, n, flags, from, from_n);
	return real_libc()->recvfrom(fd, buf, n, flags, from, from_n);
}

HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags,
			    struct sockaddr *from, socklen_t *from_n)
{
	if (clear_receives(fd) && n <= room)
		return receive_from(fd, buf, n, flags, from, from_n);
	return real_libc()->recvfrom_chk(fd, buf, n, room, flags, from, from_n);
}

HOOK ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	bool called = false;
	const struct message message = {m, &called};
	ssize_t r;

	if (is_woken(fd) && m->msg_iovlen && is_nudged(fd, m->msg_iov[0].iov_len, flags)) {
		m->msg_namelen = 0;
		m->msg_controllen = 0;
		m->msg_flags = 0;
		return one_byte(m->msg_iov[0].iov_base);
	}
	if (!clear_receives(fd))
		return real_libc()->recvmsg(fd, m, flags);
	r = clear_receive(
		&(struct clear_call){fd, flags, m->msg_iov, m->msg_iovlen, real_recvmsg, &message});
	if (r >= 0 && !called) {
		m->msg_namelen = 0;
		m->msg_controllen = 0;
		m->msg_flags = 0;
	}
	return r;
}

/* One message of several. */
HOOK int recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *timeout)
{
	ssize_t r;

	if (!clear_receives(fd) || !n)
		return real_libc()->recvmmsg(fd, m, n, flags, timeout);
	r = recvmsg(fd, &m[0].msg_hdr, flags & ~MSG_WAITFORONE);
	if (r < 0)
		return -1;
	m[0].msg_len = (unsigned)r;
	return 1;
}
