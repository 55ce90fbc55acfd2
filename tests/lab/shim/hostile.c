/* SPDX-License-Identifier: MIT */
/*
 * A TLS client in surroundings that are hard on it: hostile MODE PORT [HOST].
 *
 * Each mode prints "good" as its last line and exits 0, or says on stderr what went otherwise and
 * exits 1. Run without the shim, "x-test-BLOCK" reaches the server and is answered with 200: modes
 * that send it are for a program under the shim alone; UNGOVERNED in the environment turns their
 * expectation round.
 */
#include "talk.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/err.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

/* A body over AICP_SHIM_INLINE_BYTES_MAX goes to the engine in a memfd. */
#define LARGE_BYTES (200u << 10)

static int refusal(void)
{
	return getenv("UNGOVERNED") ? 200 : 403;
}

/* Like ask(), with a body that does not fit into one message. */
static int ask_large(SSL *ssl)
{
	static char buf[LARGE_BYTES + 512];
	int n = snprintf(buf, sizeof(buf),
			 "POST /c HTTP/1.1\r\nHost: %s\r\nContent-Length: %u\r\n\r\n", host,
			 LARGE_BYTES);

	memset(buf + n, 'x', LARGE_BYTES);
	if (SSL_write(ssl, buf, n + (int)LARGE_BYTES) != n + (int)LARGE_BYTES)
		return -2;
	return status(ssl);
}

