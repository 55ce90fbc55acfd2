/* SPDX-License-Identifier: MIT */
#include "io/closer.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define ROOM 1024u
/* The thread is woken for many at once: waking it for each would cost every request some. */
#define BATCH	 64u
#define PAUSE_NS (10 * INT64_C(1000000))
/* Ordinary closes take microseconds. */
#define PATIENCE_NS (20 * INT64_C(1000000))
#define NUDGE	    SIGUSR1

struct closer {
	struct loop *loop;
	struct loop_timer pause;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock; /* over what is below */
	pthread_cond_t wake;
	bool end;
	int64_t busy_since_ns; /* 0: the thread closes nothing now */
	unsigned first, n;
	int fd[ROOM];
};

/* Under the lock. Has the thread been at one descriptor for too long? */
static bool stuck(const struct closer *c)
{
	return c->busy_since_ns && loop_mono_ns() - c->busy_since_ns > PATIENCE_NS;
}

static void pause_over(struct loop_timer *timer)
{
	struct closer *c = timer->data;
	bool waited;

	pthread_mutex_lock(&c->lock);
	waited = stuck(c);
	if (c->n)
		loop_timer_set(c->loop, timer, loop_mono_ns() + PAUSE_NS);
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	if (waited)
		pthread_kill(c->thread, NUDGE);
}

struct closer *closer_new(struct loop *loop)
{
	struct closer *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->loop = loop;
	c->pause = (struct loop_timer){.fire = pause_over, .data = c};
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	return c;
}

void closer_free(struct closer *c)
{
	if (!c)
		return;
	loop_timer_clear(c->loop, &c->pause);
	if (c->has_thread) {
		pthread_mutex_lock(&c->lock);
		c->end = true;
		pthread_cond_signal(&c->wake);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void *work(void *data)
{
	struct closer *c = data;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		int fd;

		while (!c->n && !c->end)
			pthread_cond_wait(&c->wake, &c->lock);
		if (!c->n)
			break;
		fd = c->fd[c->first];
		c->first = (c->first + 1) % ROOM;
		c->n--;
		c->busy_since_ns = loop_mono_ns();
		pthread_mutex_unlock(&c->lock);
		close(fd);
		pthread_mutex_lock(&c->lock);
		c->busy_since_ns = 0;
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Nothing to do: that it came ends the wait. */
static void nudged(int number)
{
	(void)number;
}

static bool has_thread(struct closer *c)
{
	const struct sigaction action = {.sa_handler = nudged};

	if (!c->has_thread)
		c->has_thread = sigaction(NUDGE, &action, NULL) == 0 &&
				pthread_create(&c->thread, NULL, work, c) == 0;
	return c->has_thread;
}

void closer_close(struct closer *c, int fd)
{
	bool queued, full;

	if (fd < 0)
		return;
	if (!has_thread(c)) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&c->lock);
	queued = c->n < ROOM;
	if (queued)
		c->fd[(c->first + c->n++) % ROOM] = fd;
	full = c->n >= BATCH;
	pthread_mutex_unlock(&c->lock);
	if (full)
		pthread_cond_signal(&c->wake);
	if (!c->pause.set)
		loop_timer_set(c->loop, &c->pause, loop_mono_ns() + PAUSE_NS);
	if (!queued)
		close(fd);
}
