/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include "object.h"
#include "os.h"

#include <pthread.h>
#include <string.h>

/* What libc needs for a thread of its own (its thread-local storage), and 64 KiB. */
#define STACK_BYTES (256u << 10)

struct functions {
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*attr_init)(pthread_attr_t *);
	int (*attr_detached)(pthread_attr_t *, int);
	int (*attr_stack)(pthread_attr_t *, size_t);
	int (*attr_destroy)(pthread_attr_t *);
};

static void take(const struct object *o, const char *name, void *ret_place)
{
	void *f, *before;

	memcpy(&before, ret_place, sizeof(before));
	f = before ? NULL : object_function(o, name);
	if (f)
		memcpy(ret_place, &f, sizeof(f));
}

/* The first of each in load order, as the program would get it. */
static bool look(const struct object *o, void *data)
{
	struct functions *f = data;

	take(o, "pthread_create", &f->create);
	take(o, "pthread_attr_init", &f->attr_init);
	take(o, "pthread_attr_setdetachstate", &f->attr_detached);
	take(o, "pthread_attr_setstacksize", &f->attr_stack);
	take(o, "pthread_attr_destroy", &f->attr_destroy);
	return true;
}

static void *start(void *data)
{
	void (*run)(void);

	memcpy(&run, &data, sizeof(run));
	run();
	return NULL;
}

bool thread_start(void (*run)(void))
{
	struct functions f = {0};
	pthread_attr_t attr;
	uint64_t signals;
	pthread_t thread;
	void *data;
	int r;

	object_each(look, &f);
	if (!f.create || !f.attr_init || !f.attr_detached || !f.attr_stack || !f.attr_destroy)
		return false;
	if (f.attr_init(&attr))
		return false;
	memcpy(&data, &run, sizeof(data));
	r = f.attr_detached(&attr, PTHREAD_CREATE_DETACHED);
	if (!r)
		r = f.attr_stack(&attr, STACK_BYTES);
	signals = os_signals_block();
	if (!r)
		r = f.create(&thread, &attr, start, data);
	os_signals_restore(signals);
	(void)f.attr_destroy(&attr);
	return r == 0;
}
