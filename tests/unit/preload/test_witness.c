/* SPDX-License-Identifier: MIT */
/* What the engine is told of a response, at the other end of a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aicp/limits.h"
#include "aicp/shim.h"
#include "preload/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct pair {
	struct witness w;
	int engine; /* our end of it */
};

static struct {
	struct aicp_shim_response head;
	uint8_t bytes[AICP_SHIM_INLINE_BYTES_MAX + 1];
} message;

static void pair_begin(struct pair *p)
{
	int fds[2];

	memset(p, 0, sizeof(*p));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	p->engine = fds[1];
	witness_begin(&p->w, fds[0]);
	assert_true(witness_is_on(&p->w));
	close(fds[0]);
}

static void pair_end(struct pair *p)
{
	witness_end(&p->w, false);
	close(p->engine);
}

/* The next message's bytes, -1 when there is none, -2 at the end. */
static long next(struct pair *p)
{
	ssize_t n = recv(p->engine, &message, sizeof(message), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 ? -1 : -2;
	assert_true((size_t)n >= sizeof(message.head));
	assert_int_equal(message.head.magic, AICP_SHIM_MAGIC);
	assert_int_equal(message.head.version, AICP_SHIM_VERSION);
	assert_int_equal(message.head.type, AICP_SHIM_RESPONSE);
	assert_int_equal(message.head.bytes, (size_t)n - sizeof(message.head));
	return (long)message.head.bytes;
}

static void expect(struct pair *p, uint64_t offset, const void *bytes, size_t n, uint32_t flags)
{
	assert_int_equal(next(p), n);
	assert_int_equal(message.head.offset, offset);
	assert_int_equal(message.head.flags, flags);
	if (n)
		assert_memory_equal(message.bytes, bytes, n);
}

static void test_tells(void **state)
{
	static uint8_t large[150000];
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i * 31 >> 3);
	pair_begin(&p);
	witness_tell(&p.w, "abc", 3);
	witness_tell(&p.w, large, sizeof(large));
	expect(&p, 0, "abc", 3, 0);
	expect(&p, 3, large, 65536, 0);
	expect(&p, 3 + 65536, large + 65536, 65536, 0);
	expect(&p, 3 + 131072, large + 131072, sizeof(large) - 131072, 0);
	witness_end(&p.w, true);
	expect(&p, 3 + sizeof(large), NULL, 0, AICP_SHIM_R_END);
	assert_int_equal(next(&p), -2);
	/* Nothing is on any more, and may be told all the same. */
	witness_tell(&p.w, "x", 1);
	witness_end(&p.w, true);
	close(p.engine);
}

/* What does not fit is left out, and later messages say so. */
static void test_full(void **state)
{
	static uint8_t bytes[16384];
	uint64_t told = 0, seen = 0, gap;
	struct pair p;
	long n;

	(void)state;
	pair_begin(&p);
	errno = 4711;
	for (int i = 0; i < 1000; i++, told += sizeof(bytes))
		witness_tell(&p.w, bytes, sizeof(bytes));
	assert_int_equal(errno, 4711);
	while ((n = next(&p)) > 0) {
		assert_int_equal(message.head.offset, seen);
		seen += (uint64_t)n;
	}
	assert_in_range(seen, sizeof(bytes), told - 1);
	witness_tell(&p.w, "behind", 6);
	assert_int_equal(next(&p), 6);
	gap = message.head.offset - seen;
	assert_int_equal(gap, told - seen);
	pair_end(&p);
}

/* The engine wants no more: no signal, no error, and nothing is kept. */
static void test_engine_gone(void **state)
{
	struct pair p;
	int fd;

	(void)state;
	pair_begin(&p);
	fd = p.w.engine.fd;
	close(p.engine);
	errno = 4711;
	witness_tell(&p.w, "x", 1);
	assert_int_equal(errno, 4711);
	assert_false(witness_is_on(&p.w));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* What two tell at the same time is left out. */
static void test_contended(void **state)
{
	struct pair p;

	(void)state;
	pair_begin(&p);
	lock_take(&p.w.lock);
	witness_tell(&p.w, "lost", 4);
	witness_end(&p.w, true); /* from a signal handler inside */
	lock_drop(&p.w.lock);
	witness_tell(&p.w, "told", 4);
	expect(&p, 4, "told", 4, 0);
	/* And so is what nobody has. */
	witness_tell(&p.w, NULL, 100);
	witness_tell(&p.w, "told", 4);
	expect(&p, 108, "told", 4, 0);
	pair_end(&p);
}

/* A child says nothing, and its end is not the parent's. */
static void test_child(void **state)
{
	int status = -1;
	struct pair p;
	pid_t child;

	(void)state;
	pair_begin(&p);
	child = fork();
	if (child == 0) {
		witness_tell(&p.w, "child", 5);
		witness_end(&p.w, true);
		_exit(witness_is_on(&p.w) || fcntl(p.w.engine.fd, F_GETFD) >= 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	witness_tell(&p.w, "parent", 6);
	expect(&p, 0, "parent", 6, 0);
	/* A child with a copy does not keep it open. */
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	witness_end(&p.w, false);
	assert_int_equal(next(&p), -2);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(p.engine);
}

/* A descriptor that is not ours any more is left alone. */
static void test_replaced(void **state)
{
	struct pair p;
	int other[2];
	char byte;

	(void)state;
	pair_begin(&p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other), 0);
	assert_int_equal(dup2(other[0], p.w.engine.fd), p.w.engine.fd);
	witness_tell(&p.w, "x", 1);
	assert_false(witness_is_on(&p.w));
	witness_end(&p.w, true);
	assert_int_equal(recv(other[1], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(next(&p), -2);
	close(other[0]);
	close(other[1]);
	close(p.engine);
}

/* A program that may have few descriptors keeps them all. */
static void test_few_descriptors(void **state)
{
	struct rlimit before, few = {100, 0};
	struct witness w = {.on = false};
	int fds[2];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	witness_begin(&w, fds[0]);
	assert_false(witness_is_on(&w));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tells),		cmocka_unit_test(test_full),
		cmocka_unit_test(test_engine_gone),	cmocka_unit_test(test_contended),
		cmocka_unit_test(test_child),		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_few_descriptors),
	};

	return cmocka_run_group_tests_name("preload/witness", tests, NULL, NULL);
}
