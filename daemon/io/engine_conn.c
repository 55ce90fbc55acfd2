/* SPDX-License-Identifier: MIT */
/*
 * From a frame and an identity to a verdict: judge → record → verdict. A verdict leaves only when
 * the ledger has said that its record is durable.
 */
#include "io/append.h"
#include "io/engine_role.h"
#include "io/log.h"
#include "io/memfd.h"

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

	return c && c->id == id ? c : NULL;
}

void conn_close(struct conn *c)
{
	struct engine_role *er = c->role;
	uint32_t slot = (uint32_t)(c->id & (AICP_ENGINE_CONNECTIONS_MAX - 1));

	loop_remove(er->loop, &c->source);
	loop_timer_clear(er->loop, &c->timer);
	if (c->memfd >= 0)
		close(c->memfd);
	close(c->fd);
	budget_refund(c->user, c->charged);
	if (c->over_budget)
		budget_leave_refused(c->user);
	else
		budget_leave(c->user);
	/* It may hold credentials; a judged one was scrubbed, another was not. */
	if (c->message.n)
		explicit_bzero(c->message.p, c->message.n);
	buf_deinit(&c->message);
	buf_deinit(&c->identity);
	buf_deinit(&c->answer);
	er->conn[slot] = NULL;
	er->free_slot[er->free_n++] = slot;
	free(c);
	if (er->stopping && !conn_count(er))
		loop_timer_set(er->loop, &er->stop, 0);
}

/* The one message that a shim gets, and the end. */
static void finish(struct conn *c, enum aicp_shim_action action, struct span answer)
{
	struct aicp_shim_verdict head = {
		.magic = AICP_SHIM_MAGIC,
		.version = AICP_SHIM_VERSION,
		.type = AICP_SHIM_VERDICT,
		.action = action,
		.answer_bytes = (uint32_t)answer.n,
	};
	struct iovec iov[2] = {
		{&head, sizeof(head)}, {(void *)(uintptr_t)answer.p, answer.n}, /* only read */
	};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = answer.n ? 2 : 1};
	struct engine_role *er = c->role;

	_Static_assert(ENGINE_ID_BYTES < sizeof(head.decision_id), "an id and a NUL fit");
	memcpy(head.decision_id, c->decision, ENGINE_ID_BYTES);
	if (sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		conn_note(er, c->user, BUDGET_ABANDONED);
	else if (action == AICP_SHIM_PASS)
		er->counters.passed++;
	else
		er->counters.refused++;
	conn_close(c);
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

	if (engine_mode(er->engine) == MODE_MONITOR) {
		finish(c, AICP_SHIM_PASS, SPAN_NULL);
		return;
	}
	if (!c->decision[0]) {
		uint8_t id[ENGINE_ID_BYTES / 2] = {0};

		random_bytes(id, sizeof(id));
		hex_encode(span_of(id, sizeof(id)), c->decision);
	}
	buf_clear(&er->out);
	if (engine_refuse(er->engine, c->frame.host, c->decision, reason, &er->out) < 0)
		buf_clear(&er->out);
	finish(c, AICP_SHIM_ANSWER, buf_span(&er->out));
}

/* The decision of c is not in the ledger and will not get there in time. */
void conn_unrecorded(struct conn *c)
{
	struct engine_role *er = c->role;

	if (!c->pass) {
		conn_note(er, c->user, BUDGET_UNRECORDED);
		finish(c, AICP_SHIM_ANSWER, buf_span(&c->answer));
	} else if (er->fail == CONFIG_FAIL_OPEN || engine_mode(er->engine) == MODE_MONITOR) {
		conn_note(er, c->user, BUDGET_FAIL_OPEN);
		finish(c, AICP_SHIM_PASS, SPAN_NULL);
	} else {
		conn_note(er, c->user, BUDGET_UNRECORDED);
		conn_refuse(c, REASON_NO_RECORD);
	}
}

/* The bytes to judge: in the frame, or read from the memfd now that its turn has come. 0, > 0 when
 * the memfd is wrong. */
static int request_bytes(struct conn *c, struct span *ret_bytes)
{
	struct engine_role *er = c->role;
	int r;

	if (!c->frame.has_memfd) {
		*ret_bytes = c->frame.request;
		return 0;
	}
	r = memfd_check(c->memfd, c->frame.head.request_bytes);
	if (r)
		return r;
	buf_clear(&er->request);
	r = memfd_read(c->memfd, c->frame.head.request_bytes, &er->request);
	if (!r)
		*ret_bytes = buf_span(&er->request);
	return r;
}

