/* SPDX-License-Identifier: MIT */
/*
 * Time of SSL_write and SSL_read of 16 bytes on a connection that nobody governs: two ends in one
 * process over a pair of memory buffers, so that nothing but the library (and whatever is
 * preloaded) is measured. Prints nanoseconds a call, the least of several passes: what disturbs a
 * pass only ever makes it longer.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PASSES	 15
#define PAIRS	 100000
#define TEXT_LEN 16

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "ssl_calls: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* A key and a certificate that signs itself; nobody verifies it here. */
static void identify(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	if (!key || !cert)
		die("key");
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)"bench", -1, -1, 0);
	if (!X509_sign(cert, key, EVP_sha256()) || SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1)
		die("certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
}

static SSL *end_new(SSL_CTX *ctx, BIO *bio)
{
	SSL *ssl = SSL_new(ctx);
	if (!ssl)
		die("SSL_new");
	SSL_set_bio(ssl, bio, bio);
	return ssl;
}

static double pass_ns(SSL *from, SSL *to)
{
	struct timespec a, b;
	char text[TEXT_LEN] = "sixteen bytes ..";
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < PAIRS; i++)
		if (SSL_write(from, text, TEXT_LEN) != TEXT_LEN ||
		    SSL_read(to, text, TEXT_LEN) != TEXT_LEN)
			die("transfer");
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
	       (2.0 * PAIRS);
}

int main(void)
{
	SSL_CTX *server_ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	BIO *one, *other;
	if (!server_ctx || !client_ctx || BIO_new_bio_pair(&one, 0, &other, 0) != 1)
		die("memory");
	identify(server_ctx);
	SSL *server = end_new(server_ctx, one), *client = end_new(client_ctx, other);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	SSL_set_tlsext_host_name(client, "example.org");
	for (int i = 0; i < 100 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server));
	     i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	double least = 1e9;
	for (int i = 0; i < PASSES; i++) {
		double ns = pass_ns(client, server);
		least = ns < least ? ns : least;
	}
	printf("%.1f\n", least);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(server_ctx);
	return 0;
}
