/* SPDX-License-Identifier: MIT */
#include "io/warden_state.h"

#include "base/json_write.h"
#include "io/log.h"
#include "io/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define MS INT64_C(1000000)

/* ---- messages of the roles ---------------------------------------------------------------------
 */

void warden_child_ready(struct warden *w, struct child *c)
{
	struct json_write json;
	struct buf out;

	if (c->ready)
		return;
	c->ready = true;
	log_say(LOG_INFO, "role.ready", "%s runs as pid %d", link_role_name(c->role), (int)c->pid);
	if (c->role == LINK_LEDGER)
		record_send_all(w);
	if (c->was_ready) {
		record_begin(&out, &json, RECORD_RECOVERED);
		json_write_int(&json, "after_ms", (loop_mono_ns() - c->died_ns) / MS);
		json_write_str(&json, "part", link_role_name(c->role));
		record_end(w, &out, &json);
	}
	c->was_ready = true;
	if (w->stage == WARDEN_RUNNING && child_all_ready(w))
		notify_send("STATUS=all roles run");
	if (w->stage == WARDEN_STARTING && child_all_ready(w)) {
		w->stage = WARDEN_RUNNING;
		log_say(LOG_INFO, "ready", "aicp %s governs this host%s", AICP_VERSION,
			w->options->rootless
				? ", cooperatively: without root it sees only programs "
				  "that carry the shim"
				: "");
		notify_send("READY=1\nSTATUS=all roles run");
	}
}

/* A role that breaks the format, or says what it may not say, ends. */
static void end_broken(struct child *c, const char *why)
{
	log_say(LOG_ERROR, "broken-peer", "%s %s and is started again", link_role_name(c->role),
		why);
	child_kill(c);
}

static void take_broken(struct warden *w, struct child *from, struct span payload)
{
	enum link_role role = role_named(payload);

	if (role == _LINK_ROLE_COUNT || role == LINK_WARDEN || role == from->role)
		end_broken(from, "sent a message that it may not send");
	else
		end_broken(&w->child[role], "broke the message format");
}

static void from_child(struct peer *peer, struct link_message *m)
{
	struct child *c = peer->data;
	struct warden *w = c->warden;

	if (m->fd >= 0)
		close(m->fd);
	if (m->type == LINK_READY)
		warden_child_ready(w, c);
	else if (m->type == LINK_BUNDLE_RESULT && c->role == LINK_ENGINE)
		rules_result(w, m->id, m->payload);
	else if (m->type == LINK_RELOAD && (c->role == LINK_ENGINE || c->role == LINK_API))
		rules_reload_for(w, c->role, m->id);
	else if (m->type == LINK_DURABLE && c->role == LINK_LEDGER)
		record_durable(w, m->id);
	else if (m->type == LINK_FAILED && c->role == LINK_LEDGER)
		log_limited(LOG_ERROR, "record", "the ledger refused a record of the warden");
	else if (m->type == LINK_BROKEN)
		take_broken(w, c, m->payload);
	else
		end_broken(c, "sent a message that it may not send");
}

static void child_link_gone(struct peer *peer, int error)
{
	struct child *c = peer->data;

	/* Its death is noticed by its parent; a living one without a link is useless. */
	if (error == -EBADMSG)
		end_broken(c, "broke the message format");
	else if (c->warden->stage < WARDEN_STOPPING_FRONT)
		child_kill(c);
}

/* ---- stopping ----------------------------------------------------------------------------------
 */

static bool is_back(enum link_role role)
{
	return role == LINK_READER || role == LINK_LEDGER;
}

/* Roles of a stage: those that finish requests first, then those that they need for it. */
static bool in_stage(const struct warden *w, enum link_role role)
{
	return is_back(role) == (w->stage == WARDEN_STOPPING_BACK);
}

static bool stage_done(const struct warden *w)
{
	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++)
		if (w->child[i].pid && in_stage(w, (enum link_role)i))
			return false;
	return true;
}

static void enter_stage(struct warden *w, enum warden_stage stage)
{
	w->stage = stage;
	loop_timer_set(w->loop, &w->stop, loop_mono_ns() + AICP_STOP_MS_MAX * MS);
	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++)
		if (in_stage(w, (enum link_role)i))
			child_stop(&w->child[i]);
}

