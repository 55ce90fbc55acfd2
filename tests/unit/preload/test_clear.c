/* SPDX-License-Identifier: MIT */
/* Clear HTTP over real sockets and a scripted engine, without the hooks: what arrives at the peer,
 * and what the program reads. */
#include "aicp/limits.h"
#include "aicp/shim.h"
#include "preload/arena.h"
#include "preload/clear.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"

static char dir[] = "/tmp/aicp-test-clear.XXXXXX";
static int engine_socket, server_socket, port;
static struct aicp_shim_request last; /* written by the engine before it answers */
static char last_host[AICP_HOST_BYTES_MAX + 1];

/* BLOCK in a request answers, and so does what is unreadable; everything else passes. */
static void *engine(void *arg)
{
	static uint8_t m[sizeof(last) + 256 + AICP_SHIM_INLINE_BYTES_MAX];
	int conn;

	while ((conn = accept(engine_socket, NULL, NULL)) >= 0) {
		struct {
			struct aicp_shim_verdict v;
			char answer[sizeof(ANSWER) - 1];
		} reply = {.v = {.magic = AICP_SHIM_MAGIC,
				 .version = AICP_SHIM_VERSION,
				 .type = AICP_SHIM_VERDICT,
				 .action = AICP_SHIM_PASS}};
		ssize_t n = recv(conn, m, sizeof(m), 0);

		memcpy(&last, m, sizeof(last));
		memcpy(last_host, m + sizeof(last), last.host_bytes);
		last_host[last.host_bytes] = '\0';
		if (memmem(m, (size_t)n, "BLOCK", 5) || last.type == AICP_SHIM_UNREADABLE) {
			reply.v.action = AICP_SHIM_ANSWER;
			reply.v.answer_bytes = sizeof(reply.answer);
			memcpy(reply.answer, ANSWER, sizeof(reply.answer));
		}
		(void)send(conn, &reply, sizeof(reply.v) + reply.v.answer_bytes, MSG_NOSIGNAL);
		close(conn);
	}
	return arg;
}

static int listening(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -1;
	port = ntohs(a.sin_port);
	return fd;
}

/* address: the server's address is governed, and not only names. */
static void govern(bool address)
{
	char file[64], new[64];
	FILE *f;

	snprintf(file, sizeof(file), "%s/governed", dir);
	snprintf(new, sizeof(new), "%s/new", dir);
	f = fopen(new, "we");
	fprintf(f, "aicp-governed\t1\nhost\tapi.example\tx\n");
	if (address)
		fprintf(f, "clear\t127.0.0.1:%d\tx\n", port);
	fclose(f);
	chmod(new, 0644);
	assert_int_equal(rename(new, file), 0);
}

