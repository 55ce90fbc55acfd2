/* SPDX-License-Identifier: MIT */
/*
 * TLS clients that do what few programs do, for tests of the shim: client MODE PORT [HOST].
 *
 * Each mode prints "good" as its last line and exits 0, or says on stderr what went otherwise and
 * exits 1. HOST (api.openai.com) resolves to loopback in the test's own hosts file.
 */
#include "talk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- errno and the error queue: the transcript is compared with one made without the shim ---- */

static void note(const char *call, SSL *ssl, long r)
{
	int e = errno;

	printf("%s r=%ld errno=%d queue=%lx want=%d error=%d shutdown=%d\n", call, r, e,
	       ERR_peek_last_error(), SSL_want(ssl), SSL_get_error(ssl, r > 0 ? 1 : (int)r),
	       SSL_get_shutdown(ssl));
	errno = 77;
}

static void differential(void)
{
	char buf[4096];
	size_t n, k = 0;
	SSL *ssl = object();
	int fd = dial();

	SSL_set_fd(ssl, fd);
	errno = 77;
	/* Something of the program's own in the queue and errno, which nobody may touch. */
	note("connect", ssl, SSL_connect(ssl));
	ERR_raise(ERR_LIB_USER, 42);
	note("pending", ssl, SSL_pending(ssl));
	note("has_pending", ssl, SSL_has_pending(ssl));
	ERR_clear_error();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	note("read_nothing", ssl, SSL_read(ssl, buf, 1));
	note("peek_nothing", ssl, SSL_peek(ssl, buf, 1));
	note("read_ex_nothing", ssl, SSL_read_ex(ssl, buf, 1, &k));
	fcntl(fd, F_SETFL, 0);
	n = request(buf, sizeof(buf), "/c", "differential");
	note("write", ssl, SSL_write(ssl, buf, (int)n));
	note("peek", ssl, SSL_peek(ssl, buf, 8));
	note("peek_ex", ssl, SSL_peek_ex(ssl, buf, 8, &k));
	note("read", ssl, SSL_read(ssl, buf, 8));
	note("pending", ssl, SSL_pending(ssl) > 0);
	note("read_ex", ssl, SSL_read_ex(ssl, buf, sizeof(buf), &k));
	n = request(buf, sizeof(buf), "/cut", "differential");
	note("write_ex", ssl, SSL_write_ex(ssl, buf, n, &k));
	note("read_end", ssl, SSL_read(ssl, buf, 8));
	note("shutdown", ssl, SSL_shutdown(ssl));
	ERR_clear_error();
	note("write_shut", ssl, SSL_write(ssl, "x", 1));
	ERR_clear_error();
	end(ssl);
}

/* What we make up ourselves leaves no trace at all. */
static void untouched(void)
{
	char buf[1024];
	size_t n = request(buf, sizeof(buf), "/c", "x-test-BLOCK"), k;
	SSL *ssl = session();
	unsigned long mark;

	ERR_raise(ERR_LIB_USER, 42);
	mark = ERR_peek_last_error();
	errno = 77;
	expect(SSL_write(ssl, buf, 20), 20, "first part");
	expect(SSL_write_ex(ssl, buf + 20, n - 20, &k), 1, "second part");
	expect((int)k, (int)n - 20, "written");
	if (SSL_pending(ssl) <= 0 || !SSL_has_pending(ssl))
		FAIL("the answer is not pending");
	expect(SSL_peek(ssl, buf, 8), 8, "peek");
	expect(SSL_read(ssl, buf, 8), 8, "read");
	while (SSL_pending(ssl) > 0)
		if (SSL_read(ssl, buf, 16) <= 0)
			FAIL("pending, but cannot be read");
	expect(errno, 77, "errno");
	if (ERR_peek_last_error() != mark || ERR_get_error() != mark || ERR_peek_error() != 0)
		FAIL("error queue");
	expect(SSL_read(ssl, buf, 8), 0, "end");
	expect(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN, "end of the answer");
	expect(SSL_has_pending(ssl), 0, "pending at the end");
	end(ssl);
}

/* ---- processes and threads ---- */

static void wait_good(pid_t pid)
{
	int st;

	if (waitpid(pid, &st, 0) != pid || st != 0)
		FAIL("child ended with %x", st);
}

