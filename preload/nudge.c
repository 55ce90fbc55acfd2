/* SPDX-License-Identifier: MIT */
#include "nudge.h"

#include "lock.h"
#include "os.h"
#include "watch.h"

/* Answers that were not read yet at one time; without a place the program reads just the end. */
#define PLACES 256u

static struct lock nudge_lock;
static struct {
	int fd; /* 0: free */
	uint64_t inode;
} places[PLACES];

static bool is_socket(int fd, uint64_t inode)
{
	struct stat st;

	return os_stat(fd, "", &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode;
}

void nudge_put(int fd, uint64_t inode)
{
	uint64_t signals;

	if (fd <= 0)
		return;
	signals = lock_take_alone(&nudge_lock);
	for (unsigned i = 0; i < PLACES; i++) {
		/* One of a descriptor that was closed unread is over. */
		if (places[i].fd && places[i].fd != fd && watch_mark(places[i].fd) == WATCH_WOKEN)
			continue;
		places[i].fd = fd;
		places[i].inode = inode;
		watch_wake(fd);
		break;
	}
	lock_drop_alone(&nudge_lock, signals);
}

bool nudge_take(int fd)
{
	const uint64_t signals = lock_take_alone(&nudge_lock);
	bool first = false;

	for (unsigned i = 0; i < PLACES; i++) {
		if (places[i].fd != fd)
			continue;
		places[i].fd = 0;
		first = is_socket(fd, places[i].inode);
	}
	watch_awake(fd);
	lock_drop_alone(&nudge_lock, signals);
	return first;
}
