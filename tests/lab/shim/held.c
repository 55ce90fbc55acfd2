/* SPDX-License-Identifier: MIT */
/*
 * Programs that do odd things while a request of theirs waits for people: held MODE PORT [HOST].
 * Prints "good", or the line that was not.
 */
#include "talk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define HOLD "x-test-HOLD"

/* Sends a request that will be held, and does not wait for its answer. */
static void begin(SSL *ssl, const char *word)
{
	char buf[1024];
	size_t n = request(buf, sizeof(buf), "/c", word);

	if (SSL_write(ssl, buf, (int)n) != (int)n)
		FAIL("the held write failed");
}

static int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void expect_threads(int want)
{
	for (int i = 0; i < 200 && threads() != want; i++)
		usleep(10000);
	expect(threads(), want, "threads");
}

/* SIGKILL, SIGSTOP and the two that glibc keeps for itself. */
#define NOT_BLOCKABLE (1ull << 8 | 1ull << 18 | 1ull << 31 | 1ull << 32)

/* The other thread takes no signal of the program's. */
static void expect_signals_blocked(void)
{
	DIR *d = opendir("/proc/self/task");

	for (struct dirent *e; (e = readdir(d));) {
		char path[300], line[200];
		unsigned long long mask = 0;
		FILE *f;

		if (e->d_name[0] == '.' || atoi(e->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			if (strncmp(line, "SigBlk:", 7) == 0)
				mask = strtoull(line + 7, NULL, 16);
		if (~(mask | NOT_BLOCKABLE))
			FAIL("signals are not blocked in thread %s: %llx", e->d_name, mask);
		fclose(f);
	}
	closedir(d);
}

static void thread(void)
{
	SSL *ssl = session();

	expect_threads(1);
	begin(ssl, HOLD);
	expect_threads(2);
	expect_signals_blocked();
	expect(status(ssl), 200, "held");
	expect_threads(1);
	expect(ask(ssl, HOLD), 200, "held again");
	expect_threads(1);
	end(ssl);
}

/* A child has no thread that waits: it gets a refusal, and does not disturb its parent. */
static void forks(void)
{
	SSL *ssl = session();
	int state = 0;
	pid_t child;

	begin(ssl, HOLD);
	child = fork();
	if (child == 0)
		_exit(status(ssl) == 403 ? 0 : 1);
	waitpid(child, &state, 0);
	expect(state, 0, "child");
	expect(status(ssl), 200, "parent");
	child = fork();
	if (child == 0)
		_exit(ask(session(), HOLD) == 200 ? 0 : 1);
	waitpid(child, &state, 0);
	expect(state, 0, "child with a hold of its own");
	end(ssl);
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

static void replace_it(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, fd);
	if (null != fd)
		close(null);
}

static void closes(void)
{
	SSL *ssl = session();

	begin(ssl, HOLD);
	each_descriptor(SSL_get_fd(ssl), close_it);
	expect(status(ssl), 403, "all closed");
	end(ssl);
	expect(ask(session(), HOLD), 200, "the next");
}

/* Closed by a program that keeps the object: nobody would read what is released. */
static void closes_its_own(void)
{
	SSL *ssl = session();

	begin(ssl, HOLD);
	close(SSL_get_fd(ssl));
	expect_threads(1);
	SSL_free(ssl);
}

static void replaces(void)
{
	SSL *ssl = session();

	begin(ssl, HOLD);
	each_descriptor(SSL_get_fd(ssl), replace_it);
	expect(status(ssl), 403, "all replaced");
	end(ssl);
	expect_threads(1);
	/* Nothing of the program's was closed. */
	each_descriptor(-1, close_it);
	expect(ask(session(), HOLD), 200, "the next");
}

/* Given up at once, later, and while it is decided. */
static void frees(void)
{
	for (int i = 0; i < 60; i++) {
		SSL *ssl = session();

		begin(ssl, HOLD);
		usleep((useconds_t)(i % 3 ? i * 500 : i * 15000));
		end(ssl);
	}
	expect(ask(session(), "fine"), 200, "afterwards");
	expect_threads(1);
}

/* The object is used again for another connection. */
static void clears(void)
{
	SSL *ssl = session();
	int fd = SSL_get_fd(ssl);

	begin(ssl, HOLD);
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	if (SSL_clear(ssl) != 1)
		FAIL("SSL_clear");
	close(fd);
	SSL_set_fd(ssl, dial());
	if (SSL_connect(ssl) != 1)
		FAIL("SSL_connect");
	expect(ask(ssl, "fine"), 200, "the next connection");
	end(ssl);
}

/* Bytes behind a request that waits: refused, both. */
static void pipelined(void)
{
	SSL *ssl = session();

	begin(ssl, HOLD "-LONG");
	begin(ssl, "fine");
	expect(status(ssl), 403, "behind a hold");
	end(ssl);
}

static void forbid_threads(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		FAIL("seccomp: %s", strerror(errno));
}

static void no_threads(void)
{
	SSL *ssl = session();

	forbid_threads();
	expect(ask(ssl, HOLD), 200, "waits in the write");
	expect(ask(ssl, "fine"), 200, "goes on");
	expect(ask(ssl, HOLD "-BLOCK"), 403, "waits in the write, refused");
	end(ssl);
}

/* Who may not be kept waiting is told to come again. */
static void no_threads_nonblocking(void)
{
	SSL *ssl = session();
	char buf[2048] = "";
	struct pollfd p = {.fd = SSL_get_fd(ssl), .events = POLLIN};
	int n = -1;

	forbid_threads();
	fcntl(p.fd, F_SETFL, O_NONBLOCK);
	begin(ssl, HOLD "-LONG");
	while (n < 0) {
		expect(poll(&p, 1, 3000), 1, "poll");
		n = SSL_read(ssl, buf, sizeof(buf) - 1);
		if (n < 0 && SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ)
			FAIL("read");
	}
	if (strncmp(buf, "HTTP/1.1 403", 12) != 0 || !strstr(buf, "test approval pending"))
		FAIL("not told to come again: %s", buf);
	end(ssl);
}

/* ---- a server that leaves ---- */

struct relay {
	int client, server;
	_Atomic(bool) slow; /* takes nothing from the client */
};

static void *relay(void *data)
{
	struct relay *r = data;
	struct pollfd p[2] = {{r->client, POLLIN, 0}, {r->server, POLLIN, 0}};
	char buf[16384];

	while (poll(p, 2, 20) >= 0) {
		p[0].events = r->slow ? 0 : POLLIN;
		for (int i = 0; i < 2; i++) {
			ssize_t n = p[i].revents ? read(p[i].fd, buf, sizeof(buf)) : 1;

			if (n <= 0)
				return NULL;
			if (p[i].revents && write(p[1 - i].fd, buf, (size_t)n) != n)
				return NULL;
		}
	}
	return NULL;
}

static SSL *relayed(struct relay *r)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl = object();
	pthread_t t;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&a, &n) < 0 ||
	    connect(s, (struct sockaddr *)&a, sizeof(a)) < 0)
		FAIL("relay: %s", strerror(errno));
	r->client = accept(listener, NULL, NULL);
	r->server = dial();
	r->slow = false;
	close(listener);
	if (pthread_create(&t, NULL, relay, r))
		FAIL("thread");
	pthread_detach(t);
	SSL_set_fd(ssl, s);
	if (SSL_connect(ssl) != 1)
		FAIL("SSL_connect");
	return ssl;
}