static void forks(void)
{
	SSL *ssl = session();
	pid_t pid;

	expect(ask(ssl, "parent"), 200, "parent");
	pid = fork();
	if (pid == 0) {
		/* The inherited session, and one of its own. */
		expect(ask(ssl, "child x-test-BLOCK"), 403, "inherited");
		ssl = session();
		expect(ask(ssl, "child own"), 200, "own");
		_exit(0);
	}
	wait_good(pid);
	ssl = session();
	expect(ask(ssl, "after"), 200, "parent after");
	/* Half a request in the parent, the rest in the child. */
	expect(SSL_write(ssl, "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab", 50), 50,
	       "half");
	pid = fork();
	if (pid == 0) {
		expect(SSL_write(ssl, "cd", 2), 2, "rest");
		expect(status(ssl), 200, "half and half");
		_exit(0);
	}
	wait_good(pid);
}

static void *run_thread(void *arg)
{
	SSL *ssl = session();
	int i;

	(void)arg;
	for (i = 0; i < 10; i++)
		expect(ask(ssl, "thread"), 200, "thread");
	expect(ask(ssl, "x-test-BLOCK"), strcmp(host, "api.openai.com") == 0 ? 403 : 200,
	       "thread blocked");
	end(ssl);
	return NULL;
}

/*
 * Forks while other threads are inside the shim: what they hold must not stop the child. The child
 * uses a session that was there before: a handshake would fetch algorithms, under locks of
 * OpenSSL's own that do not survive such a fork.
 */
static void threads(void)
{
	pthread_t t[16];

	for (size_t i = 0; i < 16; i++)
		pthread_create(&t[i], NULL, run_thread, NULL);
	for (int i = 0; i < 20; i++) {
		SSL *ssl = session();
		pid_t pid = fork();

		if (pid == 0) {
			alarm(30);
			expect(ask(ssl, "forked"), 200, "forked beside threads");
			_exit(0);
		}
		wait_good(pid);
		end(ssl);
	}
	for (size_t i = 0; i < 16; i++)
		pthread_join(t[i], NULL);
}

/* ---- descriptors ---- */

static void descriptors(void)
{
	SSL *ssl = session();
	int fd = SSL_get_fd(ssl), other, kept;

	expect(ask(ssl, "one"), 200, "first");
	/* Programs close what they did not open. */
	for (int i = 3; i < 256; i++)
		if (i != fd)
			close(i);
	expect(ask(ssl, "two"), 200, "after closing all");
	/* The socket moves, and its old number is something else, which an answer must not shut
	 * down. */
	other = dial();
	kept = dup(fd);
	dup2(other, fd);
	close(other);
	BIO_set_fd(SSL_get_rbio(ssl), kept, BIO_NOCLOSE);
	expect(ask(ssl, "x-test-BLOCK"), 403, "after moving");
	if (poll(&(struct pollfd){.fd = fd, .events = POLLIN | POLLRDHUP}, 1, 0) != 0)
		FAIL("a socket that is not ours was shut down");
	/* Standard descriptors closed: ours must not take their place. */
	ssl = session();
	close(0);
	expect(ask(ssl, "three"), 200, "without stdin");
	expect(open("/dev/null", O_RDONLY), 0, "number 0 is still free");
}

static void exhausted(void)
{
	SSL *ssl = session();
	int code;

	expect(ask(ssl, "one"), 200, "first");
	while (dup(1) >= 0)
		;
	code = ask(ssl, "no descriptors left");
	expect(code, 403, "no descriptors left");
}

/* ---- large bodies ---- */

static int wait_for(SSL *ssl, int r, int *waits)
{
	int e = SSL_get_error(ssl, r);
	struct pollfd p = {.fd = SSL_get_fd(ssl),
			   .events = e == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN};

	if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ)
		FAIL("error %d", e);
	++*waits;
	return poll(&p, 1, 10000);
}

