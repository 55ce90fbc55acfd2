/* SPDX-License-Identifier: MIT */
/* OpenSSL's objects: which are governed, and what a governed connection does with one. */
#include "openssl.h"

#include "aicp/limits.h"

#include <limits.h>
#include <string.h>

/* Numbers of OpenSSL's headers, the same since 1.1.0. */
#define EX_INDEX_SSL	       0
#define NAMETYPE_host_name     0
#define STATE_BEFORE	       0
#define WANTS_TO_WRITE	       2
#define OP_ENABLE_KTLS	       8u
#define BIO_TYPE_SOCKET	       0x505
#define BIO_CTRL_GET_KTLS_SEND 73
#define EX_DATA_ARGUMENTS      void *parent, void *data, void *ad, int index, long argl, void *argp

/* ---- the transport ---- */

static const struct real_ssl *real_of(const struct transport *t)
{
	return t->library;
}

static int write_judged(const struct transport *t, const void *p, size_t n)
{
	return real_of(t)->SSL_write(t->session, p, n < INT_MAX ? (int)n : INT_MAX);
}

static int read_for_us(const struct transport *t, void *p, size_t n)
{
	return real_of(t)->SSL_read(t->session, p, n < INT_MAX ? (int)n : INT_MAX);
}

static int handshake(const struct transport *t)
{
	const struct real_ssl *real = real_of(t);

	return real->SSL_is_init_finished(t->session) ? 1 : real->SSL_do_handshake(t->session);
}

static bool client_random(const struct transport *t, uint8_t ret_random[TRANSPORT_RANDOM_BYTES])
{
	return real_of(t)->SSL_get_client_random(t->session, ret_random, TRANSPORT_RANDOM_BYTES) ==
	       TRANSPORT_RANDOM_BYTES;
}

static int declared_fd(const struct transport *t)
{
	return real_of(t)->SSL_get_fd(t->session);
}

static void end_input(const struct transport *t)
{
	const struct real_ssl *real = real_of(t);

	real->SSL_set_shutdown(t->session,
			       real->SSL_get_shutdown(t->session) | OPENSSL_RECEIVED_SHUTDOWN);
}

/* Would a write now do nothing but make records of what it is given, in the library's own memory?
 */
static bool can_seal(const struct real_ssl *real, const SSL *ssl, BIO *out)
{
	if (!real->SSL_is_init_finished(ssl) || real->SSL_renegotiate_pending(ssl))
		return false;
	/* Records of an earlier write wait to be sent, on the program's own BIO. */
	if (real->SSL_want(ssl) == WANTS_TO_WRITE)
		return false;
	if (!(real->SSL_get_options(ssl) & OP_ENABLE_KTLS))
		return true;
	/* The kernel encrypts; it can only be asked through a BIO that runs no code of the
	 * program. */
	return real->BIO_method_type(out) == BIO_TYPE_SOCKET &&
	       real->BIO_ctrl(out, BIO_CTRL_GET_KTLS_SEND, 0, NULL) <= 0;
}