/* Ids that begin with the time (in steps of 2^24 ns) stand together in the ledger's index; wholly
 * random ones each touch a page of their own, which halves what the ledger can take. */
#define ID_TIME_BYTES 5

static void put_time(uint8_t *id, int64_t wall_ns)
{
	uint64_t t = (uint64_t)wall_ns >> 24;

	for (int i = ID_TIME_BYTES; i-- > 0; t >>= 8)
		id[i] = (uint8_t)t;
}

/* Judges, and puts the record into er->record. 0 or -errno. */
static int decide(struct conn *c, struct span bytes)
{
	struct engine_role *er = c->role;
	struct engine_request q = {
		.kind = (enum aicp_shim_kind)c->frame.head.kind,
		.host = c->frame.host,
		.bytes = (uint8_t *)(uintptr_t)bytes.p, /* our own copy in both cases */
		.bytes_n = bytes.n,
		.coverage = "shim",
		.who = &c->who,
		.now_ns = loop_wall_ns(),
	};
	struct engine_decision d;
	int r;

	if (random_bytes(q.random, sizeof(q.random)) != sizeof(q.random))
		return -EIO;
	put_time(q.random, q.now_ns);
	er->counters.requests++;
	engine_judge(er->engine, &q, &d);
	memcpy(c->decision, d.id, sizeof(c->decision));
	c->pass = d.pass;
	r = d.pass ? 0 : engine_answer(&d, _REASON_COUNT, &c->answer);
	if (!r)
		r = engine_record(er->engine, &q, &d, (loop_mono_ns() - c->arrived_ns) / 1000,
				  &er->out);
	buf_clear(&er->record);
	if (!r)
		r = append_begin(&er->record, RECORD_DECISION, !d.pass);
	if (!r)
		r = buf_put(&er->record, buf_span(&er->out));
	return r;
}

/* Behind this the shim has given up, and a record that comes later would say what did not happen.
 */
static int64_t verdict_due(const struct conn *c)
{
	int64_t wait_ms = AICP_SHIM_WAIT_MS - AICP_VERDICT_MARGIN_MS;

	wait_ms += (int64_t)(c->frame.head.request_bytes >> 20) * AICP_SHIM_WAIT_MS_PER_MIB;
	return c->arrived_ns + wait_ms * MS;
}

static void judge(struct conn *c)
{
	struct engine_role *er = c->role;
	struct span bytes = SPAN_NULL;
	int r = request_bytes(c, &bytes);

	if (r > 0) {
		conn_note(er, c->user, BUDGET_BAD_FRAME);
		conn_refuse(c, REASON_MALFORMED);
		return;
	}
	if (!r)
		r = decide(c, bytes);
	if (er->request.n) {
		explicit_bzero(er->request.p, er->request.n);
		buf_clear(&er->request);
	}
	if (r < 0) {
		log_limited(LOG_ERROR, "judge", "a request could not be judged: %s", strerror(-r));
		conn_refuse(c, REASON_INTERNAL);
		return;
	}
	c->state = CONN_RECORDING;
	loop_timer_set(er->loop, &c->timer, verdict_due(c));
	r = peer_send(&er->ledger, LINK_APPEND, c->id, buf_span(&er->record), -1);
	if (r < 0)
		conn_unrecorded(c);
}

void conn_ready(struct conn *c)
{
	if (c->state == CONN_IDENTIFYING && c->identified)
		judge(c);
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

void conn_identified(struct engine_role *er, uint64_t id, struct span identity)
{
	struct conn *c = find(er, id);

	if (!c || c->identified)
		return;
	c->identity = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	if (identity_parse(identity, &c->identity, &c->who) != PARSE_DONE ||
	    c->who.pid == IDENTITY_NONE) {
		conn_identify_thinly(c);
	} else {
		/* The socket's credentials are of the moment of connect(). */
		c->who.uid = c->uid;
		c->who.gid = c->gid;
		c->identified = true;
	}
	conn_ready(c);
}

void conn_durable(struct engine_role *er, uint64_t id)
{
	struct conn *c = find(er, id);

	if (!c || c->state != CONN_RECORDING)
		return;
	if (c->pass)
		finish(c, AICP_SHIM_PASS, SPAN_NULL);
	else
		finish(c, AICP_SHIM_ANSWER, buf_span(&c->answer));
}

void conn_not_recorded(struct engine_role *er, uint64_t id)
{
	struct conn *c = find(er, id);

	if (c && c->state == CONN_RECORDING)
		conn_unrecorded(c);
}

void conn_ledger_gone(struct engine_role *er)
{
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++)
		if (er->conn[i] && er->conn[i]->state == CONN_RECORDING)
			conn_unrecorded(er->conn[i]);
}
