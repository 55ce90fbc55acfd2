/* SPDX-License-Identifier: MIT */
/* What the shim does with the process it is in: loaded objects, sockets, locks over threads and
 * forks, memory, the wire. */
#include "aicp/limits.h"
#include "preload/arena.h"
#include "preload/hello.h"
#include "preload/link.h"
#include "preload/lock.h"
#include "preload/object.h"
#include "preload/os.h"
#include "support/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- objects ---- */

struct search {
	const char *name;
	void *found;
	unsigned objects;
};

static bool search_one(const struct object *o, void *data)
{
	struct search *s = data;

	s->objects++;
	if (strstr(o->path, "/libc.so.6"))
		s->found = object_function(o, s->name);
	return true;
}

static void test_functions_are_those_of_dlsym(void **state)
{
	/* None that a sanitizer puts itself before. */
	static const char *const names[] = {"listen", "truncate", "lockf",  "ffsl",
					    "strfry", "hcreate",  "semget", "swab"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct search s = {.name = names[i]};

		object_each(search_one, &s);
		assert_true(s.objects > 2);
		assert_ptr_equal(s.found, dlsym(RTLD_DEFAULT, names[i]));
	}
}

static void test_functions_that_are_not_there(void **state)
{
	static const char *const names[] = {"",	     "no_such_function", "sen",
					    "sendt", "errno_",		 "_rtld_global"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct search s = {.name = names[i]};

		object_each(search_one, &s);
		assert_null(s.found);
	}
}

static bool needs_one(const struct object *o, void *data)
{
	bool *needed = data;

	if (object_covers(o, (const void *)(uintptr_t)&needs_one)) {
		*needed = object_needs(o, "libc.so.6") && !object_needs(o, "libc.so") &&
			  !object_needs(o, "");
		return false;
	}
	return true;
}

static void test_needs(void **state)
{
	bool needed = false;

	(void)state;
	object_each(needs_one, &needed);
	assert_true(needed);
}

/* ---- sockets ---- */

static void make_hello(uint8_t *p, uint8_t seed)
{
	memset(p, seed, HELLO_BYTES_MIN);
	p[0] = 0x16;
	p[1] = 3;
	p[5] = 1;
}

static void test_hello(void **state)
{
	uint8_t p[HELLO_BYTES_MIN], random[HELLO_RANDOM_BYTES];
	int pair[2], other[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	make_hello(p, 7);
	memcpy(random, p + 11, sizeof(random));
	assert_int_equal(hello_socket(random), -1);
	hello_note(pair[0], p);
	assert_int_equal(hello_socket(random), pair[0]);
	random[31] ^= 1;
	assert_int_equal(hello_socket(random), -1);
	random[31] ^= 1;
	/* The number is another socket by now, then no socket at all, then nothing. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	assert_int_equal(dup2(other[0], pair[0]), pair[0]);
	assert_int_equal(hello_socket(random), -1);
	close(pair[0]);
	assert_int_equal(open("/dev/null", O_RDONLY), pair[0]);
	assert_int_equal(hello_socket(random), -1);
	close(pair[0]);
	assert_int_equal(hello_socket(random), -1);
	/* No socket, no note. */
	make_hello(p, 8);
	memcpy(random, p + 11, sizeof(random));
	hello_note(-1, p);
	assert_int_equal(hello_socket(random), -1);
	/* The latest 256 are kept. */
	hello_note(other[0], p);
	for (int i = 0; i < 255; i++) {
		make_hello(p, 100);
		p[20] = (uint8_t)i;
		hello_note(other[0], p);
	}
	assert_int_equal(hello_socket(random), other[0]);
	make_hello(p, 9);
	hello_note(other[0], p);
	assert_int_equal(hello_socket(random), -1);
	close(other[0]);
	close(other[1]);
	close(pair[1]);
}

/* ---- locks ---- */

static struct lock lock;
static volatile unsigned long counter;

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		lock_take(&lock);
		counter++;
		lock_drop(&lock);
	}
	return NULL;
}

static void test_lock_excludes(void **state)
{
	pthread_t t[8];

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count, NULL), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(counter, 160000);
	assert_true(lock_try(&lock));
	assert_true(lock_mine(&lock));
	assert_false(lock_try(&lock));
	lock_drop(&lock);
	assert_false(lock_mine(&lock));
}

static void *hold(void *arg)
{
	int *pipe_fds = arg;
	char c;

	lock_take(&lock);
	assert_int_equal(write(pipe_fds[1], "x", 1), 1);
	assert_int_equal(read(pipe_fds[2], &c, 1), 1);
	lock_drop(&lock);
	return NULL;
}

