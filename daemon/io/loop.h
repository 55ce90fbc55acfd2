/* SPDX-License-Identifier: MIT */
/* The event loop of a role: descriptors, timers, signals, and one hook behind each batch of events.
 * One thread. */
#pragma once

#include "base/parse.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct loop *loop_new(void); /* NULL: out of memory or descriptors */
void loop_free(struct loop *loop);

/* Monotonic and wall-clock nanoseconds, now. */
int64_t loop_mono_ns(void);
int64_t loop_wall_ns(void);

/* A watched descriptor, embedded in what it belongs to; the loop borrows it until loop_remove().
 * The descriptor must be removed before it is closed. */
struct loop_source {
	int fd;
	uint32_t events;
	void (*ready)(struct loop_source *source, uint32_t events);
	void *data;
	bool added;
};
/* Level-triggered. 0 or -errno. */
MUST_CHECK int loop_add(struct loop *loop, struct loop_source *source);
/* Changes what is waited for; does nothing when it is the same. 0 or -errno. */
int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
/* Also safe inside ready() of this or any other source: no call follows. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* A timer, embedded likewise; it fires once. */
struct loop_timer {
	int64_t due_ns; /* monotonic */
	void (*fire)(struct loop_timer *timer);
	void *data;
	struct loop_timer *next, *prev;
	bool set;
};
/* Sets or moves. Cheap when timers are mostly set with the same few delays. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ns);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/* Blocks the signals and calls taken() for each. 0 or -errno. */
MUST_CHECK int loop_signals(struct loop *loop, const sigset_t *signals,
			    void (*taken)(void *data, int signal), void *data);

/* Called behind each batch of events; while it returns true the loop does not sleep. */
void loop_after_batch(struct loop *loop, bool (*after)(void *data), void *data);

/* Runs until loop_stop(); returns its status, or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int status);
