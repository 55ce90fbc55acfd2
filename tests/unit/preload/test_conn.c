/* SPDX-License-Identifier: MIT */
/* A governed connection over a scripted TLS library and a scripted engine: what is sent, when, and
 * what is read. */
#include "aicp/limits.h"
#include "aicp/shim.h"
#include "preload/arena.h"
#include "preload/conn.h"
#include "preload/os.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the library ---- */

struct session {
	struct conn *conn;
	bool shaking; /* the handshake needs another round */
	bool ended;
	char *out; /* what it was given to send */
	size_t out_n;
	size_t room; /* bytes it takes before it blocks */
	size_t refill; /* room after it blocked once */
	size_t take; /* most bytes a call takes; 0: all */
	const void *retry; /* a blocked write has to come again with these */
	int retry_n;
	const char *in; /* what it has to read */
	size_t in_n, in_piece;
	bool nest;
	enum conn_outcome nested;
};

static int ssl_write(struct session *s, const void *p, int n)
{
	size_t k = (size_t)n;

	if (s->nest) {
		s->nest = false;
		s->nested = conn_write(s->conn, "GET / HTTP/1.1\r\n\r\n", 18).outcome;
	}
	if (s->retry) {
		assert_ptr_equal(p, s->retry);
		assert_int_equal(n, s->retry_n);
	}
	s->retry = NULL;
	if (s->take && k > s->take)
		k = s->take;
	if (k > s->room) {
		s->room = s->refill;
		s->retry = p;
		s->retry_n = n;
		return -1;
	}
	s->room -= k;
	s->out = realloc(s->out, s->out_n + k + 1);
	memcpy(s->out + s->out_n, p, k);
	s->out_n += k;
	return (int)k;
}

static int ssl_read(struct session *s, void *p, int n)
{
	size_t k = s->in_n < (size_t)n ? s->in_n : (size_t)n;

	if (s->in_piece && k > s->in_piece)
		k = s->in_piece;
	if (!k)
		return -1;
	memcpy(p, s->in, k);
	s->in += k;
	s->in_n -= k;
	return (int)k;
}

static struct session *session_of(const struct transport *t)
{
	return t->session;
}

static int library_write(const struct transport *t, const void *p, size_t n)
{
	return ssl_write(session_of(t), p, (int)n);
}

static int library_read(const struct transport *t, void *p, size_t n)
{
	return ssl_read(session_of(t), p, (int)n);
}

static int handshake(const struct transport *t)
{
	return session_of(t)->shaking ? -1 : 1;
}

static bool no_random(const struct transport *t, uint8_t *p)
{
	(void)t, (void)p;
	return false;
}

static int no_fd(const struct transport *t)
{
	(void)t;
	return -1;
}

static void end_input(const struct transport *t)
{
	session_of(t)->ended = true;
}

static const struct transport_ops library = {
	.write = library_write,
	.read = library_read,
	.handshake = handshake,
	.random = no_random,
	.fd = no_fd,
	.end_input = end_input,
};

/* ---- the engine: BLOCK in a request answers, PASS-ALL passes also what is unreadable, REDACT
 * gives another body, LIES gives none with the word for it ---- */

#define ANSWER "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"

static char dir[] = "/tmp/aicp-test-conn.XXXXXX";
static int listener;
static struct aicp_shim_request last; /* written by the engine before it answers */

#define NEW_BODY "a body of the engine's"

