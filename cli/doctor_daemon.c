/* SPDX-License-Identifier: MIT */
/* The running daemon, as it says itself and as its folders show. */
#include "aicp/shim.h"
#include "doctor.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>

static void role_alive(struct doctor *d, const struct json *j, const char *key, const char *means)
{
	uint32_t t = json_get(j, 0, key);

	if (t != JSON_NONE && j->token[t].kind == JSON_OBJECT)
		doctor_say(d, DOCTOR_OK, key, NULL, "the %s answers", key);
	else
		doctor_say(d, DOCTOR_FAIL, key,
			   "look at the daemon's log (`journalctl -u aicp`); the warden starts it "
			   "anew",
			   "the %s does not answer: %s", key, means);
}

static void ledger_health(struct doctor *d, const struct json *j)
{
	uint32_t ledger = json_get(j, 0, "ledger"), t = json_get(j, ledger, "health");
	struct span health = t == JSON_NONE ? SPAN_NULL : json_raw(j, t);

	if (t == JSON_NONE)
		return;
	if (span_eq_str(health, "healthy"))
		doctor_say(d, DOCTOR_OK, "ledger", NULL, "records are being made durable");
	else
		doctor_say(d, DOCTOR_FAIL, "ledger",
			   "make room below state_dir, or see to its disk; then the ledger goes on "
			   "by itself",
			   "the ledger is %.*s: governed requests are refused, as nothing can be "
			   "recorded",
			   SPAN_ARG(health));
}

static void modes(struct doctor *d, const struct json *j)
{
	uint32_t engine = json_get(j, 0, "engine"), mode = json_get(j, 0, "mode");
	uint32_t fail = json_get(j, engine, "fail"), identity = json_get(j, engine, "identity");
	uint32_t tier = json_get(j, 0, "tier");

	if (tier != JSON_NONE && span_eq_str(json_raw(j, tier), "cooperative")) {
		d->cooperative = true;
		doctor_say(
			d, DOCTOR_INFO, "tier", NULL,
			"cooperative: the daemon runs as one user, and judges only programs that "
			"carry the shim");
	}
	if (mode != JSON_NONE && span_eq_str(json_raw(j, mode), "monitor"))
		doctor_say(d, DOCTOR_INFO, "mode", "set `mode: enforce` when you have seen enough",
			   "monitor: nothing is stopped, only recorded");
	else if (mode != JSON_NONE)
		doctor_say(d, DOCTOR_OK, "mode", NULL, "enforce");
	if (fail != JSON_NONE && span_eq_str(json_raw(j, fail), "open"))
		doctor_say(d, DOCTOR_INFO, "fail", "set `fail: closed` to stop it instead",
			   "open: governed traffic passes, counted, while no verdict can be had");
	if (identity != JSON_NONE && j->token[identity].kind == JSON_FALSE)
		doctor_say(d, DOCTOR_WARN, "identity", "look at the daemon's log",
			   "the reader of /proc is not there: records lack who a process is");
}

void doctor_daemon(struct doctor *d)
{
	struct client_answer a;
	struct client client;
	int r;

	if (client_open(d->cli, &client))
		return;
	r = client_ask(&client, "GET", SPAN_LIT("/api/status"), SPAN_NULL, &a);
	if (r) {
		char governed[PATH_MAX + 32];

		snprintf(governed, sizeof(governed), "%s/%s", d->runtime_dir, AICP_GOVERNED_FILE);
		doctor_say(
			d, DOCTOR_FAIL, "daemon",
			"start it (`systemctl start aicp`), or name its configuration with -c FILE",
			"no daemon answers at %s (%s): programs that carry the shim %s",
			client.socket, strerror(-r),
			access(governed, F_OK) < 0	      ? "run ungoverned"
			: d->config->fail == CONFIG_FAIL_OPEN ? "pass, unrecorded"
							      : "are refused at AI providers");
		return;
	}
	if (a.status == 403) {
		doctor_say(d, DOCTOR_INFO, "daemon", "run `aicp doctor` as root to see more",
			   "the daemon answers, but tells only root");
	} else if (a.status != 200 || !a.has_json) {
		doctor_say(d, DOCTOR_FAIL, "daemon", "look at the daemon's log",
			   "the daemon answers with status %u", a.status);
	} else {
		doctor_say(d, DOCTOR_OK, "daemon", NULL, "the daemon answers at %s", client.socket);
		role_alive(d, &a.json, "engine", "every governed request is refused");
		role_alive(d, &a.json, "ledger", "nothing can be recorded");
		ledger_health(d, &a.json);
		modes(d, &a.json);
	}
	client_answer_deinit(&a);
}

static bool is_ledger(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user && strcmp(user->pw_name, "aicp-ledger") == 0;
}

/* A place that only root (and, of its own folder, the ledger) may change. */
static void check_place(struct doctor *d, const char *check, const char *path, mode_t forbidden)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		doctor_say(d, errno == EACCES ? DOCTOR_INFO : DOCTOR_FAIL, check,
			   errno == EACCES ? "run `aicp doctor` as root to see more"
					   : "start the daemon, which makes it",
			   "%s: %s", path, strerror(errno));
		return;
	}
	if (S_ISLNK(st.st_mode))
		doctor_say(d, DOCTOR_FAIL, check, "remove the link and start the daemon again",
			   "%s is a symbolic link: somebody else decides what it is", path);
	else if (st.st_mode & forbidden)
		doctor_say(d, DOCTOR_FAIL, check, "start the daemon again, which sets its mode",
			   "%s has mode %04o: others may %s it", path, st.st_mode & 07777,
			   forbidden & 04 ? "read or change" : "change");
	else if (st.st_uid != 0 && st.st_uid != geteuid() && !is_ledger(st.st_uid))
		doctor_say(d, DOCTOR_WARN, check, "see who that is; start the daemon again",
			   "%s belongs to uid %u, who can change it", path, st.st_uid);
	else
		doctor_say(d, DOCTOR_OK, check, NULL, "%s is in order", path);
}

void doctor_folders(struct doctor *d)
{
	char path[PATH_MAX + 32];

	check_place(d, "runtime_dir", d->runtime_dir, 022);
	snprintf(path, sizeof(path), "%s/%s", d->runtime_dir, AICP_GOVERNED_FILE);
	check_place(d, "governed", path, 022);
	check_place(d, "state_dir", d->config->state_dir, 027);
}
