/* SPDX-License-Identifier: MIT */
/* GnuTLS's real functions, found through the object that called a hook. */
#pragma once

#include "library.h"

#include <sys/types.h>
#include <sys/uio.h>

typedef struct gnutls_session_int *gnutls_session_t;

/* gnutls_datum_t, gnutls_range_st, and the types of the functions that a program may set. */
struct gnutls_datum {
	unsigned char *data;
	unsigned size;
};
struct gnutls_range {
	size_t low, high;
};
typedef ssize_t gnutls_push_fn(void *ptr, const void *data, size_t n);
typedef ssize_t gnutls_vec_push_fn(void *ptr, const struct iovec *iov, int n);

/* Numbers of GnuTLS's headers, the same since 3.0. */
#define GNUTLS_R_CLIENT	      (1u << 1)
#define GNUTLS_R_SHUT_WRITE   1
#define GNUTLS_R_NO_MEMORY    (-25)
#define GNUTLS_R_PUSH_FAILED  (-53)
#define GNUTLS_R_INTERNAL     (-59)
#define GNUTLS_R_IN_HANDSHAKE (-408)

/* One library. Members are the library's functions of that name; those marked may be NULL. */
struct real_gnutls {
	struct library library;

	int (*gnutls_init)(gnutls_session_t *, unsigned);
	void (*gnutls_deinit)(gnutls_session_t);
	int (*gnutls_handshake)(gnutls_session_t);
	int (*gnutls_bye)(gnutls_session_t, int);
	int (*gnutls_server_name_set)(gnutls_session_t, int, const void *, size_t);
	int (*gnutls_alpn_set_protocols)(gnutls_session_t, const struct gnutls_datum *, unsigned,
					 unsigned); /* may be NULL */
	ssize_t (*gnutls_record_send)(gnutls_session_t, const void *, size_t);
	ssize_t (*gnutls_record_send2)(gnutls_session_t, const void *, size_t, size_t,
				       unsigned); /* may be NULL */
	ssize_t (*gnutls_record_send_range)(gnutls_session_t, const void *, size_t,
					    const struct gnutls_range *); /* may be NULL */
	ssize_t (*gnutls_record_send_early_data)(gnutls_session_t, const void *,
						 size_t); /* may be NULL */
	ssize_t (*gnutls_record_send_file)(gnutls_session_t, int, off_t *,
					   size_t); /* may be NULL */
	ssize_t (*gnutls_record_recv)(gnutls_session_t, void *, size_t);
	size_t (*gnutls_record_check_pending)(gnutls_session_t);
	void (*gnutls_record_cork)(gnutls_session_t); /* may be NULL */
	int (*gnutls_record_uncork)(gnutls_session_t, unsigned); /* may be NULL */
	void (*gnutls_session_get_random)(gnutls_session_t, struct gnutls_datum *,
					  struct gnutls_datum *);
	void (*gnutls_transport_set_push_function)(gnutls_session_t, gnutls_push_fn *);
	void (*gnutls_transport_set_vec_push_function)(gnutls_session_t, gnutls_vec_push_fn *);

	/* For records in memory of ours. */
	void (*gnutls_transport_get_ptr2)(gnutls_session_t, void **, void **);
	void (*gnutls_transport_set_ptr2)(gnutls_session_t, void *, void *);
	int (*gnutls_transport_is_ktls_enabled)(gnutls_session_t); /* may be NULL */
};

/* The library that the code at return_address meant, or NULL when there is none that we can work
 * with. */
const struct real_gnutls *real_gnutls(const void *return_address);

/* As library_asked(). */
bool real_gnutls_asked(const void *return_address, const void *f);
/* As library_unloaded(). */
void real_gnutls_unloaded(void);
