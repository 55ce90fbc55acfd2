/* SPDX-License-Identifier: MIT */
/*
 * A mutex that survives fork and knows its owner; one futex word, no pthread.
 *
 * The word holds the pid of the holder's process, so that a child finds a lock that some other
 * thread of its parent held when it forked, and takes it over: that thread does not exist in the
 * child.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lock {
	_Atomic(uint32_t) word; /* 0 free, else pid, with LOCK_WAITED when someone sleeps */
	_Atomic(uintptr_t) thread; /* the holder, as lock_self() names it */
};

/* Names the calling thread for the time it lives. */
uintptr_t lock_self(void);

/* Does the calling thread hold it already (a hook called from inside our call of the real
 * function)? */
bool lock_mine(const struct lock *lock);
bool lock_try(struct lock *lock);
void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);

/* The same with the program's signals kept out meanwhile, for what a handler may come to as well:
 * connect(), write() and close() are allowed in one. Returns what to give back. */
uint64_t lock_take_alone(struct lock *lock);
void lock_drop_alone(struct lock *lock, uint64_t signals);
