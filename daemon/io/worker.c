/* SPDX-License-Identifier: MIT */
#include "io/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct worker {
	struct loop *loop;
	struct loop_source finished; /* an eventfd */
	struct worker_job job;
	bool busy; /* the loop's view: from worker_start() to done() */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock; /* over what is below */
	pthread_cond_t wake;
	bool wanted, end;
};

static void finished(struct loop_source *source, uint32_t events)
{
	struct worker *w = source->data;
	uint64_t n;

	(void)events;
	if (read(source->fd, &n, sizeof(n)) != sizeof(n))
		return;
	w->busy = false;
	w->job.done(w->job.data);
}

struct worker *worker_new(struct loop *loop)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->loop = loop;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	w->finished = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.events = EPOLLIN,
		.ready = finished,
		.data = w,
	};
	if (w->finished.fd < 0 || loop_add(loop, &w->finished) < 0) {
		worker_free(w);
		return NULL;
	}
	return w;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->has_thread) {
		pthread_mutex_lock(&w->lock);
		w->end = true;
		pthread_cond_signal(&w->wake);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
	}
	loop_remove(w->loop, &w->finished);
	if (w->finished.fd >= 0)
		close(w->finished.fd);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

bool worker_busy(const struct worker *w)
{
	return w->busy;
}

static void *work(void *data)
{
	const uint64_t one = 1;
	struct worker *w = data;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->wanted && !w->end)
			pthread_cond_wait(&w->wake, &w->lock);
		if (!w->wanted)
			break;
		w->wanted = false;
		pthread_mutex_unlock(&w->lock);
		w->job.run(w->job.data);
		/* The counter of an eventfd that is read each time has room for this. */
		if (write(w->finished.fd, &one, sizeof(one)) != sizeof(one))
			abort();
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int worker_start(struct worker *w, const struct worker_job *job)
{
	int r;

	if (!w->has_thread) {
		r = pthread_create(&w->thread, NULL, work, w);
		if (r)
			return -r;
		w->has_thread = true;
	}
	w->busy = true;
	pthread_mutex_lock(&w->lock);
	w->job = *job;
	w->wanted = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return 0;
}
