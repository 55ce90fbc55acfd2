/* SPDX-License-Identifier: MIT */
/*
 * Programs that speak HTTP in clear and do odd things with their sockets: clear MODE PORT. Prints
 * "good", or the line that was not. The server of that port is on 127.0.0.1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAIL(...)                                                                                  \
	do {                                                                                       \
		fprintf(stderr, "line %d: ", __LINE__);                                            \
		fprintf(stderr, __VA_ARGS__);                                                      \
		fprintf(stderr, "\n");                                                             \
		exit(1);                                                                           \
	} while (0)
#define expect(_got, _want, _what) expect_at(__LINE__, (long)(_got), (_want), (_what))

static int port;

static void expect_at(int line, long got, long want, const char *what)
{
	if (got == want)
		return;
	fprintf(stderr, "line %d: %s: %ld, expected %ld (%s)\n", line, what, got, want,
		strerror(errno));
	exit(1);
}

static int dial(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0)
		FAIL("connect: %s", strerror(errno));
	return s;
}

static size_t request(char *out, size_t cap, const char *word)
{
	return (size_t)snprintf(out, cap,
				"POST /c HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: "
				"%zu\r\n\r\n%s",
				port, strlen(word), word);
}

/* Does buf hold a whole response? Its status, else 0. */
static int whole(const char *buf, size_t n)
{
	const char *body = strstr(buf, "\r\n\r\n"), *length = strstr(buf, "Content-Length:");
	int code = 0;

	if (!body || !length || n < (size_t)(body + 4 - buf) + strtoul(length + 15, NULL, 10))
		return 0;
	(void)sscanf(buf, "HTTP/1.1 %d", &code);
	return code;
}

/* Reads one response, at most so many bytes a time. -1 at an end or an error. */
static int status_by(int fd, size_t piece)
{
	char buf[4096] = "";
	size_t n = 0;
	int code = 0;

	while (!code) {
		ssize_t r = read(fd, buf + n,
				 piece < sizeof(buf) - 1 - n ? piece : sizeof(buf) - 1 - n);

		if (r <= 0)
			return -1;
		n += (size_t)r;
		buf[n] = '\0';
		code = whole(buf, n);
	}
	return code;
}

static int status(int fd)
{
	return status_by(fd, SIZE_MAX);
}

static void put(int fd, const char *p, size_t n)
{
	expect(write(fd, p, n), (long)n, "write");
}

static int ask(int fd, const char *word)
{
	char buf[1024];

	put(fd, buf, request(buf, sizeof(buf), word));
	return status(fd);
}

static int ask_raw(const char *text)
{
	int fd = dial(), code;

	put(fd, text, strlen(text));
	code = status(fd);
	close(fd);
	return code;
}

/* ---- */

static void kept_alive(void)
{
	int fd = dial();

	expect(ask(fd, "a"), 200, "first");
	expect(ask(fd, "b"), 200, "second");
	expect(ask(fd, "x-test-BLOCK"), 403, "blocked");
	expect(read(fd, (char[1]){0}, 1), 0, "the end behind an answer");
	put(fd, "POST", 4);
	expect(read(fd, (char[1]){0}, 1), 0, "still the end");
	close(fd);
	fd = dial();
	expect(ask(fd, "c"), 200, "another connection under the number");
	close(fd);
}

static void bytewise(void)
{
	static const char *const word[] = {"fine", "fine", "x-test-BLOCK"};
	char buf[1024];
	int fd = dial();

	for (int i = 0; i < 3; i++) {
		size_t n = request(buf, sizeof(buf), word[i]);

		for (size_t k = 0; k < n; k++)
			put(fd, buf + k, 1);
		expect(status_by(fd, 1), i < 2 ? 200 : 403, word[i]);
	}
	close(fd);
}

static void pieces(void)
{
	char buf[1024];
	size_t n = request(buf, sizeof(buf), "fine");

	for (size_t cut = 1; cut < n; cut++) {
		struct iovec v[4] = {{buf, 0}, {buf, cut}, {NULL, 0}, {buf + cut, n - cut}};
		struct msghdr m = {.msg_iov = v, .msg_iovlen = 4};
		int fd = dial();

		expect(writev(fd, v, 4), (long)n, "writev");
		expect(status(fd), 200, "pieces");
		expect(sendmsg(fd, &m, MSG_NOSIGNAL), (long)n, "sendmsg");
		expect(status(fd), 200, "pieces of a message");
		expect(send(fd, buf, cut, MSG_MORE), (long)cut, "send");
		expect(sendto(fd, buf + cut, n - cut, 0, NULL, 0), (long)(n - cut), "sendto");
		expect(status(fd), 200, "two calls");
		close(fd);
	}
}

