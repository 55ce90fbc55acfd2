/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL and its kin as a transport, and which of their objects are governed.
 *
 * What we know of an SSL object hangs on it as ex_data, and dies with it.
 */
#pragma once

#include "conn.h"
#include "openssl_real.h"

/* Bit of SSL_get_shutdown(): the peer ended the stream in good order. */
#define OPENSSL_RECEIVED_SHUTDOWN 2

/* For real_ssl(): registers the ex_data slot whose free callback ends a connection's state. */
void openssl_register(struct real_ssl *real);

struct transport openssl_transport(const struct real_ssl *real, SSL *ssl);

/* The state of ssl; looks at it for the first time when it must. connecting: the call at hand makes
 * it a client. NULL: cannot be told yet (a library object without a role), let the call through and
 * look again. */
struct conn *openssl_conn(const struct real_ssl *real, SSL *ssl, bool connecting);

/* The same without looking for the first time: NULL when nobody did yet. */
struct conn *openssl_known(const struct real_ssl *real, const SSL *ssl);

/* Forgets what was known: the object begins another connection. */
void openssl_forget(const struct real_ssl *real, SSL *ssl);
/* The object is given another host name: it may be governed from now on; one that is governed stays
 * so. */
void openssl_forget_ungoverned(const struct real_ssl *real, SSL *ssl);
