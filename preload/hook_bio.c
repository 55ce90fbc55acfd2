/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing of OpenSSL's BIOs, for those that are TLS connections (BIO_f_ssl).
 *
 * Such a BIO reaches into libssl behind the functions that hook_ssl.c stands before. Filters above
 * it and BIO_puts() end in the functions here, as libcrypto calls them through its PLT; so does
 * libssl for every record, so that a BIO of another type has to cost next to nothing.
 */
#include "bio_real.h"
#include "openssl.h"

#include <limits.h>

#define HOOK	  __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define CALLED	  real_bio(__builtin_return_address(0))
#define HAS(_f)	  LIKELY(real && real->_f)

/* Numbers of OpenSSL's headers, the same since 1.1.0. */
#define BIO_TYPE_SSL	  0x207
#define BIO_C_GET_SSL	  110
#define FLAGS_RETRY	  0x0f
#define FLAGS_RETRY_READ  (0x01 | 0x08)
#define FLAGS_RETRY_WRITE (0x02 | 0x08)
#define WANT_READ	  2
#define WANT_WRITE	  3

int BIO_write(BIO *b, const void *p, int n);
int BIO_write_ex(BIO *b, const void *p, size_t n, size_t *written);
int BIO_read(BIO *b, void *p, int n);
int BIO_read_ex(BIO *b, void *p, size_t n, size_t *readbytes);

struct below {
	const struct real_ssl *ssl_real;
	SSL *ssl;
	struct conn *conn; /* governed, or refused; NULL: the BIO is not our business */
};

static __attribute__((noinline)) struct below look_below(const struct real_bio *real, BIO *b,
							 const void *caller)
{
	struct below below = {.ssl_real = real_ssl(caller)};

	if (!real->library.complete || !below.ssl_real)
		return below;
	(void)real->BIO_ctrl(b, BIO_C_GET_SSL, 0, &below.ssl);
	if (!below.ssl)
		return below;
	below.conn = openssl_conn(below.ssl_real, below.ssl, false);
	if (below.conn == CONN_UNGOVERNED)
		below.conn = NULL;
	return below;
}

static inline bool is_tls(const struct real_bio *real, const BIO *b)
{
	return b && real->BIO_method_type && real->BIO_method_type(b) == BIO_TYPE_SSL;
}

/* What BIO_f_ssl's own code would leave: whether to try again, and what for. > 0: so many bytes. */
static int report(const struct real_bio *real, BIO *b, const struct below *below,
		  struct conn_result result)
{
	int error = 0;

	real->BIO_clear_flags(b, FLAGS_RETRY);
	if (result.outcome == CONN_DONE)
		return (int)result.n;
	if (result.outcome != CONN_FAILED)
		return -1;
	if (below->ssl_real->SSL_get_error)
		error = below->ssl_real->SSL_get_error(below->ssl, result.r);
	if (error == WANT_READ)
		real->BIO_set_flags(b, FLAGS_RETRY_READ);
	if (error == WANT_WRITE)
		real->BIO_set_flags(b, FLAGS_RETRY_WRITE);
	return result.r;
}

HOOK int BIO_write(BIO *b, const void *p, int n)
{
	const struct real_bio *real = CALLED;
	struct conn_result result;
	struct below below;

	if (!HAS(BIO_write))
		return -1;
	if (LIKELY(!is_tls(real, b)) || n <= 0)
		return real->BIO_write(b, p, n);
	below = look_below(real, b, __builtin_return_address(0));
	if (!below.conn)
		return real->BIO_write(b, p, n);
	result = conn_write(below.conn, p, (size_t)n);
	return result.outcome == CONN_USE_REAL ? real->BIO_write(b, p, n)
					       : report(real, b, &below, result);
}