static void send_verdict(int conn, const void *reply, size_t n, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {0};
	struct iovec iov = {(void *)(uintptr_t)reply, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	(void)sendmsg(conn, &m, MSG_NOSIGNAL);
}

static void *engine(void *arg)
{
	static uint8_t m[sizeof(struct aicp_shim_request) + 256 + AICP_SHIM_INLINE_BYTES_MAX];

	(void)arg;
	for (;;) {
		struct {
			struct aicp_shim_verdict v;
			char answer[sizeof(ANSWER) - 1];
		} reply = {.v = {.magic = AICP_SHIM_MAGIC,
				 .version = AICP_SHIM_VERSION,
				 .type = AICP_SHIM_VERDICT,
				 .action = AICP_SHIM_PASS}};
		int conn = accept(listener, NULL, NULL), body = -1;
		ssize_t n;

		if (conn < 0)
			return NULL;
		n = recv(conn, m, sizeof(m), 0);
		if (n >= (ssize_t)sizeof(last))
			memcpy(&last, m, sizeof(last));
		if (memmem(m, (size_t)n, "BLOCK", 5) ||
		    (last.type == AICP_SHIM_UNREADABLE && !memmem(m, (size_t)n, "PASS-ALL", 8))) {
			reply.v.action = AICP_SHIM_ANSWER;
			reply.v.answer_bytes = sizeof(reply.answer);
			memcpy(reply.answer, ANSWER, sizeof(reply.answer));
		}
		if (memmem(m, (size_t)n, "REDACT", 6)) {
			reply.v.action = AICP_SHIM_REWRITE;
			reply.v.body_bytes = sizeof(NEW_BODY) - 1;
			body = memmem(m, (size_t)n, "LIES", 4)
				       ? -1
				       : os_memfd_sealed(NEW_BODY, sizeof(NEW_BODY) - 1);
		}
		send_verdict(conn, &reply, sizeof(reply.v) + reply.v.answer_bytes, body);
		if (body >= 0)
			close(body);
		close(conn);
	}
}

static int set_up(void **state_)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char file[sizeof(a.sun_path)];
	pthread_t t;
	FILE *f;

	(void)state_;
	if (!mkdtemp(dir))
		return -1;
	setenv("AICP_RUNTIME_DIR", dir, 1);
	snprintf(file, sizeof(file), "%s/governed", dir);
	f = fopen(file, "we");
	fprintf(f, "aicp-governed\t1\nhost\tapi.example\tx\n");
	fclose(f);
	chmod(file, 0644);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/shim.sock", dir);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 8) < 0)
		return -1;
	return pthread_create(&t, NULL, engine, NULL);
}

static int tear_down(void **state_)
{
	char file[64];

	(void)state_;
	shutdown(listener, SHUT_RDWR);
	snprintf(file, sizeof(file), "%s/governed", dir);
	unlink(file);
	snprintf(file, sizeof(file), "%s/shim.sock", dir);
	unlink(file);
	return rmdir(dir);
}

/* ---- tests ---- */

static struct conn *begin(struct session *s)
{
	const struct transport t = {.ops = &library, .session = s};

	*s = (struct session){.room = SIZE_MAX};
	s->conn = conn_new(&t, "api.example");
	return s->conn;
}

static void end(struct session *s)
{
	conn_end(s->conn);
	free(s->out);
}

/* Writes as a program does: again with the same bytes when blocked. Returns how often it was
 * blocked. */
static int write_all(struct conn *c, const char *p, size_t n)
{
	int blocked = 0;

	while (n) {
		struct conn_result r = conn_write(c, p, n);

		if (r.outcome == CONN_FAILED) {
			assert_true(++blocked < 100000);
			continue;
		}
		assert_int_equal(r.outcome, CONN_DONE);
		assert_true(r.n && r.n <= n);
		p += r.n;
		n -= r.n;
	}
	return blocked;
}

#define REQUEST "POST /v1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"

static void test_hosts(void **state_)
{
	char host[AICP_HOST_BYTES_MAX + 1];

	(void)state_;
	assert_true(conn_host("API.example.", host));
	assert_string_equal(host, "api.example");
	assert_false(conn_host("other.example", host));
	assert_false(conn_host("", host));
	assert_false(conn_host(NULL, host));
}

