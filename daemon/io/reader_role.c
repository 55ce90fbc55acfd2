/* SPDX-License-Identifier: MIT */
/*
 * The reader: the warden's child that reads /proc for the engine. It alone may look into all
 * processes, and it does nothing else. A process can make such a look hang (its executable on a
 * file system of its own): then an alarm kills the reader, the engine goes on without that
 * identity, and the warden starts the reader anew.
 */
#include "base/cleanup.h"
#include "io/fields.h"
#include "io/log.h"
#include "io/process.h"
#include "io/role.h"

#include <errno.h>
#include <sys/time.h>

#define JOBS_MAX    64u /* executables being hashed at once */
#define WAITERS_MAX 1024u

struct waiter {
	struct waiter *next;
	uint64_t id;
	int64_t pid;
	int pidfd;
};

struct job {
	struct exe_hash_job *hash;
	struct waiter *first;
};

struct reader {
	struct peer warden, engine;
	struct process_table *processes;
	struct exe_hash *hashes;
	struct job job[JOBS_MAX];
	unsigned jobs, waiters;
	struct buf out;
};

static void watchdog(int ms)
{
	struct itimerval in = {.it_value = {ms / 1000, ms % 1000 * 1000}};

	/* SIGALRM keeps its default: to kill. */
	setitimer(ITIMER_REAL, &in, NULL);
}

static void answer(struct reader *rd, uint64_t id, const struct identity *who, int watch)
{
	struct json_write w;

	buf_clear(&rd->out);
	json_write_init(&w, &rd->out, true);
	if (who) {
		identity_write(who, &w, NULL);
	} else {
		json_write_object(&w, NULL);
		json_write_end_object(&w);
	}
	if (rd->out.err)
		log_limited(LOG_WARNING, "identity", "no memory for an identity");
	else
		peer_send(&rd->engine, LINK_IDENTITY, id, buf_span(&rd->out), watch);
}

/* Starts hashing, or joins who waits for the same file. False: answer without the hash. */
static bool wait_for_hash(struct reader *rd, uint64_t id, int64_t pid, int pidfd)
{
	struct exe_hash_job *hash;
	struct waiter *waiter;
	struct stat exe;
	unsigned at = 0;
	int fd;

	if (rd->waiters == WAITERS_MAX)
		return false;
	fd = process_open_exe(rd->processes, pid, &exe);
	if (fd < 0)
		return false;
	while (at < rd->jobs && !exe_hash_job_is(rd->job[at].hash, &exe))
		at++;
	if (at < rd->jobs) {
		close(fd);
	} else {
		if (rd->jobs == JOBS_MAX) {
			close(fd);
			return false;
		}
		if (exe_hash_begin(fd, &hash) < 0)
			return false;
		rd->job[rd->jobs++] = (struct job){.hash = hash};
	}
	waiter = malloc(sizeof(*waiter));
	if (!waiter)
		return false;
	*waiter = (struct waiter){rd->job[at].first, id, pid, pidfd};
	rd->job[at].first = waiter;
	rd->waiters++;
	return true;
}

/* Answers one question, now or when the hash is made. Owns pidfd. */
static void look(struct reader *rd, uint64_t id, int64_t pid, int pidfd, bool may_hash)
{
	int watch CLEANUP(cleanup_closep) = -1;
	struct identity who;
	int r;

	watchdog(AICP_READER_MS_MAX);
	r = process_look(rd->processes, rd->hashes, pid, pidfd, &who, &watch);
	if (r == PROCESS_E_HASH && may_hash && wait_for_hash(rd, id, pid, pidfd)) {
		watchdog(0);
		return;
	}
	watchdog(0);
	if (r < 0)
		log_limited(LOG_WARNING, "identity", "process %lld cannot be read: %s",
			    (long long)pid, strerror(-r));
	answer(rd, id, r == 0 || r == PROCESS_E_HASH ? &who : NULL, watch);
	if (pidfd >= 0)
		close(pidfd);
}

static void finish_job(struct reader *rd, unsigned at)
{
	struct waiter *waiter = rd->job[at].first;

	exe_hash_job_free(rd->job[at].hash);
	rd->job[at] = rd->job[--rd->jobs];
	while (waiter) {
		struct waiter *next = waiter->next;

		rd->waiters--;
		look(rd, waiter->id, waiter->pid, waiter->pidfd, false);
		free(waiter);
		waiter = next;
	}
}

/* A slice of each job behind every batch of questions. */
static bool work(void *data)
{
	struct reader *rd = data;

	for (unsigned i = rd->jobs; i-- > 0;) {
		int r;

		watchdog(AICP_READER_MS_MAX);
		r = exe_hash_step(rd->hashes, rd->job[i].hash);
		watchdog(0);
		if (r == EXE_HASH_E_MORE)
			continue;
		if (r < 0)
			log_limited(LOG_WARNING, "identity", "an executable cannot be hashed: %s",
				    strerror(-r));
		finish_job(rd, i);
	}
	return rd->jobs > 0;
}

static void from_engine(struct peer *peer, struct link_message *message)
{
	struct reader *rd = peer->data;
	struct fields f;
	int64_t pid;

	if (message->type == LINK_IDENTIFY && fields_open(&f, message->payload) == PARSE_DONE &&
	    fields_int(&f, "pid", &pid) && pid > 0) {
		fields_close(&f);
		look(rd, message->id, pid, message->fd, true);
		return;
	}
	if (message->type == LINK_IDENTIFY)
		fields_close(&f);
	if (message->fd >= 0)
		close(message->fd);
	peer_close(peer);
	role_report_broken(&rd->warden, LINK_ENGINE);
}

static void engine_gone(struct peer *peer, int error)
{
	struct reader *rd = peer->data;

	if (error == -EBADMSG)
		role_report_broken(&rd->warden, LINK_ENGINE);
}

static void from_warden(struct peer *peer, struct link_message *message)
{
	struct reader *rd = peer->data;
	struct peer *peers[] = {&rd->engine};

	if (message->type == LINK_PEER)
		role_take_peer(message, peers, 1);
	if (message->type == LINK_STOP)
		loop_stop(peer->loop, 0);
	if (message->fd >= 0)
		close(message->fd);
}

static void warden_gone(struct peer *peer, int error)
{
	(void)error;
	loop_stop(peer->loop, 1);
}

int reader_role_run(const struct role *role)
{
	static struct reader rd;
	struct role_bundle *bundle;
	struct loop *loop = loop_new();
	int r = 1;

	rd.warden = (struct peer){
		.loop = loop, .message = from_warden, .gone = warden_gone, .data = &rd};
	rd.engine = (struct peer){
		.loop = loop,
		.role = LINK_ENGINE,
		.message = from_engine,
		.gone = engine_gone,
		.data = &rd,
	};
	rd.out = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	rd.processes = process_table_new();
	rd.hashes = exe_hash_new();
	if (!loop || !rd.processes || !rd.hashes || role_start_peer(role, &rd.warden, &bundle) < 0)
		return 1;
	role_bundle_free(bundle);
	loop_after_batch(loop, work, &rd);
	if (peer_send(&rd.warden, LINK_READY, 0, SPAN_LIT("{}"), -1) == 0)
		r = loop_run(loop);
	while (rd.jobs)
		finish_job(&rd, 0);
	peer_close(&rd.engine);
	peer_close(&rd.warden);
	process_table_free(rd.processes);
	exe_hash_free(rd.hashes);
	buf_deinit(&rd.out);
	loop_free(loop);
	return r ? 1 : 0;
}