HOOK int BIO_write_ex(BIO *b, const void *p, size_t n, size_t *written)
{
	const struct real_bio *real = CALLED;
	struct conn_result result;
	struct below below;
	int r;

	if (!HAS(BIO_write_ex))
		return 0;
	if (LIKELY(!is_tls(real, b)) || !n)
		return real->BIO_write_ex(b, p, n, written);
	below = look_below(real, b, __builtin_return_address(0));
	if (!below.conn)
		return real->BIO_write_ex(b, p, n, written);
	result = conn_write(below.conn, p, n < INT_MAX ? n : INT_MAX);
	if (result.outcome == CONN_USE_REAL)
		return real->BIO_write_ex(b, p, n, written);
	r = report(real, b, &below, result);
	if (r > 0 && written)
		*written = (size_t)r;
	return r > 0;
}

struct reading {
	const struct real_bio *real;
	BIO *b;
	void *p;
	size_t n;
	size_t got;
};

static int with_read(struct reading *rd)
{
	int r = rd->real->BIO_read(rd->b, rd->p, (int)rd->n);

	rd->got = r > 0 ? (size_t)r : 0;
	return r;
}

static int with_read_ex(struct reading *rd)
{
	return rd->real->BIO_read_ex(rd->b, rd->p, rd->n, &rd->got);
}

/* Looks at one word of the object, and changes nothing that the program may ask for. */
static void did_read(const struct reading *rd, const struct below *below, struct conn *c, int r)
{
	if (r > 0)
		conn_did_read(c, rd->p, rd->got);
	else if (conn_wants_end(c) &&
		 below->ssl_real->SSL_get_shutdown(below->ssl) & OPENSSL_RECEIVED_SHUTDOWN)
		conn_did_end(c);
}

/* As in hook_ssl.c: what ends a wait may be a refusal that is there to be read. */
static int read_governed(struct reading *rd, const struct below *below,
			 int (*read_real)(struct reading *))
{
	const struct real_bio *real = rd->real;
	struct conn_result result = conn_read(below->conn, rd->p, rd->n, false);
	struct conn *c;
	int r;

	if (result.outcome == CONN_USE_REAL) {
		(void)real->ERR_set_mark();
		r = read_real(rd);
		c = openssl_known(below->ssl_real, below->ssl);
		if (r > 0 || !conn_is_governed(c) || !conn_pending(c)) {
			if (real->ERR_clear_last_mark)
				(void)real->ERR_clear_last_mark();
			if (conn_is_governed(c))
				did_read(rd, below, c, r);
			return r;
		}
		(void)real->ERR_pop_to_mark();
		result = conn_read(c, rd->p, rd->n, false);
		if (result.outcome == CONN_USE_REAL)
			return read_real(rd);
	}
	r = report(real, rd->b, below, result);
	rd->got = r > 0 ? (size_t)r : 0;
	return r;
}

HOOK int BIO_read(BIO *b, void *p, int n)
{
	const struct real_bio *real = CALLED;
	struct reading rd = {real, b, p, (size_t)n, 0};
	struct below below;

	if (!HAS(BIO_read))
		return -1;
	if (LIKELY(!is_tls(real, b)) || n <= 0)
		return real->BIO_read(b, p, n);
	below = look_below(real, b, __builtin_return_address(0));
	if (!below.conn)
		return real->BIO_read(b, p, n);
	return read_governed(&rd, &below, with_read);
}

HOOK int BIO_read_ex(BIO *b, void *p, size_t n, size_t *readbytes)
{
	const struct real_bio *real = CALLED;
	struct reading rd = {real, b, p, n < INT_MAX ? n : INT_MAX, 0};
	struct below below;

	if (!HAS(BIO_read_ex))
		return 0;
	if (LIKELY(!is_tls(real, b)) || !n)
		return real->BIO_read_ex(b, p, n, readbytes);
	below = look_below(real, b, __builtin_return_address(0));
	if (!below.conn)
		return real->BIO_read_ex(b, p, n, readbytes);
	if (read_governed(&rd, &below, with_read_ex) <= 0)
		return 0;
	if (readbytes)
		*readbytes = rd.got;
	return 1;
}
