/* SPDX-License-Identifier: MIT */
/*
 * Both ends of the latency benchmark: an ordinary program that asks over TLS with OpenSSL, and the
 * server it asks.
 *
 *   tls_pair server ADDRESS PORT CERT KEY     answers every request on every connection, one thread
 * each tls_pair client HOST PORT REQUESTFILE     one kept-alive connection; for each line "N" on
 * standard input sends the file N times and prints N lines: nanoseconds from write to whole answer
 *   tls_pair waiters HOST PORT N WORD         N connections; prints "connected", and behind a line
 * on standard input sends a chat request with WORD and its number on each and prints "sent"; reads
 * no answer, and ends with its standard input
 *
 * A request is a head with Content-Length and its body. The answer has a fixed size, so that both
 * ends can count.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (64 << 10)
#define ANSWER_BODY                                                                                \
	"{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"model\":\"gpt-4o-mini\","     \
	"\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Yes.\"},"     \
	"\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":2,"  \
	"\"total_tokens\":1002}}"

static char answer[1024];
static size_t answer_n;

static void make_answer(void)
{
	answer_n = (size_t)snprintf(answer, sizeof(answer),
				    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
				    "content-length: %zu\r\n\r\n%s",
				    strlen(ANSWER_BODY), ANSWER_BODY);
}

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "tls_pair: %s: ", what);
	perror(NULL);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* Bytes of the whole request at the start of text, or 0 while it is incomplete. */
static size_t request_size(const char *text, size_t n)
{
	const char *end = memmem(text, n, "\r\n\r\n", 4);
	const char *length = end ? strcasestr(text, "content-length:") : NULL;
	if (!length || length > end)
		return 0;
	size_t whole = (size_t)(end + 4 - text) + strtoul(length + 15, NULL, 10);
	return n >= whole ? whole : 0;
}

struct serve_arg {
	SSL_CTX *ctx;
	int fd;
};

static void *serve(void *p)
{
	struct serve_arg *arg = p;
	SSL *ssl = SSL_new(arg->ctx);
	char *text = malloc(REQUEST_BYTES_MAX + 1);
	size_t have = 0;

	SSL_set_fd(ssl, arg->fd);
	if (text && SSL_accept(ssl) == 1) {
		int n;
		while ((n = SSL_read(ssl, text + have, (int)(REQUEST_BYTES_MAX - have))) > 0) {
			have += (size_t)n;
			text[have] = '\0';
			size_t whole = request_size(text, have);
			if (!whole)
				continue;
			memmove(text, text + whole, have - whole);
			have -= whole;
			if (SSL_write(ssl, answer, (int)answer_n) <= 0)
				break;
		}
	}
	free(text);
	SSL_free(ssl);
	close(arg->fd);
	free(arg);
	return NULL;
}

static int server(char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)atoi(argv[1]))};
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1)
		die("certificate and key");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (inet_pton(AF_INET, argv[0], &address.sin_addr) != 1 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 16) < 0)
		die("listen");
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct serve_arg *arg = calloc(1, sizeof(*arg));
		pthread_t thread;
		if (!arg)
			die("memory");
		arg->ctx = ctx;
		arg->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (arg->fd < 0)
			die("accept");
		setsockopt(arg->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&thread, NULL, serve, arg) != 0)
			die("thread");
		pthread_detach(thread);
	}
}

static SSL_CTX *client_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_default_verify_paths(ctx);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

static SSL *dial(SSL_CTX *ctx, const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *found;
	int one = 1;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		die("getaddrinfo");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		die("connect");
	freeaddrinfo(found);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SSL *ssl = SSL_new(ctx);
	SSL_set_tlsext_host_name(ssl, host);
	SSL_set1_host(ssl, host);
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1)
		die("handshake");
	return ssl;
}

static long long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* One request and its whole answer; nanoseconds. */
static long long ask(SSL *ssl, const char *request, size_t n)
{
	char got[4096];
	size_t have = 0;
	long long begin = now_ns();

	if (SSL_write(ssl, request, (int)n) != (int)n)
		die("write");
	while (have < answer_n) {
		int r = SSL_read(ssl, got + have, (int)(sizeof(got) - have));
		if (r <= 0)
			die("the connection ended");
		have += (size_t)r;
	}
	if (have != answer_n || memcmp(got, answer, answer_n) != 0) {
		fprintf(stderr, "tls_pair: another answer than the server's: %.*s\n", (int)have,
			got);
		exit(1);
	}
	return now_ns() - begin;
}

static int client(char **argv)
{
	static char request[REQUEST_BYTES_MAX];
	FILE *file = fopen(argv[2], "r");
	if (!file)
		die(argv[2]);
	size_t n = fread(request, 1, sizeof(request), file);
	fclose(file);

	SSL *ssl = dial(client_context(), argv[0], argv[1]);
	int times;
	while (scanf("%d", &times) == 1) {
		for (int i = 0; i < times; i++)
			printf("%lld\n", ask(ssl, request, n));
		fflush(stdout);
	}
	return 0;
}

#define WAITERS_MAX 4096

static void send_numbered(SSL *ssl, const char *host, const char *word, int number)
{
	char body[512], request[1024];
	int n = snprintf(body, sizeof(body),
			 "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\","
			 "\"content\":\"%s %d\"}]}",
			 word, number);

	n = snprintf(request, sizeof(request),
		     "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: "
		     "application/json\r\nContent-Length: %d\r\n\r\n%s",
		     host, n, body);
	if (SSL_write(ssl, request, n) != n)
		die("write");
}

static int waiters(char **argv)
{
	static SSL *ssl[WAITERS_MAX];
	SSL_CTX *ctx = client_context();
	int n = atoi(argv[2]);
	char line[16];

	if (n < 1 || n > WAITERS_MAX)
		die("number of connections");
	for (int i = 0; i < n; i++)
		ssl[i] = dial(ctx, argv[0], argv[1]);
	puts("connected");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	for (int i = 0; i < n; i++)
		send_numbered(ssl[i], argv[0], argv[3], i);
	puts("sent");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	make_answer();
	if (argc == 6 && !strcmp(argv[1], "server"))
		return server(argv + 2);
	if (argc == 5 && !strcmp(argv[1], "client"))
		return client(argv + 2);
	if (argc == 6 && !strcmp(argv[1], "waiters"))
		return waiters(argv + 2);
	fputs("usage: tls_pair server ADDRESS PORT CERT KEY | client HOST PORT REQUESTFILE | "
	      "waiters HOST PORT N WORD\n",
	      stderr);
	return 2;
}
