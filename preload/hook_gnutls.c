/* SPDX-License-Identifier: MIT */
/*
 * The functions of GnuTLS that programs call, in front of the real ones.
 *
 * A session without a note (a server's) or whose note has no connection (an ungoverned client's) is
 * passed on. So is what the library asks of itself: its own functions reach each other through
 * its PLT, and bytes that it sends for us are judged already.
 */
#include "gnutls.h"

#define HOOK	  __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define CALLED	  real_gnutls(__builtin_return_address(0))
#define INSIDE	  library_is_caller(&real->library, __builtin_return_address(0))
/* A function that the library has not cannot have been meant. */
#define HAS(_f) LIKELY(real && real->_f)

int gnutls_init(gnutls_session_t *session, unsigned flags);
void gnutls_deinit(gnutls_session_t session);
int gnutls_handshake(gnutls_session_t session);
int gnutls_bye(gnutls_session_t session, int how);
int gnutls_server_name_set(gnutls_session_t session, int type, const void *name, size_t n);
int gnutls_alpn_set_protocols(gnutls_session_t session, const struct gnutls_datum *protocols,
			      unsigned n, unsigned flags);
ssize_t gnutls_record_send(gnutls_session_t session, const void *p, size_t n);
ssize_t gnutls_record_send2(gnutls_session_t session, const void *p, size_t n, size_t pad,
			    unsigned flags);
ssize_t gnutls_record_send_range(gnutls_session_t session, const void *p, size_t n,
				 const struct gnutls_range *range);
ssize_t gnutls_record_send_early_data(gnutls_session_t session, const void *p, size_t n);
ssize_t gnutls_record_send_file(gnutls_session_t session, int fd, off_t *offset, size_t n);
ssize_t gnutls_record_recv(gnutls_session_t session, void *p, size_t n);
size_t gnutls_record_check_pending(gnutls_session_t session);
void gnutls_record_cork(gnutls_session_t session);
int gnutls_record_uncork(gnutls_session_t session, unsigned flags);
void gnutls_transport_set_push_function(gnutls_session_t session, gnutls_push_fn *push);
void gnutls_transport_set_vec_push_function(gnutls_session_t session, gnutls_vec_push_fn *push);

/* gnutls_init() sets its own function before the session has a note. */
static __thread struct {
	gnutls_session_t session;
	gnutls_vec_push_fn *push;
} beginning __attribute__((tls_model("initial-exec")));

HOOK int gnutls_init(gnutls_session_t *session, unsigned flags)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note;
	int r;

	if (!HAS(gnutls_init))
		return GNUTLS_R_INTERNAL;
	beginning.session = NULL;
	r = real->gnutls_init(session, flags);
	if (r < 0 || !session)
		return r;
	gnutls_note_end(*session);
	if (!real->library.complete || !(flags & GNUTLS_R_CLIENT))
		return r;
	note = gnutls_note_add(real, *session);
	if (note && beginning.session == *session)
		note->vec_push = beginning.push;
	return r;
}

HOOK void gnutls_deinit(gnutls_session_t session)
{
	const struct real_gnutls *real = CALLED;

	if (!HAS(gnutls_deinit))
		return;
	if (session)
		gnutls_note_end(session);
	real->gnutls_deinit(session);
}

HOOK int gnutls_handshake(gnutls_session_t session)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note = gnutls_note_find(session);
	int r = 0;

	if (!HAS(gnutls_handshake))
		return GNUTLS_R_INTERNAL;
	if (note)
		r = gnutls_offer_late(note);
	if (r >= 0)
		r = real->gnutls_handshake(session);
	if (r == 0 && note)
		note->shaken = true;
	return r;
}

/* Nobody answers behind what we answered: only say good-bye. */
HOOK int gnutls_bye(gnutls_session_t session, int how)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note = gnutls_note_find(session);

	if (!HAS(gnutls_bye))
		return GNUTLS_R_INTERNAL;
	if (note && (note->ended || (conn_is_governed(note->conn) && conn_pending(note->conn))))
		how = GNUTLS_R_SHUT_WRITE;
	return real->gnutls_bye(session, how);
}