static void many_messages(void)
{
	char buf[1024];
	size_t n = request(buf, sizeof(buf), "x-test-BLOCK");
	struct iovec v[2] = {{buf, n}, {buf, n}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &v[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &v[1], .msg_iovlen = 1}}};
	int fd = dial();

	expect(sendmmsg(fd, m, 2, 0), 1, "sendmmsg");
	expect(m[0].msg_len, (long)n, "bytes of the first");
	v[0] = (struct iovec){buf, sizeof(buf)};
	expect(recvmmsg(fd, m, 2, MSG_WAITFORONE, NULL), 1, "recvmmsg");
	expect(strncmp(buf, "HTTP/1.1 403", 12), 0, "answer");
	close(fd);
}

/* Every way to read sees the same answer. */
static void reads(void)
{
	char buf[1024], a[4096], b[4096];
	struct sockaddr_in from;
	socklen_t from_n = sizeof(from);
	struct iovec v[2] = {{b, 9}, {b + 9, sizeof(b) - 9}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_name = &from, .msg_flags = 99};
	ssize_t n;
	int fd = dial();

	errno = 77;
	put(fd, buf, request(buf, sizeof(buf), "x-test-BLOCK"));
	n = recv(fd, a, sizeof(a), MSG_PEEK);
	if (n < 50)
		FAIL("peek: %zd", n);
	expect(recv(fd, b, sizeof(b), MSG_PEEK | MSG_DONTWAIT), n, "peek again");
	expect(memcmp(a, b, (size_t)n), 0, "the same");
	expect(recvfrom(fd, b, 8, 0, (struct sockaddr *)&from, &from_n), 8, "recvfrom");
	expect(from_n, 0, "no origin");
	expect(memcmp(b, "HTTP/1.1", 8), 0, "its bytes");
	expect(recv(fd, NULL, 5, MSG_TRUNC), 5, "discarded");
	m.msg_namelen = sizeof(from);
	expect(recvmsg(fd, &m, MSG_WAITALL), n - 13, "recvmsg");
	expect(memcmp(b, a + 13, (size_t)n - 13), 0, "the rest");
	expect(m.msg_flags, 0, "flags");
	expect(m.msg_namelen, 0, "no name");
	expect(readv(fd, v, 2), 0, "the end");
	expect(errno, 77, "errno");
	close(fd);
	fd = dial();
	put(fd, buf, request(buf, sizeof(buf), "x-test-BLOCK"));
	expect(readv(fd, v, 2), n, "readv");
	expect(memcmp(a, b, (size_t)n), 0, "the same");
	close(fd);
}

/* What there is to wait for is waited for, as the program wants it. */
static void waits(void)
{
	struct timeval t = {.tv_usec = 50000};
	char buf[1024];
	int fd = dial();

	expect(recv(fd, buf, 1, MSG_DONTWAIT), -1, "nothing yet");
	expect(errno, EAGAIN, "errno");
	expect(ask(fd, "a"), 200, "allowed");
	expect(recv(fd, buf, 1, MSG_DONTWAIT), -1, "nothing more");
	expect(errno, EAGAIN, "errno");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	expect(read(fd, buf, 1), -1, "nothing in time");
	expect(errno, EAGAIN, "errno");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	expect(read(fd, buf, 1), -1, "nothing at once");
	expect(errno, EAGAIN, "errno");
	expect(read(fd, NULL, 0), 0, "nothing wanted");
	put(fd, buf, request(buf, sizeof(buf), "x-test-BLOCK"));
	expect(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 5000), 1, "an answer wakes");
	expect(status(fd), 403, "blocked");
	close(fd);
	expect(write(fd, buf, 1), -1, "closed");
	expect(errno, EBADF, "errno");
	expect(read(fd, buf, 1), -1, "closed");
	expect(errno, EBADF, "errno");
}