static int set_up(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	pthread_t t;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	setenv("AICP_RUNTIME_DIR", dir, 1);
	server_socket = listening();
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/shim.sock", dir);
	engine_socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (server_socket < 0 || bind(engine_socket, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(engine_socket, 8) < 0)
		return -1;
	return pthread_create(&t, NULL, engine, NULL);
}

static int tear_down(void **state)
{
	char file[64];

	(void)state;
	shutdown(engine_socket, SHUT_RDWR);
	snprintf(file, sizeof(file), "%s/governed", dir);
	unlink(file);
	snprintf(file, sizeof(file), "%s/shim.sock", dir);
	unlink(file);
	return rmdir(dir);
}

/* A connection, as the hooks see one begin. */
struct pair {
	int fd, peer;
};

static struct pair dial(bool address)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval patience = {.tv_sec = 10};
	struct pair p = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

	govern(address);
	assert_int_equal(connect(p.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	clear_connected(p.fd, (struct sockaddr *)&a, sizeof(a));
	p.peer = accept(server_socket, NULL, NULL);
	assert_true(p.peer >= 0);
	setsockopt(p.peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return p;
}

static void hang_up(struct pair *p)
{
	watch_close(p->fd);
	close(p->fd);
	close(p->peer);
}

static ssize_t real_send(const struct clear_call *c)
{
	return writev(c->fd, c->v, (int)c->v_n);
}

static ssize_t real_receive(const struct clear_call *c)
{
	return recv(c->fd, c->v[0].iov_base, c->v[0].iov_len, c->flags);
}

/* As write() and recv() with the hooks. */
static ssize_t put(int fd, const char *p, size_t n)
{
	const struct iovec v = {(void *)(uintptr_t)p, n};
	const struct clear_call call = {fd, 0, &v, 1, real_send, NULL};

	return clear_sends(fd, p, n) ? clear_send(&call) : write(fd, p, n);
}

static ssize_t get(int fd, char *p, size_t n, int flags)
{
	const struct iovec v = {p, n};
	const struct clear_call call = {fd, flags, &v, 1, real_receive, NULL};

	return clear_receives(fd) ? clear_receive(&call) : recv(fd, p, n, flags);
}

static void expect_arrived(const struct pair *p, const char *want)
{
	char buf[1024];
	size_t n = strlen(want);

	/* Small pieces may wait for each other on their way. */
	if (n)
		assert_int_equal(recv(p->peer, buf, n, MSG_WAITALL), n);
	assert_memory_equal(buf, want, n);
	assert_int_equal(recv(p->peer, buf, sizeof(buf), MSG_DONTWAIT), -1);
}

static void expect_refused(const struct pair *p)
{
	char buf[1024];

	assert_int_equal(get(p->fd, buf, sizeof(buf), MSG_PEEK), sizeof(ANSWER) - 1);
	assert_int_equal(get(p->fd, buf, 9, 0), 9);
	assert_int_equal(get(p->fd, buf + 9, sizeof(buf) - 9, 0), sizeof(ANSWER) - 1 - 9);
	assert_memory_equal(buf, ANSWER, sizeof(ANSWER) - 1);
	assert_int_equal(get(p->fd, buf, sizeof(buf), 0), 0);
	expect_arrived(p, "");
}

#define REQUEST(_host, _body)                                                                      \
	"POST /v1 HTTP/1.1\r\nHost: " _host "\r\nContent-Length: 5\r\n\r\n" _body

/* At every split: an allowed request arrives whole, and not before its end; a refused one never. */
static void test_splits(void **state)
{
	static const char good[] = REQUEST("api.example", "hello");
	static const char bad[] = REQUEST("api.example", "BLOCK");
	const size_t n = sizeof(good) - 1, method = sizeof("POST ") - 1;

	(void)state;
	/* A letter or two may be any protocol's: seen from the whole method on. */
	for (size_t cut = method; cut <= n; cut++) {
		struct pair p = dial(false);

		assert_int_equal(put(p.fd, good, cut), cut);
		if (cut < n) {
			expect_arrived(&p, "");
			assert_int_equal(put(p.fd, good + cut, n - cut), n - cut);
		}
		expect_arrived(&p, good);
		assert_string_equal(last_host, "api.example:80");
		assert_true(last.flags & AICP_SHIM_F_CLEAR);
		assert_true(last.flags & AICP_SHIM_F_SOCKET);
		assert_int_equal(last.request_bytes, n);
		(void)send(p.peer, "x", 1, 0);
		assert_int_equal(get(p.fd, (char[1]){0}, 1, 0), 1);
		assert_int_equal(put(p.fd, bad, cut), cut);
		assert_int_equal(put(p.fd, bad + cut, n - cut), n - cut);
		expect_refused(&p);
		hang_up(&p);
	}
	assert_int_equal(arena_used() < 200000, true);
}

/* An address is governed from the first byte, whatever the request says. */
static void test_address(void **state)
{
	static const char other[] = REQUEST("other.example", "hello");
	struct pair p = dial(true);

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(other); i++) {
		expect_arrived(&p, "");
		assert_int_equal(put(p.fd, other + i, 1), 1);
	}
	expect_arrived(&p, other);
	assert_int_equal(strncmp(last_host, "127.0.0.1:", 10), 0);
	hang_up(&p);
	p = dial(true);
	assert_int_equal(put(p.fd, "\x01\x02", 2), 2);
	assert_int_equal(last.kind, AICP_SHIM_KIND_NOT_HTTP);
	expect_refused(&p);
	hang_up(&p);
	p = dial(true);
	assert_false(clear_may_bypass(p.fd));
	hang_up(&p);
}

/* What is not governed goes as it is, once that is known. */
static void test_not_governed(void **state)
{
	static const char *const texts[] = {REQUEST("other.example", "hello"), "GET key\nmore",
					    "POST", "QUIT\r\n", "\x16\x03\x01"};
	static char far[AICP_HEAD_BYTES_MAX + 10];
	char buf[512] = "";
	struct pair p = dial(false);
	size_t got = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(put(p.fd, texts[i], strlen(texts[i])), strlen(texts[i]));
		expect_arrived(&p, texts[i]);
		assert_true(clear_may_bypass(p.fd));
	}
	/* Kept until it is known, then sent in order. */
	assert_int_equal(put(p.fd, texts[0], 40), 40);
	expect_arrived(&p, "");
	assert_int_equal(put(p.fd, texts[0] + 40, 4), 4);
	assert_int_equal(put(p.fd, texts[0] + 44, strlen(texts[0]) - 44), strlen(texts[0]) - 44);
	expect_arrived(&p, texts[0]);
	assert_int_equal(put(p.fd, texts[0], 7), 7);
	expect_arrived(&p, "");
	/* A head that no server takes is not kept for ever. */
	memset(far, 'a', sizeof(far));
	assert_int_equal(put(p.fd, far, sizeof(far)), sizeof(far));
	while (got < 7 + sizeof(far))
		got += (size_t)recv(p.peer, buf, sizeof(buf), 0);
	hang_up(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_not_governed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
