/* SPDX-License-Identifier: MIT */
/* GnuTLS's sessions: which are governed, and what a governed connection does with one. */
#include "gnutls.h"

#include "aicp/limits.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* ---- the transport ---- */

static struct gnutls_note *note_of(const struct transport *t)
{
	return t->session;
}

ssize_t gnutls_send(const struct real_gnutls *real, gnutls_session_t session, const void *p,
		    size_t n)
{
	return real->gnutls_record_send2 ? real->gnutls_record_send2(session, p, n, 0, 0)
					 : real->gnutls_record_send(session, p, n);
}

static int write_judged(const struct transport *t, const void *p, size_t n)
{
	struct gnutls_note *note = note_of(t);
	ssize_t r = gnutls_send(note->real, note->session, p, n < INT_MAX ? n : INT_MAX);

	note->blocked = r < 0;
	return (int)r;
}

static int read_for_us(const struct transport *t, void *p, size_t n)
{
	struct gnutls_note *note = note_of(t);

	return (int)note->real->gnutls_record_recv(note->session, p, n < INT_MAX ? n : INT_MAX);
}

/* It is the program's to drive; a record before its end is an error of the program's. */
static int handshake(const struct transport *t)
{
	return note_of(t)->shaken ? 1 : GNUTLS_R_IN_HANDSHAKE;
}

static bool client_random(const struct transport *t, uint8_t ret_random[TRANSPORT_RANDOM_BYTES])
{
	struct gnutls_note *note = note_of(t);
	struct gnutls_datum client = {0}, server = {0};

	note->real->gnutls_session_get_random(note->session, &client, &server);
	if (!client.data || client.size != TRANSPORT_RANDOM_BYTES)
		return false;
	memcpy(ret_random, client.data, TRANSPORT_RANDOM_BYTES);
	return true;
}

/* gnutls_transport_get_int() is whatever the program's own functions made of it, even a pointer. */
static int declared_fd(const struct transport *t)
{
	(void)t;
	return -1;
}

static void end_input(const struct transport *t)
{
	note_of(t)->ended = true;
}

struct records {
	uint8_t *p;
	size_t n;
};

static ssize_t take_records(void *ptr, const struct iovec *iov, int n)
{
	struct records *to = ptr;
	size_t taken = 0;

	for (int i = 0; i < n; i++) {
		if (iov[i].iov_len > TRANSPORT_SEALED_BYTES_MAX - to->n) {
			errno = ENOBUFS;
			return -1;
		}
		memcpy(to->p + to->n, iov[i].iov_base, iov[i].iov_len);
		to->n += iov[i].iov_len;
		taken += iov[i].iov_len;
	}
	return (ssize_t)taken;
}

static bool can_seal(const struct gnutls_note *note)
{
	const struct real_gnutls *real = note->real;

	if (!real->library.seals || !note->shaken || note->corked || note->blocked)
		return false;
	/* What was not seen cannot be put back. */
	if (!note->push && !note->vec_push)
		return false;
	return !real->gnutls_transport_is_ktls_enabled ||
	       !real->gnutls_transport_is_ktls_enabled(note->session);
}

static bool send_all(struct gnutls_note *note, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t r = gnutls_send(note->real, note->session, p, n);

		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

static enum transport_seal seal(const struct transport *t, const void *p, size_t n,
				uint8_t *ret_sealed, size_t *ret_n)
{
	struct gnutls_note *note = note_of(t);
	const struct real_gnutls *real = note->real;
	struct records records = {.p = ret_sealed};
	const int saved = errno;
	void *receive, *send;
	bool whole;

	if (!can_seal(note))
		return TRANSPORT_CANNOT;
	real->gnutls_transport_get_ptr2(note->session, &receive, &send);
	real->gnutls_transport_set_ptr2(note->session, receive, &records);
	real->gnutls_transport_set_vec_push_function(note->session, take_records);
	whole = send_all(note, p, n);
	if (note->push)
		real->gnutls_transport_set_push_function(note->session, note->push);
	else
		real->gnutls_transport_set_vec_push_function(note->session, note->vec_push);
	real->gnutls_transport_set_ptr2(note->session, receive, send);
	errno = saved;
	if (!whole || !records.n)
		return TRANSPORT_BROKEN;
	*ret_n = records.n;
	return TRANSPORT_SEALED;
}

static const struct transport_ops gnutls_ops = {
	.write = write_judged,
	.read = read_for_us,
	.handshake = handshake,
	.random = client_random,
	.fd = declared_fd,
	.end_input = end_input,
	.seal = seal,
};

struct transport gnutls_transport(struct gnutls_note *note)
{
	return (struct transport){.ops = &gnutls_ops, .library = note->real, .session = note};
}

/* ---- the sessions ---- */

int gnutls_name(const struct real_gnutls *real, gnutls_session_t session, const void *name,
		size_t n)
{
	struct gnutls_note *note = gnutls_note_find(session);
	char text[AICP_HOST_BYTES_MAX + 2], host[AICP_HOST_BYTES_MAX + 1];
	struct transport t;

	if (note)
		note->named = true;
	if (!name || n >= sizeof(text))
		return 0;
	memcpy(text, name, n);
	text[n] = '\0';
	if (!conn_host(text, host))
		return 0;
	if (!note)
		note = gnutls_note_add(real, session);
	if (!note)
		return GNUTLS_R_NO_MEMORY;
	note->named = true;
	if (note->conn)
		return 0;
	t = gnutls_transport(note);
	note->conn = conn_new(&t, host);
	return 0;
}

/* The library takes a second call of gnutls_alpn_set_protocols() for more of the first, and sends a
 * broken ClientHello: there is only one. */
static int offer_http1(struct gnutls_note *note, unsigned flags)
{
	static unsigned char name[] = "http/1.1";
	const struct gnutls_datum http1 = {name, sizeof(name) - 1};

	if (note->offered)
		return 0;
	note->offered = true;
	return note->real->gnutls_alpn_set_protocols(note->session, &http1, 1, flags);
}

static bool can_wait(const struct gnutls_datum *protocols, unsigned n)
{
	if (n > GNUTLS_NOTE_PROTOCOLS_MAX)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (protocols[i].size > GNUTLS_NOTE_PROTOCOL_BYTES_MAX)
			return false;
	return true;
}

int gnutls_offer(struct gnutls_note *note, const struct gnutls_datum *protocols, unsigned n,
		 unsigned flags)
{
	struct gnutls_offer *offer = &note->offer;

	if (note->conn)
		return offer_http1(note, flags);
	if (note->named || !can_wait(protocols, n))
		return note->real->gnutls_alpn_set_protocols(note->session, protocols, n, flags);
	note->offers = true;
	offer->n = n;
	offer->flags = flags;
	for (unsigned i = 0; i < n; i++) {
		offer->size[i] = (uint8_t)protocols[i].size;
		memcpy(offer->bytes[i], protocols[i].data, protocols[i].size);
	}
	return 0;
}

int gnutls_offer_late(struct gnutls_note *note)
{
	struct gnutls_offer *offer = &note->offer;
	struct gnutls_datum protocols[GNUTLS_NOTE_PROTOCOLS_MAX];

	if (!note->offers)
		return 0;
	note->offers = false;
	if (note->conn)
		return offer_http1(note, offer->flags);
	for (unsigned i = 0; i < offer->n; i++)
		protocols[i] = (struct gnutls_datum){offer->bytes[i], offer->size[i]};
	return note->real->gnutls_alpn_set_protocols(note->session, protocols, offer->n,
						     offer->flags);
}
