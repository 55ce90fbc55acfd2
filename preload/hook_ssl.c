/* SPDX-License-Identifier: MIT */
/*
 * The TLS functions that programs call, in front of the real ones of OpenSSL and its kin.
 *
 * Each hook finds the library that its caller meant and the state of the connection; for a
 * connection that is not governed it is then the real function, tail-called. Between a real call
 * and our return no other OpenSSL function runs, so that SSL_get_error() sees what the real call
 * left.
 */
#include "openssl.h"

#include <limits.h>
#include <stddef.h>

#define HOOK	  __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
/* The library of whoever called the hook that this stands in. */
#define CALLED real_ssl(__builtin_return_address(0))
/* A function that the library has not cannot have been meant: fail, as a program would expect of
 * it. */
#define HAS(_f) LIKELY(real && real->_f)

int SSL_write(SSL *ssl, const void *buf, int num);
int SSL_write_ex(SSL *ssl, const void *buf, size_t num, size_t *written);
int SSL_write_ex2(SSL *ssl, const void *buf, size_t num, uint64_t flags, size_t *written);
int SSL_write_early_data(SSL *ssl, const void *buf, size_t num, size_t *written);
ssize_t SSL_sendfile(SSL *ssl, int fd, off_t offset, size_t size, int flags);
int SSL_read(SSL *ssl, void *buf, int num);
int SSL_read_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes);
int SSL_peek(SSL *ssl, void *buf, int num);
int SSL_peek_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes);
int SSL_pending(const SSL *ssl);
int SSL_has_pending(const SSL *ssl);
int SSL_connect(SSL *ssl);
int SSL_do_handshake(SSL *ssl);
int SSL_clear(SSL *ssl);
long SSL_ctrl(SSL *ssl, int cmd, long larg, void *parg);

/* SSL_CTRL_SET_TLSEXT_HOSTNAME of OpenSSL's headers. */
#define SET_HOST_NAME 55

/*
 * Makes the library itself fail, so that SSL_get_error() has something true to say: a stale
 * WANT_READ of some earlier call would let the program wait for nothing. A negative length is
 * refused before anything else.
 */
static int fail_for_good(const struct real_ssl *real, SSL *ssl)
{
	(void)real->SSL_peek(ssl, NULL, -1);
	return -1;
}

/* For the forms that return a count. */
static int as_int(const struct real_ssl *real, SSL *ssl, struct conn_result result)
{
	if (result.outcome == CONN_NEVER)
		return fail_for_good(real, ssl);
	return result.outcome == CONN_DONE ? (int)result.n : result.r;
}

/* For the _ex forms, which report success as 1 and failure as 0. */
static int as_ex(const struct real_ssl *real, SSL *ssl, struct conn_result result, size_t *ret_n)
{
	if (result.outcome == CONN_NEVER)
		(void)fail_for_good(real, ssl);
	if (result.outcome != CONN_DONE)
		return 0;
	if (ret_n)
		*ret_n = result.n;
	return 1;
}

HOOK int SSL_write(SSL *ssl, const void *buf, int num)
{
	const struct real_ssl *real = CALLED;
	struct conn_result result;
	struct conn *c;

	if (!HAS(SSL_write))
		return -1;
	c = openssl_conn(real, ssl, false);
	if (LIKELY(c == CONN_UNGOVERNED) || !c || num < 0)
		return real->SSL_write(ssl, buf, num);
	result = conn_write(c, buf, (size_t)num);
	if (result.outcome == CONN_USE_REAL)
		return real->SSL_write(ssl, buf, num);
	return as_int(real, ssl, result);
}

HOOK int SSL_write_ex(SSL *ssl, const void *buf, size_t num, size_t *written)
{
	const struct real_ssl *real = CALLED;
	struct conn_result result;
	struct conn *c;

	if (!HAS(SSL_write_ex))
		return 0;
	c = openssl_conn(real, ssl, false);
	if (LIKELY(c == CONN_UNGOVERNED) || !c)
		return real->SSL_write_ex(ssl, buf, num, written);
	result = conn_write(c, buf, num);
	if (result.outcome == CONN_USE_REAL)
		return real->SSL_write_ex(ssl, buf, num, written);
	return as_ex(real, ssl, result, written);
}