HOOK int gnutls_server_name_set(gnutls_session_t session, int type, const void *name, size_t n)
{
	const struct real_gnutls *real = CALLED;
	int r;

	if (!HAS(gnutls_server_name_set))
		return GNUTLS_R_INTERNAL;
	r = real->library.complete ? gnutls_name(real, session, name, n) : 0;
	return r < 0 ? r : real->gnutls_server_name_set(session, type, name, n);
}

HOOK int gnutls_alpn_set_protocols(gnutls_session_t session, const struct gnutls_datum *protocols,
				   unsigned n, unsigned flags)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note = gnutls_note_find(session);

	if (!HAS(gnutls_alpn_set_protocols))
		return GNUTLS_R_INTERNAL;
	return note ? gnutls_offer(note, protocols, n, flags)
		    : real->gnutls_alpn_set_protocols(session, protocols, n, flags);
}

/* ---- sending ---- */

/* The connection of a session, when it is governed and not the library itself that asks. */
static inline struct conn *governed(gnutls_session_t session, bool inside)
{
	struct gnutls_note *note = gnutls_note_find(session);

	return LIKELY(!note || !note->conn) || inside ? NULL : note->conn;
}

static ssize_t answer(struct conn_result result)
{
	if (result.outcome == CONN_NEVER)
		return GNUTLS_R_PUSH_FAILED;
	return result.outcome == CONN_DONE ? (ssize_t)result.n : result.r;
}

/* Without bytes: what was blocked is to go on. */
static struct conn_result send_governed(struct conn *c, const void *p, size_t n)
{
	return p || n ? conn_write(c, p, n) : conn_retry(c);
}

HOOK ssize_t gnutls_record_send(gnutls_session_t session, const void *p, size_t n)
{
	const struct real_gnutls *real = CALLED;
	struct conn_result result;
	struct conn *c;

	if (!HAS(gnutls_record_send))
		return GNUTLS_R_INTERNAL;
	c = governed(session, INSIDE);
	if (LIKELY(!c))
		return gnutls_send(real, session, p, n);
	result = send_governed(c, p, n);
	return result.outcome == CONN_USE_REAL ? gnutls_send(real, session, p, n) : answer(result);
}

HOOK ssize_t gnutls_record_send2(gnutls_session_t session, const void *p, size_t n, size_t pad,
				 unsigned flags)
{
	const struct real_gnutls *real = CALLED;
	struct conn_result result;
	struct conn *c;

	if (!HAS(gnutls_record_send2))
		return GNUTLS_R_INTERNAL;
	c = governed(session, INSIDE);
	if (LIKELY(!c))
		return real->gnutls_record_send2(session, p, n, pad, flags);
	result = send_governed(c, p, n);
	return result.outcome == CONN_USE_REAL
		       ? real->gnutls_record_send2(session, p, n, pad, flags)
		       : answer(result);
}

/* Judged bytes leave without padding. */
HOOK ssize_t gnutls_record_send_range(gnutls_session_t session, const void *p, size_t n,
				      const struct gnutls_range *range)
{
	const struct real_gnutls *real = CALLED;
	struct conn_result result;
	struct conn *c;

	if (!HAS(gnutls_record_send_range))
		return GNUTLS_R_INTERNAL;
	c = governed(session, INSIDE);
	if (LIKELY(!c))
		return real->gnutls_record_send_range(session, p, n, range);
	result = send_governed(c, p, n);
	return result.outcome == CONN_USE_REAL
		       ? real->gnutls_record_send_range(session, p, n, range)
		       : answer(result);
}

/* Early data can be replayed by whoever recorded it, so that one verdict would cover many requests.
 */
HOOK ssize_t gnutls_record_send_early_data(gnutls_session_t session, const void *p, size_t n)
{
	const struct real_gnutls *real = CALLED;
	struct conn *c;

	if (!HAS(gnutls_record_send_early_data))
		return GNUTLS_R_INTERNAL;
	c = governed(session, INSIDE);
	if (c && !conn_may_bypass(c, true))
		return GNUTLS_R_PUSH_FAILED;
	return real->gnutls_record_send_early_data(session, p, n);
}