/* Nothing is taken before the library can send it: the program is told what the handshake said. */
static void test_handshake_first(void **state_)
{
	struct session s;
	struct conn *c = begin(&s);

	(void)state_;
	s.shaking = true;
	assert_int_equal(conn_write(c, REQUEST, sizeof(REQUEST) - 1).outcome, CONN_FAILED);
	assert_int_equal(s.out_n, 0);
	s.shaking = false;
	write_all(c, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(s.out_n, sizeof(REQUEST) - 1);
	end(&s);
}

/* At every split nothing is sent before the whole is judged, and then just the whole. */
static void test_splits(void **state_)
{
	const size_t n = sizeof(REQUEST) - 1;

	(void)state_;
	for (size_t cut = 1; cut <= n; cut++) {
		struct session s;
		struct conn *c = begin(&s);

		write_all(c, REQUEST, cut);
		if (cut < n) {
			assert_int_equal(s.out_n, 0);
			write_all(c, REQUEST + cut, n - cut);
		}
		assert_int_equal(s.out_n, n);
		assert_memory_equal(s.out, REQUEST, n);
		assert_int_equal(last.head_bytes, n - 5);
		assert_int_equal(last.request_bytes, n);
		end(&s);
	}
}

/* What the engine rewrote leaves under the program's own head; however the request was cut. */
static void test_rewritten(void **state_)
{
	static const char request[] = "POST /v1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n6\r\nREDACT\r\n0\r\n\r\n";
	static const char want[] = "POST /v1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n"
				   "Content-Length: 22\r\n\r\n" NEW_BODY;
	const size_t n = sizeof(request) - 1;

	(void)state_;
	_Static_assert(sizeof(NEW_BODY) - 1 == 22, "as the head says");
	for (size_t cut = 1; cut <= n; cut++) {
		struct session s;
		struct conn *c = begin(&s);

		write_all(c, request, cut);
		write_all(c, request + cut, n - cut);
		assert_int_equal(s.out_n, sizeof(want) - 1);
		assert_memory_equal(s.out, want, sizeof(want) - 1);
		/* The next request on the connection is one of its own. */
		write_all(c, REQUEST, 10);
		assert_int_equal(s.out_n, sizeof(want) - 1);
		end(&s);
	}
}

static void test_a_rewrite_without_a_body_is_refused(void **state_)
{
	static const char request[] = "POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\nREDACT LIES";
	char got[64];
	struct session s;
	struct conn *c = begin(&s);
	struct conn_result r;

	(void)state_;
	write_all(c, request, sizeof(request) - 1);
	assert_int_equal(s.out_n, 0);
	r = conn_read(c, got, sizeof(got), false);
	assert_int_equal(r.outcome, CONN_DONE);
	assert_memory_equal(got, "HTTP/1.1 403", 12);
	end(&s);
}

static char *body_request(size_t bytes, size_t *ret_n)
{
	char *p = malloc(bytes + 100);
	size_t n = (size_t)sprintf(p, "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", bytes);

	for (size_t i = 0; i < bytes; i++)
		p[n + i] = (char)(i * 2654435761u >> 11);
	*ret_n = n + bytes;
	return p;
}

/* However little the library takes, and whenever it blocks: all bytes arrive, once and in order. */
static void test_blocking(void **state_)
{
	static const struct {
		size_t room, refill, take;
	} ways[] = {{0, SIZE_MAX, 0}, {0, 16384, 0},	   {16384, 16384, 0}, {40000, 20000, 0},
		    {100000, 0, 777}, {SIZE_MAX, 0, 4096}, {5000, 5000, 999}};
	size_t n;
	char *p = body_request(200000, &n);

	(void)state_;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct session s;
		struct conn *c = begin(&s);
		int blocked;

		s.room = ways[i].room;
		s.refill = ways[i].refill ? ways[i].refill : 5000;
		s.take = ways[i].take;
		blocked = write_all(c, p, n);
		assert_int_equal(blocked > 0, ways[i].room < n);
		assert_int_equal(s.out_n, n);
		assert_memory_equal(s.out, p, n);
		/* And the connection is ready for the next. */
		conn_did_read(c, "x", 1);
		s.room = SIZE_MAX;
		write_all(c, REQUEST, sizeof(REQUEST) - 1);
		assert_int_equal(s.out_n, n + sizeof(REQUEST) - 1);
		end(&s);
	}
	free(p);
}

