/* SPDX-License-Identifier: MIT */
/*
 * Programs that do odd things while their response is witnessed: witnessed MODE PORT [HOST]. Prints
 * "good", or the line that was not. What was witnessed is what the engine's log says.
 */
#include "talk.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static void send_request(SSL *ssl, const char *path, const char *word)
{
	char buf[1024];
	size_t n = request(buf, sizeof(buf), path, word);

	if (SSL_write(ssl, buf, (int)n) != (int)n)
		FAIL("the write failed");
}

/* Reads n bytes of a response. */
static void take(SSL *ssl, size_t n)
{
	static char buf[16384];

	while (n) {
		int r = SSL_read(ssl, buf, (int)(n < sizeof(buf) ? n : sizeof(buf)));

		if (r <= 0)
			FAIL("the response ended");
		n -= (size_t)r;
	}
}

/* A response of the usual kind, and those after it on the same connection. */
static void plain(void)
{
	SSL *ssl = session();

	expect(ask(ssl, "x-test-SEEN"), 200, "first");
	expect(ask(ssl, "unseen"), 200, "second");
	expect(ask(ssl, "x-test-SEEN"), 200, "third");
	end(ssl);
}

/* Peeking is not reading, and reading byte by byte is. */
static void peeks(void)
{
	SSL *ssl = session();
	char c, peeked[16];

	send_request(ssl, "/c", "x-test-SEEN");
	if (SSL_peek(ssl, peeked, sizeof(peeked)) <= 0)
		FAIL("peek");
	for (int i = 0; i < 40; i++)
		if (SSL_read(ssl, &c, 1) != 1)
			FAIL("read");
	end(ssl);
}

/* A child that reads on tells nothing, and its end is not its parent's. */
static void forks(void)
{
	SSL *ssl = session();
	int state = 0;
	pid_t child;

	send_request(ssl, "/large?100000", "x-test-SEEN");
	take(ssl, 1000);
	child = fork();
	if (child == 0) {
		/* What the library has decrypted already, it has in the child too. */
		take(ssl, 500);
		SSL_free(ssl);
		_exit(0);
	}
	waitpid(child, &state, 0);
	expect(state, 0, "child");
	take(ssl, 90000);
	end(ssl);
}

/* The parent ends while a child with a copy of everything lives. */
static void leaves_child(void)
{
	SSL *ssl = session();
	pid_t child;

	send_request(ssl, "/c", "x-test-SEEN");
	child = fork();
	if (child == 0) {
		sleep(3);
		_exit(0);
	}
	expect(status(ssl), 200, "parent");
	end(ssl);
	usleep(300000);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Every descriptor above the standard ones but the connection's own: what is done to each. */
static void each_descriptor(int keep, void (*act)(int fd))
{
	for (int fd = 3; fd < 4096; fd++)
		if (fd != keep && fcntl(fd, F_GETFD) >= 0)
			act(fd);
}

static void close_it(int fd)
{
	close(fd);
}

static int replacement;

static void replace_it(int fd)
{
	if (fd != replacement)
		dup2(replacement, fd);
}

static void closes(void)
{
	SSL *ssl = session();

	send_request(ssl, "/large?100000", "x-test-SEEN");
	take(ssl, 1000);
	each_descriptor(SSL_get_fd(ssl), close_it);
	take(ssl, 90000);
	end(ssl);
	expect(ask(session(), "x-test-SEEN"), 200, "the next");
}

/* What took the place of ours gets nothing, and stays open. */
static void replaces(void)
{
	SSL *ssl = session();
	char byte;
	int pair[2], n = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		FAIL("socketpair");
	replacement = pair[0];
	send_request(ssl, "/large?100000", "x-test-SEEN");
	take(ssl, 1000);
	for (int fd = 3; fd < 4096; fd++)
		if (fd != SSL_get_fd(ssl) && fd != pair[1] && fcntl(fd, F_GETFD) >= 0)
			replace_it(fd);
	take(ssl, 90000);
	end(ssl);
	expect(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1, "the replacement got bytes");
	expect(errno, EAGAIN, "or was shut down");
	for (int fd = 512; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	if (!n)
		FAIL("nothing was replaced");
}

/* A program that may have few descriptors keeps them. */
static void few(void)
{
	struct rlimit limit = {64, 64};
	int n = 0, fd;
	SSL *ssl = session();

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		FAIL("setrlimit");
	while ((fd = dup(0)) >= 0)
		n++;
	for (int i = 0; i < n; i++)
		close(63 - i);
	send_request(ssl, "/c", "x-test-SEEN");
	for (int i = 0; i < n; i++)
		if (dup(0) < 0)
			FAIL("descriptor %d of %d is missing", i, n);
	expect(status(ssl), 200, "with all descriptors taken");
	end(ssl);
}

/* errno as the library leaves it, behind each of some reads. */
static void read_errors(const char *word, int errors[100])
{
	SSL *ssl = session();

	send_request(ssl, "/large?1000000", word);
	/* Session tickets of TLS 1.3 come first, and clear the queue. */
	take(ssl, 100);
	ERR_clear_error();
	ERR_raise(ERR_LIB_USER, 77);
	for (int i = 0; i < 100; i++) {
		errno = 4711;
		take(ssl, 9000);
		errors[i] = errno;
		expect(ERR_GET_REASON(ERR_peek_error()), 77, "the queue's first");
		expect(ERR_GET_REASON(ERR_peek_last_error()), 77, "the queue's last");
	}
	end(ssl);
}

/* errno and the library's queue of errors are the program's, whatever becomes of the engine. */
static void errors(void)
{
	int alone[100], beside[100];

	read_errors("fine", alone);
	read_errors("x-test-SEEN-CLOSE", beside);
	for (int i = 0; i < 100; i++)
		expect(beside[i], alone[i], "errno");
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double timed(const char *word)
{
	SSL *ssl = session();
	double begin;

	send_request(ssl, "/large?3000000", word);
	take(ssl, 100);
	begin = seconds();
	take(ssl, 2900000);
	begin = seconds() - begin;
	end(ssl);
	return begin;
}

/* An engine that does not read for a second costs the program nothing. */
static void slow(void)
{
	double alone = 10, beside = 10;

	for (int i = 0; i < 3; i++) {
		double a = timed("fine"), b = timed("x-test-SEEN-SLOW");

		alone = a < alone ? a : alone;
		beside = b < beside ? b : beside;
	}
	if (beside > 2 * alone + 0.05)
		FAIL("3 MB took %.3f s, %.3f s with a slow engine", alone, beside);
}

/* Until the server closes. */
static void to_the_end(void)
{
	SSL *ssl = session();
	char buf[4096];
	int n = 0, r;

	send_request(ssl, "/close?10000", "x-test-SEEN");
	while ((r = SSL_read(ssl, buf, sizeof(buf))) > 0)
		n += r;
	expect(SSL_get_error(ssl, r), SSL_ERROR_ZERO_RETURN, "the end");
	if (n < 10000)
		FAIL("%d bytes", n);
	end(ssl);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {
		{"plain", plain},   {"peeks", peeks},
		{"forks", forks},   {"leaves-child", leaves_child},
		{"closes", closes}, {"replaces", replaces},
		{"few", few},	    {"errors", errors},
		{"slow", slow},	    {"to-the-end", to_the_end},
	};

	if (argc < 3)
		return 2;
	port = atoi(argv[2]);
	if (argc > 3)
		host = argv[3];
	open_context(SSL_MODE_AUTO_RETRY);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].name, argv[1]) != 0)
			continue;
		modes[i].run();
		puts("good");
		return 0;
	}
	return 2;
}
