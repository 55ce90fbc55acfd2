/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for OpenSSL 1.1, which Debian 12 has no more: a library of its name and symbol
 * versions (ssl11.map) that encrypts nothing. An object keeps what it is given to send and reads a
 * response.
 */
#include "ssl11.h"

#include <stdlib.h>
#include <string.h>

#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct ssl_st {
	void *ex_data;
	char host[256];
	char sent[4096];
	size_t sent_n, read_n;
	int shutdown;
};

SSL *SSL_new(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(SSL));
}

const char *ssl11_sent(SSL *s)
{
	return s->sent;
}

int SSL_write(SSL *s, const void *p, int n)
{
	if (n < 0 || (size_t)n >= sizeof(s->sent) - s->sent_n)
		return -1;
	memcpy(s->sent + s->sent_n, p, (size_t)n);
	s->sent_n += (size_t)n;
	s->read_n = 0;
	return n;
}

int SSL_peek(SSL *s, void *p, int n)
{
	size_t left = sizeof(RESPONSE) - 1 - s->read_n;
	size_t k = n < 0 ? 0 : (size_t)n < left ? (size_t)n : left;

	if (s->shutdown || !k)
		return n < 0 ? -1 : 0;
	memcpy(p, RESPONSE + s->read_n, k);
	return (int)k;
}

int SSL_read(SSL *s, void *p, int n)
{
	int r = SSL_peek(s, p, n);

	s->read_n += r > 0 ? (size_t)r : 0;
	return r;
}

int SSL_pending(const SSL *s)
{
	(void)s;
	return 0;
}

int SSL_connect(SSL *s)
{
	return s ? 1 : -1;
}

int SSL_do_handshake(SSL *s)
{
	return s ? 1 : -1;
}

int SSL_clear(SSL *s)
{
	s->sent_n = 0;
	return 1;
}

long SSL_ctrl(SSL *s, int cmd, long larg, void *parg)
{
	(void)larg;
	if (cmd == SSL11_SET_HOST_NAME)
		strncpy(s->host, parg, sizeof(s->host) - 1);
	return 1;
}

/* The index of the one ex_data that anybody asks this library for. */
int CRYPTO_get_ex_new_index(int class_index, long argl, void *argp, void *new_func, void *dup_func,
			    void *free_func)
{
	(void)class_index, (void)argl, (void)argp, (void)new_func, (void)dup_func, (void)free_func;
	return SSL11_INDEX;
}

void *SSL_get_ex_data(const SSL *s, int i)
{
	return i == SSL11_INDEX ? s->ex_data : NULL;
}

int SSL_set_ex_data(SSL *s, int i, void *p)
{
	if (i != SSL11_INDEX)
		return 0;
	s->ex_data = p;
	return 1;
}

int ERR_set_mark(void)
{
	return 1;
}

int ERR_pop_to_mark(void)
{
	return 1;
}

const char *SSL_get_servername(const SSL *s, int type)
{
	return type == 0 ? s->host : NULL;
}

int SSL_is_server(const SSL *s)
{
	(void)s;
	return 0;
}

int SSL_get_state(const SSL *s)
{
	(void)s;
	return 1;
}

int SSL_is_init_finished(const SSL *s)
{
	(void)s;
	return 1;
}

size_t SSL_get_client_random(const SSL *s, unsigned char *out, size_t n)
{
	(void)s, (void)out, (void)n;
	return 0;
}

int SSL_get_fd(const SSL *s)
{
	(void)s;
	return -1;
}

int SSL_set_alpn_protos(SSL *s, const unsigned char *p, unsigned n)
{
	(void)s, (void)p, (void)n;
	return 0;
}

void SSL_set_shutdown(SSL *s, int how)
{
	s->shutdown = how;
}

int SSL_get_shutdown(const SSL *s)
{
	return s->shutdown;
}