/* A program that only waits for the answer still gets its request sent. */
static void test_reading_sends_the_rest(void **state_)
{
	size_t n;
	char *p = body_request(60000, &n), buf[10];
	struct session s;
	struct conn *c = begin(&s);

	(void)state_;
	s.room = 20000;
	s.refill = 20000;
	assert_int_equal(conn_write(c, p, n).outcome, CONN_FAILED);
	for (int i = 0; i < 10 && s.out_n < n; i++)
		assert_int_equal(conn_read(c, buf, sizeof(buf), false).outcome, CONN_USE_REAL);
	assert_int_equal(s.out_n, n);
	assert_memory_equal(s.out, p, n);
	/* The blocked write comes again: it is told that it is done, and is no second request. */
	conn_did_read(c, "x", 1);
	assert_int_equal(write_all(c, p, n), 0);
	assert_int_equal(s.out_n, n);
	s.room = SIZE_MAX;
	write_all(c, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(s.out_n, n + sizeof(REQUEST) - 1);
	end(&s);
	free(p);
}

static void test_answer(void **state_)
{
	struct session s;
	struct conn *c = begin(&s);
	char got[sizeof(ANSWER)] = "";
	struct conn_result r;

	(void)state_;
	write_all(c, "GET /BLOCK HTTP/1.1\r\n\r\n", 23);
	assert_int_equal(s.out_n, 0);
	assert_int_equal(conn_pending(c), sizeof(ANSWER) - 1);
	r = conn_read(c, got, 4, true);
	assert_int_equal(r.n, 4);
	assert_int_equal(conn_pending(c), sizeof(ANSWER) - 1);
	for (size_t i = 0; i < sizeof(ANSWER) - 1; i++) {
		assert_false(s.ended);
		r = conn_read(c, got + i, 1, false);
		assert_int_equal(r.outcome, CONN_DONE);
		assert_int_equal(r.n, 1);
	}
	assert_string_equal(got, ANSWER);
	assert_int_equal(conn_pending(c), 0);
	assert_true(s.ended);
	assert_int_equal(conn_read(c, got, 1, false).outcome, CONN_USE_REAL);
	/* Whatever it still writes goes nowhere. */
	write_all(c, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(s.out_n, 0);
	end(&s);
}

static void test_pipelined(void **state_)
{
	struct session s;
	struct conn *c = begin(&s);

	(void)state_;
	write_all(c, REQUEST, sizeof(REQUEST) - 1);
	conn_did_read(c, "x", 1);
	write_all(c, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(s.out_n, 2 * (sizeof(REQUEST) - 1));
	write_all(c, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(s.out_n, 2 * (sizeof(REQUEST) - 1));
	assert_int_equal(last.type, AICP_SHIM_UNREADABLE);
	assert_int_equal(last.kind, AICP_SHIM_KIND_PIPELINED);
	assert_true(conn_pending(c) > 0);
	end(&s);
}

static void test_unreadable_passes(void **state_)
{
	struct session s;
	struct conn *c = begin(&s);

	(void)state_;
	write_all(c, "\x01PASS-ALL", 9);
	assert_int_equal(last.kind, AICP_SHIM_KIND_NOT_HTTP);
	assert_int_equal(s.out_n, 9);
	assert_int_equal(conn_write(c, "x", 1).outcome, CONN_USE_REAL);
	end(&s);
}

/* A body over the limit that passes all the same: its end is found, and what follows is judged. */
static void test_too_large_passes(void **state_)
{
	static char zeros[65536];
	size_t left = AICP_BODY_BYTES_MAX + 5, n;
	char head[128];
	struct session s;
	struct conn *c = begin(&s);

	(void)state_;
	n = (size_t)sprintf(head, "POST /PASS-ALL HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", left);
	write_all(c, head, n);
	assert_int_equal(last.kind, AICP_SHIM_KIND_TOO_LARGE);
	n += left;
	s.take = 10000;
	while (left) {
		size_t k = left < sizeof(zeros) ? left : sizeof(zeros);

		write_all(c, zeros, k);
		left -= k;
	}
	assert_int_equal(s.out_n, n);
	conn_did_read(c, "x", 1);
	write_all(c, "GET /BLOCK HTTP/1.1\r\n\r\n", 23);
	assert_int_equal(s.out_n, n);
	assert_true(conn_pending(c) > 0);
	end(&s);
}

static void test_nested_write(void **state_)
{
	struct session s;
	struct conn *c = begin(&s);

	(void)state_;
	s.nest = true;
	write_all(c, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(s.nested, CONN_NEVER);
	assert_int_equal(s.out_n, sizeof(REQUEST) - 1);
	end(&s);
}

static void test_no_memory(void **state_)
{
	size_t room = AICP_SHIM_ARENA_BYTES_MAX - arena_used(), n;
	void *hog;
	struct session s;
	struct conn *c = begin(&s);
	char *p = body_request(100000, &n);

	(void)state_;
	hog = arena_map(room - 65536 - 32768);
	assert_non_null(hog);
	/* The head fits, the body does not: it is reported, and refused. */
	write_all(c, p, n);
	assert_int_equal(last.kind, AICP_SHIM_KIND_TOO_LARGE);
	assert_int_equal(s.out_n, 0);
	assert_true(conn_pending(c) > 0);
	/* No memory for a connection at all: it sends nothing. */
	assert_ptr_equal(conn_new(&(struct transport){.ops = &library}, "api.example"),
			 CONN_REFUSED);
	assert_int_equal(conn_write(CONN_REFUSED, REQUEST, 10).outcome, CONN_NEVER);
	assert_int_equal(conn_read(CONN_REFUSED, p, 10, false).outcome, CONN_USE_REAL);
	arena_unmap(hog, room - 65536 - 32768);
	end(&s);
	free(p);
}

#define GO_ON	 "HTTP/1.1 100 Continue\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define WAITING	 "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"

static size_t read_all(struct conn *c, struct session *s, char *out, size_t cap)
{
	size_t n = 0;

	for (;;) {
		struct conn_result r = conn_read(c, out + n, cap - n, false);

		if (r.outcome == CONN_USE_REAL) {
			int k = ssl_read(s, out + n, (int)(cap - n));

			r = (struct conn_result){.outcome = k > 0 ? CONN_DONE : CONN_FAILED,
						 .n = (size_t)k};
		}
		if (r.outcome != CONN_DONE)
			return n;
		n += r.n;
	}
}

/* The program is told to go on by us, and sees the server's own word only when it did not see ours.
 */
static void test_expect(void **state_)
{
	char got[200];

	(void)state_;
	for (size_t piece = 1; piece < sizeof(GO_ON RESPONSE); piece++) {
		struct session s;
		struct conn *c = begin(&s);
		size_t n;

		write_all(c, WAITING, sizeof(WAITING) - 1);
		assert_int_equal(conn_pending(c), sizeof(GO_ON) - 1);
		n = read_all(c, &s, got, sizeof(got));
		assert_int_equal(n, sizeof(GO_ON) - 1);
		assert_memory_equal(got, GO_ON, n);
		assert_int_equal(s.out_n, 0);
		write_all(c, "hi", 2);
		assert_int_equal(s.out_n, sizeof(WAITING) - 1 + 2);
		s.in = GO_ON RESPONSE;
		s.in_n = sizeof(GO_ON RESPONSE) - 1;
		s.in_piece = piece;
		n = read_all(c, &s, got, sizeof(got));
		assert_int_equal(n, sizeof(RESPONSE) - 1);
		assert_memory_equal(got, RESPONSE, n);
		end(&s);
	}
}

static void test_expect_not_heeded(void **state_)
{
	char got[200];
	struct session s;
	struct conn *c = begin(&s);
	size_t n;

	(void)state_;
	write_all(c, WAITING, sizeof(WAITING) - 1);
	write_all(c, "hi", 2);
	assert_int_equal(conn_pending(c), 0);
	s.in = GO_ON RESPONSE;
	s.in_n = sizeof(GO_ON RESPONSE) - 1;
	n = read_all(c, &s, got, sizeof(got));
	assert_int_equal(n, sizeof(GO_ON RESPONSE) - 1);
	end(&s);
	/* A server that never says it. */
	c = begin(&s);
	write_all(c, WAITING, sizeof(WAITING) - 1);
	(void)read_all(c, &s, got, sizeof(got));
	write_all(c, "hi", 2);
	s.in = RESPONSE;
	s.in_n = sizeof(RESPONSE) - 1;
	n = read_all(c, &s, got, sizeof(got));
	assert_int_equal(n, sizeof(RESPONSE) - 1);
	assert_memory_equal(got, RESPONSE, n);
	end(&s);
}

static void test_bypass(void **state_)
{
	struct session s;
	struct conn *c = begin(&s);

	(void)state_;
	assert_false(conn_may_bypass(c, true));
	assert_int_equal(last.kind, AICP_SHIM_KIND_EARLY_DATA);
	assert_false(conn_may_bypass(c, true));
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_handshake_first),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_rewritten),
		cmocka_unit_test(test_a_rewrite_without_a_body_is_refused),
		cmocka_unit_test(test_blocking),
		cmocka_unit_test(test_reading_sends_the_rest),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_unreadable_passes),
		cmocka_unit_test(test_too_large_passes),
		cmocka_unit_test(test_nested_write),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_expect_not_heeded),
		cmocka_unit_test(test_bypass),
	};

	return cmocka_run_group_tests_name("conn", tests, set_up, tear_down);
}
