/* SPDX-License-Identifier: MIT */
/* What a governed connection knows; for conn*.c only. */
#pragma once

#include "aicp/limits.h"
#include "conn.h"
#include "http.h"
#include "link.h"
#include "lock.h"
#include "table.h"
#include "transport.h"
#include "witness.h"

enum conn_phase {
	CONN_COLLECT, /* swallowing a request, or between two */
	CONN_FLUSH, /* judged bytes are on their way; the phase behind it is in .after */
	CONN_SKIP, /* the rest of a request that is over a limit and was let pass all the same */
	CONN_OPEN, /* let pass unseen by the engine's word: monitor mode, unreadable */
	CONN_HELD, /* put aside until people decide */
	CONN_DEAD, /* the server is gone, or the stream is broken: sends nothing */
	CONN_ANSWERED,
};

struct conn {
	struct lock lock;
	_Atomic(int) phase; /* enum conn_phase; written under the lock */
	enum conn_phase after;
	_Atomic(bool) awaiting; /* a request was sent, and nothing of its response was read yet */
	struct transport transport;

	int fd; /* the program's socket, or -1; only with inode to tell that it still is */
	uint64_t inode;

	struct http http;
	uint8_t *bytes; /* of the request so far: in this mapping, or (big) one of its own */
	size_t n, cap;
	size_t sent; /* of bytes, taken by the real library */
	size_t swallowed; /* by the write call that has to be retried */
	bool big;

	const uint8_t *queue; /* what a read gets before anything real */
	size_t queue_n, queue_at;
	bool continued; /* the program was told to go on by us */
	bool interim; /* so the server's own "100 Continue" is to be taken out */
	size_t interim_n; /* of it, so far in early */

	struct hold *hold; /* with CONN_HELD; its answer may be what is queued */
	struct witness witness; /* of the response to what was sent last */
	bool quiet; /* the socket is somebody else's business too: leave it as it is */

	char host[AICP_HOST_BYTES_MAX + 1];
	struct table_entry entry;
	uint8_t verdict[LINK_VERDICT_BYTES_MAX + 1];
	/* Of a response: "100 Continue" and what came with it. Not in verdict, where the next
	 * request's verdict may come before the program has read this. */
	uint8_t early[4096];
	uint8_t inline_bytes[];
};

/* One mapping holds the state and a request of usual size. */
#define CONN_BYTES	  (64u << 10)
#define CONN_INLINE_BYTES (CONN_BYTES - sizeof(struct conn))

_Static_assert(sizeof(struct conn) < CONN_BYTES / 2, "room for a usual request");

/* The program's socket, checked to be still the same file; -1 when it cannot be told. */
int conn_socket(struct conn *c);

/* Does the program read its socket itself, and hand what it read to the library? */
bool conn_reads_itself(const struct conn *c);

/* Room for n more bytes; false over the limit or without memory. */
bool conn_reserve(struct conn *c, size_t n);
/* Forgets the request: the next one begins. */
void conn_reset_request(struct conn *c);
/* Asks the engine; afterwards the phase is CONN_FLUSH, CONN_HELD or CONN_ANSWERED. */
void conn_judge(struct conn *c, enum aicp_shim_kind kind);

/* What was judged may leave (CONN_FLUSH); or p, which stays where it is, is served (CONN_ANSWERED);
 * or an answer of our own is. */
void conn_pass(struct conn *c, enum aicp_shim_kind kind);
void conn_answer(struct conn *c, const uint8_t *p, size_t n);
void conn_answer_locally(struct conn *c, enum decide_reply reply);

/* The first verdict was to wait for people. */
void conn_hold(struct conn *c, struct link_answer *got);
/* With CONN_HELD: what became of it is what the connection is in now. */
void conn_settle(struct conn *c);
/* The program writes while it waits. */
void conn_interrupt(struct conn *c);
/* Gives the hold up, or frees what is left of it. */
void conn_let_go(struct conn *c);