static void upload(const char *path, size_t bytes, bool moving)
{
	char *body = malloc(bytes), head[200];
	SSL *ssl = session();
	size_t n, at = 0;
	int waits = 0, r;

	for (size_t i = 0; i < bytes; i++)
		body[i] = (char)(i * 2654435761u >> 13);
	n = (size_t)snprintf(head, sizeof(head),
			     "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", path,
			     bytes);
	fcntl(SSL_get_fd(ssl), F_SETFL, O_NONBLOCK);
	expect(SSL_write(ssl, head, (int)n), (int)n, "head");
	while (at < bytes) {
		size_t piece = bytes - at < 1000003 ? bytes - at : 1000003;
		char *copy = moving ? malloc(piece) : body + at;

		if (moving)
			memcpy(copy, body + at, piece);
		r = SSL_write(ssl, copy, (int)piece);
		if (moving)
			free(copy);
		if (r > 0)
			at += (size_t)r;
		else
			wait_for(ssl, r, &waits);
		/* Programs that wait for both directions read in between; that may send the rest.
		 */
		if (r <= 0 && waits % 2)
			expect(SSL_read(ssl, head, 1), -1, "nothing to read yet");
	}
	fcntl(SSL_get_fd(ssl), F_SETFL, 0);
	expect(status(ssl), 200, "upload");
	if (bytes > (8u << 20) && !waits)
		FAIL("nothing ever blocked: this tested nothing");
	end(ssl);
	free(body);
}

static void uploads(void)
{
	upload("/c", 5u << 20, false);
	upload("/c", (32u << 20) - 1, true);
	upload("/slow", 9u << 20, false);
}

static void too_large(void)
{
	static char piece[65536];
	char head[200];
	SSL *ssl = session();
	size_t n = (size_t)snprintf(head, sizeof(head),
				    "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n",
				    (32u << 20) + 1);

	expect(SSL_write(ssl, head, (int)n), (int)n, "head");
	expect(SSL_write(ssl, piece, sizeof(piece)), sizeof(piece), "body is swallowed");
	expect(status(ssl), 403, "too large");
	end(ssl);
}

/* The same under a mode that lets it pass: nothing is lost, and the next request is judged again.
 */
static void too_large_passes(void)
{
	static char piece[65536];
	char head[200];
	SSL *ssl = session();
	size_t bytes = (32u << 20) + 5, at = 0;
	size_t n = (size_t)snprintf(head, sizeof(head),
				    "POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
				    bytes);

	expect(SSL_write(ssl, head, (int)n), (int)n, "head");
	for (; at < bytes; at += sizeof(piece)) {
		int k = (int)(bytes - at < sizeof(piece) ? bytes - at : sizeof(piece));

		expect(SSL_write(ssl, piece, k), k, "piece");
	}
	expect(status(ssl), 200, "too large, passed");
	expect(ask(ssl, "x-test-BLOCK"), 403, "the next one");
	end(ssl);
}

/* ---- what cannot be read ---- */

static int raw(const char *text, size_t n)
{
	SSL *ssl = session();
	int r;

	expect(SSL_write(ssl, text, (int)n), (int)n, "raw");
	r = status(ssl);
	end(ssl);
	return r;
}
#define RAW(_s) raw(_s, sizeof(_s) - 1)

