/* SPDX-License-Identifier: MIT */
/*
 * From a frame and an identity to a verdict: judge → record → verdict. A verdict leaves only when
 * the ledger has said that its record is durable.
 */
#include "io/engine_role.h"
#include "io/log.h"

#include "base/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

unsigned conn_count(const struct engine_role *er)
{
	return AICP_ENGINE_CONNECTIONS_MAX - er->free_n;
}

void conn_note(struct engine_role *er, struct budget_user *user, enum budget_count count)
{
	user->count[count]++;
	er->counters.total[count]++;
	if (!er->report.set)
		loop_timer_set(er->loop, &er->report, loop_mono_ns() + 1000 * MS);
}

static struct conn *find(struct engine_role *er, uint64_t id)
{
	struct conn *c = er->conn[id & (AICP_ENGINE_CONNECTIONS_MAX - 1)];

	return c && c->id == (id & ~HOLD_ID_BIT) ? c : NULL;
}

static void leave(struct conn *c)
{
	switch (c->seat) {
	case SEAT_JUDGED:
		budget_leave(c->user);
		break;
	case SEAT_REFUSED:
		budget_leave_refused(c->user);
		break;
	case SEAT_HELD:
		budget_leave_hold(c->role->budget, c->user);
		break;
	}
}

void conn_close(struct conn *c)
{
	struct engine_role *er = c->role;
	uint32_t slot = (uint32_t)(c->id & (AICP_ENGINE_CONNECTIONS_MAX - 1));

	loop_remove(er->loop, &c->source);
	loop_timer_clear(er->loop, &c->timer);
	closer_close(er->closer, c->memfd);
	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->body >= 0)
		close(c->body);
	closer_close(er->closer, c->fd);
	budget_refund(c->user, c->charged);
	leave(c);
	hold_forget(c);
	/* It may hold credentials; a judged one was scrubbed, another was not. */
	if (c->message.n)
		explicit_bzero(c->message.p, c->message.n);
	buf_deinit(&c->message);
	known_identity_put(c->known);
	buf_deinit(&c->identity);
	buf_deinit(&c->answer);
	response_free(c->response);
	er->conn[slot] = NULL;
	er->free_slot[er->free_n++] = slot;
	free(c);
	if (er->stopping && !conn_count(er) && !budget_responses(er->budget))
		loop_timer_set(er->loop, &er->stop, 0);
}

static void pass_body(struct msghdr *msg, char *control, int fd)
{
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(fd));
	CMSG_FIRSTHDR(msg)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(msg)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(msg)->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(msg)), &fd, sizeof(fd));
}

/* One message to the shim. 0 or -errno. */
static int say(struct conn *c, enum aicp_shim_action action, struct span answer, uint32_t extra)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct aicp_shim_verdict head = {
		.magic = AICP_SHIM_MAGIC,
		.version = AICP_SHIM_VERSION,
		.type = AICP_SHIM_VERDICT,
		.action = action,
		.answer_bytes = (uint32_t)answer.n,
		.body_bytes = c->body >= 0 && action != AICP_SHIM_ANSWER ? c->body_bytes : 0,
		.extra = extra,
	};
	struct iovec iov[2] = {
		{&head, sizeof(head)}, {(void *)(uintptr_t)answer.p, answer.n}, /* only read */
	};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = answer.n ? 2 : 1};

	_Static_assert(ENGINE_ID_BYTES < sizeof(head.decision_id), "an id and a NUL fit");
	memcpy(head.decision_id, c->decision, ENGINE_ID_BYTES);
	if (head.body_bytes)
		pass_body(&msg, control, c->body);
	return sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int conn_say_hold(struct conn *c, int64_t hold_ms)
{
	int r = say(c, AICP_SHIM_HOLD, buf_span(&c->answer), (uint32_t)hold_ms);

	/* The shim has it now. */
	if (c->body >= 0)
		close(c->body);
	c->body = -1;
	return r;
}

/* The last message that a shim gets, and the end. */
static void finish(struct conn *c, enum aicp_shim_action action, struct span answer)
{
	struct witnessed *w = action == AICP_SHIM_ANSWER ? NULL : witness_new(c);
	struct engine_role *er = c->role;
	int r = say(c, action, answer, w ? AICP_SHIM_V_WITNESS : 0);

	if (w && r < 0)
		witness_drop(w);
	else if (w)
		witness_begin(w, c);
	if (r < 0)
		conn_note(er, c->user, BUDGET_ABANDONED);
	else if (action != AICP_SHIM_ANSWER)
		er->counters.passed++;
	else
		er->counters.refused++;
	conn_close(c);
}

/* What was judged may leave: as it came, or with the body that redaction made of it. */
void conn_release(struct conn *c)
{
	finish(c, c->body >= 0 ? AICP_SHIM_REWRITE : AICP_SHIM_PASS, SPAN_NULL);
}

void conn_finish_refused(struct conn *c)
{
	finish(c, AICP_SHIM_ANSWER, buf_span(&c->answer));
}