static bool write_all(const struct real_ssl *real, SSL *ssl, const uint8_t *p, size_t n)
{
	while (n) {
		int r = real->SSL_write(ssl, p, (int)n);

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
	const struct real_ssl *real = real_of(t);
	BIO *out = real->library.seals ? real->SSL_get_wbio(t->session) : NULL, *memory;
	bool whole;
	int got;

	if (!out || !can_seal(real, t->session, out))
		return TRANSPORT_CANNOT;
	memory = real->BIO_new(real->BIO_s_mem());
	if (!memory)
		return TRANSPORT_CANNOT;
	/* The object gives up the BIO that it has, and its reference to the one it gets: ours are
	 * one more of each. */
	real->BIO_up_ref(out);
	real->BIO_up_ref(memory);
	(void)real->ERR_set_mark();
	real->SSL_set0_wbio(t->session, memory);
	whole = write_all(real, t->session, p, n);
	real->SSL_set0_wbio(t->session, out);
	got = real->BIO_read(memory, ret_sealed, TRANSPORT_SEALED_BYTES_MAX);
	whole &= real->BIO_ctrl_pending(memory) == 0;
	(void)real->BIO_free(memory);
	(void)real->ERR_pop_to_mark();
	if (!whole || got <= 0)
		return TRANSPORT_BROKEN;
	*ret_n = (size_t)got;
	return TRANSPORT_SEALED;
}

static const struct transport_ops openssl_ops = {
	.write = write_judged,
	.read = read_for_us,
	.handshake = handshake,
	.random = client_random,
	.fd = declared_fd,
	.end_input = end_input,
	.seal = seal,
};

struct transport openssl_transport(const struct real_ssl *real, SSL *ssl)
{
	return (struct transport){.ops = &openssl_ops, .library = real, .session = ssl};
}

/* ---- the objects ---- */

static void on_free(EX_DATA_ARGUMENTS)
{
	(void)parent, (void)ad, (void)index, (void)argl, (void)argp;
	if (conn_is_governed(data))
		conn_end(data);
}

/* SSL_dup() makes another connection: it is looked at anew. */
static int on_dup(void *to, const void *from, void **from_d, int index, long argl, void *argp)
{
	(void)to, (void)from, (void)index, (void)argl, (void)argp;
	*from_d = NULL;
	return 1;
}

void openssl_register(struct real_ssl *real)
{
	real->index = -1;
	if (real->library.complete)
		real->index =
			real->CRYPTO_get_ex_new_index(EX_INDEX_SSL, 0, NULL, NULL, on_dup, on_free);
}

static struct conn *set(const struct real_ssl *real, SSL *ssl, struct conn *c)
{
	if (real->SSL_set_ex_data(ssl, real->index, c))
		return c;
	if (!conn_is_governed(c))
		return c;
	conn_end(c);
	return CONN_REFUSED;
}

static struct conn *first_look(const struct real_ssl *real, SSL *ssl, bool connecting)
{
	const struct transport t = openssl_transport(real, ssl);
	const bool started = real->SSL_get_state(ssl) != STATE_BEFORE;
	char host[AICP_HOST_BYTES_MAX + 1];

	/* A method for both roles says "server" until the object is told to connect. */
	if (!connecting && real->SSL_is_server(ssl))
		return started ? set(real, ssl, CONN_UNGOVERNED) : NULL;
	if (!conn_host(real->SSL_get_servername(ssl, NAMETYPE_host_name), host))
		return set(real, ssl, CONN_UNGOVERNED);
	if (!started)
		(void)real->SSL_set_alpn_protos(ssl, (const unsigned char *)"\x08http/1.1", 9);
	return set(real, ssl, conn_new(&t, host));
}

struct conn *openssl_known(const struct real_ssl *real, const SSL *ssl)
{
	if (real->index < 0)
		return CONN_UNGOVERNED;
	return ssl ? real->SSL_get_ex_data(ssl, real->index) : NULL;
}

struct conn *openssl_conn(const struct real_ssl *real, SSL *ssl, bool connecting)
{
	struct conn *c = openssl_known(real, ssl);

	return c || !ssl ? c : first_look(real, ssl, connecting);
}

void openssl_forget(const struct real_ssl *real, SSL *ssl)
{
	struct conn *c = real->index < 0 ? NULL : openssl_known(real, ssl);

	if (!c || (conn_is_governed(c) && conn_is_busy(c)))
		return;
	if (real->SSL_set_ex_data(ssl, real->index, NULL) && conn_is_governed(c))
		conn_end(c);
}

void openssl_forget_ungoverned(const struct real_ssl *real, SSL *ssl)
{
	if (real->index >= 0 && openssl_known(real, ssl) == CONN_UNGOVERNED)
		(void)real->SSL_set_ex_data(ssl, real->index, NULL);
}