static size_t count_lines(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

/* ---- objects that are freed, and whose memory and number are used again ---- */

static void reuse(void)
{
	const char *governed = host;
	size_t maps = 0;

	for (int i = 0; i < 90; i++) {
		const bool ours = i % 3 != 0;
		SSL *ssl, *twin;

		host = ours ? governed : "ungoverned.test";
		ssl = session();
		if (i % 5 == 0) /* freed with a request half collected */
			expect(SSL_write(ssl, "POST /c HTTP/1.1\r\nContent-Le", 28), 28, "half");
		else
			expect(ask(ssl, i % 2 ? "x-test-BLOCK" : "fine"),
			       i % 2 && ours ? refusal() : 200, "answer");
		twin = SSL_dup(ssl);
		SSL_up_ref(ssl);
		SSL_free(ssl);
		SSL_free(twin);
		end(ssl);
		/* What the shim keeps for an object has to go with it. */
		if (i == 30)
			maps = count_lines("/proc/self/maps");
	}
	host = governed;
	if (count_lines("/proc/self/maps") > maps + 4)
		FAIL("mappings grew from %zu to %zu", maps, count_lines("/proc/self/maps"));
}

/* One object for many connections, by SSL_clear, with sessions resumed. */
static void clear(void)
{
	SSL *ssl = object();

	for (int i = 0; i < 20; i++) {
		int fd = dial();

		SSL_set_fd(ssl, fd);
		expect(SSL_connect(ssl), 1, "connect");
		expect(ask(ssl, i % 2 ? "x-test-BLOCK" : "fine"), i % 2 ? refusal() : 200, "ask");
		SSL_shutdown(ssl);
		close(fd);
		expect(SSL_clear(ssl), 1, "clear");
		/* OpenSSL forgets the name with the session. */
		SSL_set_tlsext_host_name(ssl, host);
	}
	SSL_free(ssl);
}

/* The socket is gone under the object: no crash, and nobody else's descriptor is touched. */
static void gone(void)
{
	SSL *ssl = session();
	int fd = SSL_get_fd(ssl), pipes[2], code;
	char byte;

	close(fd);
	if (pipe(pipes) < 0 || (pipes[0] != fd && dup2(pipes[0], fd) < 0))
		FAIL("pipe");
	code = ask(ssl, "x-test-BLOCK");
	if (code != refusal() && code != -2 && code != -1)
		FAIL("blocked over a pipe: %d", code);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (read(fd, &byte, 1) != -1 || errno != EAGAIN)
		FAIL("the pipe is not as it was");
	SSL_free(ssl);
	ssl = session();
	close(SSL_get_fd(ssl));
	code = ask(ssl, "fine");
	if (code != -2 && code != -1 && code != 403)
		FAIL("allowed over nothing: %d", code);
	SSL_free(ssl);
}

/* ---- a thread closes all that is not the program's, all the while ---- */

static _Atomic(int) kept;
static _Atomic(bool) enough;

static void *close_all(void *arg)
{
	(void)arg;
	while (!enough)
		for (int i = 3; i < 64; i++)
			if (i != kept)
				close(i);
	return NULL;
}

static void closer(void)
{
	SSL *ssl = session();
	int refused = 0, fd = SSL_get_fd(ssl);
	pthread_t t;

	kept = fd;
	pthread_create(&t, NULL, close_all, NULL);
	for (int i = 0; i < 200 && !refused; i++) {
		int code = ask(ssl, "fine");

		if (code != 200 && code != 403)
			FAIL("request %d: %d", i, code);
		refused += code == 403;
	}
	enough = true;
	pthread_join(t, NULL);
	end(ssl);
	ssl = session();
	expect(ask(ssl, "fine"), 200, "afterwards");
	end(ssl);
}

/* ---- limits ---- */

static void set_limit(int resource, rlim_t limit)
{
	struct rlimit r;

	getrlimit((__rlimit_resource_t)resource, &r);
	r.rlim_cur = limit;
	if (setrlimit((__rlimit_resource_t)resource, &r) < 0)
		FAIL("setrlimit: %s", strerror(errno));
}

/* Only so many descriptors are left. */
static void files(void)
{
	SSL *ssl;
	int fd, code;

	for (rlim_t left = 0; left < 4; left++) {
		ssl = session();
		fd = SSL_get_fd(ssl);
		set_limit(RLIMIT_NOFILE, (rlim_t)fd + 1 + left);
		code = ask(ssl, "fine");
		if (code != (left ? 200 : refusal()))
			FAIL("%d descriptors left: %d", (int)left, code);
		set_limit(RLIMIT_NOFILE, 256);
		end(ssl);
		ssl = session();
		set_limit(RLIMIT_NOFILE, (rlim_t)SSL_get_fd(ssl) + 1 + left);
		code = ask_large(ssl);
		/* One for the question, one for the memfd. */
		if (code != (left > 1 ? 200 : refusal()))
			FAIL("%d descriptors left, large: %d", (int)left, code);
		set_limit(RLIMIT_NOFILE, 256);
		end(ssl);
	}
}

/* A program that may write no files: a memfd is one to the kernel, which ends it by SIGXFSZ. */
static void file_size(void)
{
	SSL *ssl = session();

	set_limit(RLIMIT_FSIZE, 0);
	expect(ask(ssl, "fine"), 200, "small");
	expect(ask_large(ssl), refusal(), "large");
	end(ssl);
	set_limit(RLIMIT_FSIZE, LARGE_BYTES + 4096);
	ssl = session();
	expect(ask_large(ssl), 200, "within the limit");
	end(ssl);
}

static void processes(void)
{
	SSL *ssl;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		FAIL("setuid");
	set_limit(RLIMIT_NPROC, 0);
	ssl = session();
	expect(ask(ssl, "fine"), 200, "allowed");
	expect(ask(ssl, "x-test-BLOCK"), refusal(), "blocked");
	end(ssl);
}

/* No memory for another connection, or for a body: it sends nothing, or is refused. */
static void address_space(void)
{
	SSL *ssl = session(), *other = session();
	char line[256];
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || !fgets(line, sizeof(line), f))
		FAIL("statm");
	fclose(f);
	pages = strtoul(line, NULL, 10);
	/* Room for the heap and the stack to grow by, but not for a body. */
	set_limit(RLIMIT_AS, (pages + 24) * 4096);
	expect(ask(ssl, "fine"), 200, "small");
	expect(ask_large(other), refusal(), "large");
	set_limit(RLIMIT_AS, RLIM_INFINITY);
	end(ssl);
	ssl = session();
	expect(ask_large(ssl), 200, "afterwards");
	end(ssl);
}

/* More connections than the arena holds: those beyond send nothing, and all is well when they end.
 * Makes no sense without the shim. */