/* A lock that another thread holds while we fork: free in the child, held in the parent. */
static void test_lock_over_fork(void **state)
{
	int fds[4], status;
	pthread_t t;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(fds + 2), 0);
	pthread_create(&t, NULL, hold, fds);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_false(lock_try(&lock));
	assert_false(lock_mine(&lock));
	pid = fork();
	if (pid == 0) {
		alarm(5);
		lock_take(&lock);
		_exit(lock_mine(&lock) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(lock_try(&lock));
	assert_int_equal(write(fds[3], "x", 1), 1);
	pthread_join(t, NULL);
	assert_true(lock_try(&lock));
	lock_drop(&lock);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
}

/* ---- memory and calls ---- */

static void test_arena(void **state)
{
	size_t before = arena_used();
	char *p = arena_map(100000), *q;

	(void)state;
	assert_non_null(p);
	p[99999] = 'x';
	assert_null(arena_map(AICP_SHIM_ARENA_BYTES_MAX - 100));
	assert_null(arena_map(SIZE_MAX));
	assert_null(arena_remap(p, 100000, (size_t)AICP_SHIM_ARENA_BYTES_MAX + 1));
	q = arena_remap(p, 100000, 5000000);
	assert_non_null(q);
	assert_int_equal(q[99999], 'x');
	assert_int_equal(arena_used() - before, 5000000);
	arena_unmap(q, 5000000);
	assert_int_equal(arena_used(), before);
}

static void test_calls_leave_errno(void **state)
{
	struct stat st;

	(void)state;
	errno = 77;
	assert_int_equal(os_close(-1), -EBADF);
	assert_int_equal(os_stat(-1, "/no/such/file", &st), -ENOENT);
	assert_int_equal(os_open_read("/no/such/file"), -ENOENT);
	assert_int_equal(os_connect_unix(-1, "/x", 1), -EBADF);
	assert_int_equal(errno, 77);
}

/* Signals 32 and 33 are libc's own: whoever blocks them lets setuid() wait for good. */
static void test_signals_of_the_program(void **state)
{
	const uint64_t libc_own = 3ull << 31, sigterm = 1ull << (SIGTERM - 1);
	uint64_t before, during = 0;

	(void)state;
	before = os_signals_block();
	assert_int_equal(os_call(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&during, 8, 0, 0), 0);
	os_signals_restore(before);
	assert_int_equal(during & sigterm, sigterm);
	assert_int_equal(during & libc_own & ~before, 0);
}

static void test_memfd_is_sealed(void **state)
{
	int fd = os_memfd_sealed("hello", 5);
	char buf[8];

	(void)state;
	assert_true(fd > 2);
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 4), -1);
	assert_int_equal(ftruncate(fd, 6), -1);
	assert_ptr_equal(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

/* ---- the wire ---- */

#define ANSWER "HTTP/1.1 403 Forbidden\r\n\r\n"

static struct {
	struct aicp_shim_verdict v;
	char answer[sizeof(ANSWER) - 1];
} good = {
	.v = {.magic = AICP_SHIM_MAGIC,
	      .version = AICP_SHIM_VERSION,
	      .type = AICP_SHIM_VERDICT,
	      .action = AICP_SHIM_ANSWER,
	      .answer_bytes = sizeof(ANSWER) - 1},
	.answer = ANSWER,
};

static enum decide_reply read_as(const struct aicp_shim_verdict *v, const uint8_t *answer,
				 struct link_answer *ret)
{
	uint8_t m[sizeof(*v) + sizeof(good.answer)];

	memcpy(m, v, sizeof(*v));
	memcpy(m + sizeof(*v), answer, v->answer_bytes);
	return link_read_verdict(m, sizeof(*v) + v->answer_bytes, ret);
}

static void test_verdicts(void **state)
{
	/* Without the padding that a struct may end with. */
	uint8_t m[sizeof(good.v) + sizeof(good.answer)];
	struct link_answer got = {.n = 0};
	struct guard g;

	(void)state;
	guard_init(&g, sizeof(m));
	memcpy(m, &good, sizeof(m));
	assert_int_equal(link_read_verdict(m, sizeof(m), &got), DECIDE_REPLY_ANSWER);
	assert_int_equal(got.n, sizeof(ANSWER) - 1);
	/* Every shorter message, read to its end only. */
	for (size_t cut = 0; cut < sizeof(m); cut++) {
		struct span part = guard_copy(&g, span_of(m, cut));

		assert_int_equal(link_read_verdict(part.p, cut, &got), DECIDE_REPLY_GARBAGE);
	}
	/* Every other bit matters, but for the decision id. */
	for (size_t bit = 0; bit < 8 * (sizeof(good.v) + 7); bit++) {
		size_t at = bit / 8;

		if (at >= offsetof(struct aicp_shim_verdict, decision_id) &&
		    at < offsetof(struct aicp_shim_verdict, body_bytes))
			continue;
		memcpy(m, &good, sizeof(m));
		m[at] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(link_read_verdict(m, sizeof(m), &got), DECIDE_REPLY_GARBAGE);
	}
	guard_deinit(&g);
}

/* Which of the other members each action may bring. */
static void test_what_belongs_to_a_verdict(void **state)
{
	static const struct {
		enum aicp_shim_action action;
		uint32_t answer, body, extra;
		enum decide_reply reply;
	} cases[] = {
		{AICP_SHIM_PASS, 0, 0, 0, DECIDE_REPLY_PASS},
		{AICP_SHIM_PASS, 1, 0, 0, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_PASS, 0, 1, 0, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_PASS, 0, 0, AICP_SHIM_V_WITNESS, DECIDE_REPLY_PASS},
		{AICP_SHIM_PASS, 0, 0, 2, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_REWRITE, 0, 1, 0, DECIDE_REPLY_REWRITE},
		{AICP_SHIM_REWRITE, 0, 0, 0, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_REWRITE, 1, 1, 0, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_REWRITE, 0, 1, AICP_SHIM_V_WITNESS, DECIDE_REPLY_REWRITE},
		{AICP_SHIM_REWRITE, 0, 1, 3, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_REWRITE, 0, AICP_SHIM_REQUEST_BYTES_MAX + 1, 0, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_ANSWER, 1, 0, 0, DECIDE_REPLY_ANSWER},
		{AICP_SHIM_ANSWER, 0, 0, 0, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_ANSWER, 1, 1, 0, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_ANSWER, 1, 0, 1, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_HOLD, 1, 0, 1, DECIDE_REPLY_HOLD},
		{AICP_SHIM_HOLD, 1, 1, 1, DECIDE_REPLY_HOLD},
		{AICP_SHIM_HOLD, 0, 0, 1, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_HOLD, 1, 0, 0, DECIDE_REPLY_GARBAGE},
		{AICP_SHIM_HOLD, 1, AICP_SHIM_REQUEST_BYTES_MAX + 1, 1, DECIDE_REPLY_GARBAGE},
		{(enum aicp_shim_action)5, 0, 0, 0, DECIDE_REPLY_GARBAGE},
		{(enum aicp_shim_action)0, 0, 0, 0, DECIDE_REPLY_GARBAGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct aicp_shim_verdict v = good.v;
		struct link_answer got = {.n = 0};

		v.action = cases[i].action;
		v.answer_bytes = cases[i].answer ? sizeof(good.answer) : 0;
		v.body_bytes = cases[i].body;
		v.extra = cases[i].extra;
		if (read_as(&v, (const uint8_t *)good.answer, &got) != cases[i].reply)
			fail_msg("case %zu", i);
		if (cases[i].reply == DECIDE_REPLY_GARBAGE)
			continue;
		assert_int_equal(got.n, v.answer_bytes);
		assert_int_equal(got.body_n, cases[i].body);
		if (v.action == AICP_SHIM_HOLD) {
			assert_int_equal(got.wait_ms, cases[i].extra);
			assert_false(got.witness);
		} else {
			assert_int_equal(got.wait_ms, 0);
			assert_int_equal(got.witness, cases[i].extra);
		}
	}
}

static void test_nobody_there(void **state)
{
	struct link_question q = {.path = "/no/such/socket",
				  .timeout_ms = 100,
				  .type = AICP_SHIM_REQUEST,
				  .host = "h",
				  .request = (const uint8_t *)"x",
				  .request_n = 1,
				  .socket = -1};
	uint8_t buffer[LINK_VERDICT_BYTES_MAX + 1];
	struct link_answer n;

	(void)state;
	assert_int_equal(link_ask(&q, buffer, &n), DECIDE_REPLY_ABSENT);
	q.path = "";
	assert_int_not_equal(link_ask(&q, buffer, &n), DECIDE_REPLY_PASS);
	q.path = "/tmp";
	assert_int_equal(link_ask(&q, buffer, &n), DECIDE_REPLY_ABSENT);
	q.path = "/a/path/that/is/longer/than/any/unix/socket/may/have/and/goes/on/for/a/while/"
		 "until/it/is/more/than/108/bytes";
	assert_int_equal(link_ask(&q, buffer, &n), DECIDE_REPLY_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_are_those_of_dlsym),
		cmocka_unit_test(test_functions_that_are_not_there),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_lock_excludes),
		cmocka_unit_test(test_lock_over_fork),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_calls_leave_errno),
		cmocka_unit_test(test_signals_of_the_program),
		cmocka_unit_test(test_memfd_is_sealed),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_what_belongs_to_a_verdict),
		cmocka_unit_test(test_nobody_there),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