static void duplicates(void)
{
	char buf[1024];
	int fd = dial(), a = dup(fd), b = fcntl(fd, F_DUPFD_CLOEXEC, 100), c = dup2(fd, 200);

	expect(ask(a, "through a duplicate"), 200, "dup");
	expect(dup2(-1, fd), -1, "dup2 of nothing");
	expect(dup3(a, fd, O_APPEND), -1, "dup3 with a flag that it does not know");
	put(fd, buf, request(buf, sizeof(buf), "x-test-BLOCK"));
	close(fd);
	close(a);
	expect(recv(b, buf, 1, MSG_PEEK), 1, "F_DUPFD");
	expect(status(c), 403, "dup2");
	expect(dup2(dial(), c), c, "another in its place");
	expect(ask(c, "fine"), 200, "a new connection");
	expect(read(b, buf, 1), 0, "the old one has ended");
	expect(dup3(STDERR_FILENO, c, O_CLOEXEC), c, "a file in its place");
	expect(write(c, "", 0), 0, "is written");
	close(b);
	close(c);
}

/* Numbers come back for other files, seen or not. */
static void reused(void)
{
	char *volatile nowhere = (char *)8;
	int fd = dial(), file;

	put(fd, "POST /c HT", 10);
	close(fd);
	fd = dial();
	expect(ask(fd, "x-test-BLOCK"), 403, "a new head under the number");
	syscall(SYS_close, fd);
	file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	expect(file, fd, "the same number");
	put(file, "POST /c HTTP/1.1\r\nHost: localhost:11434\r\n\r\n", 44);
	expect(lseek(file, 0, SEEK_END), 44, "a file is written");
	expect(pread(file, (char[4]){0}, 4, 0), 4, "and read");
	close(file);
	fd = dial();
	close(fd);
	expect(pipe((int[2]){0}), 0, "pipe");
	/* As unwinders look whether memory can be read. */
	expect(write(fd + 1, nowhere, 8), -1, "memory that is not there");
	expect(errno, EFAULT, "errno");
}

static void forks(void)
{
	char buf[1024];
	size_t n = request(buf, sizeof(buf), "x-test-BLOCK");
	int fd = dial(), state = 0;
	pid_t child;

	put(fd, buf, 20);
	child = fork();
	if (child == 0) {
		close(fd);
		fd = dial();
		_exit(ask(fd, "fine") == 200 && ask(fd, "x-test-BLOCK") == 403 ? 0 : 1);
	}
	waitpid(child, &state, 0);
	expect(state, 0, "child");
	put(fd, buf + 20, n - 20);
	expect(status(fd), 403, "the parent's went on");
	close(fd);
	fd = dial();
	expect(ask(fd, "fine"), 200, "allowed");
	/* Closes descriptors in the memory of its parent. */
	child = vfork();
	if (child == 0) {
		close(fd);
		dup2(2, fd);
		_exit(0);
	}
	waitpid(child, &state, 0);
	expect(ask(fd, "x-test-BLOCK"), 403, "still governed");
	close(fd);
	fd = dial();
	child = fork();
	if (child == 0)
		_exit(ask(fd, "x-test-BLOCK") == 403 ? 0 : 1);
	waitpid(child, &state, 0);
	expect(state, 0, "a child with its parent's socket");
	close(fd);
}

static void *read_status(void *arg)
{
	return (void *)(intptr_t)status(*(int *)arg);
}

static void *ask_often(void *arg)
{
	for (int i = 0; i < 50; i++) {
		int fd = dial();

		expect(ask(fd, "fine"), 200, "allowed");
		expect(ask(fd, "x-test-BLOCK"), 403, "blocked");
		close(fd);
	}
	return arg;
}

static void threads(void)
{
	pthread_t t[8];
	char buf[1024];
	void *code;
	int fd = dial();

	/* One that waits to read when another's request is refused. */
	for (int i = 0; i < 2; i++) {
		pthread_create(&t[0], NULL, read_status, &fd);
		usleep(50000);
		put(fd, buf, request(buf, sizeof(buf), i ? "x-test-BLOCK" : "fine"));
		pthread_join(t[0], &code);
		expect((intptr_t)code, i ? 403 : 200, "the reader's");
	}
	close(fd);
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, ask_often, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
}

