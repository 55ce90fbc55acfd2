/* SPDX-License-Identifier: MIT */
/* Finds the real functions of libc and the loader. */
#include "real.h"

#include "object.h"
#include "os.h"

#include <stdatomic.h>
#include <stdbool.h>
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

struct wanted {
	const char *name;
	size_t offset; /* of the pointer */
};

/* Walks the load order and takes, for each function, the first definition behind our own object. */
struct walk {
	const struct wanted *wanted;
	size_t wanted_n;
	char *table; /* where the pointers go; NULL is what is still to be found */
	bool behind_us;
};

static bool take_function(const struct object *o, const struct wanted *w, char *table)
{
	void *f;

	memcpy(&f, table + w->offset, sizeof(f));
	if (!f)
		f = object_function(o, w->name);
	memcpy(table + w->offset, &f, sizeof(f));
	return f != NULL;
}

static bool visit(const struct object *o, void *data)
{
	struct walk *w = data;
	bool all = true;

	if (object_covers(o, (const void *)(uintptr_t)&real_libc)) {
		w->behind_us = true;
		return true;
	}
	if (!w->behind_us)
		return true;
	for (size_t i = 0; i < w->wanted_n; i++)
		all &= take_function(o, &w->wanted[i], w->table);
	return !all;
}

static void find(const struct wanted *wanted, size_t n, void *table)
{
	struct walk w = {.wanted = wanted, .wanted_n = n, .table = table};

	object_each(visit, &w);
}

#define COUNT(_a) (sizeof(_a) / sizeof((_a)[0]))

static const struct wanted libc_wanted[] = {
	{"send", offsetof(struct real_libc, send)},
	{"sendto", offsetof(struct real_libc, sendto)},
	{"sendmsg", offsetof(struct real_libc, sendmsg)},
	{"write", offsetof(struct real_libc, write)},
	{"writev", offsetof(struct real_libc, writev)},
};

static struct real_libc libc_found;
static _Atomic(int) libc_state; /* 0 not looked, 1 someone looks, 2 found */

static void find_libc(void)
{
	struct real_libc f = {0};

	find(libc_wanted, COUNT(libc_wanted), &f);
	libc_found.send = f.send ? f.send : bare_send;
	libc_found.sendto = f.sendto ? f.sendto : bare_sendto;
	libc_found.sendmsg = f.sendmsg ? f.sendmsg : bare_sendmsg;
	libc_found.write = f.write ? f.write : bare_write;
	libc_found.writev = f.writev ? f.writev : bare_writev;
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

/* ---- the loader ---- */

static const struct wanted loader_wanted[] = {
	{"dlopen", offsetof(struct real_loader, dlopen)},
	{"dlsym", offsetof(struct real_loader, dlsym)},
	{"dlvsym", offsetof(struct real_loader, dlvsym)},
};

static struct real_loader loader_found;
static _Atomic(bool) loader_known;

/* Two threads at once find the same. Before glibc 2.34 the library that has them may come later. */
const struct real_loader *real_loader(void)
{
	if (__builtin_expect(atomic_load_explicit(&loader_known, memory_order_acquire), 1))
		return &loader_found;
	find(loader_wanted, COUNT(loader_wanted), &loader_found);
	if (loader_found.dlopen && loader_found.dlsym)
		atomic_store_explicit(&loader_known, true, memory_order_release);
	return &loader_found;
}
