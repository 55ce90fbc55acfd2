/* SPDX-License-Identifier: MIT */
/* Identity of real processes: ourselves, a child that becomes another program, one that ends; and
 * hashes of files. */
#include "io/process.h"

#include "base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct tables {
	struct process_table *processes;
	struct exe_hash *hashes;
};

static int setup(void **state)
{
	struct tables *t = calloc(1, sizeof(*t));

	t->processes = process_table_new();
	t->hashes = exe_hash_new();
	*state = t;
	return t->processes && t->hashes ? 0 : -1;
}

static int teardown(void **state)
{
	struct tables *t = *state;

	process_table_free(t->processes);
	exe_hash_free(t->hashes);
	free(t);
	return 0;
}

static void hash_of(struct tables *t, int64_t pid)
{
	struct exe_hash_job *job = NULL;
	struct stat st;
	int r, fd = process_open_exe(t->processes, pid, &st);

	assert_true(fd >= 0);
	assert_int_equal(exe_hash_begin(fd, &job), 0);
	assert_true(exe_hash_job_is(job, &st));
	while ((r = exe_hash_step(t->hashes, job)) == EXE_HASH_E_MORE)
		;
	assert_int_equal(r, 0);
	exe_hash_job_free(job);
}

static void describes_ourselves(void **state)
{
	struct tables *t = *state;
	char path[4096];
	struct identity who;
	int watch = -1;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	FILE *sum;
	char command[4200], hex[65] = "";

	assert_int_equal(process_look(t->processes, t->hashes, getpid(), -1, &who, &watch),
			 PROCESS_E_HASH);
	assert_int_equal(who.exe_sha256.n, 0);
	hash_of(t, getpid());
	assert_int_equal(process_look(t->processes, t->hashes, getpid(), -1, &who, &watch), 0);
	assert_int_equal(who.pid, getpid());
	assert_true(who.start_ticks > 0);
	assert_true(span_eq(who.exe, span_of(path, (size_t)n)));
	assert_true(span_starts(SPAN_LIT("test_process"), who.name) && who.name.n);
	assert_true(who.parents_n > 0);
	assert_int_equal(who.uid, IDENTITY_NONE);
	snprintf(command, sizeof(command), "sha256sum %.*s", (int)n, path);
	sum = popen(command, "r");
	assert_int_equal(fread(hex, 1, 64, sum), 64);
	pclose(sum);
	assert_true(span_eq_str(who.exe_sha256, hex));
}

/* A child that waits for a byte, then becomes a shell that waits for a line, then is killed. */
static void sees_a_process_become_another(void **state)
{
	struct tables *t = *state;
	struct identity who;
	int watch = -1;
	int64_t start;
	int pipe_fd[2], pidfd;
	pid_t pid;
	char byte = 0;

	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	if (pid == 0) {
		if (read(pipe_fd[0], &byte, 1) == 1 &&
		    dup2(pipe_fd[0], STDIN_FILENO) == STDIN_FILENO)
			execl("/bin/sh", "sh", "-c", "read x", "sh", "--password=canary", NULL);
		_exit(1);
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	assert_true(process_look(t->processes, t->hashes, pid, pidfd, &who, &watch) >= 0);
	assert_true(span_find(who.exe, 't') < who.exe.n);
	start = who.start_ticks;
	assert_int_equal(write(pipe_fd[1], &byte, 1), 1);
	for (int i = 0; i < 2000 && !span_eq_str(who.name, "sh"); i++) {
		usleep(1000);
		assert_true(process_look(t->processes, t->hashes, pid, pidfd, &who, &watch) >= 0);
	}
	assert_true(span_eq_str(who.name, "sh"));
	/* The same process, another executable: its hash is not the old one's. */
	assert_int_equal(who.start_ticks, start);
	assert_int_equal(process_look(t->processes, t->hashes, pid, pidfd, &who, &watch),
			 PROCESS_E_HASH);
	assert_true(span_eq_str(who.args, "sh -c read x sh --password=[masked]"));
	kill(pid, SIGKILL);
	poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 5000);
	/* A zombie has its number still; it is gone all the same. */
	assert_int_equal(process_look(t->processes, t->hashes, pid, pidfd, &who, &watch),
			 PROCESS_E_GONE);
	waitpid(pid, NULL, 0);
	assert_int_equal(process_look(t->processes, t->hashes, pid, -1, &who, &watch),
			 PROCESS_E_GONE);
	close(pidfd);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void keeps_no_more_than_it_should(void **state)
{
	struct tables *t = *state;
	struct identity who;
	int watch = -1;
	unsigned open_fds = 0;
	pid_t pids[AICP_PROCESSES_MAX + 8];
	size_t n = sizeof(pids) / sizeof(pids[0]);

	for (size_t i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			pause();
			_exit(0);
		}
		assert_true(process_look(t->processes, t->hashes, pids[i], -1, &who, &watch) >= 0);
	}
	for (int fd = 0; fd < 4096; fd++)
		open_fds += fcntl(fd, F_GETFD) >= 0;
	assert_true(open_fds <= AICP_PROCESSES_MAX + 16);
	/* The first one was forgotten, and is found again. */
	assert_true(process_look(t->processes, t->hashes, pids[0], -1, &who, &watch) >= 0);
	assert_int_equal(who.pid, pids[0]);
	for (size_t i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

static void a_file_that_changes_has_no_hash(void **state)
{
	char path[] = "/tmp/aicp-hash-XXXXXX", hex[HASH_HEX_BYTES];
	struct tables *t = *state;
	struct exe_hash_job *job = NULL;
	struct stat st;
	int fd = mkstemp(path), r;

	assert_int_equal(ftruncate(fd, 3 << 20), 0);
	assert_int_equal(exe_hash_begin(open(path, O_RDONLY), &job), 0);
	assert_int_equal(exe_hash_step(t->hashes, job), EXE_HASH_E_MORE);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	while ((r = exe_hash_step(t->hashes, job)) == EXE_HASH_E_MORE)
		;
	assert_int_equal(r, EXE_HASH_E_CHANGED);
	exe_hash_job_free(job);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(exe_hash_find(t->hashes, &st, hex), EXE_HASH_E_UNKNOWN);
	/* Nor has one that became shorter. */
	assert_int_equal(exe_hash_begin(open(path, O_RDONLY), &job), 0);
	assert_int_equal(ftruncate(fd, 10), 0);
	while ((r = exe_hash_step(t->hashes, job)) == EXE_HASH_E_MORE)
		;
	assert_int_equal(r, EXE_HASH_E_CHANGED);
	exe_hash_job_free(job);
	close(fd);
	unlink(path);
}

static void only_files_are_hashed(void **state)
{
	struct exe_hash_job *job = NULL;

	(void)state;
	assert_int_equal(exe_hash_begin(open("/dev/zero", O_RDONLY), &job), -EINVAL);
	assert_null(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(describes_ourselves, setup, teardown),
		cmocka_unit_test_setup_teardown(sees_a_process_become_another, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_no_more_than_it_should, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_changes_has_no_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(only_files_are_hashed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
