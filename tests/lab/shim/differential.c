/* SPDX-License-Identifier: MIT */
/*
 * A long row of random calls of OpenSSL, the same in every run, and what each returned:
 *
 *   differential OPERATIONS HOST VERSION(1.2|1.3) sockets|memory
 *
 * Prints one line for each call: its result, errno, the error queue, SSL_get_error() and the rest
 * of what a program can see. The test runs it with and without the shim and compares. Client and
 * server are two objects of this process, over a pair of non-blocking sockets with small buffers or
 * over memory BIOs, so that nothing depends on time.
 *
 * With the host "ungoverned.test" the calls are anything goes: short and long writes, retries with
 * other bytes, negative lengths, key updates, shutdowns in the middle. With a governed host the
 * client speaks HTTP, as the shim has to understand it; then two things are left out, in which the
 * shim has to differ: what a write that it keeps back leaves in errno (OpenSSL clears it) and in
 * SSL_want().
 */
#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 40000

static const char *host;
static bool governed, over_memory;
static SSL_CTX *client_context, *server_context;
static SSL *client, *server;
static int ends[2];
static unsigned char buffer[BUFFER_BYTES], other[BUFFER_BYTES];

/* xorshift64*: the same row everywhere. */
static uint64_t state = 0x9e3779b97f4a7c15u;

static unsigned random_below(unsigned n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545f4914f6cdd1du >> 32) % n);
}

