/* SPDX-License-Identifier: MIT */
/* OpenSSL's real functions, found through the object that called a hook. */
#pragma once

#include "bio_real.h"
#include "library.h"

#include <sys/types.h>

typedef struct ssl_st SSL;

/* Callbacks of ex_data. */
typedef void real_ssl_free_fn(void *, void *, void *, int, long, void *);
typedef int real_ssl_dup_fn(void *, const void *, void **, int, long, void *);

/* One TLS library. Members are the library's functions of that name; those marked may be NULL. */
struct real_ssl {
	struct library library;
	int index; /* of our data among an SSL object's ex_data, or -1 */

	int (*SSL_write)(SSL *, const void *, int);
	int (*SSL_write_ex)(SSL *, const void *, size_t, size_t *); /* may be NULL */
	int (*SSL_write_ex2)(SSL *, const void *, size_t, uint64_t, size_t *); /* may be NULL */
	int (*SSL_write_early_data)(SSL *, const void *, size_t, size_t *); /* may be NULL */
	ssize_t (*SSL_sendfile)(SSL *, int, off_t, size_t, int); /* may be NULL */
	int (*SSL_read)(SSL *, void *, int);
	int (*SSL_read_ex)(SSL *, void *, size_t, size_t *); /* may be NULL */
	int (*SSL_peek)(SSL *, void *, int);
	int (*SSL_peek_ex)(SSL *, void *, size_t, size_t *); /* may be NULL */
	int (*SSL_pending)(const SSL *);
	int (*SSL_has_pending)(const SSL *); /* may be NULL */
	int (*SSL_connect)(SSL *);
	int (*SSL_do_handshake)(SSL *);
	int (*SSL_clear)(SSL *);
	long (*SSL_ctrl)(SSL *, int, long, void *);

	/* Of libcrypto. */
	int (*CRYPTO_get_ex_new_index)(int, long, void *, real_ssl_free_fn *, real_ssl_dup_fn *,
				       real_ssl_free_fn *);
	int (*ERR_set_mark)(void);
	int (*ERR_pop_to_mark)(void);
	int (*ERR_clear_last_mark)(void); /* may be NULL */

	const char *(*SSL_get_servername)(const SSL *, int);
	int (*SSL_is_server)(const SSL *);
	int (*SSL_get_state)(const SSL *);
	int (*SSL_is_init_finished)(const SSL *);
	size_t (*SSL_get_client_random)(const SSL *, unsigned char *, size_t);
	int (*SSL_get_error)(const SSL *, int); /* may be NULL */
	int (*SSL_get_fd)(const SSL *);
	int (*SSL_set_alpn_protos)(SSL *, const unsigned char *, unsigned);
	void (*SSL_set_shutdown)(SSL *, int);
	int (*SSL_get_shutdown)(const SSL *);
	void *(*SSL_get_ex_data)(const SSL *, int);
	int (*SSL_set_ex_data)(SSL *, int, void *);

	/* For records in memory of ours; all are there when library.seals. */
	int (*SSL_want)(const SSL *);
	int (*SSL_renegotiate_pending)(const SSL *);
	unsigned long (*SSL_get_options)(const SSL *);
	BIO *(*SSL_get_wbio)(const SSL *);
	void (*SSL_set0_wbio)(SSL *, BIO *);
	BIO *(*BIO_new)(const void *method);
	const void *(*BIO_s_mem)(void);
	int (*BIO_up_ref)(BIO *);
	int (*BIO_free)(BIO *);
	int (*BIO_read)(BIO *, void *, int);
	size_t (*BIO_ctrl_pending)(BIO *);
	int (*BIO_method_type)(const BIO *);
	long (*BIO_ctrl)(BIO *, int, long, void *);
};

/* The library that the code at return_address meant, or NULL when there is none that we can work
 * with. */
const struct real_ssl *real_ssl(const void *return_address);

/* As library_asked(). */
bool real_ssl_asked(const void *return_address, const void *f);
/* As library_unloaded(). */
void real_ssl_unloaded(void);
