/* SPDX-License-Identifier: MIT */
/* Finds the real functions of libc and the loader. */
#include "real.h"

#include "bare.h"
#include "object.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

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

#define WANTED(_f)                                                                                 \
	{                                                                                          \
#_f, offsetof(struct real_libc, _f)                                                \
	}

static const struct wanted libc_wanted[] = {
	WANTED(sendmmsg),
	WANTED(sendto),
	WANTED(sendmsg),
	WANTED(send),
	WANTED(write),
	WANTED(writev),
	WANTED(sendfile),
	WANTED(sendfile64),
	WANTED(splice),
	WANTED(read),
	WANTED(readv),
	WANTED(recv),
	WANTED(recvfrom),
	WANTED(recvmsg),
	WANTED(recvmmsg),
	WANTED(connect),
	WANTED(close),
	WANTED(dup),
	WANTED(dup2),
	WANTED(dup3),
	WANTED(fcntl),
	WANTED(fcntl64),
	{"__read_chk", offsetof(struct real_libc, read_chk)},
	{"__recv_chk", offsetof(struct real_libc, recv_chk)},
	{"__recvfrom_chk", offsetof(struct real_libc, recvfrom_chk)},
};

_Static_assert(COUNT(libc_wanted) * sizeof(void *) == sizeof(struct real_libc), "all of them");

static struct real_libc libc_found;
static _Atomic(int) libc_state; /* 0 not looked, 1 someone looks, 2 found */

static void find_libc(void)
{
	struct real_libc f = {0};

	find(libc_wanted, COUNT(libc_wanted), &f);
	for (size_t i = 0; i < COUNT(libc_wanted); i++) {
		const size_t at = libc_wanted[i].offset;
		void *found;

		memcpy(&found, (char *)&f + at, sizeof(found));
		if (!found)
			memcpy((char *)&f + at, (const char *)&bare_libc + at, sizeof(found));
	}
	libc_found = f;
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
	{"dlclose", offsetof(struct real_loader, dlclose)},
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