/* A body that the socket takes in many turns, offered in other pieces each time. */
static void large(void)
{
	const size_t body = 5000000;
	char *p = malloc(body + 200), buf[64];
	size_t n = (size_t)sprintf(p,
				   "POST /slow HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: "
				   "%zu\r\n\r\n",
				   port, body),
	       at = 0;
	int fd = dial(), blocked = 0;

	for (size_t i = 0; i < body; i++)
		p[n + i] = (char)(i * 2654435761u >> 13);
	n += body;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (at < n) {
		size_t piece = blocked % 3 == 1 ? 1000 : blocked % 3 == 2 ? 70000 : n;
		ssize_t r = write(fd, p + at, piece < n - at ? piece : n - at);

		if (r < 0) {
			expect(errno, EAGAIN, "errno");
			blocked++;
			expect(poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 20000), 1, "room");
		} else {
			at += (size_t)r;
		}
	}
	if (!blocked)
		FAIL("it never blocked");
	fcntl(fd, F_SETFL, 0);
	expect(status(fd), 200, "large");
	expect(ask(fd, "x-test-BLOCK"), 403, "and then");
	expect(recv(fd, buf, sizeof(buf), 0), 0, "the end");
	close(fd);
	free(p);
}

/* What cannot be read is refused. */
static void unreadable(void)
{
	const struct sockaddr_in elsewhere = {.sin_family = AF_INET, .sin_port = htons(9)};
	char two[2048];
	size_t n = request(two, sizeof(two), "fine");
	int fd, file = open("/dev/zero", O_RDONLY);

	(void)request(two + n, sizeof(two) - n, "fine");
	expect(ask_raw(two), 403, "two requests at once");
	expect(ask_raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 403, "HTTP/2");
	expect(ask_raw("POST /c HTTP/1.1\nHost: localhost:11434\n\n"), 403, "bare LF");
	expect(ask_raw("\x01 anything"), 403, "no HTTP");
	fd = dial();
	expect(sendfile(fd, file, NULL, 10), -1, "sendfile");
	expect(errno, EINVAL, "errno");
	expect(ask(fd, "fine"), 200, "and then");
	/* It does not connect what is connected. */
	expect(sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&elsewhere, sizeof(elsewhere)),
	       -1, "connecting once more");
	put(fd, "\x01 anything", 10);
	expect(status(fd), 403, "no HTTP");
	close(fd);
}

/* However the endpoint is written, the engine is asked. */
static void forms(void)
{
	static const char *const heads[] = {
		"POST /c HTTP/1.1\r\nHost: LOCALHOST:11434\r\n",
		"POST /c HTTP/1.1\r\nhOsT:localhost.:011434\r\n",
		"POST http://localhost:11434/c HTTP/1.1\r\nHost: x\r\n",
		"POST http://me@LocalHost:11434/c HTTP/1.0\r\n",
		"POST /c HTTP/1.1\r\nHost: x\r\nHost: localhost:11434\r\n",
		"POST /c HTTP/1.1\r\nHost: 127.0.0.1:11434\r\n",
		"POST /c HTTP/1.1\r\nHost: another.example\r\n",
		"POST /c HTTP/1.1\r\nX: y\r\n",
	};
	char buf[1024];

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		snprintf(buf, sizeof(buf), "%sContent-Length: 12\r\n\r\nx-test-BLOCK", heads[i]);
		expect(ask_raw(buf), 403, heads[i]);
	}
}

/* One connection to a proxy for requests that are governed and others. */
static void through_proxy(void)
{
	static const struct {
		const char *host, *word;
		int want;
	} row[] = {
		{"api.openai.com", "fine", 200},    {"other.test", "x-test-BLOCK", 200},
		{"monitored.example", "fine", 200}, {"other.test", "x-test-BLOCK", 200},
		{"api.openai.com", "fine", 200},    {"api.openai.com", "x-test-BLOCK", 403},
	};
	char buf[1024];
	int fd = dial();

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t n = (size_t)snprintf(
			buf, sizeof(buf),
			"POST http://%s/c HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n%s",
			row[i].host, row[i].host, strlen(row[i].word), row[i].word);

		put(fd, buf, n);
		expect(status(fd), row[i].want, row[i].host);
	}
	close(fd);
}

