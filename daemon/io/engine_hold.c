/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait for people. A hold begins when its decision (and, where nobody was asked yet,
 * the question) is durable, and ends with a record of its own: released only behind one that says
 * so, which the ledger takes once for each approval.
 */
#include "io/append.h"
#include "io/engine_role.h"

#include "base/json_write.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* A hold's end must be durable in this time, else it ends refused. */
#define END_MS_MAX 2000
/* The client is told this long before it stops waiting: a tenth of its time, at most a second. */
#define CLIENT_MARGIN_MS_MAX 1000

static int64_t wall_ms(void)
{
	return loop_wall_ns() / MS;
}

int64_t hold_ms_of(int64_t configured_ms, int64_t client_wait_ms)
{
	int64_t margin = client_wait_ms / 10, ms = configured_ms;

	if (margin > CLIENT_MARGIN_MS_MAX)
		margin = CLIENT_MARGIN_MS_MAX;
	if (client_wait_ms && client_wait_ms - margin < ms)
		ms = client_wait_ms - margin;
	return ms;
}

struct held *held_new(const struct engine_decision *d, struct span host,
		      const struct engine_terms *terms)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->hold = d->hold;
	h->in_array = d->refusal_in_array;
	h->hold_ms = terms->hold_ms;
	h->expires_ms = terms->expires_ms;
	h->host_n = host.n < sizeof(h->host) ? host.n : sizeof(h->host);
	memcpy(h->host, host.p, h->host_n);
	h->policy_n =
		d->verdict.policy.n < sizeof(h->policy) ? d->verdict.policy.n : sizeof(h->policy);
	memcpy(h->policy, d->verdict.policy.p, h->policy_n);
	return h;
}

/* ---- who waits for what ------------------------------------------------------------------------
 */

/* Behind those who wait already: the first one that asked is the first to be let go. */
static void wait_for(struct conn *c, struct approval *approval)
{
	struct conn *last = approval->waiting;

	c->held->approval = approval;
	c->held->next = NULL;
	if (!last) {
		approval->waiting = c;
		return;
	}
	while (last->held->next)
		last = last->held->next;
	last->held->next = c;
}

static void stop_waiting(struct conn *c)
{
	struct approval *approval = c->held->approval;
	struct conn *at = approval ? approval->waiting : NULL;

	if (!approval)
		return;
	if (at == c) {
		approval->waiting = c->held->next;
	} else {
		while (at && at->held->next != c)
			at = at->held->next;
		if (at)
			at->held->next = c->held->next;
	}
	c->held->approval = NULL;
	c->held->next = NULL;
}

void hold_forget(struct conn *c)
{
	struct approval *approval;

	if (!c->held)
		return;
	approval = c->held->approval;
	stop_waiting(c);
	/* A question that never got to the ledger. */
	if (approval && approval->on_its_way && !approval->waiting)
		approvals_remove(c->role->approvals, approval);
	free(c->held);
	c->held = NULL;
}

/* ---- the end -----------------------------------------------------------------------------------
 */

static int put_answer(struct conn *c, enum reason reason)
{
	const struct approval *a = c->held->approval;
	struct engine_hold_end end = {
		.reason = reason,
		.in_array = c->held->in_array,
		.approval_id = span_str(c->held->hold.approval_id),
		.policy = span_of(c->held->policy, c->held->policy_n),
	};

	if (a && a->state == APPROVAL_REJECTED) {
		end.by = span_str(a->by);
		end.rationale = span_str(a->rationale);
	}
	buf_clear(&c->answer);
	return engine_refuse_held(c->role->light.engine, span_of(c->held->host, c->held->host_n),
				  c->decision, &end, &c->answer);
}

static int put_end(struct conn *c, enum hold_outcome outcome, enum reason reason)
{
	struct engine_role *er = c->role;
	struct json_write w;

	buf_clear(&er->record);
	append_begin(&er->record, RECORD_HOLD_ENDED, outcome != HOLD_RELEASED);
	json_write_init(&w, &er->record, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "approval_id", c->held->hold.approval_id);
	json_write_str(&w, "execution_id", c->decision);
	json_write_int(&w, "held_ms", (loop_mono_ns() - c->held->began_ns) / MS);
	json_write_str(&w, "outcome", hold_outcome_name(outcome));
	json_write_str(&w, "reason", reason_code(reason));
	json_write_end_object(&w);
	return er->record.err;
}

