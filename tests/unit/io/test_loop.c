/* SPDX-License-Identifier: MIT */
/* The event loop: order of timers, removal inside callbacks, signals; and what rests on it: peers,
 * notifications. */
#include "io/loop.h"

#include "io/notify.h"
#include "io/peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
	struct loop *loop;
	int order[16];
	int n;
	struct loop_timer timer[8];
	struct loop_source source[2];
	int left;
};

static void note(struct loop_timer *timer)
{
	struct scene *s = timer->data;

	s->order[s->n++] = (int)(timer - s->timer);
	if (--s->left == 0)
		loop_stop(s->loop, 7);
}

static void timers_fire_in_order(void **state)
{
	/* Due in milliseconds; the fourth is cleared, the first set again. */
	const int due[] = {3, 1, 2, 1, 0, 2};
	const int expected[] = {4, 1, 2, 5, 0};
	struct scene s = {.loop = loop_new(), .left = 5};
	int64_t now = loop_mono_ns();

	(void)state;
	for (int i = 0; i < 6; i++) {
		s.timer[i] = (struct loop_timer){.fire = note, .data = &s};
		loop_timer_set(s.loop, &s.timer[i], now + due[i] * INT64_C(1000000));
	}
	loop_timer_set(s.loop, &s.timer[0], now + 4 * INT64_C(1000000));
	loop_timer_clear(s.loop, &s.timer[3]);
	loop_timer_clear(s.loop, &s.timer[3]);
	assert_int_equal(loop_run(s.loop), 7);
	assert_int_equal(s.n, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(s.order[i], expected[i]);
	assert_true(loop_mono_ns() - now >= 4 * INT64_C(1000000));
	loop_free(s.loop);
}

static void ready(struct loop_source *source, uint32_t events)
{
	struct scene *s = source->data;
	int other = source == &s->source[0];

	(void)events;
	s->n++;
	/* Whoever comes first takes the other away: it must not be called any more. */
	loop_remove(s->loop, &s->source[other]);
	loop_remove(s->loop, source);
	loop_stop(s->loop, 0);
}

static void removed_sources_are_silent(void **state)
{
	struct scene s = {.loop = loop_new()};
	int fd[2][2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(fd[i]), 0);
		assert_int_equal(write(fd[i][1], "x", 1), 1);
		s.source[i] = (struct loop_source){
			.fd = fd[i][0], .events = EPOLLIN, .ready = ready, .data = &s};
		assert_int_equal(loop_add(s.loop, &s.source[i]), 0);
	}
	assert_int_equal(loop_run(s.loop), 0);
	assert_int_equal(s.n, 1);
	for (int i = 0; i < 4; i++)
		close(fd[i / 2][i % 2]);
	loop_free(s.loop);
}

static void taken(void *data, int signal)
{
	struct scene *s = data;

	s->order[s->n++] = signal;
	loop_stop(s->loop, 0);
}

static void signals_arrive(void **state)
{
	struct scene s = {.loop = loop_new()};
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(loop_signals(s.loop, &set, taken, &s), 0);
	raise(SIGUSR1);
	assert_int_equal(loop_run(s.loop), 0);
	assert_int_equal(s.order[0], SIGUSR1);
	loop_free(s.loop);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static bool three_times(void *data)
{
	struct scene *s = data;

	if (++s->n == 3)
		loop_stop(s->loop, 0);
	return true;
}

static void busy_hooks_are_called_again_at_once(void **state)
{
	struct scene s = {.loop = loop_new()};

	(void)state;
	loop_after_batch(s.loop, three_times, &s);
	assert_int_equal(loop_run(s.loop), 0);
	assert_int_equal(s.n, 3);
	loop_free(s.loop);
}

struct two {
	struct loop *loop;
	struct peer a, b;
	uint64_t next;
	int gone;
};

static void b_takes(struct peer *peer, struct link_message *message)
{
	struct two *t = peer->data;

	assert_int_equal(message->id, t->next++);
	if (t->next == 3000)
		peer_close(&t->a);
}

static void b_gone(struct peer *peer, int error)
{
	struct two *t = peer->data;

	t->gone = error;
	assert_null(peer->link);
	loop_stop(t->loop, 0);
}

static void peers_get_everything_in_order(void **state)
{
	static uint8_t bytes[1000];
	struct two t = {.loop = loop_new()};
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	t.a = (struct peer){.loop = t.loop, .message = b_takes, .gone = b_gone, .data = &t};
	t.b = t.a;
	assert_int_equal(peer_open(&t.a, fd[0]), 0);
	assert_int_equal(peer_open(&t.b, fd[1]), 0);
	for (uint64_t i = 0; i < 3000; i++)
		assert_int_equal(peer_send(&t.a, LINK_APPEND, i, span_of(bytes, sizeof(bytes)), -1),
				 0);
	assert_int_equal(loop_run(t.loop), 0);
	assert_int_equal(t.next, 3000);
	assert_int_equal(t.gone, -EPIPE);
	assert_int_equal(peer_send(&t.a, LINK_APPEND, 1, SPAN_NULL, -1), -ENOTCONN);
	loop_free(t.loop);
}

static void a_peer_that_breaks_the_format_is_gone(void **state)
{
	struct two t = {.loop = loop_new()};
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	t.b = (struct peer){.loop = t.loop, .message = b_takes, .gone = b_gone, .data = &t};
	assert_int_equal(peer_open(&t.b, fd[1]), 0);
	assert_int_equal(send(fd[0], "garbage", 7, 0), 7);
	assert_int_equal(loop_run(t.loop), 0);
	assert_int_equal(t.gone, -EBADMSG);
	close(fd[0]);
	loop_free(t.loop);
}

static void notifies(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char got[64] = "", name[64];
	int n;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	assert_int_equal(notify_send("READY=1"), -ENOENT);
	/* The abstract namespace, where '@' stands for the NUL. */
	n = snprintf(name, sizeof(name), "@aicp-notify-%d", (int)getpid());
	memcpy(at.sun_path + 1, name + 1, (size_t)n - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_send("READY=1"), 0);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
	assert_string_equal(got, "READY=1");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order),
		cmocka_unit_test(removed_sources_are_silent),
		cmocka_unit_test(signals_arrive),
		cmocka_unit_test(busy_hooks_are_called_again_at_once),
		cmocka_unit_test(peers_get_everything_in_order),
		cmocka_unit_test(a_peer_that_breaks_the_format_is_gone),
		cmocka_unit_test(notifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
