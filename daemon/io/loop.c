/* SPDX-License-Identifier: MIT */
#include "io/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* Events fetched by one system call; more wait for the next. */
#define BATCH_EVENTS 64

struct loop {
	int epoll_fd;
	bool stopped;
	int status;
	struct loop_timer *first, *last; /* ascending by due_ns */
	struct epoll_event batch[BATCH_EVENTS];
	int batch_n;
	struct loop_source signal_source;
	void (*signal_taken)(void *data, int signal);
	void *signal_data;
	bool (*after)(void *data);
	void *after_data;
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t loop_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t loop_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->signal_source.fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->signal_source.fd >= 0)
		close(loop->signal_source.fd);
	close(loop->epoll_fd);
	free(loop);
}

int loop_add(struct loop *loop, struct loop_source *source)
{
	struct epoll_event event = {.events = source->events, .data.ptr = source};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
		return -errno;
	source->added = true;
	return 0;
}

int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (!source->added || source->events == events)
		return 0;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	if (!source->added)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->added = false;
	/* Its memory may be gone before the rest of the batch is looked at. */
	for (int i = 0; i < loop->batch_n; i++)
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->set)
		return;
	if (timer->prev)
		timer->prev->next = timer->next;
	else
		loop->first = timer->next;
	if (timer->next)
		timer->next->prev = timer->prev;
	else
		loop->last = timer->prev;
	timer->next = timer->prev = NULL;
	timer->set = false;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ns)
{
	struct loop_timer *before;

	loop_timer_clear(loop, timer);
	timer->due_ns = due_ns;
	for (before = loop->last; before && before->due_ns > due_ns; before = before->prev)
		;
	timer->prev = before;
	timer->next = before ? before->next : loop->first;
	if (timer->prev)
		timer->prev->next = timer;
	else
		loop->first = timer;
	if (timer->next)
		timer->next->prev = timer;
	else
		loop->last = timer;
	timer->set = true;
}

static void fire_timers(struct loop *loop)
{
	int64_t now = loop->first ? loop_mono_ns() : 0;

	while (!loop->stopped && loop->first && loop->first->due_ns <= now) {
		struct loop_timer *timer = loop->first;

		loop_timer_clear(loop, timer);
		timer->fire(timer);
	}
}

static int sleep_ms(const struct loop *loop)
{
	int64_t left_ns, ms;

	if (!loop->first)
		return -1;
	left_ns = loop->first->due_ns - loop_mono_ns();
	if (left_ns <= 0)
		return 0;
	ms = left_ns / 1000000 + 1;
	return ms > 3600000 ? 3600000 : (int)ms;
}

static void signal_ready(struct loop_source *source, uint32_t events)
{
	struct loop *loop = source->data;
	struct signalfd_siginfo info;

	(void)events;
	while (read(source->fd, &info, sizeof(info)) == sizeof(info))
		loop->signal_taken(loop->signal_data, (int)info.ssi_signo);
}

int loop_signals(struct loop *loop, const sigset_t *signals, void (*taken)(void *data, int signal),
		 void *data)
{
	if (sigprocmask(SIG_BLOCK, signals, NULL) < 0)
		return -errno;
	loop->signal_source = (struct loop_source){
		.fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK),
		.events = EPOLLIN,
		.ready = signal_ready,
		.data = loop,
	};
	if (loop->signal_source.fd < 0)
		return -errno;
	loop->signal_taken = taken;
	loop->signal_data = data;
	return loop_add(loop, &loop->signal_source);
}

void loop_after_batch(struct loop *loop, bool (*after)(void *data), void *data)
{
	loop->after = after;
	loop->after_data = data;
}

int loop_run(struct loop *loop)
{
	bool busy = loop->after && loop->after(loop->after_data);

	while (!loop->stopped) {
		loop->batch_n = epoll_wait(loop->epoll_fd, loop->batch, BATCH_EVENTS,
					   busy ? 0 : sleep_ms(loop));
		if (loop->batch_n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < loop->batch_n && !loop->stopped; i++) {
			struct loop_source *source = loop->batch[i].data.ptr;

			if (source)
				source->ready(source, loop->batch[i].events);
		}
		loop->batch_n = 0;
		fire_timers(loop);
		busy = !loop->stopped && loop->after && loop->after(loop->after_data);
	}
	return loop->status;
}

void loop_stop(struct loop *loop, int status)
{
	loop->stopped = true;
	loop->status = status;
}