/* What is not governed goes as it is. */
/* The kernel says what is wrong with memory that is not there. */
static void unmapped(int fd)
{
	char *volatile nowhere = (char *)8;

	expect(read(fd, nowhere, 8), -1, "read");
	expect(errno, EFAULT, "read");
	expect(readv(fd, (struct iovec *)nowhere, 1), -1, "readv");
	expect(errno, EFAULT, "readv");
	expect(recvmsg(fd, (struct msghdr *)nowhere, 0), -1, "recvmsg");
	expect(errno, EFAULT, "recvmsg");
	expect(recvmmsg(fd, (struct mmsghdr *)nowhere, 1, 0, NULL), -1, "recvmmsg");
	expect(errno, EFAULT, "recvmmsg");
}

/* Connects to a listener that takes nothing, and leaves: all of it is allowed in a handler. */
static struct sockaddr_in nobody = {.sin_family = AF_INET};

static void come_and_go(int signal)
{
	const int saved = errno;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)signal;
	(void)connect(s, (struct sockaddr *)&nobody, sizeof(nobody));
	close(s);
	errno = saved;
}

/* A handler comes while its own thread is in the function that it calls. */
static void interrupted(void)
{
	const struct itimerval often = {{0, 200}, {0, 200}}, never = {0};
	struct sigaction action = {.sa_handler = come_and_go, .sa_flags = SA_RESTART};
	socklen_t n = sizeof(nobody);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	expect(bind(listener, (struct sockaddr *)&nobody, n), 0, "bind");
	expect(listen(listener, 1), 0, "listen");
	expect(getsockname(listener, (struct sockaddr *)&nobody, &n), 0, "getsockname");
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 20000; i++)
		come_and_go(0);
	setitimer(ITIMER_REAL, &never, NULL);
	expect(ask(dial(), "fine"), 200, "afterwards");
}

static void free_ones(void)
{
	char buf[1024], far[70000];
	size_t n = request(buf, sizeof(buf), "x-test-BLOCK");
	int fd = dial(), file = open("/proc/self/exe", O_RDONLY);

	for (size_t i = 0; i < n; i++)
		put(fd, buf + i, 1);
	expect(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000), 1, "poll");
	unmapped(fd);
	expect(status_by(fd, 1), 200, "byte by byte");
	for (size_t cut = 1; cut < n; cut += 7) {
		put(fd, buf, cut);
		put(fd, buf + cut, n - cut);
		expect(status(fd), 200, "two pieces");
	}
	/* A head that nobody takes is not kept either. */
	memset(far, 'a', sizeof(far));
	memcpy(far, "GET /", 5);
	put(fd, far, sizeof(far));
	close(fd);
	fd = dial();
	n = (size_t)sprintf(buf, "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
	put(fd, buf, n);
	expect(sendfile(fd, file, NULL, 100), 100, "sendfile");
	expect(status(fd), 200, "a file's bytes");
	close(fd);
}

static void held(void)
{
	char buf[1024];
	int fd = dial();

	expect(ask(fd, "x-test-HOLD"), 200, "held and released");
	expect(ask(fd, "fine"), 200, "and then");
	expect(ask(fd, "x-test-HOLD-BLOCK"), 403, "held and refused");
	close(fd);
	fd = dial();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	put(fd, buf, request(buf, sizeof(buf), "x-test-HOLD"));
	expect(read(fd, buf, 1), -1, "nothing yet");
	expect(errno, EAGAIN, "errno");
	expect(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 5000), 1, "wakes");
	expect(status(fd), 200, "released");
	put(fd, buf, request(buf, sizeof(buf), "x-test-HOLD-REWRITE"));
	fcntl(fd, F_SETFL, 0);
	expect(status(fd), 200, "rewritten");
	/* Given up: it must not be sent. */
	put(fd, buf, request(buf, sizeof(buf), "x-test-HOLD-LONG"));
	usleep(100000);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {
		{"kept-alive", kept_alive},
		{"bytewise", bytewise},
		{"pieces", pieces},
		{"messages", many_messages},
		{"reads", reads},
		{"waits", waits},
		{"duplicates", duplicates},
		{"reused", reused},
		{"forks", forks},
		{"threads", threads},
		{"large", large},
		{"unreadable", unreadable},
		{"forms", forms},
		{"not-governed", free_ones},
		{"interrupted", interrupted},
		{"held", held},
		{"proxy", through_proxy},
	};

	if (argc != 3)
		return 2;
	port = atoi(argv[2]);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		modes[i].run();
		puts("good");
		return 0;
	}
	return 2;
}
