/* SPDX-License-Identifier: MIT */
/* What the stand-in for OpenSSL 1.1 has (ssl11.c). */
#pragma once

#include <stddef.h>

#define SSL11_SET_HOST_NAME 55
/* Not the index that OpenSSL 3 gives out: whoever mixes the two up finds nothing. */
#define SSL11_INDEX 77

typedef struct ssl_st SSL;

SSL *SSL_new(void *ctx);
int SSL_write(SSL *s, const void *p, int n);
int SSL_read(SSL *s, void *p, int n);
int SSL_peek(SSL *s, void *p, int n);
int SSL_pending(const SSL *s);
int SSL_connect(SSL *s);
int SSL_do_handshake(SSL *s);
int SSL_clear(SSL *s);
long SSL_ctrl(SSL *s, int cmd, long larg, void *parg);
int CRYPTO_get_ex_new_index(int class_index, long argl, void *argp, void *new_func, void *dup_func,
			    void *free_func);
void *SSL_get_ex_data(const SSL *s, int i);
int SSL_set_ex_data(SSL *s, int i, void *p);
int ERR_set_mark(void);
int ERR_pop_to_mark(void);
const char *SSL_get_servername(const SSL *s, int type);
int SSL_is_server(const SSL *s);
int SSL_get_state(const SSL *s);
int SSL_is_init_finished(const SSL *s);
size_t SSL_get_client_random(const SSL *s, unsigned char *out, size_t n);
int SSL_get_fd(const SSL *s);
int SSL_set_alpn_protos(SSL *s, const unsigned char *p, unsigned n);
void SSL_set_shutdown(SSL *s, int how);
int SSL_get_shutdown(const SSL *s);

/* What an object was given to send, as text. */
const char *ssl11_sent(SSL *s);
