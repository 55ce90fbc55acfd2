/* SPDX-License-Identifier: MIT */
/* One thread beside an event loop, for work that would keep the loop too long: one job at a time.
 */
#pragma once

#include "base/parse.h"
#include "io/loop.h"

struct worker;
/* The thread itself is made with the first job. NULL: out of memory or descriptors. */
struct worker *worker_new(struct loop *loop);
/* Waits for the job in hand; its done() is not called any more. */
void worker_free(struct worker *worker);

bool worker_busy(const struct worker *worker);

struct worker_job {
	void (*run)(
		void *data); /* on the thread: touches nothing that the loop touches meanwhile */
	void (*done)(void *data); /* in the loop, afterwards; may start the next job */
	void *data;
};
/* The worker must not be busy. 0, or -errno when there is no thread to be had: then nothing runs.
 */
MUST_CHECK int worker_start(struct worker *worker, const struct worker_job *job);
