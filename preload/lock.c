/* SPDX-License-Identifier: MIT */
/* A mutex that survives fork and knows its owner. */
#include "lock.h"

#include "os.h"

#include <stdatomic.h>

#define LOCK_WAITED 0x80000000u
/* Waking may be lost to a holder that died in a signal handler's longjmp; look again after this
 * long. */
#define LOCK_LOOK_AGAIN_MS 100

/* Initial-exec: no call of the loader and no hidden allocation at a thread's first look. */
static __thread char lock_thread __attribute__((tls_model("initial-exec")));

uintptr_t lock_self(void)
{
	return (uintptr_t)&lock_thread;
}

bool lock_mine(const struct lock *lock)
{
	return atomic_load_explicit(&lock->thread, memory_order_relaxed) == lock_self() &&
	       (atomic_load_explicit(&lock->word, memory_order_relaxed) & ~LOCK_WAITED) ==
		       (uint32_t)os_getpid();
}

static bool take_as(struct lock *lock, uint32_t pid, uint32_t mark)
{
	uint32_t seen = atomic_load_explicit(&lock->word, memory_order_relaxed);

	if (seen && (seen & ~LOCK_WAITED) == pid)
		return false;
	/* Free, or held by a thread of the process that we were forked from. */
	if (!atomic_compare_exchange_strong_explicit(&lock->word, &seen, pid | mark,
						     memory_order_acquire, memory_order_relaxed))
		return false;
	atomic_store_explicit(&lock->thread, lock_self(), memory_order_relaxed);
	return true;
}

bool lock_try(struct lock *lock)
{
	return take_as(lock, (uint32_t)os_getpid(), 0);
}

void lock_take(struct lock *lock)
{
	const uint32_t pid = (uint32_t)os_getpid();

	if (take_as(lock, pid, 0))
		return;
	while (!take_as(lock, pid, LOCK_WAITED)) {
		uint32_t held = pid;

		if (atomic_compare_exchange_strong(&lock->word, &held, pid | LOCK_WAITED) ||
		    held == (pid | LOCK_WAITED))
			os_futex_wait(&lock->word, pid | LOCK_WAITED, LOCK_LOOK_AGAIN_MS);
	}
}

void lock_drop(struct lock *lock)
{
	atomic_store_explicit(&lock->thread, 0, memory_order_relaxed);
	if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) & LOCK_WAITED)
		os_futex_wake(&lock->word);
}

uint64_t lock_take_alone(struct lock *lock)
{
	const uint64_t signals = os_signals_block();

	lock_take(lock);
	return signals;
}

void lock_drop_alone(struct lock *lock, uint64_t signals)
{
	lock_drop(lock);
	os_signals_restore(signals);
}