/* OpenSSL 3.3; its flags concern QUIC streams, which no governed connection is. */
HOOK int SSL_write_ex2(SSL *ssl, const void *buf, size_t num, uint64_t flags, size_t *written)
{
	const struct real_ssl *real = CALLED;
	struct conn_result result;
	struct conn *c;

	if (!HAS(SSL_write_ex2))
		return 0;
	c = openssl_conn(real, ssl, false);
	if (LIKELY(c == CONN_UNGOVERNED) || !c)
		return real->SSL_write_ex2(ssl, buf, num, flags, written);
	result = conn_write(c, buf, num);
	if (result.outcome == CONN_USE_REAL)
		return real->SSL_write_ex2(ssl, buf, num, flags, written);
	return as_ex(real, ssl, result, written);
}

/* Early data can be replayed by whoever recorded it, so that one verdict would cover many requests.
 */
HOOK int SSL_write_early_data(SSL *ssl, const void *buf, size_t num, size_t *written)
{
	const struct real_ssl *real = CALLED;
	struct conn *c;

	if (!HAS(SSL_write_early_data))
		return 0;
	c = openssl_conn(real, ssl, false);
	if (c && c != CONN_UNGOVERNED && !conn_may_bypass(c, true))
		return fail_for_good(real, ssl) > 0;
	return real->SSL_write_early_data(ssl, buf, num, written);
}

/* The kernel would read and encrypt the file where we cannot look. */
HOOK ssize_t SSL_sendfile(SSL *ssl, int fd, off_t offset, size_t size, int flags)
{
	const struct real_ssl *real = CALLED;
	struct conn *c;

	if (!HAS(SSL_sendfile))
		return -1;
	c = openssl_conn(real, ssl, false);
	if (c && c != CONN_UNGOVERNED && !conn_may_bypass(c, false))
		return fail_for_good(real, ssl);
	return real->SSL_sendfile(ssl, fd, offset, size, flags);
}

/*
 * Reading on a governed connection. read_real calls the function that the program called.
 *
 * A reader may sit in the real call when another thread's request is refused: the call then fails
 * because we shut the socket's reading side, and the answer takes the failure's place.
 */
struct reading {
	const struct real_ssl *real;
	SSL *ssl;
	void *buf;
	size_t num;
	bool peek;
	size_t n; /* bytes read, with success */
};

static struct conn_result read_governed(struct conn *c, struct reading *rd,
					int (*read_real)(struct reading *))
{
	struct conn_result result = conn_read(c, rd->buf, rd->num, rd->peek);

	if (result.outcome != CONN_USE_REAL)
		return result;
	(void)rd->real->ERR_set_mark();
	result = (struct conn_result){.outcome = CONN_FAILED, .r = read_real(rd)};
	/* A read that begins the handshake makes the library clear the object, through our own
	 * SSL_clear: the state from before may be gone. */
	c = rd->real->SSL_get_ex_data(rd->ssl, rd->real->index);
	if (result.r <= 0 && conn_is_governed(c) && conn_pending(c)) {
		(void)rd->real->ERR_pop_to_mark();
		result = conn_read(c, rd->buf, rd->num, rd->peek);
		if (result.outcome != CONN_USE_REAL)
			return result;
		result = (struct conn_result){.outcome = CONN_FAILED, .r = read_real(rd)};
	} else if (rd->real->ERR_clear_last_mark) {
		(void)rd->real->ERR_clear_last_mark();
	}
	if (result.r <= 0) {
		if (conn_is_governed(c) && conn_wants_end(c) &&
		    rd->real->SSL_get_shutdown(rd->ssl) & OPENSSL_RECEIVED_SHUTDOWN)
			conn_did_end(c);
		return result;
	}
	if (!rd->peek && conn_is_governed(c))
		conn_did_read(c, rd->buf, rd->n);
	return (struct conn_result){.outcome = CONN_DONE, .n = rd->n};
}

static int with_read(struct reading *rd)
{
	int r = rd->real->SSL_read(rd->ssl, rd->buf, (int)rd->num);

	rd->n = r > 0 ? (size_t)r : 0;
	return r;
}

static int with_peek(struct reading *rd)
{
	int r = rd->real->SSL_peek(rd->ssl, rd->buf, (int)rd->num);

	rd->n = r > 0 ? (size_t)r : 0;
	return r;
}

static int with_read_ex(struct reading *rd)
{
	return rd->real->SSL_read_ex(rd->ssl, rd->buf, rd->num, &rd->n);
}

static int with_peek_ex(struct reading *rd)
{
	return rd->real->SSL_peek_ex(rd->ssl, rd->buf, rd->num, &rd->n);
}

