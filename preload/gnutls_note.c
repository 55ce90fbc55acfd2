/* SPDX-License-Identifier: MIT */
/* Notes about sessions of GnuTLS. */
#include "gnutls_note.h"

#include "arena.h"
#include "lock.h"

#include <stdatomic.h>
#include <string.h>

#define BUCKETS	    1024u /* a power of two */
#define CHUNK_BYTES (64u << 10)
#define CHUNK_NOTES (CHUNK_BYTES / sizeof(struct gnutls_note))

/*
 * Notes are only ever reused as notes, so that a reader who was led astray by a change reads memory
 * that is there; changes is what tells him, and he looks again.
 */
struct bucket {
	_Atomic(uint32_t) changes;
	_Atomic(struct gnutls_note *) first;
};

static struct lock notes_lock; /* of whoever changes something */
static struct bucket buckets[BUCKETS];
static struct gnutls_note *unused;

static struct bucket *bucket_of(gnutls_session_t session)
{
	return &buckets[((uintptr_t)session >> 4) * 0x9e3779b1u >> 7 & (BUCKETS - 1)];
}

static struct gnutls_note *walk(struct bucket *b, gnutls_session_t session)
{
	struct gnutls_note *note = atomic_load_explicit(&b->first, memory_order_acquire);

	while (note && atomic_load_explicit(&note->session, memory_order_relaxed) != session)
		note = atomic_load_explicit(&note->next, memory_order_acquire);
	return note;
}

struct gnutls_note *gnutls_note_find(gnutls_session_t session)
{
	struct bucket *b = bucket_of(session);
	struct gnutls_note *note;
	uint32_t changes;

	if (!session)
		return NULL;
	do {
		changes = atomic_load_explicit(&b->changes, memory_order_acquire);
		note = walk(b, session);
		atomic_thread_fence(memory_order_acquire);
	} while (!note && atomic_load_explicit(&b->changes, memory_order_relaxed) != changes);
	return note;
}

static struct gnutls_note *take_unused(void)
{
	struct gnutls_note *note = unused;

	if (!note) {
		note = arena_map(CHUNK_BYTES);
		for (size_t i = 1; note && i < CHUNK_NOTES; i++) {
			atomic_store_explicit(&note[i].next, unused, memory_order_relaxed);
			unused = &note[i];
		}
		return note;
	}
	unused = atomic_load_explicit(&note->next, memory_order_relaxed);
	return note;
}

/* Without the lock: the connection may have to wait for somebody. */
static void end_conn(gnutls_session_t session)
{
	struct gnutls_note *note = gnutls_note_find(session);
	struct conn *c = note ? note->conn : NULL;

	if (note)
		note->conn = NULL;
	if (conn_is_governed(c))
		conn_end(c);
}

static void take_out(struct bucket *b, gnutls_session_t session)
{
	_Atomic(struct gnutls_note *) *place = &b->first;
	struct gnutls_note *note;

	while ((note = atomic_load_explicit(place, memory_order_relaxed)) &&
	       atomic_load_explicit(&note->session, memory_order_relaxed) != session)
		place = &note->next;
	if (!note)
		return;
	atomic_store_explicit(place, atomic_load_explicit(&note->next, memory_order_relaxed),
			      memory_order_release);
	atomic_fetch_add_explicit(&b->changes, 1, memory_order_release);
	atomic_store_explicit(&note->session, NULL, memory_order_relaxed);
	atomic_store_explicit(&note->next, unused, memory_order_relaxed);
	unused = note;
}

struct gnutls_note *gnutls_note_add(const struct real_gnutls *real, gnutls_session_t session)
{
	struct bucket *b = bucket_of(session);
	struct gnutls_note *note;

	end_conn(session);
	lock_take(&notes_lock);
	take_out(b, session);
	note = take_unused();
	if (note) {
		note->real = real;
		note->conn = NULL;
		note->push = NULL;
		note->vec_push = NULL;
		note->named = note->shaken = note->corked = false;
		note->blocked = note->ended = note->offered = note->offers = false;
		atomic_store_explicit(&note->next,
				      atomic_load_explicit(&b->first, memory_order_relaxed),
				      memory_order_relaxed);
		atomic_store_explicit(&note->session, session, memory_order_relaxed);
		atomic_store_explicit(&b->first, note, memory_order_release);
		atomic_fetch_add_explicit(&b->changes, 1, memory_order_release);
	}
	lock_drop(&notes_lock);
	return note;
}

void gnutls_note_end(gnutls_session_t session)
{
	end_conn(session);
	lock_take(&notes_lock);
	take_out(bucket_of(session), session);
	lock_drop(&notes_lock);
}
