/* SPDX-License-Identifier: MIT */
/*
 * What is known of the program's descriptors: which are TCP sockets that it connected, and which
 * carry requests that are governed.
 *
 * A mark is a hint that costs one load to read. A descriptor may be closed and used again without
 * our seeing it, so what hangs on one is looked up with the file's inode. A process that shares its
 * memory with the program (between vfork and exec) closes descriptors of its own, not of the
 * program: only the process that put something there takes it away.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* As many as a process may have open (fs.nr_open). */
#define WATCH_FDS (1u << 20)

enum watch_mark {
	WATCH_NONE,
	WATCH_TCP, /* connected, to any port */
	WATCH_HTTP, /* connected, to port 80 */
	WATCH_GOVERNED, /* something hangs on it */
	WATCH_WOKEN, /* nudge.h */
};

extern _Atomic(uint8_t) watch_marks[WATCH_FDS];

static inline enum watch_mark watch_mark(int fd)
{
	if ((unsigned)fd >= WATCH_FDS)
		return WATCH_NONE;
	return (enum watch_mark)atomic_load_explicit(&watch_marks[fd], memory_order_relaxed);
}

/* What hangs on a descriptor begins with one. */
struct watched {
	uint32_t refs; /* descriptors and users */
	int pid;
	uint64_t inode;
	void (*end)(struct watched *watched); /* the last one is gone */
};

/* fd is a new connection: what hung on it is gone. */
void watch_note(int fd, enum watch_mark mark);

/* Hangs w, whose inode and end are set, on fd; the reference that the caller has stays his. false:
 * there is no place, and nothing changed. */
bool watch_hang(int fd, struct watched *w);

/* What hangs on fd, referenced, or NULL. */
struct watched *watch_take(int fd);
void watch_drop(struct watched *w);

/* Marks fd as woken, unless something hangs on it; and as it was. */
void watch_wake(int fd);
void watch_awake(int fd);

/* fd is about to be closed. */
void watch_close(int fd);
/* to is a duplicate of from now. */
void watch_copy(int from, int to);