/* The library, or the kernel, would read the file where we cannot look. */
HOOK ssize_t gnutls_record_send_file(gnutls_session_t session, int fd, off_t *offset, size_t n)
{
	const struct real_gnutls *real = CALLED;
	struct conn *c;

	if (!HAS(gnutls_record_send_file))
		return GNUTLS_R_INTERNAL;
	c = governed(session, INSIDE);
	if (c && !conn_may_bypass(c, false))
		return GNUTLS_R_PUSH_FAILED;
	return real->gnutls_record_send_file(session, fd, offset, n);
}

/* ---- reading ---- */

static ssize_t read_governed(struct gnutls_note *note, void *p, size_t n)
{
	struct conn_result result = conn_read(note->conn, p, n, false);
	ssize_t r;

	if (result.outcome != CONN_USE_REAL)
		return answer(result);
	if (note->ended)
		return 0;
	r = note->real->gnutls_record_recv(note->session, p, n);
	/* Another thread's request was refused meanwhile: this is what ended the wait. */
	if (r <= 0 && conn_is_governed(note->conn) && conn_pending(note->conn)) {
		result = conn_read(note->conn, p, n, false);
		if (result.outcome != CONN_USE_REAL)
			return answer(result);
	}
	if (r > 0 && conn_is_governed(note->conn))
		conn_did_read(note->conn, p, (size_t)r);
	/* 0 is the end in good order; any other has a code of its own. */
	if (r == 0 && n && conn_is_governed(note->conn) && conn_wants_end(note->conn))
		conn_did_end(note->conn);
	return r;
}

HOOK ssize_t gnutls_record_recv(gnutls_session_t session, void *p, size_t n)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note;

	if (!HAS(gnutls_record_recv))
		return GNUTLS_R_INTERNAL;
	note = gnutls_note_find(session);
	if (LIKELY(!note || !conn_is_governed(note->conn)) || INSIDE)
		return real->gnutls_record_recv(session, p, n);
	return read_governed(note, p, n);
}

HOOK size_t gnutls_record_check_pending(gnutls_session_t session)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note = gnutls_note_find(session);
	size_t n;

	if (!HAS(gnutls_record_check_pending))
		return 0;
	n = note && conn_is_governed(note->conn) && !INSIDE ? conn_pending(note->conn) : 0;
	return n ? n : real->gnutls_record_check_pending(session);
}

/* ---- what a seal has to know ---- */

HOOK void gnutls_record_cork(gnutls_session_t session)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note = gnutls_note_find(session);

	if (!HAS(gnutls_record_cork))
		return;
	if (note)
		note->corked = true;
	real->gnutls_record_cork(session);
}

HOOK int gnutls_record_uncork(gnutls_session_t session, unsigned flags)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note = gnutls_note_find(session);
	int r;

	if (!HAS(gnutls_record_uncork))
		return GNUTLS_R_INTERNAL;
	r = real->gnutls_record_uncork(session, flags);
	/* It stays corked when it fails, until a later call sends the rest. */
	if (note && r >= 0)
		note->corked = false;
	return r;
}

HOOK void gnutls_transport_set_push_function(gnutls_session_t session, gnutls_push_fn *push)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note = gnutls_note_find(session);

	if (!HAS(gnutls_transport_set_push_function))
		return;
	if (note) {
		note->push = push;
		note->vec_push = NULL;
	}
	real->gnutls_transport_set_push_function(session, push);
}

HOOK void gnutls_transport_set_vec_push_function(gnutls_session_t session, gnutls_vec_push_fn *push)
{
	const struct real_gnutls *real = CALLED;
	struct gnutls_note *note = gnutls_note_find(session);

	if (!HAS(gnutls_transport_set_vec_push_function))
		return;
	if (note) {
		note->push = NULL;
		note->vec_push = push;
	}
	beginning.session = session;
	beginning.push = push;
	real->gnutls_transport_set_vec_push_function(session, push);
}
