/* SPDX-License-Identifier: MIT */
/* OpenSSL as a transport, with the real library: which objects are governed, and records that are
 * made without being sent. */
#include "preload/openssl.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct real_ssl *real;
static char dir[] = "/tmp/aicp-test-openssl.XXXXXX";

/* ---- two ends in one process; the client writes through a BIO of its own, which counts ---- */

struct pair {
	SSL_CTX *client_context, *server_context;
	SSL *client, *server;
	BIO_METHOD *method;
	BIO *wire; /* from client to server, and what the server reads from */
	int calls; /* of the program's BIO */
	bool blocked; /* it takes nothing */
};

static int program_write(BIO *b, const char *p, int n)
{
	struct pair *pair = BIO_get_data(b);

	pair->calls++;
	BIO_clear_retry_flags(b);
	if (!pair->blocked)
		return BIO_write(pair->wire, p, n);
	BIO_set_retry_write(b);
	return -1;
}

static long program_ctrl(BIO *b, int cmd, long larg, void *parg)
{
	struct pair *pair = BIO_get_data(b);

	(void)larg, (void)parg;
	pair->calls += cmd != BIO_CTRL_FLUSH;
	return cmd == BIO_CTRL_FLUSH;
}

static int program_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static void identify(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void connect_pair(struct pair *p, int version, const char *host)
{
	BIO *program, *back = BIO_new(BIO_s_mem());

	*p = (struct pair){.wire = BIO_new(BIO_s_mem())};
	p->client_context = SSL_CTX_new(TLS_client_method());
	p->server_context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_max_proto_version(p->client_context, version);
	identify(p->server_context);
	p->client = SSL_new(p->client_context);
	p->server = SSL_new(p->server_context);
	SSL_set_tlsext_host_name(p->client, host);
	p->method = BIO_meth_new(BIO_TYPE_MEM, "a program's own");
	BIO_meth_set_write(p->method, program_write);
	BIO_meth_set_ctrl(p->method, program_ctrl);
	BIO_meth_set_create(p->method, program_create);
	program = BIO_new(p->method);
	BIO_set_data(program, p);
	BIO_up_ref(back);
	BIO_up_ref(p->wire);
	SSL_set_bio(p->client, back, program);
	SSL_set_bio(p->server, p->wire, back);
	SSL_set_connect_state(p->client);
	SSL_set_accept_state(p->server);
}

static void shake_hands(struct pair *p)
{
	for (int i = 0; i < 10; i++) {
		SSL_do_handshake(p->client);
		SSL_do_handshake(p->server);
	}
	assert_true(SSL_is_init_finished(p->client));
	assert_true(SSL_is_init_finished(p->server));
	ERR_clear_error();
	p->calls = 0;
}

static void end_pair(struct pair *p)
{
	SSL_free(p->client);
	SSL_free(p->server);
	BIO_free(p->wire);
	BIO_meth_free(p->method);
	SSL_CTX_free(p->client_context);
	SSL_CTX_free(p->server_context);
}

/* ---- tests ---- */

static int set_up(void **state)
{
	char file[64];
	FILE *f;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	setenv("AICP_RUNTIME_DIR", dir, 1);
	snprintf(file, sizeof(file), "%s/governed", dir);
	f = fopen(file, "we");
	fprintf(f, "aicp-governed\t1\nhost\tapi.example\tx\n");
	fclose(f);
	chmod(file, 0644);
	real = real_ssl((const void *)(uintptr_t)set_up);
	return real && real->index >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char file[64];

	(void)state;
	snprintf(file, sizeof(file), "%s/governed", dir);
	unlink(file);
	return rmdir(dir);
}

static void test_first_look(void **state)
{
	struct pair p;
	struct conn *c;

	(void)state;
	connect_pair(&p, TLS1_3_VERSION, "other.example");
	assert_ptr_equal(openssl_conn(real, p.client, false), CONN_UNGOVERNED);
	openssl_forget_ungoverned(real, p.client);
	SSL_set_tlsext_host_name(p.client, "API.example.");
	c = openssl_conn(real, p.client, false);
	assert_true(conn_is_governed(c));
	assert_ptr_equal(openssl_known(real, p.client), c);
	openssl_forget_ungoverned(real, p.client);
	assert_ptr_equal(openssl_known(real, p.client), c);
	openssl_forget(real, p.client);
	assert_null(openssl_known(real, p.client));
	assert_null(openssl_conn(real, p.server, false));
	shake_hands(&p);
	assert_ptr_equal(openssl_conn(real, p.server, false), CONN_UNGOVERNED);
	/* Freed with the object, says the sanitizer: the state of one that is governed. */
	assert_true(conn_is_governed(openssl_conn(real, p.client, false)));
	end_pair(&p);
}

static int choose_http2(SSL *ssl, const unsigned char **out, unsigned char *n,
			const unsigned char *in, unsigned in_n, void *arg)
{
	static const unsigned char protocols[] = "\x02h2\x08http/1.1";

	(void)ssl, (void)arg;
	return SSL_select_next_proto((unsigned char **)(uintptr_t)out, n, protocols,
				     sizeof(protocols) - 1, in, in_n) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_NOACK;
}

static void test_http1_alone_is_offered(void **state)
{
	const unsigned char *chosen;
	unsigned n;

	(void)state;
	for (int governed = 0; governed < 2; governed++) {
		struct pair p;

		connect_pair(&p, TLS1_3_VERSION, governed ? "api.example" : "other.example");
		SSL_CTX_set_alpn_select_cb(p.server_context, choose_http2, NULL);
		SSL_set_alpn_protos(p.client, (const unsigned char *)"\x02h2\x08http/1.1", 12);
		(void)openssl_conn(real, p.client, true);
		shake_hands(&p);
		SSL_get0_alpn_selected(p.client, &chosen, &n);
		assert_int_equal(n, governed ? 8 : 2);
		end_pair(&p);
	}
}

static void arrives(struct pair *p, const char *want, size_t n)
{
	char got[TRANSPORT_SLICE_BYTES];

	for (size_t at = 0; at < n;) {
		int r = SSL_read(p->server, got, sizeof(got));

		assert_true(r > 0 && (size_t)r <= n - at);
		assert_memory_equal(got, want + at, r);
		at += (size_t)r;
	}
	assert_true(SSL_read(p->server, got, 1) < 0);
}

/* Sealed records are what a write would have sent, in their place among what is written; nothing of
 * them goes through the program's BIO, which stays as it is. */
static void test_seal(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	static const size_t sizes[] = {1, 100, 511, 513, TRANSPORT_SLICE_BYTES};
	static uint8_t sealed[TRANSPORT_SEALED_BYTES_MAX];
	static char text[TRANSPORT_SLICE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 2654435761u >> 11);
	for (size_t i = 0; i < 4 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		const size_t n = sizes[i / 4];
		struct transport t;
		struct pair p;
		size_t sealed_n = 0;

		connect_pair(&p, versions[i % 2], "api.example");
		if (i / 2 % 2)
			SSL_set_max_send_fragment(p.client, 512);
		shake_hands(&p);
		t = openssl_transport(real, p.client);
		assert_int_equal(SSL_write(p.client, "before", 6), 6);
		arrives(&p, "before", 6);
		p.calls = 0;
		ERR_raise(ERR_LIB_USER, 42);
		for (int twice = 0; twice < 2; twice++) {
			assert_int_equal(t.ops->seal(&t, text, n, sealed, &sealed_n),
					 TRANSPORT_SEALED);
			assert_true(sealed_n > n && sealed_n <= TRANSPORT_SEALED_BYTES_MAX);
			assert_int_equal(p.calls, 0);
			assert_int_equal(BIO_write(p.wire, sealed, (int)sealed_n), sealed_n);
			arrives(&p, text, n);
		}
		assert_int_equal(ERR_GET_REASON(ERR_get_error()), 42);
		assert_int_equal(SSL_write(p.client, "behind", 6), 6);
		assert_true(p.calls > 0);
		arrives(&p, "behind", 6);
		end_pair(&p);
	}
}

static void expect_cannot(struct pair *p)
{
	static uint8_t sealed[TRANSPORT_SEALED_BYTES_MAX];
	const struct transport t = openssl_transport(real, p->client);
	const int calls = p->calls;
	size_t n = 7;

	assert_int_equal(t.ops->seal(&t, "x", 1, sealed, &n), TRANSPORT_CANNOT);
	assert_int_equal(n, 7);
	assert_int_equal(p->calls, calls);
}

static void test_seal_that_cannot_be(void **state)
{
	struct pair p;

	(void)state;
	connect_pair(&p, TLS1_3_VERSION, "api.example");
	expect_cannot(&p); /* no handshake yet */
	shake_hands(&p);
	/* Records of another write are on their way. */
	p.blocked = true;
	assert_int_equal(SSL_write(p.client, "blocked", 7), -1);
	expect_cannot(&p);
	p.blocked = false;
	assert_int_equal(SSL_write(p.client, "blocked", 7), 7);
	arrives(&p, "blocked", 7);
	/* Encryption may be the kernel's, and only the program's BIO knows. */
	SSL_set_options(p.client, SSL_OP_ENABLE_KTLS);
	expect_cannot(&p);
	end_pair(&p);
}

static void test_other_functions(void **state)
{
	struct transport t;
	struct pair p;
	uint8_t random[TRANSPORT_RANDOM_BYTES], want[TRANSPORT_RANDOM_BYTES];
	char got[8];

	(void)state;
	connect_pair(&p, TLS1_2_VERSION, "api.example");
	t = openssl_transport(real, p.client);
	assert_true(t.ops->handshake(&t) <= 0);
	shake_hands(&p);
	assert_int_equal(t.ops->handshake(&t), 1);
	assert_true(t.ops->random(&t, random));
	assert_int_equal(SSL_get_client_random(p.server, want, sizeof(want)), sizeof(want));
	assert_memory_equal(random, want, sizeof(want));
	assert_int_equal(t.ops->fd(&t), -1);
	assert_int_equal(SSL_write(p.server, "hello", 5), 5);
	assert_int_equal(t.ops->read(&t, got, sizeof(got)), 5);
	assert_int_equal(t.ops->write(&t, "answer", 6), 6);
	arrives(&p, "answer", 6);
	t.ops->end_input(&t);
	assert_int_equal(SSL_read(p.client, got, 1), 0);
	assert_int_equal(SSL_get_error(p.client, 0), SSL_ERROR_ZERO_RETURN);
	end_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_look),
		cmocka_unit_test(test_http1_alone_is_offered),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_seal_that_cannot_be),
		cmocka_unit_test(test_other_functions),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
