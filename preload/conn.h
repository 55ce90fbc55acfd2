/* SPDX-License-Identifier: MIT */
/*
 * One governed connection, under TLS or in clear: plaintext is swallowed until a request is whole,
 * then judged, then sent or answered.
 *
 * The state hangs on the library's own object and dies with it. Invariants:
 *   - bytes reach the library only behind a PASS that covers those very bytes, in memory of
 * ours;
 *   - a partly sent request is retried with the same bytes until the library takes them;
 *   - once answered, a connection sends nothing more.
 * The lock is held across the real call only while judged bytes are sent; a reader does not wait
 * for that.
 *
 * A request that people are asked about is put aside as records (hold.h); the write succeeds, and
 * what the program reads next is the server's answer or ours. WebSocket frames behind an upgrade
 * are refused as NOT_HTTP.
 */
#pragma once

#include "transport.h"

#include <stdbool.h>

struct conn;

/* Hangs on SSL objects that are not our business. */
#define CONN_UNGOVERNED ((struct conn *)1)
/* Governed, but there was no memory to govern it with: it sends nothing. */
#define CONN_REFUSED ((struct conn *)2)

static inline bool conn_is_governed(const struct conn *c)
{
	return (uintptr_t)c > 2;
}

/* Is the host of this name governed? ret_host, of AICP_HOST_BYTES_MAX + 1, gets it in lower case
 * and without a final dot. */
bool conn_host(const char *name, char *ret_host);

/* A governed connection to host, or CONN_REFUSED. */
struct conn *conn_new(const struct transport *t, const char *host);
/* The object dies, or begins another connection. */
void conn_end(struct conn *c);
/* Is it between two exchanges: nothing swallowed, nothing on its way, no response to come? */
bool conn_is_idle(struct conn *c);
/* Is the calling thread inside one of the functions below on this connection? */
bool conn_is_busy(const struct conn *c);

/* What the hook has to do. */
enum conn_outcome {
	CONN_USE_REAL, /* call the real function and return what it says */
	CONN_DONE, /* success with n bytes */
	CONN_FAILED, /* the library has just failed with r: return it, it remembers the rest */
	CONN_NEVER, /* this must not be sent: make the library fail */
};

struct conn_result {
	enum conn_outcome outcome;
	int r;
	size_t n;
};

/* Any outcome. */
struct conn_result conn_write(struct conn *c, const void *p, size_t n);
/* A write that was blocked comes again without its bytes (GnuTLS). _DONE, _FAILED or _NEVER. */
struct conn_result conn_retry(struct conn *c);
/* _USE_REAL or _DONE or _FAILED. */
struct conn_result conn_read(struct conn *c, void *p, size_t n, bool peek);
/* To be called after a real read that got p[0..n), and was no peek. p NULL: nobody has the bytes.
 */
void conn_did_read(struct conn *c, const void *p, size_t n);
/* Is it worth knowing that the server has ended the stream in good order? Then conn_did_end() when
 * a real read found that out. */
bool conn_wants_end(const struct conn *c);
void conn_did_end(struct conn *c);
/* Bytes of our own that a read would return now. */
size_t conn_pending(struct conn *c);
/* A way to send that cannot be judged (early data, sendfile): may it be used? */
bool conn_may_bypass(struct conn *c, bool early_data);
