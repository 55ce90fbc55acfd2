/* SPDX-License-Identifier: MIT */
/* Closing what a stranger passed: nobody waits for him, and who stands behind him gets his turn. */
#include "io/closer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LINGER_S 20
#define SOON_NS	 INT64_C(5000000000)

/* A TCP socket that nobody reads from, with bytes to deliver and the order to wait for that. Its
 * peer, and the last descriptor of it. */
static void make_lingering(int *ret_peer, int *ret_fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	static const char bytes[65536];
	socklen_t n = sizeof(at);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, n), 0);
	*ret_peer = accept(listener, NULL, NULL);
	assert_true(*ret_peer >= 0);
	close(listener);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	*ret_fd = fd;
}

static void stop(struct loop_timer *timer)
{
	loop_stop(timer->data, 0);
}

/* The loop goes on for a while. */
static void turn(struct loop *loop)
{
	struct loop_timer timer = {.fire = stop, .data = loop};

	loop_timer_set(loop, &timer, loop_mono_ns() + 200000000);
	assert_int_equal(loop_run(loop), 0);
}

/* Does the other end of a pipe see that its writer was closed? */
static bool closed_soon(int reader)
{
	struct pollfd p = {.fd = reader, .events = POLLIN};

	return poll(&p, 1, (int)(SOON_NS / 1000000)) == 1 && p.revents & POLLHUP;
}

static void closes(void **state)
{
	struct loop *loop = loop_new();
	struct closer *c = closer_new(loop);
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	closer_close(c, -1);
	closer_close(c, fd[1]);
	turn(loop);
	assert_true(closed_soon(fd[0]));
	closer_free(c);
	loop_free(loop);
	close(fd[0]);
}

static void waits_for_nobody(void **state)
{
	struct loop *loop = loop_new();
	struct closer *c = closer_new(loop);
	int64_t begin = loop_mono_ns();
	int peer[2], lingering, fd[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		make_lingering(&peer[i], &lingering);
		closer_close(c, lingering);
	}
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	closer_close(c, fd[1]);
	turn(loop);
	assert_true(closed_soon(fd[0]));
	assert_true(loop_mono_ns() - begin < SOON_NS);
	closer_free(c);
	loop_free(loop);
	close(fd[0]);
	close(peer[0]);
	close(peer[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes),
		cmocka_unit_test(waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