/* Records an end that nobody waits for: nothing was let go. 0 or -errno. */
static int note_end(struct conn *c, enum hold_outcome outcome, enum reason reason)
{
	struct engine_role *er = c->role;
	int r = put_end(c, outcome, reason);

	return r < 0 ? r : peer_send(&er->ledger, LINK_APPEND, 0, buf_span(&er->record), -1);
}

/* The program gave up: nobody waits for an answer. */
static void abandon(struct conn *c)
{
	if (note_end(c, HOLD_ABANDONED, REASON_APPROVAL_PENDING) < 0)
		conn_note(c->role, c->user, BUDGET_ABANDONED);
	conn_close(c);
}

/* Records the end; what it is takes effect when that is durable. c may be gone afterwards. */
static void end(struct conn *c, enum hold_outcome outcome, enum reason reason)
{
	struct engine_role *er = c->role;
	int r = outcome == HOLD_RELEASED ? 0 : put_answer(c, reason);

	stop_waiting(c);
	c->pass = outcome == HOLD_RELEASED;
	c->state = CONN_ENDING;
	if (!r)
		r = put_end(c, outcome, reason);
	if (!r)
		r = peer_send(&er->ledger, LINK_APPEND, c->id, buf_span(&er->record), -1);
	if (r < 0) {
		hold_unrecorded(c);
		return;
	}
	loop_timer_set(er->loop, &c->timer, loop_mono_ns() + END_MS_MAX * MS);
}

void hold_unrecorded(struct conn *c)
{
	struct engine_role *er = c->role;

	/* Whatever the fail mode: people were asked, and nobody can show that they agreed. */
	if (c->pass)
		put_answer(c, REASON_NO_RECORD);
	c->pass = false;
	conn_note(er, c->user, BUDGET_UNRECORDED);
	conn_finish_refused(c);
}

void hold_ended(struct conn *c)
{
	if (c->pass)
		conn_release(c);
	else
		conn_finish_refused(c);
}

/* ---- the wait ----------------------------------------------------------------------------------
 */

static void gone(struct loop_source *source, uint32_t events)
{
	struct conn *c = source->data;
	char byte;
	ssize_t n = recv(c->fd, &byte, sizeof(byte), MSG_DONTWAIT);

	(void)events;
	/* A shim that waits has nothing to say; one that says something is none. */
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (c->state == CONN_HELD)
		abandon(c);
	else
		loop_remove(c->role->loop, source);
}

/* What was needed to judge is not needed to wait. */
static void lighten(struct conn *c)
{
	explicit_bzero(c->message.p, c->message.n);
	buf_deinit(&c->message);
	buf_deinit(&c->identity);
	c->frame.host = span_of(c->held->host, c->held->host_n);
	c->frame.request = SPAN_NULL;
	closer_close(c->role->closer, c->memfd);
	c->memfd = -1;
	budget_refund(c->user, c->charged);
	c->charged = 0;
}

static void begin_wait(struct conn *c)
{
	struct engine_role *er = c->role;

	if (!(c->frame.head.flags & AICP_SHIM_F_CAN_HOLD) || c->held->hold_ms <= 0 ||
	    er->stopping) {
		end(c, HOLD_REFUSED, REASON_APPROVAL_PENDING);
		return;
	}
	if (!budget_hold(er->budget, c->user)) {
		end(c, HOLD_REFUSED, REASON_HOLDS_FULL);
		return;
	}
	c->seat = SEAT_HELD;
	lighten(c);
	c->state = CONN_HELD;
	c->source = (struct loop_source){.fd = c->fd, .events = EPOLLIN, .ready = gone, .data = c};
	loop_timer_set(er->loop, &c->timer, loop_mono_ns() + c->held->hold_ms * MS);
	if (put_answer(c, REASON_APPROVAL_PENDING) < 0 || loop_add(er->loop, &c->source) < 0)
		end(c, HOLD_REFUSED, REASON_APPROVAL_PENDING);
	else if (conn_say_hold(c, c->held->hold_ms) < 0)
		abandon(c);
}

/* What the approval says now decides about a request that waits for it. */
void hold_consider(struct conn *c)
{
	struct approval *a = c->held->approval;

	switch (a->state) {
	case APPROVAL_PENDING:
		if (c->state != CONN_HELD)
			begin_wait(c);
		return;
	case APPROVAL_APPROVED:
		/* For one request: whoever comes next asks anew. */
		a->state = APPROVAL_USED;
		end(c, HOLD_RELEASED, REASON_POLICY);
		return;
	case APPROVAL_REJECTED:
		end(c, HOLD_REFUSED, REASON_APPROVAL_REJECTED);
		return;
	case APPROVAL_USED:
		end(c, HOLD_REFUSED, REASON_APPROVAL_USED);
		return;
	case APPROVAL_EXPIRED:
	case _APPROVAL_STATE_COUNT:
		break;
	}
	/* Before its time it is over only for us: no ledger knows of it. */
	end(c, HOLD_REFUSED,
	    a->expires_ms <= wall_ms() ? REASON_APPROVAL_EXPIRED : REASON_NO_RECORD);
}

