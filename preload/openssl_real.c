/* SPDX-License-Identifier: MIT */
/* The functions of OpenSSL that we call. */
#include "openssl_real.h"

#include "entry.h"
#include "openssl.h"

/* SSL_RECEIVED_SHUTDOWN of OpenSSL's headers. */
#define SSL_WAS_SHUT 2

static struct real_ssl tables[LIBRARIES_MAX];

/* clang-format off */
#define ENTRY(_f, _need, _elsewhere) {#_f, offsetof(struct real_ssl, _f), _need, _elsewhere}
#define MEMBER(_f, _need)            ENTRY(_f, LIBRARY_##_need, false)
#define CRYPTO(_f, _need)            ENTRY(_f, LIBRARY_##_need, true)
/* clang-format on */
static const struct library_member members[] = {
	MEMBER(SSL_write, REQUIRED),
	MEMBER(SSL_write_ex, OPTIONAL),
	MEMBER(SSL_write_ex2, OPTIONAL),
	MEMBER(SSL_write_early_data, OPTIONAL),
	MEMBER(SSL_sendfile, OPTIONAL),
	MEMBER(SSL_read, REQUIRED),
	MEMBER(SSL_read_ex, OPTIONAL),
	MEMBER(SSL_peek, REQUIRED),
	MEMBER(SSL_peek_ex, OPTIONAL),
	MEMBER(SSL_pending, REQUIRED),
	MEMBER(SSL_has_pending, OPTIONAL),
	MEMBER(SSL_connect, REQUIRED),
	MEMBER(SSL_do_handshake, REQUIRED),
	MEMBER(SSL_clear, REQUIRED),
	MEMBER(SSL_ctrl, REQUIRED),
	CRYPTO(CRYPTO_get_ex_new_index, REQUIRED),
	CRYPTO(ERR_set_mark, REQUIRED),
	CRYPTO(ERR_pop_to_mark, REQUIRED),
	CRYPTO(ERR_clear_last_mark, OPTIONAL),
	CRYPTO(BIO_new, TO_SEAL),
	CRYPTO(BIO_s_mem, TO_SEAL),
	CRYPTO(BIO_up_ref, TO_SEAL),
	CRYPTO(BIO_free, TO_SEAL),
	CRYPTO(BIO_read, TO_SEAL),
	CRYPTO(BIO_ctrl_pending, TO_SEAL),
	CRYPTO(BIO_method_type, TO_SEAL),
	CRYPTO(BIO_ctrl, TO_SEAL),
	MEMBER(SSL_get_servername, REQUIRED),
	MEMBER(SSL_is_server, REQUIRED),
	MEMBER(SSL_get_state, REQUIRED),
	MEMBER(SSL_is_init_finished, REQUIRED),
	MEMBER(SSL_get_client_random, REQUIRED),
	MEMBER(SSL_get_error, OPTIONAL),
	MEMBER(SSL_get_fd, REQUIRED),
	MEMBER(SSL_want, TO_SEAL),
	MEMBER(SSL_renegotiate_pending, TO_SEAL),
	MEMBER(SSL_get_options, TO_SEAL),
	MEMBER(SSL_get_wbio, TO_SEAL),
	MEMBER(SSL_set0_wbio, TO_SEAL),
	MEMBER(SSL_set_alpn_protos, REQUIRED),
	MEMBER(SSL_set_shutdown, REQUIRED),
	MEMBER(SSL_get_shutdown, REQUIRED),
	MEMBER(SSL_get_ex_data, REQUIRED),
	MEMBER(SSL_set_ex_data, REQUIRED),
};

/* ---- a library whose SSL_write and SSL_read lead to our hooks (entry.h) ---- */

static struct real_ssl *led; /* of the program itself, so there is one at most */

static int write_by_ex(SSL *ssl, const void *p, int n)
{
	size_t written = 0;

	/* Refused before anything else, by both. */
	if (n < 0)
		return led->SSL_peek(ssl, NULL, n);
	return led->SSL_write_ex(ssl, p, (size_t)n, &written) ? (int)written : -1;
}

static int read_by_ex(SSL *ssl, void *p, int n)
{
	size_t got = 0;

	if (n < 0)
		return led->SSL_peek(ssl, NULL, n);
	if (led->SSL_read_ex(ssl, p, (size_t)n, &got))
		return (int)got;
	return led->SSL_get_shutdown(ssl) & SSL_WAS_SHUT ? 0 : -1;
}

static void found(struct library *library)
{
	struct real_ssl *real = (struct real_ssl *)library;

	if (entry_is_ours((const void *)(uintptr_t)real->SSL_write)) {
		led = real;
		real->SSL_write = write_by_ex;
		real->SSL_read = read_by_ex;
	}
	openssl_register(real);
}

static struct library_site sites[LIBRARY_SITES];
static struct library_family family = {
	.mark = "SSL_write",
	.members = members,
	.members_n = sizeof(members) / sizeof(members[0]),
	.tables = tables,
	.table_bytes = sizeof(tables[0]),
	.sites = sites,
	.found = found,
};

const struct real_ssl *real_ssl(const void *return_address)
{
	return (const struct real_ssl *)library_of(&family, return_address);
}

bool real_ssl_asked(const void *return_address, const void *f)
{
	return library_asked(&family, return_address, f);
}

void real_ssl_unloaded(void)
{
	library_unloaded(&family);
}
