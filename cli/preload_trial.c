/* SPDX-License-Identifier: MIT */
#include "preload_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Long for a program that does nothing, on a host that is busy with anything. */
#define TRIAL_MS     20000
#define OUTPUT_BYTES (256u << 10)
#define NOBODY	     65534

static const struct trial {
	const char *argv[4];
	int code;
	bool shows_maps; /* its output lists what is loaded */
} trials[] = {
	{{"/bin/true", NULL}, 0, false},
	{{"/bin/sh", "-c", "exit 7", NULL}, 7, false},
	{{"/bin/cat", "/proc/self/maps", NULL}, 0, true},
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* In the child: never returns. */
static void become(const struct trial *trial, const char *shim, bool nobody, int out, int err)
{
	char variable[PATH_MAX + 16] = "";
	char *const envp[] = {shim ? variable : NULL, NULL};
	int null = open("/dev/null", O_RDONLY);

	if (shim)
		snprintf(variable, sizeof(variable), "LD_PRELOAD=%s", shim);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	if (nobody && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		_exit(126);
	execve(trial->argv[0], (char *const *)(uintptr_t)trial->argv, envp);
	_exit(127);
}

/* Reads what stands in the pipe now; false at its end. */
static bool drain(int fd, struct buf *out)
{
	char piece[4096];
	ssize_t n = read(fd, piece, sizeof(piece));

	if (n > 0)
		buf_put(out, span_of(piece, (size_t)n));
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Until both pipes end or the time is up. */
static void collect(int out_fd, int err_fd, int64_t deadline, struct buf *out, struct buf *err)
{
	struct pollfd p[2] = {{.fd = out_fd, .events = POLLIN}, {.fd = err_fd, .events = POLLIN}};

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		int64_t left = deadline - now_ms();

		if (left <= 0 || poll(p, 2, (int)left) == 0)
			return;
		if (p[0].revents && !drain(p[0].fd, out))
			p[0].fd = -1;
		if (p[1].revents && !drain(p[1].fd, err))
			p[1].fd = -1;
	}
}

/* Its status; what still runs at the deadline, hangs, and is ended. */
static int wait_until(pid_t pid, int64_t deadline)
{
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() >= deadline)
			kill(pid, SIGKILL);
		(void)poll(NULL, 0, 2);
	}
	return status;
}

/* What a program said on stderr, but for the loader's complaints about other objects: those were
 * there before. */
static struct span said(struct span err, const char *path)
{
	static const char complaint[] = "ERROR: ld.so: object '";
	const size_t n = sizeof(complaint) - 1, path_n = strlen(path);

	while (err.n > n && memcmp(err.p, complaint, n) == 0) {
		const struct span name = span_sub(err, n, err.n);

		if (name.n > path_n && memcmp(name.p, path, path_n) == 0 && name.p[path_n] == '\'')
			break;
		err = span_sub(err, span_find(err, '\n') + 1, err.n);
	}
	return err;
}

static bool judge(const struct trial *trial, const char *path, int status, struct buf *out,
		  struct buf *err, struct buf *ret_why)
{
	const struct span words = said(buf_span(err), path);

	if (WIFSIGNALED(status))
		buf_printf(ret_why, "%s was ended by signal %d", trial->argv[0], WTERMSIG(status));
	else if (WEXITSTATUS(status) != trial->code)
		buf_printf(ret_why, "%s ended with %d, not with %d", trial->argv[0],
			   WEXITSTATUS(status), trial->code);
	else if (words.n)
		buf_printf(ret_why, "%s says: %.*s", trial->argv[0],
			   SPAN_ARG(span_sub(words, 0, span_find(words, '\n'))));
	else if (trial->shows_maps && (!buf_str(out) || !strstr((const char *)out->p, path)))
		buf_printf(ret_why, "%s does not have it loaded", trial->argv[0]);
	else
		return true;
	return false;
}

static bool run(const struct trial *trial, const char *shim, const char *path, bool nobody,
		struct buf *ret_why)
{
	struct buf out = BUF_INIT(OUTPUT_BYTES), err = BUF_INIT(OUTPUT_BYTES);
	const int64_t deadline = now_ms() + TRIAL_MS;
	int out_pipe[2] = {-1, -1}, err_pipe[2] = {-1, -1};
	bool good = false;
	pid_t pid = -1;

	if (pipe2(out_pipe, O_CLOEXEC) == 0 && pipe2(err_pipe, O_CLOEXEC) == 0)
		pid = fork();
	if (pid == 0)
		become(trial, shim, nobody, out_pipe[1], err_pipe[1]);
	if (pid > 0) {
		close(out_pipe[1]);
		close(err_pipe[1]);
		out_pipe[1] = err_pipe[1] = -1;
		collect(out_pipe[0], err_pipe[0], deadline, &out, &err);
		good = judge(trial, path, wait_until(pid, deadline), &out, &err, ret_why);
	} else {
		buf_printf(ret_why, "no program can be started: %s", strerror(errno));
	}
	for (int i = 0; i < 2; i++) {
		if (out_pipe[i] >= 0)
			close(out_pipe[i]);
		if (err_pipe[i] >= 0)
			close(err_pipe[i]);
	}
	buf_deinit(&out);
	buf_deinit(&err);
	return good;
}

bool preload_trial(const char *shim, const char *path, struct buf *ret_why)
{
	for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++) {
		if (!run(&trials[i], shim, path, false, ret_why))
			return false;
		if (geteuid() == 0 && !run(&trials[i], shim, path, true, ret_why))
			return false;
	}
	return true;
}