static void advance(struct warden *w)
{
	if (w->stage == WARDEN_STOPPING_FRONT && stage_done(w))
		enter_stage(w, WARDEN_STOPPING_BACK);
	if (w->stage == WARDEN_STOPPING_BACK && stage_done(w))
		loop_stop(w->loop, w->status);
}

void warden_child_gone(struct warden *w, struct child *child)
{
	(void)child;
	advance(w);
}

static void stop_overdue(struct loop_timer *timer)
{
	struct warden *w = timer->data;

	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++) {
		struct child *c = &w->child[i];

		if (!c->pid || !in_stage(w, c->role))
			continue;
		log_say(LOG_ERROR, "stop", "%s does not end; it is killed",
			link_role_name(c->role));
		child_kill(c);
	}
}

static void begin_stop(struct warden *w)
{
	if (w->stage >= WARDEN_STOPPING_FRONT)
		return;
	notify_send("STOPPING=1");
	log_say(LOG_INFO, "stop", "stopping; governed programs now go by `fail: %s`",
		w->config->fail == CONFIG_FAIL_OPEN ? "open" : "closed");
	/* A role that waits for its restart is not started any more. */
	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++)
		loop_timer_clear(w->loop, &w->child[i].restart);
	enter_stage(w, WARDEN_STOPPING_FRONT);
	advance(w);
}

static void take_signal(void *data, int signal)
{
	struct warden *w = data;

	if (signal == SIGCHLD)
		child_reap(w);
	else if (signal == SIGHUP && w->stage < WARDEN_STOPPING_FRONT)
		rules_reload(w);
	else if (signal == SIGTERM || signal == SIGINT)
		begin_stop(w);
}

/* ---- the process -------------------------------------------------------------------------------
 */

static void restart(struct loop_timer *timer)
{
	child_start(timer->data);
}

static void init_children(struct warden *w)
{
	static const char *const user[_LINK_ROLE_COUNT] = {
		[LINK_ENGINE] = "aicp",
		[LINK_LEDGER] = "aicp-ledger",
		[LINK_API] = "aicp-api",
		[LINK_COURIER] = "aicp-courier",
	};

	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++) {
		struct child *c = &w->child[i];

		*c = (struct child){
			.warden = w,
			.role = (enum link_role)i,
			.user = w->options->rootless ? NULL : user[i],
			.peer = {.loop = w->loop,
				 .role = (enum link_role)i,
				 .message = from_child,
				 .gone = child_link_gone,
				 .data = c},
			.restart = {.fire = restart, .data = c},
		};
	}
}

static int watch_signals(struct warden *w)
{
	const int signals[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	return loop_signals(w->loop, &set, take_signal, w);
}

/* Descriptors 0 to 2 always are something, so that no socket or file becomes one of them. */
static int occupy_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int prepare(struct warden *w)
{
	struct sandbox sandbox = {.role = LINK_WARDEN};
	const char *step;
	int r = occupy_standard();

	if (r < 0)
		return r;
	r = rules_read_first(w);
	if (r)
		return r;
	r = warden_setup(w);
	if (!r)
		r = rules_complete_first(w);
	if (!r)
		r = watch_signals(w);
	if (r)
		return r;
	r = sandbox_enter(&sandbox, &step);
	if (r < 0)
		log_say(LOG_ERROR, "sandbox", "cannot set %s: %s", step, strerror(-r));
	return r;
}

int warden_run(const struct warden_options *options)
{
	static struct warden w;
	int r;

	w = (struct warden){.options = options, .lock_fd = -1, .self_fd = -1};
	w.shim_fd = w.api_fd = w.tcp_fd = -1;
	log_open("warden", options->debug);
	if (!options->rootless && geteuid() != 0) {
		log_say(LOG_ERROR, "start",
			"aicpd needs root; without it, `aicpd --rootless` governs programs that "
			"carry "
			"the shim");
		return 1;
	}
	w.loop = loop_new();
	if (!w.loop)
		return 1;
	w.stop = (struct loop_timer){.fire = stop_overdue, .data = &w};
	init_children(&w);
	r = prepare(&w);
	if (!r) {
		for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++)
			child_start(&w.child[i]);
		r = loop_run(w.loop);
		warden_unlink_sockets(&w);
		log_say(LOG_INFO, "end", "aicpd ends with status %d", r);
	}
	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++)
		child_kill(&w.child[i]);
	explicit_bzero(w.key, sizeof(w.key));
	return r ? 1 : 0;
}
