/* SPDX-License-Identifier: MIT */
/* Which socket carries which TLS connection. */
#include "hello.h"

#include "os.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

/* TLS connections that start between a ClientHello and the first request; the oldest note makes
 * room. */
#define NOTES	     256u
#define RANDOM_WORDS (HELLO_RANDOM_BYTES / sizeof(uint64_t))

/* Words are atomic and seq is odd while they change: a reader takes a note that stood still, or
 * none. */
struct note {
	_Atomic(uint32_t) seq;
	_Atomic(int) fd;
	_Atomic(uint64_t) inode;
	_Atomic(uint64_t) random[RANDOM_WORDS];
};

static struct note notes[NOTES];
static _Atomic(uint32_t) notes_next;

static bool socket_inode(int fd, uint64_t *ret_inode)
{
	struct stat st;

	if (os_stat(fd, "", &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	*ret_inode = st.st_ino;
	return true;
}

void hello_note(int fd, const uint8_t *p)
{
	uint64_t words[RANDOM_WORDS], inode;
	struct note *note;
	uint32_t seq;

	if (!socket_inode(fd, &inode))
		return;
	memcpy(words, p + HELLO_BYTES_MIN - HELLO_RANDOM_BYTES, sizeof(words));
	note = &notes[atomic_fetch_add_explicit(&notes_next, 1, memory_order_relaxed) % NOTES];
	seq = atomic_load_explicit(&note->seq, memory_order_relaxed);
	/* Someone else is at this note, 256 hellos later or interrupted: leave it to him. */
	if (seq & 1 || !atomic_compare_exchange_strong(&note->seq, &seq, seq + 1))
		return;
	atomic_store_explicit(&note->fd, fd, memory_order_relaxed);
	atomic_store_explicit(&note->inode, inode, memory_order_relaxed);
	for (size_t i = 0; i < RANDOM_WORDS; i++)
		atomic_store_explicit(&note->random[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&note->seq, seq + 2, memory_order_release);
}

static bool same(const struct note *note, const uint64_t *words)
{
	for (size_t i = 0; i < RANDOM_WORDS; i++)
		if (atomic_load_explicit(&note->random[i], memory_order_relaxed) != words[i])
			return false;
	return true;
}

int hello_socket(const uint8_t random[HELLO_RANDOM_BYTES])
{
	uint64_t words[RANDOM_WORDS], inode;

	memcpy(words, random, sizeof(words));
	for (size_t i = 0; i < NOTES; i++) {
		struct note *note = &notes[i];
		uint32_t seq = atomic_load_explicit(&note->seq, memory_order_acquire);
		uint64_t noted_inode;
		int fd;

		if (!seq || seq & 1 || !same(note, words))
			continue;
		fd = atomic_load_explicit(&note->fd, memory_order_relaxed);
		noted_inode = atomic_load_explicit(&note->inode, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&note->seq, memory_order_relaxed) != seq)
			continue;
		if (socket_inode(fd, &inode) && inode == noted_inode)
			return fd;
	}
	return -1;
}
