/* SPDX-License-Identifier: MIT */
/* GnuTLS as a transport, and which of its sessions are governed. */
#pragma once

#include "gnutls_note.h"

struct transport gnutls_transport(struct gnutls_note *note);

/* Sends without passing our own hooks: gnutls_record_send() is the library's
 * gnutls_record_send2(), reached through its PLT. */
ssize_t gnutls_send(const struct real_gnutls *real, gnutls_session_t session, const void *p,
		    size_t n);

/* The program names the host; from here on the session may be governed. < 0: it cannot be, and may
 * not go on. */
int gnutls_name(const struct real_gnutls *real, gnutls_session_t session, const void *name,
		size_t n);

/* The program offers protocols: HTTP/1.1 alone, for a governed session; while the host has no name
 * they wait for the handshake. As the library's function. */
int gnutls_offer(struct gnutls_note *note, const struct gnutls_datum *protocols, unsigned n,
		 unsigned flags);
/* A handshake begins: what waited is offered, or HTTP/1.1 in its place. < 0: as the library said.
 */
int gnutls_offer_late(struct gnutls_note *note);
