/* SPDX-License-Identifier: MIT */
/* A small HTTPS client over OpenSSL, for the programs in this folder. What goes wrong ends the
 * program with its line. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAIL(...)                                                                                  \
	do {                                                                                       \
		fprintf(stderr, "line %d: ", __LINE__);                                            \
		fprintf(stderr, __VA_ARGS__);                                                      \
		fprintf(stderr, "\n");                                                             \
		exit(1);                                                                           \
	} while (0)

/* Set by main(). */
static const char *host = "api.openai.com";
static int port;
static SSL_CTX *context;

static inline int dial(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0)
		FAIL("connect: %s", strerror(errno));
	return s;
}

static inline SSL *object(void)
{
	SSL *ssl = SSL_new(context);

	SSL_set_tlsext_host_name(ssl, host);
	return ssl;
}

/* A connected TLS client on a blocking socket. */
static inline SSL *session(void)
{
	SSL *ssl = object();

	SSL_set_fd(ssl, dial());
	if (SSL_connect(ssl) != 1)
		FAIL("SSL_connect");
	return ssl;
}

static inline void end(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
}

static inline size_t request(char *out, size_t cap, const char *path, const char *word)
{
	return (size_t)snprintf(out, cap,
				"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n%s",
				path, host, strlen(word), word);
}

/* Reads one response with a Content-Length; returns its status, or -1 at the end of the connection.
 */
static inline int status(SSL *ssl)
{
	char buf[4096] = "", *body;
	size_t n = 0;
	int code = -1;

	for (;;) {
		int r = SSL_read(ssl, buf + n, (int)(sizeof(buf) - 1 - n));

		if (r <= 0)
			return -1;
		n += (size_t)r;
		buf[n] = '\0';
		body = strstr(buf, "\r\n\r\n");
		if (body && n >= (size_t)(body + 4 - buf) +
					    strtoul(strstr(buf, "Content-Length:") + 15, NULL, 10))
			break;
	}
	(void)sscanf(buf, "HTTP/1.1 %d", &code);
	return code;
}

static inline int ask(SSL *ssl, const char *word)
{
	char buf[1024];
	size_t n = request(buf, sizeof(buf), "/c", word);

	if (SSL_write(ssl, buf, (int)n) != (int)n)
		return -2;
	return status(ssl);
}

#define expect(_got, _want, _what) expect_at(__LINE__, (int)(_got), (_want), (_what))

static inline void expect_at(int line, int got, int want, const char *what)
{
	if (got == want)
		return;
	fprintf(stderr, "line %d: %s: %d, expected %d\n", line, what, got, want);
	exit(1);
}

static inline void open_context(int flags)
{
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(context, flags);
}
