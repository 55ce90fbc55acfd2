/* SPDX-License-Identifier: MIT */
/* Killed at any moment: every record that was acknowledged is there, and the log is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/verify.h"
#include "ledger_fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 100

/* Appends batches of 1 to 40 until it is killed, and says through fd how many records are durable.
 */
static void appender(struct fixture *f, int fd)
{
	if (fixture_open(f) < 0)
		_exit(1);
	for (unsigned i = 0;; i++) {
		unsigned n = 1 + i * 7 % 40;
		struct ledger_status s;
		uint64_t size;

		if (fixture_append(f, i * 40, n) != 0)
			_exit(2);
		f->now.mono_ns += INT64_C(1000000000);
		if (ledger_tick(f->ledger, f->now) < 0)
			_exit(3);
		ledger_status(f->ledger, &s);
		size = s.size;
		if (write(fd, &size, sizeof(size)) != sizeof(size))
			_exit(4);
	}
}

static uint64_t run_and_kill(struct fixture *f, unsigned round)
{
	uint64_t acknowledged = 0, size;
	int fd[2], status;
	pid_t pid;
	struct timespec wait = {0, (round * 7919u % 60) * 1000000L / 2 + 200000};

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fd[0]);
		appender(f, fd[1]);
	}
	close(fd[1]);
	/* Every other one is let into its first commits, however slow the machine is; the rest die
	 * while they open. */
	if (round % 2 && read(fd[0], &size, sizeof(size)) == sizeof(size))
		acknowledged = size;
	nanosleep(&wait, NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	while (read(fd[0], &size, sizeof(size)) == sizeof(size))
		acknowledged = size;
	close(fd[0]);
	return acknowledged;
}

static void check_whole(struct fixture *f, uint64_t least)
{
	struct verify_request request = {.state_dir = f->dir};
	struct report report;

	assert_int_equal(verify_state(&request, &report, &f->error), 0);
	if (report.outcome != REPORT_INTACT)
		fail_msg("%s", report.reason);
	assert_true(report.records >= least);
	assert_int_equal(report.counts.rollbacks, 0);
}

static void test_kill(void **state)
{
	struct fixture *f = *state;
	unsigned appended = 0;

	assert_int_equal(fixture_open(f), 0);
	fixture_close(f);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t acknowledged = run_and_kill(f, round);
		struct ledger_status s;

		appended += acknowledged > 0;
		check_whole(f, acknowledged);
		if (round % 10)
			continue; /* the next child recovers what this one left */
		f->random += round;
		assert_int_equal(fixture_open(f), 0);
		ledger_status(f->ledger, &s);
		assert_true(s.size >= acknowledged);
		assert_false(s.rollback);
		fixture_close(f);
	}
	assert_true(appended >
		    ROUNDS / 10); /* else the machine was too slow for this to say anything */
}

/* ---- a full disk, on a file system of its own
 * ---------------------------------------------------------- */

static int fill_disk(const struct fixture *f, const char *name)
{
	char path[128];
	static char zero[65536];
	int fd;

	fixture_path(f, name, path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return -1;
	while (write(fd, zero, sizeof(zero)) == sizeof(zero))
		;
	while (write(fd, zero, 512) == 512)
		;
	return close(fd);
}

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int append_one(struct fixture *f, bool essential, int *ret_outcome)
{
	struct ledger_item item = {
		.type = RECORD_DECISION,
		.body = SPAN_LIT("{\"action\":\"block\",\"execution_id\":\"x\"}"),
		.essential = essential};
	int r = ledger_append(f->ledger, f->now, &item, 1);

	ledger_tidy(f->ledger, f->now);
	*ret_outcome = item.outcome;
	return r;
}

/* In a child, as the mount is seen by nobody else. 77: may not mount here. */
static int full_disk(struct fixture *f)
{
	struct report report;
	struct ledger_status s;
	uint64_t size;
	int outcome;
	char path[128];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", f->dir, "tmpfs", 0, "size=40m") < 0)
		return 77;
	CHECK(fixture_open(f) == 0);
	CHECK(fixture_append(f, 0, 100) == 0);
	CHECK(fill_disk(f, "ballast") == 0);
	/* The WAL may have room left in its last pages. */
	for (unsigned i = 0; i < 20000 && ledger_health(f->ledger) == LEDGER_HEALTHY; i++)
		CHECK(append_one(f, false, &outcome) == 0);
	CHECK(ledger_health(f->ledger) == LEDGER_DISK_FULL);
	CHECK(outcome == LEDGER_E_DISK_FULL);
	CHECK(append_one(f, false, &outcome) == 0 && outcome == LEDGER_E_DISK_FULL);
	/* The reserve is there for what must be recorded. */
	for (unsigned i = 0; i < 1000; i++)
		CHECK(append_one(f, true, &outcome) == 0 && outcome == 0);
	ledger_status(f->ledger, &s);
	CHECK(s.refused >= 2);
	/* Still full: nothing changes. Freed: it takes everything again, and says what it refused.
	 */
	f->now.mono_ns = ledger_next_ns(f->ledger);
	CHECK(ledger_tick(f->ledger, f->now) < 0);
	CHECK(ledger_health(f->ledger) == LEDGER_DISK_FULL);
	fixture_path(f, "ballast", path);
	CHECK(unlink(path) == 0);
	f->now.mono_ns += INT64_C(5000000000);
	CHECK(ledger_tick(f->ledger, f->now) == 0);
	CHECK(ledger_health(f->ledger) == LEDGER_HEALTHY);
	CHECK(append_one(f, false, &outcome) == 0 && outcome == 0);
	ledger_status(f->ledger, &s);
	size = s.size;
	fixture_close(f);
	CHECK(verify_state(&(struct verify_request){.state_dir = f->dir}, &report, &f->error) == 0);
	CHECK(report.outcome == REPORT_INTACT);
	CHECK(report.records == size + 1); /* stop */
	CHECK(report.counts.degraded == 1);
	CHECK(report.counts.lost == s.refused);
	/* A start on a disk that is full to the last byte: the reserve of the last run is what it
	 * begins with. */
	CHECK(fill_disk(f, "ballast") == 0);
	CHECK(fixture_open(f) == 0);
	CHECK(ledger_health(f->ledger) == LEDGER_DISK_FULL);
	CHECK(append_one(f, true, &outcome) == 0 && outcome == 0);
	fixture_close(f);
	CHECK(umount(f->dir) == 0);
	return 0;
}

static void test_disk_full(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(full_disk(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_kill), TEST(test_disk_full)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
