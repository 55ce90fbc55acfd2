/* SPDX-License-Identifier: MIT */
/* Who is known from a moment ago: real processes that stay, execute another program, fork and end;
 * shares of users, and time. */
#include "io/identity_cache.h"

#include "io/process.h"
#include "io/process_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#define JSON SPAN_LIT("{\"cgroup\":\"/x\",\"pid\":7}")

struct fixture {
	struct loop *loop;
	struct identity_cache *cache;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	f->cache = identity_cache_new(f->loop);
	*state = f;
	return f->cache ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	identity_cache_free(f->cache);
	loop_free(f->loop);
	free(f);
	return 0;
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 2048; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

struct child {
	pid_t pid;
	int pidfd, order; /* a byte: become another program */
};

static void child_start(struct child *c)
{
	int order[2];
	char byte;

	assert_int_equal(pipe(order), 0);
	c->pid = fork();
	if (c->pid == 0) {
		close(order[1]);
		if (read(order[0], &byte, 1) == 1)
			execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	close(order[0]);
	c->order = order[1];
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	assert_true(c->pidfd >= 0);
}

static void child_end(struct child *c)
{
	kill(c->pid, SIGKILL);
	poll(&(struct pollfd){.fd = c->pidfd, .events = POLLIN}, 1, 5000);
	waitpid(c->pid, NULL, 0);
	close(c->pidfd);
	close(c->order);
}

static int watch_of(const struct child *c)
{
	char path[32];
	int watch, dir;

	snprintf(path, sizeof(path), "/proc/%d", (int)c->pid);
	dir = open(path, O_PATH | O_DIRECTORY);
	watch = process_watch_open(dir);
	close(dir);
	assert_true(watch >= 0);
	return watch;
}

static void add(struct fixture *f, const struct child *c, uid_t uid, struct span json)
{
	const struct identity_news news = {
		.pid = c->pid,
		.pidfd = dup(c->pidfd),
		.watch = watch_of(c),
		.uid = uid,
		.asked_ns = loop_mono_ns(),
		.json = json,
	};

	identity_cache_add(f->cache, &news);
}

static bool known(struct fixture *f, const struct child *c)
{
	struct known_identity *k = identity_cache_find(f->cache, c->pid);

	known_identity_put(k);
	return k;
}

static void knows_who_stays(void **state)
{
	struct fixture *f = *state;
	struct known_identity *held;
	struct child c;

	child_start(&c);
	assert_false(known(f, &c));
	add(f, &c, 1, JSON);
	held = identity_cache_find(f->cache, c.pid);
	assert_non_null(held);
	assert_true(span_eq_str(held->who.cgroup, "/x"));
	/* What was found lives on when it is known no more. */
	child_end(&c);
	assert_false(known(f, &c));
	assert_true(span_eq_str(held->who.cgroup, "/x"));
	known_identity_put(held);
}

/* The same process, the same pidfd, another program. */
static void forgets_who_executes_another_program(void **state)
{
	struct fixture *f = *state;
	char path[64], target[64] = "";
	struct child c;

	child_start(&c);
	add(f, &c, 1, JSON);
	assert_true(known(f, &c));
	assert_int_equal(write(c.order, "", 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)c.pid);
	for (int i = 0; i < 5000 && !strstr(target, "sleep"); i++) {
		usleep(1000);
		memset(target, 0, sizeof(target));
		assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	}
	assert_non_null(strstr(target, "sleep"));
	assert_false(known(f, &c));
	add(f, &c, 1, JSON);
	assert_true(known(f, &c));
	child_end(&c);
	assert_false(known(f, &c));
}

/* Whoever gets the number of one that has ended is somebody else, also when the memory of the one
 * before is kept by a third. */
static void knows_no_other_of_its_number(void **state)
{
	struct fixture *f = *state;
	struct child first, other;

	child_start(&first);
	child_start(&other);
	assert_false(known(f, &other));
	identity_cache_add(f->cache, &(struct identity_news){
					     .pid = other.pid,
					     .pidfd = dup(first.pidfd),
					     .watch = watch_of(&other),
					     .uid = 1,
					     .asked_ns = loop_mono_ns(),
					     .json = JSON,
				     });
	assert_true(known(f, &other));
	child_end(&first);
	assert_false(known(f, &other));
	child_end(&other);
}

/* Without both descriptors nothing would tell when it ends to be true. */
static void keeps_nobody_who_is_not_watched(void **state)
{
	struct fixture *f = *state;
	struct identity_news news = {.uid = 1, .asked_ns = loop_mono_ns(), .json = JSON};
	unsigned before;
	struct child c;

	child_start(&c);
	before = open_descriptors();
	news.pid = c.pid;
	news.pidfd = dup(c.pidfd);
	news.watch = -1;
	identity_cache_add(f->cache, &news);
	assert_false(known(f, &c));
	news.pidfd = -1;
	news.watch = watch_of(&c);
	identity_cache_add(f->cache, &news);
	assert_false(known(f, &c));
	assert_int_equal(open_descriptors(), before);
	child_end(&c);
}

static void forgets_with_time(void **state)
{
	struct fixture *f = *state;
	struct child c;
	struct identity_news news;

	child_start(&c);
	news = (struct identity_news){
		.pid = c.pid,
		.pidfd = dup(c.pidfd),
		.uid = 1,
		.asked_ns = loop_mono_ns() - AICP_IDENTITY_AGE_MS_MAX * INT64_C(1000000),
		.json = JSON,
		.watch = watch_of(&c),
	};
	identity_cache_add(f->cache, &news);
	assert_false(known(f, &c));
	add(f, &c, 1, JSON);
	assert_true(known(f, &c));
	usleep(AICP_IDENTITY_AGE_MS_MAX * 1000);
	assert_false(known(f, &c));
	child_end(&c);
}

static void stop(struct loop_timer *timer)
{
	loop_stop(timer->data, 0);
}

/* Also when nobody asks for it again. */
static void keeps_no_descriptor_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct loop_timer end = {.fire = stop, .data = f->loop};
	unsigned before;
	struct child c;

	child_start(&c);
	before = open_descriptors();
	add(f, &c, 1, JSON);
	assert_int_equal(open_descriptors(), before + 2);
	add(f, &c, 1, JSON);
	assert_int_equal(open_descriptors(), before + 2);
	loop_timer_set(f->loop, &end, loop_mono_ns() + INT64_C(2200000000));
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(open_descriptors(), before);
	/* Nothing is kept of what cannot be read or is too large, its descriptor neither. */
	add(f, &c, 1, SPAN_LIT("{\"pid\":"));
	assert_false(known(f, &c));
	assert_int_equal(open_descriptors(), before);
	child_end(&c);
}

/* One user's programs push out one another, not those of others. */
static void shares_are_kept(void **state)
{
	struct fixture *f = *state;
	struct child own, child;
	struct identity_news news;
	unsigned before = open_descriptors();

	child_start(&own);
	child_start(&child);
	add(f, &own, 1, JSON);
	for (unsigned i = 0; i < 3 * AICP_UID_IDENTITIES_MAX; i++) {
		news = (struct identity_news){
			.pid = 10000000 + i,
			.pidfd = dup(child.pidfd),
			.watch = watch_of(&child),
			.uid = 2,
			.asked_ns = loop_mono_ns(),
			.json = JSON,
		};
		identity_cache_add(f->cache, &news);
	}
	assert_int_equal(open_descriptors(), before + 4 + 2 * (1 + AICP_UID_IDENTITIES_MAX));
	assert_true(known(f, &own));
	/* Many users fill it, and it grows no further. */
	for (unsigned i = 0; i < 2 * AICP_IDENTITIES_MAX; i++) {
		news.pid++;
		news.pidfd = dup(child.pidfd);
		news.uid = 100 + i;
		news.asked_ns = loop_mono_ns();
		news.watch = watch_of(&child);
		identity_cache_add(f->cache, &news);
	}
	assert_int_equal(open_descriptors(), before + 4 + 2 * AICP_IDENTITIES_MAX);
	child_end(&own);
	child_end(&child);
}

static void reader_tells_how_to_watch(void **state)
{
	struct process_table *processes = process_table_new();
	struct exe_hash *hashes = exe_hash_new();
	struct exe_hash_job *job;
	struct identity who;
	struct stat exe;
	struct child c;
	int watch = -1;

	(void)state;
	child_start(&c);
	assert_int_equal(process_look(processes, hashes, c.pid, c.pidfd, &who, &watch),
			 PROCESS_E_HASH);
	assert_int_equal(watch, -1);
	assert_int_equal(exe_hash_begin(process_open_exe(processes, c.pid, &exe), &job), 0);
	while (exe_hash_step(hashes, job) == EXE_HASH_E_MORE)
		;
	exe_hash_job_free(job);
	/* Without a pidfd nothing tells it from the next one of its number. */
	assert_int_equal(process_look(processes, hashes, c.pid, -1, &who, &watch), 0);
	assert_int_equal(watch, -1);
	assert_int_equal(process_look(processes, hashes, c.pid, c.pidfd, &who, &watch), 0);
	assert_true(watch >= 0 && process_watch_holds(watch));
	child_end(&c);
	assert_false(process_watch_holds(watch));
	close(watch);
	assert_false(process_watch_holds(watch));
	process_table_free(processes);
	exe_hash_free(hashes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(knows_who_stays),
		TEST(forgets_who_executes_another_program),
		TEST(knows_no_other_of_its_number),
		TEST(keeps_nobody_who_is_not_watched),
		TEST(forgets_with_time),
		TEST(keeps_no_descriptor_for_nothing),
		TEST(shares_are_kept),
		TEST(reader_tells_how_to_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