static void unreadable(void)
{
	SSL *ssl;

	expect(RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"), 403, "HTTP/2 preface");
	expect(RAW("\x16\x03\x01 not http"), 403, "no HTTP");
	expect(RAW("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"), 403,
	       "pipelined at once");
	expect(RAW("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: "
		   "chunked\r\n\r\n0\r\n\r\n"),
	       403, "two lengths");
	ssl = session();
	expect(SSL_write(ssl, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n", 28), 28, "first");
	expect(SSL_write(ssl, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n", 28), 28, "before its answer");
	expect(status(ssl), 403, "pipelined");
	end(ssl);
}

static void bypasses(void)
{
	SSL *ssl = object();
	size_t n = 7;

	SSL_set_fd(ssl, dial());
	expect(SSL_write_early_data(ssl, "GET / HTTP/1.1\r\n\r\n", 18, &n), 0, "early data");
	expect((int)n, 7, "early data count");
	end(ssl);
	ssl = session();
	if (SSL_sendfile(ssl, 0, 0, 1, 0) != -1)
		FAIL("sendfile");
	end(ssl);
	/* One object, two connections: the first to a host that is nobody's business. */
	ssl = SSL_new(context);
	SSL_set_tlsext_host_name(ssl, "ungoverned.test");
	SSL_set_fd(ssl, dial());
	expect(SSL_connect(ssl), 1, "plain");
	expect(ask(ssl, "x-test-BLOCK"), 200, "plain");
	SSL_shutdown(ssl);
	SSL_clear(ssl);
	SSL_set_tlsext_host_name(ssl, host);
	SSL_set_fd(ssl, dial());
	expect(SSL_connect(ssl), 1, "again");
	expect(ask(ssl, "x-test-BLOCK"), 403, "the same object again");
}

/* ---- memory BIOs, driven by hand; the handshake is driven by SSL_read and SSL_write alone, as
 * Node does ---- */

static void pump(SSL *ssl, int fd, bool must_read)
{
	char buf[20000];
	int n;

	while ((n = BIO_read(SSL_get_wbio(ssl), buf, sizeof(buf))) > 0)
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			FAIL("send");
	if (!must_read)
		return;
	n = (int)recv(fd, buf, sizeof(buf), 0);
	if (n > 0)
		BIO_write(SSL_get_rbio(ssl), buf, n);
	else
		BIO_set_mem_eof_return(SSL_get_rbio(ssl), 0);
}

static int memory_ask(SSL *ssl, int fd, const char *word)
{
	char buf[2048] = "";
	size_t n = request(buf, sizeof(buf), "/c", word);
	int r, code = -1;

	while ((r = SSL_write(ssl, buf, (int)n)) <= 0)
		pump(ssl, fd, true);
	pump(ssl, fd, false);
	while ((r = SSL_read(ssl, buf, sizeof(buf) - 1)) <= 0) {
		if (SSL_get_error(ssl, r) != SSL_ERROR_WANT_READ)
			return -1;
		/* The event loop's wait: a refusal has to end it. */
		if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000) != 1)
			return -4;
		pump(ssl, fd, true);
	}
	buf[r] = '\0';
	(void)sscanf(buf, "HTTP/1.1 %d", &code);
	return code;
}

static void memory(void)
{
	SSL *ssl = object();
	int fd = dial();

	SSL_set_connect_state(ssl);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
	expect(memory_ask(ssl, fd, "one"), 200, "allowed");
	expect(memory_ask(ssl, fd, "two"), 200, "kept alive");
	expect(memory_ask(ssl, fd, "x-test-BLOCK"), 403, "blocked");
	SSL_free(ssl);
	close(fd);
}

/* ---- TLS as a filter among BIOs ---- */

/* The ways to write: 0 BIO_write, 1 BIO_write_ex, 2 BIO_puts, 3 through a buffer above. */
static BIO *filter(int way)
{
	BIO *b = BIO_new_ssl_connect(context);
	char name[32];
	SSL *ssl = NULL;

	BIO_get_ssl(b, &ssl);
	SSL_set_tlsext_host_name(ssl, host);
	snprintf(name, sizeof(name), "127.0.0.1:%d", port);
	BIO_set_conn_hostname(b, name);
	if (BIO_do_connect(b) != 1)
		FAIL("BIO_do_connect");
	return way == 3 ? BIO_push(BIO_new(BIO_f_buffer()), b) : b;
}

/* A buffer waits until it has all that it is asked for. */
static int buffered_status(BIO *b)
{
	char line[1024];
	int code = -1, n = 0;

	while (BIO_gets(b, line, sizeof(line)) > 2) {
		(void)sscanf(line, "HTTP/1.1 %d", &code);
		(void)sscanf(line, "Content-Length: %d", &n);
	}
	return BIO_read(b, line, n) == n ? code : -4;
}

static int filter_ask(BIO *b, int way, const char *word)
{
	char buf[1024];
	size_t n = request(buf, sizeof(buf), "/c", word), k = 0;
	int r = 0, code = -1;

	if (way == 1)
		r = BIO_write_ex(b, buf, n, &k) ? (int)k : -1;
	else
		r = way == 2 ? BIO_puts(b, buf) : BIO_write(b, buf, (int)n);
	if (r != (int)n || BIO_flush(b) != 1)
		return -2;
	if (way == 3)
		return buffered_status(b);
	r = BIO_read(b, buf, sizeof(buf) - 1);
	if (r <= 0)
		return -3;
	buf[r] = '\0';
	(void)sscanf(buf, "HTTP/1.1 %d", &code);
	/* The server sends head and body apart. */
	while (!strstr(buf, "}") && (r = BIO_read(b, buf, sizeof(buf) - 1)) > 0)
		buf[r] = '\0';
	return code;
}

static void filters(void)
{
	for (int way = 0; way < 4; way++) {
		BIO *b = filter(way);
		char c;
		int fd = -1;

		expect(filter_ask(b, way, "one"), 200, "allowed");
		expect(filter_ask(b, way, "two"), 200, "kept alive");
		BIO_get_fd(b, &fd);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		expect(BIO_read(b, &c, 1) > 0, 0, "nothing to read");
		expect(BIO_should_retry(b) && BIO_should_read(b), 1, "come again to read");
		expect(filter_ask(b, way, "x-test-BLOCK"), 403, "blocked");
		expect(BIO_read(b, &c, 1), 0, "the end of the answer");
		expect(BIO_should_retry(b), 0, "no more");
		BIO_free_all(b);
	}
}

/* ---- OpenSSL 1.1 beside 3 ---- */

/* A plugin with its own OpenSSL in a program with another: each call reaches the library that its
 * caller was linked to. */
static void two_libraries(void)
{
	void *plugin = dlopen(getenv("PLUGIN"), RTLD_NOW | RTLD_LOCAL);
	int (*other)(const char *, const char *, int *) =
		plugin ? (int (*)(const char *, const char *, int *))dlsym(plugin, "ssl11_ask")
		       : NULL;
	SSL *ssl = session();
	int sent = -1;

	if (!other)
		FAIL("%s", dlerror());
	for (int i = 0; i < 2; i++) {
		expect(ask(ssl, "three"), 200, "3, allowed");
		expect(other(host, "one point one", &sent), 200, "1.1, allowed");
		expect(sent, 1, "1.1 sent it");
		expect(other(host, "x-test-BLOCK", &sent), 403, "1.1, blocked");
		expect(sent, 0, "1.1 sent nothing");
		expect(other("ungoverned.test", "x-test-BLOCK", &sent), 200, "1.1, ungoverned");
		expect(sent, 1, "1.1 sent that");
	}
	expect(ask(ssl, "x-test-BLOCK"), 403, "3, blocked");
	end(ssl);
}

/* ---- the program gives up ---- */

static void give_up(void)
{
	for (int i = 0; i < 3; i++) {
		SSL *ssl = session();
		char buf[512];
		size_t n = request(buf, sizeof(buf), "/c", "x-test-HANG");

		expect(SSL_write(ssl, buf, (int)n - 1), (int)n - 1, "unfinished");
		end(ssl); /* with a request half collected */
	}
	SSL *ssl = session();

	expect(ask(ssl, "next"), 200, "afterwards");
	end(ssl);
}

static void one(void)
{
	SSL *ssl = session();
	const char *word = getenv("WORD");
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	int code = ask(ssl, word ? word : "one");
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("status %d after %ld ms\n", code,
	       (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
	end(ssl);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
		int modes;
	} modes[] = {
		{"differential", differential, 0},
		{"untouched", untouched, 0},
		{"forks", forks, 0},
		{"threads", threads, 0},
		{"descriptors", descriptors, 0},
		{"exhausted", exhausted, 0},
		{"uploads", uploads, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER},
		{"partial", uploads,
		 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER},
		{"too-large", too_large, 0},
		{"too-large-passes", too_large_passes, 0},
		{"unreadable", unreadable, 0},
		{"bypasses", bypasses, 0},
		{"memory", memory, 0},
		{"filters", filters, 0},
		{"two-libraries", two_libraries, 0},
		{"give-up", give_up, 0},
		{"one", one, 0},
	};

	if (argc < 3)
		return 2;
	port = atoi(argv[2]);
	if (argc > 3)
		host = argv[3];
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		open_context(modes[i].modes);
		modes[i].run();
		puts("good");
		return 0;
	}
	return 2;
}
