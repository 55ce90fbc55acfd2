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
#include <sys/vfs.h>
#include <sys/wait.h>

#include <cmocka.h>

#define JSON SPAN_LIT("{\"cgroup\":\"/x\",\"pid\":7}")

struct fixture {
	struct loop *loop;
	struct identity_cache *cache;
};

/* Kernels before 6.9 have no pidfds to tell processes apart: then nothing is ever kept. */
static bool has_pidfs(void)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct statfs fs = {0};
	bool has = fstatfs(pidfd, &fs) == 0 && fs.f_type == 0x50494446;

	close(pidfd);
	return has;
}

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
	struct identity_key key;
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
	c->key = identity_key(c->pidfd, c->pid);
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
	watch = process_watch_open(dir, c->pidfd);
	close(dir);
	assert_true(watch >= 0);
	return watch;
}

static void add(struct fixture *f, const struct child *c, uid_t uid, struct span json)
{
	const struct identity_news news = {
		.key = c->key,
		.uid = uid,
		.asked_ns = loop_mono_ns(),
		.json = json,
		.watch = watch_of(c),
	};

	identity_cache_add(f->cache, &news);
}

static bool known(struct fixture *f, const struct child *c)
{
	struct known_identity *k = identity_cache_find(f->cache, &c->key);

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
	held = identity_cache_find(f->cache, &c.key);
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

/* A child of it has memory and a pidfd of its own; so has who gets its number later. */
static void knows_no_relatives(void **state)
{
	struct fixture *f = *state;
	struct child parent, other;

	child_start(&parent);
	child_start(&other);
	add(f, &parent, 1, JSON);
	assert_false(known(f, &other));
	other.key.pid = parent.key.pid;
	assert_false(known(f, &other));
	other.key.inode = 0;
	assert_false(known(f, &other));
	assert_true(known(f, &parent));
	child_end(&parent);
	child_end(&other);
}

static void forgets_with_time(void **state)
{
	struct fixture *f = *state;
	struct child c;
	struct identity_news news;

	child_start(&c);
	news = (struct identity_news){
		.key = c.key,
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
	assert_int_equal(open_descriptors(), before + 1);
	add(f, &c, 1, JSON);
	assert_int_equal(open_descriptors(), before + 1);
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
			.key = {.device = child.key.device,
				.inode = child.key.inode + i,
				.pid = child.pid},
			.uid = 2,
			.asked_ns = loop_mono_ns(),
			.json = JSON,
			.watch = watch_of(&child),
		};
		identity_cache_add(f->cache, &news);
	}
	assert_int_equal(open_descriptors(), before + 4 + 1 + AICP_UID_IDENTITIES_MAX);
	assert_true(known(f, &own));
	/* Many users fill it, and it grows no further. */
	for (unsigned i = 0; i < 2 * AICP_IDENTITIES_MAX; i++) {
		news.key.inode++;
		news.uid = 100 + i;
		news.asked_ns = loop_mono_ns();
		news.watch = watch_of(&child);
		identity_cache_add(f->cache, &news);
	}
	assert_int_equal(open_descriptors(), before + 4 + AICP_IDENTITIES_MAX);
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
		TEST(knows_no_relatives),
		TEST(forgets_with_time),
		TEST(keeps_no_descriptor_for_nothing),
		TEST(shares_are_kept),
		TEST(reader_tells_how_to_watch),
	};

	if (!has_pidfs()) {
		printf("no pidfs: this kernel has nothing to test here\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