static void many(void)
{
	enum { MANY = 8300 };
	static SSL *all[MANY];
	SSL *ssl = session();
	int fd;

	for (int i = 0; i < MANY; i++) {
		all[i] = object();
		/* Looked at by the shim, though it cannot connect. */
		(void)SSL_connect(all[i]);
		ERR_clear_error();
	}
	expect(ask(ssl, "fine"), 200, "one that was there before");
	end(ssl);
	ssl = object();
	fd = dial();
	SSL_set_fd(ssl, fd);
	expect(SSL_connect(ssl), 1, "connect beyond the ceiling");
	/* The one that ended made room for this one; the next has none. */
	expect(ask(ssl, "x-test-BLOCK"), refusal(), "in its place");
	end(ssl);
	all[0] = session();
	ssl = session();
	if (SSL_write(ssl, "GET / HTTP/1.1\r\n\r\n", 18) > 0)
		FAIL("sent without a verdict");
	end(ssl);
	for (int i = 0; i < MANY; i++)
		SSL_free(all[i]);
	ssl = session();
	expect(ask(ssl, "fine"), 200, "afterwards");
	end(ssl);
}

static void *ask_once(void *arg)
{
	SSL *ssl = arg;

	expect(ask(ssl, "fine"), 200, "allowed");
	expect(ask_large(ssl), 200, "large");
	expect(ask(ssl, "x-test-BLOCK"), refusal(), "blocked");
	return NULL;
}

/* A stack that is just large enough for a TLS library. */
static void stacks(void)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, 32768) != 0)
		FAIL("stack size");
	for (int i = 0; i < 4; i++) {
		SSL *ssl = session();

		if (pthread_create(&t, &attr, ask_once, ssl) != 0)
			FAIL("thread");
		pthread_join(t, NULL);
		end(ssl);
	}
}

/* ---- signals ---- */

static void ignore(int sig)
{
	(void)sig;
}

/* A signal every 0.2 ms, without SA_RESTART: calls of the shim end with EINTR, the program's are
 * as ever. */
static void storm(void)
{
	struct itimerval t = {{0, 200}, {0, 200}};
	struct sigaction sa = {.sa_handler = ignore};
	SSL *ssl = session();

	SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	for (int i = 0; i < 100; i++) {
		static const char text[] = "GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
		char buf[4096];
		int r;

		/* The program's part: it tries again, as any program with such a timer has to. */
		while ((r = SSL_write(ssl, text, sizeof(text) - 1)) <= 0)
			if (SSL_get_error(ssl, r) == SSL_ERROR_SSL)
				FAIL("write");
		while ((r = SSL_read(ssl, buf, sizeof(buf))) <= 0)
			if (SSL_get_error(ssl, r) == SSL_ERROR_SSL)
				FAIL("read");
		if (strncmp(buf, "HTTP/1.1 200", 12) != 0)
			FAIL("request %d: %.20s", i, buf);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	end(ssl);
}

static sigjmp_buf out;

static void jump(int sig)
{
	(void)sig;
	siglongjmp(out, 1);
}

/* The program jumps out of a write that waits for a verdict, frees the object, and goes on. */
static void jumps(void)
{
	struct sigaction sa = {.sa_handler = jump};
	SSL *ssl;

	sigaction(SIGALRM, &sa, NULL);
	for (int i = 0; i < 5; i++) {
		SSL *volatile stuck = session();

		if (sigsetjmp(out, 1) == 0) {
			setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 100000}}, NULL);
			(void)ask(stuck, "x-test-HANG");
			FAIL("no signal came");
		}
		end(stuck);
		ssl = session();
		expect(ask(ssl, "fine"), 200, "afterwards");
		end(ssl);
	}
}

/* ---- seccomp ---- */

/* Refuses one system call with EPERM (sockets: Unix ones alone), or ends the program at it. */
static void forbid(long number, uint32_t action)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		/* Of socket() the Unix ones; any other call whatever it is given. */
		BPF_JUMP(BPF_JMP | (number == SYS_socket ? BPF_JEQ : BPF_JGE) | BPF_K,
			 number == SYS_socket ? AF_UNIX : 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		FAIL("seccomp: %s", strerror(errno));
}

