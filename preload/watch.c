/* SPDX-License-Identifier: MIT */
/* What hangs on the program's descriptors. */
#include "watch.h"

#include "arena.h"
#include "lock.h"
#include "os.h"

#define PAGE_FDS   512u
#define PAGE_BYTES (PAGE_FDS * sizeof(struct watched *))

_Atomic(uint8_t) watch_marks[WATCH_FDS];

/* All below is under the lock, taken alone: a handler may close descriptors; marks are written
 * under it too. */
static struct lock watch_lock;
static struct watched **pages[WATCH_FDS / PAGE_FDS];
static _Atomic(int) noted_pid; /* the process that noted connections last */

static void set_mark(int fd, enum watch_mark mark)
{
	atomic_store_explicit(&watch_marks[fd], (uint8_t)mark, memory_order_relaxed);
}

static struct watched **place(int fd)
{
	struct watched **page = pages[(unsigned)fd / PAGE_FDS];

	return page ? &page[(unsigned)fd % PAGE_FDS] : NULL;
}

static struct watched **make_place(int fd)
{
	struct watched ***page = &pages[(unsigned)fd / PAGE_FDS];

	if (!*page)
		*page = arena_map(PAGE_BYTES);
	return place(fd);
}

/* What was taken from its place; to be ended outside of the lock. */
static struct watched *unhang(int fd)
{
	struct watched **at = place(fd), *w = at ? *at : NULL;

	if (at)
		*at = NULL;
	return w && --w->refs == 0 ? w : NULL;
}

static void end(struct watched *w)
{
	if (w)
		w->end(w);
}

static bool is_open(int fd, uint64_t inode)
{
	struct stat st;

	return os_stat(fd, "", &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode;
}

void watch_note(int fd, enum watch_mark mark)
{
	struct watched *gone;
	uint64_t signals;

	if ((unsigned)fd >= WATCH_FDS)
		return;
	signals = lock_take_alone(&watch_lock);
	gone = unhang(fd);
	noted_pid = os_getpid();
	set_mark(fd, mark);
	lock_drop_alone(&watch_lock, signals);
	end(gone);
}

bool watch_hang(int fd, struct watched *w)
{
	struct watched *gone = NULL, **at;
	uint64_t signals;

	if ((unsigned)fd >= WATCH_FDS)
		return false;
	signals = lock_take_alone(&watch_lock);
	at = make_place(fd);
	if (at) {
		gone = unhang(fd);
		noted_pid = os_getpid();
		set_mark(fd, WATCH_GOVERNED);
		w->refs++;
		w->pid = noted_pid;
		*at = w;
	}
	lock_drop_alone(&watch_lock, signals);
	end(gone);
	return at != NULL;
}

struct watched *watch_take(int fd)
{
	struct watched **at, *w;
	uint64_t signals;

	if ((unsigned)fd >= WATCH_FDS)
		return NULL;
	signals = lock_take_alone(&watch_lock);
	at = place(fd);
	w = at ? *at : NULL;
	if (w)
		w->refs++;
	lock_drop_alone(&watch_lock, signals);
	if (w && !is_open(fd, w->inode)) {
		/* Another file by now. In whose table, only its own process can tell. */
		watch_close(fd);
		watch_drop(w);
		return NULL;
	}
	return w;
}

void watch_drop(struct watched *w)
{
	const uint64_t signals = lock_take_alone(&watch_lock);
	struct watched *gone;

	gone = --w->refs == 0 ? w : NULL;
	lock_drop_alone(&watch_lock, signals);
	end(gone);
}

void watch_wake(int fd)
{
	uint64_t signals;

	if ((unsigned)fd >= WATCH_FDS)
		return;
	signals = lock_take_alone(&watch_lock);
	if (watch_mark(fd) != WATCH_GOVERNED) {
		noted_pid = os_getpid();
		set_mark(fd, WATCH_WOKEN);
	}
	lock_drop_alone(&watch_lock, signals);
}

void watch_awake(int fd)
{
	uint64_t signals;

	if ((unsigned)fd >= WATCH_FDS)
		return;
	signals = lock_take_alone(&watch_lock);
	if (watch_mark(fd) == WATCH_WOKEN)
		set_mark(fd, WATCH_TCP);
	lock_drop_alone(&watch_lock, signals);
}

void watch_close(int fd)
{
	const int pid = watch_mark(fd) == WATCH_NONE ? 0 : os_getpid();
	struct watched *gone = NULL, **at;
	uint64_t signals;

	/* Not under the lock either: it may be the program's, that lives on beside us. */
	if (!pid || pid != noted_pid)
		return;
	signals = lock_take_alone(&watch_lock);
	at = place(fd);
	if (!at || !*at || (*at)->pid == pid) {
		gone = unhang(fd);
		set_mark(fd, WATCH_NONE);
	}
	lock_drop_alone(&watch_lock, signals);
	end(gone);
}

void watch_copy(int from, int to)
{
	const enum watch_mark mark = watch_mark(from);
	struct watched *w = NULL;

	if (mark == WATCH_NONE || (unsigned)to >= WATCH_FDS || from == to)
		return;
	if (mark == WATCH_GOVERNED && noted_pid == os_getpid())
		w = watch_take(from);
	if (!w || w->pid != noted_pid || !watch_hang(to, w)) {
		/* What hangs on it may be the parent's; a hint does no harm. */
		if (watch_mark(to) == WATCH_NONE)
			set_mark(to, mark == WATCH_GOVERNED ? WATCH_TCP : mark);
	}
	if (w)
		watch_drop(w);
}
