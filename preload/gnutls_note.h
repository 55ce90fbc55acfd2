/* SPDX-License-Identifier: MIT */
/*
 * What we know of each TLS client session of GnuTLS, found by its address.
 *
 * GnuTLS has no place of ours in a session, so a note begins with gnutls_init() and ends with
 * gnutls_deinit(); a session that is begun again at the same address gets a new one. Looking up
 * takes no lock: a program's ungoverned sessions pass here with every call.
 */
#pragma once

#include "conn.h"
#include "gnutls_real.h"

#define GNUTLS_NOTE_PROTOCOLS_MAX      8u
#define GNUTLS_NOTE_PROTOCOL_BYTES_MAX 32u

/* Protocols that the program offers in ALPN. */
struct gnutls_offer {
	unsigned n;
	unsigned flags;
	uint8_t size[GNUTLS_NOTE_PROTOCOLS_MAX];
	uint8_t bytes[GNUTLS_NOTE_PROTOCOLS_MAX][GNUTLS_NOTE_PROTOCOL_BYTES_MAX];
};

struct gnutls_note {
	_Atomic(gnutls_session_t) session;
	_Atomic(struct gnutls_note *) next; /* in its bucket, or among the free ones */
	const struct real_gnutls *real;
	struct conn *conn; /* NULL while it is nobody's business */

	/* What the program set, or the library for itself; one of them, or neither when that was
	 * not seen. */
	gnutls_push_fn *push;
	gnutls_vec_push_fn *vec_push;

	bool named; /* it was told which host it talks to */
	bool shaken; /* the handshake is done */
	bool corked;
	bool blocked; /* records of the last write wait in the library */
	bool ended; /* the program has read all that we answered */
	bool offered; /* HTTP/1.1 alone */
	bool offers; /* .offer waits for the handshake: the name may come behind it */
	struct gnutls_offer offer;
};

/* The note of a session, or NULL. */
struct gnutls_note *gnutls_note_find(gnutls_session_t session);

/* A new note, in place of one that there may be; NULL without memory. */
struct gnutls_note *gnutls_note_add(const struct real_gnutls *real, gnutls_session_t session);

/* The session ends: its note and its connection go. */
void gnutls_note_end(gnutls_session_t session);