static const struct {
	const char *name;
	long number;
	int small, large; /* what a request gets that would be allowed */
	bool judged; /* the refusal is the engine's, also under fail: open: there is no body to
			judge */
} calls[] = {
	{"socket", SYS_socket, 403, 403, false},
	{"connect", SYS_connect, 403, 403, false},
	{"getsockopt", SYS_getsockopt, 403, 403, false},
	{"sendmsg", SYS_sendmsg, 403, 403, false},
	{"recvmsg", SYS_recvmsg, 403, 403, false},
	{"memfd_create", SYS_memfd_create, 200, 403, false},
	{"mmap", SYS_mmap, 200, 403, true},
	{"mremap", SYS_mremap, 200, 200, false},
	{"ppoll", SYS_ppoll, 200, 200, false},
	{"fcntl", SYS_fcntl, 200, 403, false},
	{"futex", SYS_futex, 200, 200, false},
	{"openat", SYS_openat, 200, 200, false},
	{"newfstatat", SYS_newfstatat, 200, 200, false},
	{"setsockopt", SYS_setsockopt, 200, 200, false},
	{"getpid", SYS_getpid, 200, 200, false},
	{"geteuid", SYS_geteuid, 200, 200, false},
	{"clock_gettime", SYS_clock_gettime, 200, 200, false},
	{"shutdown", SYS_shutdown, 200, 200, false},
	{"pread64", SYS_pread64, 200, 200, false},
	{"close", SYS_close, 200, 200, false},
};

/* Each system call of the shim's refused, in a child of its own, on a connection that was made
 * before. FAIL_OPEN in the environment: what cannot be asked passes. */
static void sandboxes(void)
{
	const bool open = getenv("FAIL_OPEN") || getenv("UNGOVERNED");

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		SSL *small = session(), *large = session(), *blocked = session();
		pid_t pid;
		int st;

		/* The governed file has been read, and what the library makes on demand is there.
		 */
		expect(ask(small, "fine"), 200, "before");
		expect(ask(large, "fine"), 200, "before");
		expect(ask(blocked, "fine"), 200, "before");
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			alarm(30);
			forbid(calls[i].number, SECCOMP_RET_ERRNO | EPERM);
			expect(ask(small, "fine"), open ? 200 : calls[i].small, calls[i].name);
			expect(ask_large(large),
			       open && (!calls[i].judged || getenv("UNGOVERNED")) ? 200
										  : calls[i].large,
			       calls[i].name);
			if (!open)
				expect(ask(blocked, "x-test-BLOCK"), 403, calls[i].name);
			_exit(0);
		}
		if (waitpid(pid, &st, 0) != pid || st != 0)
			FAIL("%s forbidden: child ended with %x", calls[i].name, st);
		close(SSL_get_fd(small));
		close(SSL_get_fd(large));
		close(SSL_get_fd(blocked));
	}
}

/* A program that may do nothing but read and write any more: without the shim it can go on with a
 * connection that it has. Under it: on an ungoverned one too; on a governed one the kernel ends it,
 * and nothing is sent. */
static void strict(void)
{
	const char *governed = host;
	SSL *ssl, *plain;
	pid_t pid;
	int st;

	host = "ungoverned.test";
	plain = session();
	expect(ask(plain, "fine"), 200, "before");
	host = governed;
	ssl = session();
	expect(ask(ssl, "fine"), 200, "before");
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		pid = fork();
		if (pid == 0) {
			int code;

			prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
			code = ask(i ? ssl : plain, "strict");
			syscall(SYS_exit, code == 200 ? 0 : 1);
		}
		if (waitpid(pid, &st, 0) != pid)
			FAIL("wait");
		if (i == 0 || getenv("UNGOVERNED"))
			expect(st, 0, "ungoverned");
		else if (!WIFSIGNALED(st) || WTERMSIG(st) != SIGKILL)
			FAIL("governed: %x", st);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {
		{"reuse", reuse},	  {"clear", clear},
		{"gone", gone},		  {"closer", closer},
		{"files", files},	  {"file-size", file_size},
		{"processes", processes}, {"address-space", address_space},
		{"many", many},		  {"stacks", stacks},
		{"storm", storm},	  {"jumps", jumps},
		{"sandboxes", sandboxes}, {"strict", strict},
	};

	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	port = atoi(argv[2]);
	if (argc > 3)
		host = argv[3];
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		open_context(0);
		modes[i].run();
		puts("good");
		return 0;
	}
	return 2;
}