static int64_t random_bytes(void *p, size_t n)
{
	ssize_t got;

	do
		got = getrandom(p, n, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

/* A refusal that no policy decided. In monitor mode nothing is stopped, so this is not either. */
void conn_refuse(struct conn *c, enum reason reason)
{
	struct engine_role *er = c->role;

	if (er->mode == MODE_MONITOR) {
		finish(c, AICP_SHIM_PASS, SPAN_NULL);
		return;
	}
	if (!c->decision[0]) {
		uint8_t id[ENGINE_ID_BYTES / 2] = {0};

		random_bytes(id, sizeof(id));
		hex_encode(span_of(id, sizeof(id)), c->decision);
	}
	buf_clear(&er->out);
	if (engine_refuse(er->light.engine, c->frame.host, c->decision, reason, &er->out) < 0)
		buf_clear(&er->out);
	finish(c, AICP_SHIM_ANSWER, buf_span(&er->out));
}

/* The decision of c is not in the ledger and will not get there in time. */
void conn_unrecorded(struct conn *c)
{
	struct engine_role *er = c->role;

	if (!c->pass) {
		conn_note(er, c->user, BUDGET_UNRECORDED);
		conn_finish_refused(c);
	} else if (er->fail == CONFIG_FAIL_OPEN || er->mode == MODE_MONITOR) {
		conn_note(er, c->user, BUDGET_FAIL_OPEN);
		conn_release(c);
	} else {
		conn_note(er, c->user, BUDGET_UNRECORDED);
		conn_refuse(c, REASON_NO_RECORD);
	}
}

int64_t conn_due(const struct conn *c)
{
	int64_t wait_ms = AICP_SHIM_WAIT_MS - AICP_VERDICT_MARGIN_MS;

	wait_ms += (int64_t)(c->frame.head.request_bytes >> 20) * AICP_SHIM_WAIT_MS_PER_MIB;
	return c->arrived_ns + wait_ms * MS;
}

void conn_judged(struct conn *c, int outcome, struct lane *lane)
{
	struct engine_role *er = c->role;

	if (outcome > 0) {
		conn_note(er, c->user, BUDGET_BAD_FRAME);
		conn_refuse(c, REASON_MALFORMED);
		return;
	}
	if (outcome < 0) {
		log_limited(LOG_ERROR, "judge", "a request could not be judged: %s",
			    strerror(-outcome));
		/* In monitor mode it passes. */
		conn_note(er, c->user,
			  er->mode == MODE_MONITOR ? BUDGET_FAIL_OPEN : BUDGET_UNRECORDED);
		conn_refuse(c, REASON_INTERNAL);
		return;
	}
	er->counters.requests++;
	if (c->held) {
		hold_begin(c, lane);
		return;
	}
	c->state = CONN_RECORDING;
	/* Behind this the shim has given up, and a record that comes later would say what did not
	 * happen. */
	loop_timer_set(er->loop, &c->timer, conn_due(c));
	if (peer_send(&er->ledger, LINK_APPEND, c->id, buf_span(&lane->record), -1) < 0)
		conn_unrecorded(c);
}

void conn_ready(struct conn *c)
{
	if (c->state == CONN_IDENTIFYING && c->identified)
		lane_judge(c);
}

/* The socket's credentials are of the moment of connect(). */
void conn_identify(struct conn *c, const struct identity *who)
{
	c->who = *who;
	c->who.uid = c->uid;
	c->who.gid = c->gid;
	c->identified = true;
}

/* What is known without the reader. */
void conn_identify_thinly(struct conn *c)
{
	c->who = (struct identity){
		.pid = c->pid,
		.start_ticks = IDENTITY_NONE,
		.uid = c->uid,
		.gid = c->gid,
		.loginuid = IDENTITY_NONE,
	};
	c->identified = true;
}

void conn_identified(struct engine_role *er, uint64_t id, struct span identity, int watch)
{
	struct conn *c = find(er, id);

	if (!c || c->identified) {
		if (watch >= 0)
			close(watch);
		return;
	}
	identity_cache_add(er->identities, &(struct identity_news){
						   .pid = c->pid,
						   .pidfd = c->pidfd,
						   .watch = watch,
						   .uid = (uid_t)c->uid,
						   .asked_ns = c->asked_ns,
						   .json = identity,
					   });
	c->pidfd = -1;
	c->identity = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	if (identity_parse(identity, &c->identity, &c->who) != PARSE_DONE ||
	    c->who.pid == IDENTITY_NONE)
		conn_identify_thinly(c);
	else
		conn_identify(c, &c->who);
	conn_ready(c);
}

void conn_durable(struct engine_role *er, uint64_t id)
{
	struct conn *c = find(er, id);

	if (!c)
		return;
	if (c->state == CONN_ENDING)
		hold_ended(c);
	else if (c->state != CONN_RECORDING)
		return;
	else if (c->held)
		hold_durable(c, id & HOLD_ID_BIT);
	else if (c->pass)
		conn_release(c);
	else
		conn_finish_refused(c);
}

void conn_not_recorded(struct engine_role *er, uint64_t id, struct span failure)
{
	struct conn *c = find(er, id);

	if (!c && id & HOLD_ID_BIT)
		hold_not_asked_by(er, id & ~HOLD_ID_BIT, failure);
	if (!c)
		return;
	if (c->state == CONN_ENDING)
		hold_unrecorded(c);
	else if (c->state == CONN_RECORDING && c->held)
		hold_not_recorded(c, id & HOLD_ID_BIT, failure);
	else if (c->state == CONN_RECORDING)
		conn_unrecorded(c);
}

void conn_ledger_gone(struct engine_role *er)
{
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++)
		if (er->conn[i] && er->conn[i]->state == CONN_RECORDING)
			conn_unrecorded(er->conn[i]);
		else if (er->conn[i] && er->conn[i]->state == CONN_ENDING)
			hold_unrecorded(er->conn[i]);
	hold_questions_gone(er);
}
