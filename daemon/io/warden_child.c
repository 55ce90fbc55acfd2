/* SPDX-License-Identifier: MIT */
/* Roles as processes: started by fork and exec of this very program, connected with each other,
 * started again. */
#include "io/warden_state.h"

#include "base/cleanup.h"
#include "base/json_write.h"
#include "io/log.h"
#include "io/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MS INT64_C(1000000)
/* A role that ran this long starts its back-off anew. */
#define STEADY_NS      (10000 * MS)
#define FIRST_DELAY_MS 100
#define LISTEN_MAX     2
/* Above all fixed numbers, so that moving one descriptor cannot overwrite another. */
#define SAFE_FD 20

/* Who talks to whom without the warden between them. */
static const struct {
	enum link_role a, b;
} pair[] = {
	{LINK_ENGINE, LINK_LEDGER},
	{LINK_ENGINE, LINK_READER},
	{LINK_API, LINK_ENGINE},
	{LINK_API, LINK_LEDGER},
};

static unsigned listen_fds(const struct child *c, int fd[LISTEN_MAX])
{
	const struct warden *w = c->warden;
	unsigned n = 0;

	if (c->role == LINK_ENGINE)
		fd[n++] = w->shim_fd;
	if (c->role == LINK_API) {
		fd[n++] = w->api_fd;
		fd[n++] = w->tcp_fd;
	}
	return n;
}

/* In the child: puts descriptors where the role expects them, and becomes it. Returns only on
 * failure. */
static void become(const struct child *c, int link)
{
	const struct warden *w = c->warden;
	int fd[1 + LISTEN_MAX] = {link};
	unsigned n = 1 + listen_fds(c, fd + 1);
	char role[32], uid[32], gid[32];
	const char *argv[8] = {"aicpd", role};
	char *const envp[] = {NULL};
	unsigned argc = 2;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (unsigned i = 0; i < n; i++) {
		fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, SAFE_FD);
		if (fd[i] < 0)
			return;
	}
	int self = fcntl(w->self_fd, F_DUPFD_CLOEXEC, SAFE_FD);
	for (unsigned i = 0; i < n; i++)
		if (dup2(fd[i], ROLE_FD_WARDEN + (int)i) < 0)
			return;
	snprintf(role, sizeof(role), "--role=%s", link_role_name(c->role));
	if (c->user) {
		snprintf(uid, sizeof(uid), "--uid=%u", (unsigned)c->uid);
		snprintf(gid, sizeof(gid), "--gid=%u", (unsigned)c->gid);
		argv[argc++] = uid;
		argv[argc++] = gid;
	}
	if (w->options->rootless)
		argv[argc++] = "--rootless";
	if (w->options->debug)
		argv[argc++] = "--debug";
	execveat(self, "", (char *const *)(uintptr_t)argv, envp, AT_EMPTY_PATH);
}

static void connect_pair(struct warden *w, enum link_role a, enum link_role b)
{
	int fd[2];
	enum link_role side[2] = {a, b};

	if (!w->child[a].pid || !w->child[b].pid)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0) {
		log_say(LOG_ERROR, "peer", "no socketpair for %s and %s: %s", link_role_name(a),
			link_role_name(b), strerror(errno));
		return;
	}
	for (int i = 0; i < 2; i++) {
		char text[40];
		int n = snprintf(text, sizeof(text), "{\"role\":\"%s\"}",
				 link_role_name(side[1 - i]));

		peer_send(&w->child[side[i]].peer, LINK_PEER, 0, span_of(text, (size_t)n), fd[i]);
		close(fd[i]);
	}
}

static int spawn(struct child *c)
{
	struct warden *w = c->warden;
	int fd[2];
	pid_t pid;
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		become(c, fd[1]);
		_exit(127);
	}
	r = -errno;
	close(fd[1]);
	if (pid < 0) {
		close(fd[0]);
		return r;
	}
	c->pid = pid;
	c->ready = false;
	c->started_ns = loop_mono_ns();
	r = peer_open(&c->peer, fd[0]);
	if (r < 0)
		return r;
	rules_send(w, c);
	for (size_t i = 0; i < sizeof(pair) / sizeof(pair[0]); i++)
		if (pair[i].a == c->role || pair[i].b == c->role)
			connect_pair(w, pair[i].a, pair[i].b);
	return 0;
}

static void plan_restart(struct child *c)
{
	int64_t now = loop_mono_ns();

	if (now - c->started_ns >= STEADY_NS)
		c->delay_ms = 0;
	loop_timer_set(c->warden->loop, &c->restart, now + c->delay_ms * MS);
	c->delay_ms = c->delay_ms ? 2 * c->delay_ms : FIRST_DELAY_MS;
	if (c->delay_ms > AICP_RESTART_MS_MAX)
		c->delay_ms = AICP_RESTART_MS_MAX;
}

void child_start(struct child *c)
{
	int r = spawn(c);

	if (!r)
		return;
	log_say(LOG_ERROR, "start", "%s cannot be started: %s", link_role_name(c->role),
		strerror(-r));
	if (c->pid)
		child_kill(c); /* reaped as any other death */
	else
		plan_restart(c);
}

static void record_death(struct child *c, int status)
{
	struct json_write json;
	char state[64];
	struct buf out;

	snprintf(state, sizeof(state), "STATUS=%s is down", link_role_name(c->role));
	notify_send(state);
	log_say(LOG_ERROR, "role.exit", "%s ended unasked: %s %d", link_role_name(c->role),
		WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	/* Once for each outage, however often the restart fails. */
	if (!c->ready)
		return;
	c->died_ns = loop_mono_ns();
	record_begin(&out, &json, RECORD_DEGRADED);
	json_write_str(&json, "part", link_role_name(c->role));
	if (WIFSIGNALED(status))
		json_write_int(&json, "signal", WTERMSIG(status));
	else
		json_write_int(&json, "status", WEXITSTATUS(status));
	c->ready = false;
	record_end(c->warden, &out, &json);
}

static void bury(struct child *c, int status)
{
	struct warden *w = c->warden;
	bool bad = !WIFEXITED(status) || WEXITSTATUS(status) != 0;

	c->pid = 0;
	peer_close(&c->peer);
	if (w->stage >= WARDEN_STOPPING_FRONT) {
		if (bad) {
			log_say(LOG_WARNING, "stop", "%s did not end in order",
				link_role_name(c->role));
			w->status = 1;
		}
		c->ready = false;
		warden_child_gone(w, c);
		return;
	}
	record_death(c, status);
	/* Its own watchdog: whoever made it hang is not looked at again, so the others need not
	 * wait. */
	if (c->role == LINK_READER && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		c->delay_ms = 0;
	if (c->role == LINK_ENGINE)
		rules_engine_died(w);
	plan_restart(c);
}

void child_reap(struct warden *w)
{
	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++) {
		struct child *c = &w->child[i];
		int status;

		if (c->pid && waitpid(c->pid, &status, WNOHANG) == c->pid)
			bury(c, status);
	}
}

void child_stop(struct child *c)
{
	loop_timer_clear(c->warden->loop, &c->restart);
	if (!c->pid)
		return;
	if (peer_send(&c->peer, LINK_STOP, 0, SPAN_LIT("{}"), -1) < 0)
		child_kill(c);
}

void child_kill(struct child *c)
{
	if (c->pid)
		kill(c->pid, SIGKILL);
}

bool child_all_ready(const struct warden *w)
{
	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++)
		if (!w->child[i].ready)
			return false;
	return true;
}