HOOK int SSL_read(SSL *ssl, void *buf, int num)
{
	const struct real_ssl *real = CALLED;
	struct reading rd = {real, ssl, buf, (size_t)num, false, 0};
	struct conn *c;

	if (!HAS(SSL_read))
		return -1;
	c = openssl_conn(real, ssl, false);
	if (LIKELY(c == CONN_UNGOVERNED) || !conn_is_governed(c) || num < 0)
		return real->SSL_read(ssl, buf, num);
	return as_int(real, ssl, read_governed(c, &rd, with_read));
}

HOOK int SSL_read_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes)
{
	const struct real_ssl *real = CALLED;
	struct reading rd = {real, ssl, buf, num, false, 0};
	struct conn *c;

	if (!HAS(SSL_read_ex))
		return 0;
	c = openssl_conn(real, ssl, false);
	if (LIKELY(c == CONN_UNGOVERNED) || !conn_is_governed(c))
		return real->SSL_read_ex(ssl, buf, num, readbytes);
	return as_ex(real, ssl, read_governed(c, &rd, with_read_ex), readbytes);
}

HOOK int SSL_peek(SSL *ssl, void *buf, int num)
{
	const struct real_ssl *real = CALLED;
	struct reading rd = {real, ssl, buf, (size_t)num, true, 0};
	struct conn *c;

	if (!HAS(SSL_peek))
		return -1;
	c = openssl_conn(real, ssl, false);
	if (LIKELY(c == CONN_UNGOVERNED) || !conn_is_governed(c) || num < 0)
		return real->SSL_peek(ssl, buf, num);
	return as_int(real, ssl, read_governed(c, &rd, with_peek));
}

HOOK int SSL_peek_ex(SSL *ssl, void *buf, size_t num, size_t *readbytes)
{
	const struct real_ssl *real = CALLED;
	struct reading rd = {real, ssl, buf, num, true, 0};
	struct conn *c;

	if (!HAS(SSL_peek_ex))
		return 0;
	c = openssl_conn(real, ssl, false);
	if (LIKELY(c == CONN_UNGOVERNED) || !conn_is_governed(c))
		return real->SSL_peek_ex(ssl, buf, num, readbytes);
	return as_ex(real, ssl, read_governed(c, &rd, with_peek_ex), readbytes);
}

HOOK int SSL_pending(const SSL *ssl)
{
	const struct real_ssl *real = CALLED;
	struct conn *c;
	size_t n;

	if (!HAS(SSL_pending))
		return 0;
	c = openssl_known(real, ssl);
	n = conn_is_governed(c) ? conn_pending(c) : 0;
	return n ? (int)n : real->SSL_pending(ssl);
}

HOOK int SSL_has_pending(const SSL *ssl)
{
	const struct real_ssl *real = CALLED;
	struct conn *c;

	if (!HAS(SSL_has_pending))
		return 0;
	c = openssl_known(real, ssl);
	return conn_is_governed(c) && conn_pending(c) ? 1 : real->SSL_has_pending(ssl);
}

/* A first look before the handshake lets us offer http/1.1 alone. */
HOOK int SSL_connect(SSL *ssl)
{
	const struct real_ssl *real = CALLED;

	if (!HAS(SSL_connect))
		return -1;
	(void)openssl_conn(real, ssl, true);
	return real->SSL_connect(ssl);
}

HOOK int SSL_do_handshake(SSL *ssl)
{
	const struct real_ssl *real = CALLED;

	if (!HAS(SSL_do_handshake))
		return -1;
	(void)openssl_conn(real, ssl, false);
	return real->SSL_do_handshake(ssl);
}

/* The object is used again, for another connection. libssl clears it too, when a handshake begins
 * (in Node inside SSL_read), which is no other connection. */
HOOK int SSL_clear(SSL *ssl)
{
	const struct real_ssl *real = CALLED;

	if (!HAS(SSL_clear))
		return 0;
	if (!library_is_caller(&real->library, __builtin_return_address(0)))
		openssl_forget(real, ssl);
	return real->SSL_clear(ssl);
}

HOOK long SSL_ctrl(SSL *ssl, int cmd, long larg, void *parg)
{
	const struct real_ssl *real = CALLED;

	if (!HAS(SSL_ctrl))
		return 0;
	/* What the object is asked to be called decides whether it is governed. */
	if (cmd == SET_HOST_NAME)
		openssl_forget_ungoverned(real, ssl);
	return real->SSL_ctrl(ssl, cmd, larg, parg);
}
