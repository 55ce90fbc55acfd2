/* SPDX-License-Identifier: MIT */
/* The thread beside the loop: one job at a time, its end told in the loop, and the loop free
 * meanwhile. */
#include "io/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
	struct loop *loop;
	struct worker *worker;
	struct loop_timer timer;
	pthread_t loop_thread;
	int begun, ended, ticks, want;
};

static void run(void *data)
{
	struct scene *s = data;

	assert_false(pthread_equal(pthread_self(), s->loop_thread));
	s->begun++;
	usleep(5000);
}

static void done(void *data);

static void start(struct scene *s)
{
	const struct worker_job job = {run, done, s};

	assert_false(worker_busy(s->worker));
	assert_int_equal(worker_start(s->worker, &job), 0);
	assert_true(worker_busy(s->worker));
}

static void done(void *data)
{
	struct scene *s = data;

	assert_true(pthread_equal(pthread_self(), s->loop_thread));
	s->ended++;
	assert_int_equal(s->begun, s->ended);
	if (s->ended == s->want)
		loop_stop(s->loop, 0);
	else
		start(s);
}

static void tick(struct loop_timer *timer)
{
	struct scene *s = timer->data;

	s->ticks++;
	loop_timer_set(s->loop, timer, loop_mono_ns() + 1000000);
}

static void runs_one_job_behind_the_other(void **state)
{
	struct scene s = {.loop = loop_new(), .loop_thread = pthread_self(), .want = 20};

	(void)state;
	s.worker = worker_new(s.loop);
	s.timer = (struct loop_timer){.fire = tick, .data = &s};
	loop_timer_set(s.loop, &s.timer, 0);
	start(&s);
	assert_int_equal(loop_run(s.loop), 0);
	assert_int_equal(s.ended, 20);
	/* 20 jobs of 5 ms: the loop had its own turns all the while. */
	assert_true(s.ticks >= 20);
	worker_free(s.worker);
	loop_free(s.loop);
}

static void ends_with_a_job_in_hand(void **state)
{
	struct scene s = {.loop = loop_new(), .loop_thread = pthread_self(), .want = 1};

	(void)state;
	s.worker = worker_new(s.loop);
	start(&s);
	worker_free(s.worker);
	assert_int_equal(s.begun, 1);
	assert_int_equal(s.ended, 0);
	loop_free(s.loop);
}

static void ends_without_ever_having_run(void **state)
{
	struct loop *loop = loop_new();

	(void)state;
	worker_free(worker_new(loop));
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_one_job_behind_the_other),
		cmocka_unit_test(ends_with_a_job_in_hand),
		cmocka_unit_test(ends_without_ever_having_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