void hold_timed_out(struct conn *c)
{
	end(c, HOLD_REFUSED, REASON_APPROVAL_PENDING);
}

/* ---- the beginning -----------------------------------------------------------------------------
 */

static int ask(struct conn *c, struct span question)
{
	int r = peer_send(&c->role->ledger, LINK_ASK, c->id | HOLD_ID_BIT, question, -1);

	if (r < 0)
		return r;
	c->held->approval->asked_id = c->id;
	c->held->awaiting++;
	return 0;
}

static struct approval *approval_for(struct conn *c, bool *ret_new)
{
	struct engine_role *er = c->role;
	const struct engine_hold *hold = &c->held->hold;
	int64_t now_ms = wall_ms();
	struct approval *a = approvals_find(er->approvals, &hold->join, &hold->digest, now_ms);

	*ret_new = !a;
	return a ? a : approvals_add(er->approvals, hold, c->held->expires_ms, now_ms);
}

/* It is refused before it waits. Its decision, which says that it is held, is in the ledger or on
 * its way there: the end follows it. */
static void give_up(struct conn *c, enum reason reason)
{
	put_answer(c, reason);
	if (note_end(c, HOLD_REFUSED, reason) < 0 || !c->held->decided)
		conn_unrecorded(c);
	else
		conn_finish_refused(c);
}

void hold_unanswered(struct conn *c)
{
	give_up(c, REASON_NO_RECORD);
}

void hold_begin(struct conn *c, struct lane *lane)
{
	struct engine_role *er = c->role;
	struct approval *a;
	bool is_new;

	c->held->began_ns = c->arrived_ns;
	if (!er->approvals_known) {
		conn_note(er, c->user, BUDGET_UNRECORDED);
		conn_refuse(c, REASON_NO_RECORD);
		return;
	}
	a = approval_for(c, &is_new);
	if (!a) {
		conn_note(er, c->user, BUDGET_OVER);
		conn_refuse(c, REASON_HOLDS_FULL);
		return;
	}
	if (!is_new) {
		memcpy(c->held->hold.approval_id, a->id, sizeof(a->id));
		engine_record_join(&lane->record, a->id);
	}
	wait_for(c, a);
	c->state = CONN_RECORDING;
	c->held->awaiting = 1;
	loop_timer_set(er->loop, &c->timer, conn_due(c));
	if (put_answer(c, REASON_NO_RECORD) < 0 ||
	    peer_send(&er->ledger, LINK_APPEND, c->id, buf_span(&lane->record), -1) < 0)
		conn_unrecorded(c);
	else if (is_new && ask(c, buf_span(&lane->question)) < 0)
		hold_unanswered(c);
}

void hold_durable(struct conn *c, bool question)
{
	struct approval *a = c->held->approval;

	if (question)
		a->on_its_way = false;
	else
		c->held->decided = true;
	if (--c->held->awaiting == 0)
		hold_consider(c);
}

/* The question was refused: so is whoever waits for its answer. */
void hold_not_asked(struct approval *a, struct span failure)
{
	bool full = memmem(failure.p, failure.n, "too-many-approvals", 18) != NULL;
	enum reason reason = full ? REASON_HOLDS_FULL : REASON_NO_RECORD;

	a->state = APPROVAL_EXPIRED;
	a->on_its_way = false;
	while (a->waiting) {
		struct conn *c = a->waiting;

		/* One that joined meanwhile may wait already: that has to end on record. */
		if (c->state == CONN_HELD)
			end(c, HOLD_REFUSED, reason);
		else
			give_up(c, reason);
	}
}

void hold_not_recorded(struct conn *c, bool question, struct span failure)
{
	if (!question)
		conn_unrecorded(c);
	else if (c->held->approval->on_its_way)
		hold_not_asked(c->held->approval, failure);
	else
		hold_unanswered(c);
}

void hold_stop_all(struct engine_role *er)
{
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++)
		if (er->conn[i] && er->conn[i]->state == CONN_HELD)
			end(er->conn[i], HOLD_REFUSED, REASON_APPROVAL_PENDING);
}