/* The program hears of it as it would without us, and what was held is not sent to anybody. */
static void server_leaves(void)
{
	struct relay r;
	SSL *ssl = relayed(&r);

	begin(ssl, HOLD "-LONG");
	usleep(100000);
	shutdown(r.client, SHUT_RDWR);
	expect(status(ssl), -1, "the server is gone");
	end(ssl);
	expect(ask(session(), "fine"), 200, "another connection");
}

static long cpu_ms(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* What was released waits for a server that does not read, and takes no time of the machine's. */
static void server_is_slow(void)
{
	static char body[24u << 20];
	struct relay r;
	SSL *ssl = relayed(&r);
	long before;
	int n;

	r.slow = true;
	memset(body, 'x', sizeof(body));
	n = snprintf(body, 200, "POST /c HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n%s",
		     host, sizeof(body) - 200, HOLD);
	body[n] = 'x';
	n = (int)(strstr(body, "\r\n\r\n") + 4 - body + (long)sizeof(body) - 200);
	expect(SSL_write(ssl, body, n), n, "write");
	usleep(1500000);
	before = cpu_ms();
	usleep(1000000);
	if (cpu_ms() - before > 100)
		FAIL("%ld ms in a second", cpu_ms() - before);
	r.slow = false;
	expect(status(ssl), 200, "held");
	end(ssl);
}

/* One thread for all. */
static void many(void)
{
	enum { N = 400 };
	static SSL *ssl[N];
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < N; i++)
		ssl[i] = session();
	for (int i = 0; i < N; i++) {
		begin(ssl[i], i % 4 ? HOLD : HOLD "-BLOCK");
		if (threads() > 2)
			FAIL("%d threads", threads());
	}
	for (int i = 0; i < N; i++)
		expect(status(ssl[i]), i % 4 ? 200 : 403, "one of many");
	for (int i = 0; i < N; i++)
		end(ssl[i]);
	expect_threads(1);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {
		{"thread", thread},
		{"forks", forks},
		{"closes", closes},
		{"closes-its-own", closes_its_own},
		{"replaces", replaces},
		{"frees", frees},
		{"clears", clears},
		{"pipelined", pipelined},
		{"no-threads", no_threads},
		{"no-threads-nonblocking", no_threads_nonblocking},
		{"server-leaves", server_leaves},
		{"server-is-slow", server_is_slow},
		{"many", many},
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
