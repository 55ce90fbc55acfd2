/* SPDX-License-Identifier: MIT */
/*
 * A client of GnuTLS that does what few programs do: gtls PORT. Prints "good" and exits 0, or says
 * on stderr what went otherwise and exits 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "api.openai.com"
#define FAIL(...)                                                                                  \
	do {                                                                                       \
		fprintf(stderr, "line %d: ", __LINE__);                                            \
		fprintf(stderr, __VA_ARGS__);                                                      \
		fprintf(stderr, "\n");                                                             \
		exit(1);                                                                           \
	} while (0)

static int port, fd;
static gnutls_certificate_credentials_t trust;

static void expect(long got, long want, const char *what)
{
	if (got != want)
		FAIL("%s: %ld, expected %ld", what, got, want);
}

static gnutls_session_t object(unsigned flags)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
	gnutls_session_t s;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		FAIL("connect: %s", strerror(errno));
	if (gnutls_init(&s, GNUTLS_CLIENT | flags) < 0)
		FAIL("gnutls_init");
	gnutls_server_name_set(s, GNUTLS_NAME_DNS, HOST, strlen(HOST));
	gnutls_set_default_priority(s);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, trust);
	gnutls_transport_set_int(s, fd);
	return s;
}

static gnutls_session_t session(void)
{
	gnutls_session_t s = object(0);
	int r;

	do
		r = gnutls_handshake(s);
	while (r < 0 && !gnutls_error_is_fatal(r));
	expect(r, 0, "handshake");
	return s;
}

static void end(gnutls_session_t s)
{
	gnutls_deinit(s);
	close(fd);
}

static int status(gnutls_session_t s)
{
	char buf[4096];
	size_t n = 0;
	int code = -1;

	for (;;) {
		ssize_t r = gnutls_record_recv(s, buf + n, sizeof(buf) - 1 - n);

		if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
			continue;
		if (r <= 0)
			return (int)r;
		n += (size_t)r;
		buf[n] = '\0';
		if (strchr(buf, '}'))
			break;
	}
	(void)sscanf(buf, "HTTP/1.1 %d", &code);
	return code;
}

static size_t request(char *out, size_t cap, const char *word)
{
	return (size_t)snprintf(
		out, cap, "POST /c HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(word), word);
}

static void send_text(gnutls_session_t s, const char *word)
{
	char buf[512];
	size_t n = request(buf, sizeof(buf), word);

	/* In two parts, as most programs do. */
	expect(gnutls_record_send(s, buf, 20), 20, "first part");
	expect(gnutls_record_send2(s, buf + 20, n - 20, 0, 0), (long)n - 20, "second part");
}

static void asks(void)
{
	gnutls_session_t s = session();
	char c;

	send_text(s, "one");
	expect(status(s), 200, "allowed");
	send_text(s, "x-test-BLOCK");
	if (!gnutls_record_check_pending(s))
		FAIL("the answer is not pending");
	expect(status(s), 403, "blocked");
	expect(gnutls_record_recv(s, &c, 1), 0, "the end of the answer");
	expect((long)gnutls_record_check_pending(s), 0, "pending at the end");
	expect(gnutls_bye(s, GNUTLS_SHUT_RDWR), 0, "good-bye");
	end(s);
}

static void corks(void)
{
	gnutls_session_t s = session();

	gnutls_record_cork(s);
	send_text(s, "corked");
	if (gnutls_record_uncork(s, GNUTLS_RECORD_WAIT) < 0)
		FAIL("uncork");
	expect(status(s), 200, "corked, allowed");
	gnutls_record_cork(s);
	send_text(s, "x-test-BLOCK");
	(void)gnutls_record_uncork(s, GNUTLS_RECORD_WAIT);
	expect(status(s), 403, "corked, blocked");
	end(s);
}

static void ranges(void)
{
	const char *const words[] = {"padded", "x-test-BLOCK"};
	gnutls_session_t s = session();

	for (int i = 0; i < 2; i++) {
		char buf[512];
		size_t n = request(buf, sizeof(buf), words[i]);
		const gnutls_range_st range = {n, n};

		expect(gnutls_record_send_range(s, buf, n, &range), (long)n, "range");
		expect(status(s), i ? 403 : 200, words[i]);
	}
	end(s);
}

static void bypasses(void)
{
	gnutls_session_t s = object(0);
	off_t at = 0;
	int file = open("/etc/hostname", O_RDONLY | O_CLOEXEC);

	if (gnutls_record_send_early_data(s, "GET / HTTP/1.1\r\n\r\n", 18) >= 0)
		FAIL("early data");
	end(s);
	s = object(0);
	if (gnutls_record_send(s, "GET / HTTP/1.1\r\n\r\n", 18) >= 0)
		FAIL("before the handshake");
	end(s);
	s = session();
	if (gnutls_record_send_file(s, file, &at, 4) >= 0)
		FAIL("a file");
	end(s);
	close(file);
}

/* More than the socket takes: the call comes again, with its bytes or without. */
static void uploads(void)
{
	const size_t bytes = 9u << 20;
	char *body = malloc(bytes), head[200];
	gnutls_session_t s = session();
	size_t at = 0;
	int waits = 0, n;

	for (size_t i = 0; i < bytes; i++)
		body[i] = (char)(i * 2654435761u >> 13);
	n = snprintf(head, sizeof(head),
		     "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", bytes);
	expect(gnutls_record_send(s, head, (size_t)n), n, "head");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (at < bytes) {
		size_t piece = bytes - at < 100003 ? bytes - at : 100003;
		ssize_t r = gnutls_record_send(s, body + at, piece);

		while (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
			(void)poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10000);
			r = waits++ % 2 ? gnutls_record_send(s, NULL, 0)
					: gnutls_record_send(s, body + at, piece);
		}
		if (r <= 0)
			FAIL("upload: %zd", r);
		at += (size_t)r;
	}
	if (!waits)
		FAIL("nothing ever blocked: this tested nothing");
	fcntl(fd, F_SETFL, 0);
	expect(status(s), 200, "upload");
	end(s);
	free(body);
}

int main(int argc, char **argv)
{
	const char *file = getenv("SSL_CERT_FILE");

	if (argc < 2 || !file)
		return 2;
	port = atoi(argv[1]);
	alarm(60);
	gnutls_certificate_allocate_credentials(&trust);
	gnutls_certificate_set_x509_trust_file(trust, file, GNUTLS_X509_FMT_PEM);
	asks();
	corks();
	ranges();
	bypasses();
	uploads();
	gnutls_certificate_free_credentials(trust);
	puts("good");
	return 0;
}
