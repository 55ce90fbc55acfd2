/* SPDX-License-Identifier: MIT */
/* Finds the real functions of libc. */
#include "real.h"

#include "object.h"
#include "os.h"

#include <stdatomic.h>
#include <string.h>

/* What stands in for a libc that we cannot find: the system call itself. */
static ssize_t as_libc(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

static ssize_t bare_write(int fd, const void *p, size_t n)
{
	return as_libc(os_write(fd, p, n));
}

static ssize_t bare_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return as_libc(os_sendmsg(fd, m, flags));
}

static ssize_t bare_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
			   socklen_t to_n)
{
	return as_libc(os_sendto(fd, p, n, flags, to, to_n));
}

static ssize_t bare_send(int fd, const void *p, size_t n, int flags)
{
	return as_libc(os_sendto(fd, p, n, flags, NULL, 0));
}

static ssize_t bare_writev(int fd, const struct iovec *v, int n)
{
	return as_libc(os_writev(fd, v, n));
}

static const struct real_libc bare_libc = {
	.send = bare_send,
	.sendto = bare_sendto,
	.sendmsg = bare_sendmsg,
	.write = bare_write,
	.writev = bare_writev,
};

/* Walks the load order and takes, for each function, the first definition behind our own object. */
struct libc_walk {
	struct real_libc found;
	bool behind_us;
};

static void take_function(const struct object *o, const char *name, void *ret_place)
{
	void *f = NULL, *before;

	memcpy(&before, ret_place, sizeof(before));
	if (!before)
		f = object_function(o, name);
	if (f)
		memcpy(ret_place, &f, sizeof(f));
}

static bool visit(const struct object *o, void *data)
{
	struct libc_walk *w = data;

	if (object_covers(o, (const void *)(uintptr_t)&real_libc)) {
		w->behind_us = true;
		return true;
	}
	if (!w->behind_us)
		return true;
	take_function(o, "send", &w->found.send);
	take_function(o, "sendto", &w->found.sendto);
	take_function(o, "sendmsg", &w->found.sendmsg);
	take_function(o, "write", &w->found.write);
	take_function(o, "writev", &w->found.writev);
	return !(w->found.send && w->found.sendto && w->found.sendmsg && w->found.write &&
		 w->found.writev);
}

static struct real_libc libc_found;
static _Atomic(int) libc_state; /* 0 not looked, 1 someone looks, 2 found */

static void find_libc(void)
{
	struct libc_walk w = {0};

	object_each(visit, &w);
	libc_found.send = w.found.send ? w.found.send : bare_send;
	libc_found.sendto = w.found.sendto ? w.found.sendto : bare_sendto;
	libc_found.sendmsg = w.found.sendmsg ? w.found.sendmsg : bare_sendmsg;
	libc_found.write = w.found.write ? w.found.write : bare_write;
	libc_found.writev = w.found.writev ? w.found.writev : bare_writev;
}

const struct real_libc *real_libc(void)
{
	int state = 0;

	if (__builtin_expect(atomic_load_explicit(&libc_state, memory_order_acquire) == 2, 1))
		return &libc_found;
	/* No waiting: the one who looks may be the thread that this signal handler interrupted. */
	if (!atomic_compare_exchange_strong(&libc_state, &state, 1))
		return &bare_libc;
	find_libc();
	atomic_store_explicit(&libc_state, 2, memory_order_release);
	return &libc_found;
}
