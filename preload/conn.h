/* SPDX-License-Identifier: MIT */
/*
 * One governed TLS connection: plaintext is swallowed until a request is whole, then judged, then
 * sent or answered.
 *
 * The state hangs on the SSL object (ex_data) and dies with it. Invariants:
 *   - bytes reach the real SSL_write only behind a PASS that covers those very bytes, in memory of
 * ours;
 *   - a partly sent request is retried with the same bytes until the library takes them;
 *   - once answered, a connection sends nothing more.
 * The lock is held across the real call only while judged bytes are sent; a reader does not wait
 * for that.
 *
 * Not handled here: holds (step 2), responses, clear HTTP, WebSocket frames behind an upgrade
 * (refused as NOT_HTTP).
 */
#pragma once

#include "real.h"

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

/* For real_ssl(): registers the ex_data slot whose free callback ends a connection's state. */
int conn_register(void *crypto_get_ex_new_index);

/* The state of ssl; looks at it for the first time when it must. connecting: the call at hand makes
 * it a client. NULL: cannot be told yet (a library object without a role), let the call through and
 * look again. */
struct conn *conn_of(const struct real_ssl *real, SSL *ssl, bool connecting);

/* The same without looking for the first time: NULL when nobody did yet. */
struct conn *conn_known(const struct real_ssl *real, const SSL *ssl);

/* Forgets what was known: the object begins another connection. */
void conn_forget(const struct real_ssl *real, SSL *ssl);
/* The object is given another host name: it may be governed from now on; one that is governed stays
 * so. */
void conn_forget_ungoverned(const struct real_ssl *real, SSL *ssl);

/* What the hook has to do. */
enum conn_outcome {
	CONN_USE_REAL, /* call the real function and return what it says */
	CONN_DONE, /* success with n bytes */
	CONN_FAILED, /* the library has just failed with r: return it, SSL_get_error() says the rest
		      */
	CONN_NEVER, /* this must not be sent: make the library fail (hook_ssl.c says how) */
};

struct conn_result {
	enum conn_outcome outcome;
	int r;
	size_t n;
};

/* Any outcome. */
struct conn_result conn_write(struct conn *c, SSL *ssl, const void *p, size_t n);
/* _USE_REAL or _DONE or _FAILED. After a real read that got something, call conn_did_read(). */
struct conn_result conn_read(struct conn *c, SSL *ssl, void *p, size_t n, bool peek);
void conn_did_read(struct conn *c);
/* Bytes of our own that SSL_read would return now. */
size_t conn_pending(struct conn *c);
/* A way to send that cannot be judged (early data, sendfile): may it be used? */
bool conn_may_bypass(struct conn *c, SSL *ssl, bool early_data);