static void die(const char *what)
{
	fprintf(stderr, "differential: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* ---- the two ends ---- */

static void make_certificate(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *cert = X509_new();

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	if (!X509_sign(cert, key, EVP_sha256()) ||
	    SSL_CTX_use_certificate(server_context, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(server_context, key) != 1)
		die("certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* Small buffers, and what one end wrote is at the other when the call returns. */
static void unix_pair(void)
{
	const int bytes = 8192;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
		die("socketpair");
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* The engine takes no other socket for one of a governed connection. */
static void tcp_pair(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&a, n) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&a, &n) < 0 ||
	    connect(ends[0], (struct sockaddr *)&a, n) < 0)
		die("connect");
	ends[1] = accept(listener, NULL, NULL);
	close(listener);
	for (int i = 0; i < 2; i++)
		fcntl(ends[i], F_SETFL, O_NONBLOCK);
}

/* Until what the other end wrote is there. */
static void wait_for(int end)
{
	if (!over_memory)
		(void)poll(&(struct pollfd){.fd = ends[end], .events = POLLIN}, 1, 5000);
}

static void connect_ends(void)
{
	client = SSL_new(client_context);
	server = SSL_new(server_context);
	SSL_set_tlsext_host_name(client, host);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	if (over_memory) {
		BIO *there = BIO_new(BIO_s_mem()), *back = BIO_new(BIO_s_mem());

		BIO_set_mem_eof_return(there, -1);
		BIO_set_mem_eof_return(back, -1);
		BIO_up_ref(there);
		BIO_up_ref(back);
		SSL_set_bio(client, back, there);
		SSL_set_bio(server, there, back);
	} else {
		if (governed)
			tcp_pair();
		else
			unix_pair();
		SSL_set_fd(client, ends[0]);
		SSL_set_fd(server, ends[1]);
	}
	for (int i = 0; i < 50 && (!SSL_is_init_finished(client) || !SSL_is_init_finished(server));
	     i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
		if (governed && !over_memory)
			(void)poll(NULL, 0, 1);
	}
	if (!SSL_is_init_finished(client) || !SSL_is_init_finished(server))
		die("handshake");
	ERR_clear_error();
}

static void disconnect_ends(void)
{
	SSL_free(client);
	SSL_free(server);
	if (!over_memory) {
		close(ends[0]);
		close(ends[1]);
	}
	ERR_clear_error();
}

/* ---- one call, and what it left ---- */

static unsigned long calls;

/* Whether what a kept-back write leaves is told. */
static void tell(const char *call, size_t asked, long r, size_t n, bool writes)
{
	const int e = errno;
	const bool all = !writes || !governed;

	const bool counts = strstr(call, "pending");

	printf("%lu %s(%zu) r=%ld n=%zu errno=%d error=%d want=%d queue=%lx shutdown=%d state=%d\n",
	       calls, call, asked, r, n, all ? e : -1,
	       counts ? -1 : SSL_get_error(client, r > 0 ? 1 : (int)r),
	       governed ? -1 : SSL_want(client), ERR_peek_last_error(), SSL_get_shutdown(client),
	       SSL_is_init_finished(client));
	calls++;
	/* Some of the program's own in the queue, now and then; else as good programs do it. */
	if (random_below(3))
		ERR_clear_error();
	if (!random_below(5))
		ERR_raise(ERR_LIB_USER, (int)(1 + random_below(90)));
	errno = (int)(200 + random_below(50));
}

static void do_write(const void *p, size_t n, long *ret_taken)
{
	size_t taken = 0;
	int r;

	if (random_below(2)) {
		r = SSL_write(client, p, (int)n);
		tell("write", n, r, 0, true);
		*ret_taken = r;
		return;
	}
	r = SSL_write_ex(client, p, n, &taken);
	tell("write_ex", n, r, r > 0 ? taken : 0, true);
	*ret_taken = r > 0 ? (long)taken : r;
}

static size_t do_read(size_t n)
{
	size_t got = 0;
	int r;

	switch (random_below(6)) {
	case 0:
		r = SSL_read_ex(client, other, n, &got);
		tell("read_ex", n, r, r > 0 ? got : 0, false);
		return r > 0 ? got : 0;
	case 1:
		r = SSL_peek(client, other, (int)n);
		tell("peek", n, r, 0, false);
		return 0;
	case 2:
		r = SSL_peek_ex(client, other, n, &got);
		tell("peek_ex", n, r, r > 0 ? got : 0, false);
		return 0;
	case 3:
		tell("pending", 0, SSL_pending(client), 0, false);
		return 0;
	case 4:
		tell("has_pending", 0, SSL_has_pending(client), 0, false);
		return 0;
	}
	r = SSL_read(client, other, (int)n);
	tell("read", n, r, 0, false);
	return r > 0 ? (size_t)r : 0;
}

/* ---- anything goes ---- */

static size_t unsent; /* of a write that has to come again */

static void write_something(void)
{
	size_t n = unsent && random_below(8) ? unsent : random_below(BUFFER_BYTES);
	long taken;

	if (!random_below(40))
		n = 0;
	do_write(random_below(20) ? buffer : buffer + 1,
		 n < BUFFER_BYTES - 1 ? n : BUFFER_BYTES - 1, &taken);
	unsent = taken <= 0 ? n : 0;
}

static void server_side(void)
{
	ERR_set_mark();
	if (random_below(2))
		(void)SSL_read(server, other, (int)random_below(BUFFER_BYTES));
	else
		(void)SSL_write(server, other, (int)(1 + random_below(6000)));
	ERR_pop_to_mark();
	errno = 222;
}

static void odd_call(void)
{
	switch (random_below(8)) {
	case 0:
		tell("write_negative", 0, SSL_write(client, buffer, -1), 0, true);
		break;
	case 1:
		tell("read_negative", 0, SSL_read(client, other, -1), 0, false);
		break;
	case 2:
		tell("key_update", 0, SSL_key_update(client, SSL_KEY_UPDATE_REQUESTED), 0, false);
		break;
	case 3:
		tell("do_handshake", 0, SSL_do_handshake(client), 0, false);
		break;
	case 4:
		tell("set_name", 0, SSL_set_tlsext_host_name(client, host), 0, false);
		break;
	case 5:
		tell("connect", 0, SSL_connect(client), 0, false);
		break;
	case 6:
		if (!random_below(10))
			tell("shutdown", 0, SSL_shutdown(client), 0, false);
		break;
	case 7:
		if (!random_below(10))
			(void)SSL_shutdown(server);
		break;
	}
}

static void anything(unsigned long operations)
{
	while (calls < operations) {
		connect_ends();
		unsent = 0;
		for (int i = 0; i < 200; i++) {
			unsigned what = random_below(20);

			if (what < 6)
				write_something();
			else if (what < 13)
				(void)do_read(random_below(20000));
			else if (what < 19)
				server_side();
			else
				odd_call();
		}
		disconnect_ends();
	}
}

/* ---- HTTP ---- */

/* A request in pieces, as programs write it; true when all of it was taken. */
static bool request(size_t *ret_bytes)
{
	size_t body = random_below(3) ? random_below(600) : random_below(4000), at = 0, n;
	int head =
		snprintf((char *)buffer, 200,
			 "POST /c HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n", host, body);

	memset(buffer + head, 'b', body);
	*ret_bytes = (size_t)head + body;
	while (at < *ret_bytes) {
		long taken;

		n = random_below(2) ? *ret_bytes - at
				    : 1 + random_below((unsigned)(*ret_bytes - at));
		do_write(buffer + at, n, &taken);
		if (taken <= 0)
			return false;
		at += (size_t)taken;
		if (!random_below(4))
			(void)do_read(1 + random_below(500));
	}
	return true;
}

static bool serve(size_t bytes, size_t *ret_answer)
{
	size_t at = 0, n = 1 + random_below(random_below(4) ? 300 : 4000);
	int r = 1;

	while (at < bytes && r > 0) {
		if (!SSL_pending(server))
			wait_for(1);
		r = SSL_read(server, other, BUFFER_BYTES);
		at += r > 0 ? (size_t)r : 0;
	}
	*ret_answer = n;
	memset(other, 'a', n);
	if (at != bytes || SSL_write(server, other, (int)n) != (int)n)
		return false;
	wait_for(0);
	errno = 222;
	return true;
}

static void http(unsigned long operations)
{
	while (calls < operations) {
		connect_ends();
		for (int i = 0; i < 20; i++) {
			size_t bytes, answer;

			if (!request(&bytes) || !serve(bytes, &answer))
				die("an exchange did not come through");
			while (answer)
				answer -= do_read(1 + random_below(2000));
			if (!random_below(3))
				(void)do_read(100); /* nothing is there */
		}
		tell("shutdown", 0, SSL_shutdown(client), 0, false);
		(void)SSL_shutdown(server);
		wait_for(0);
		tell("read_end", 1, SSL_read(client, other, 1), 0, false);
		tell("shutdown_again", 0, SSL_shutdown(client), 0, false);
		disconnect_ends();
	}
}

int main(int argc, char **argv)
{
	int version;

	if (argc != 5)
		return 2;
	host = argv[2];
	governed = strcmp(host, "ungoverned.test") != 0;
	version = strcmp(argv[3], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
	over_memory = strcmp(argv[4], "memory") == 0;
	client_context = SSL_CTX_new(TLS_client_method());
	server_context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(client_context, version);
	SSL_CTX_set_max_proto_version(client_context, version);
	SSL_CTX_set_mode(server_context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Their length is not the same in every run. */
	SSL_CTX_set_num_tickets(server_context, 0);
	SSL_CTX_set_options(server_context, SSL_OP_NO_TICKET);
	make_certificate();
	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (unsigned char)(i * 131);
	if (governed)
		http(strtoul(argv[1], NULL, 10));
	else
		anything(strtoul(argv[1], NULL, 10));
	return 0;
}
