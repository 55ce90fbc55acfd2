/* SPDX-License-Identifier: MIT */
/*
 * What comes back for requests that passed. The connection of a request stays open behind its
 * verdict; what its shim sends there is read and parsed by a thread of its own, so that no verdict
 * waits for a response, however large or broken. The loop only hands connections over, in turns,
 * and makes the records.
 */
#include "io/append.h"
#include "io/engine_role.h"
#include "io/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* One turn of the thread: so many responses, and so many messages of each. */
#define BATCH_MAX   64u
#define MESSAGE_MAX 16
/* SCM_MAX_FD of the kernel: see engine_accept.c. */
#define FDS_ROOM   253
#define ID_BITS	   (UINT64_C(3) << 62) /* the low ones are the uid */
#define TURN_BYTES (sizeof(struct aicp_shim_response) + AICP_SHIM_INLINE_BYTES_MAX + 1)

struct witnessed {
	struct witnessed *next, **link; /* of all */
	struct witnessed *ready; /* the next in the queue or the batch */
	struct engine_role *role;
	struct budget_user *user;
	struct loop_source source;
	struct response *response;
	int64_t began_ns, first_ns, last_ns;
	size_t memory, charged; /* what the response holds, and what of it the user is charged */
	bool waiting; /* for its shim, in the loop; else in the queue or the batch */
	bool over, broken; /* said by the thread */
};

struct witness {
	struct worker *worker;
	struct witnessed *all;
	struct witnessed *queue, **queue_end;
	struct witnessed *batch;
	/* the thread's, while it has a batch */
	struct response_scratch scratch;
	int passed[FDS_ROOM]; /* what a shim passed, though nothing may be */
	unsigned passed_n;
	uint8_t in[TURN_BYTES];
};

int witness_init(struct engine_role *er)
{
	struct witness *wt = calloc(1, sizeof(*wt));

	er->witness = wt;
	if (!wt || response_scratch_init(&wt->scratch) < 0)
		return -ENOMEM;
	wt->queue_end = &wt->queue;
	wt->worker = worker_new(er->loop);
	return wt->worker ? 0 : -ENOMEM;
}

/* ---- on the thread ---- */

static void take_passed(struct witness *wt, struct msghdr *msg)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR(msg, m)) {
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n && wt->passed_n < FDS_ROOM; i++, wt->passed_n++)
			memcpy(&wt->passed[wt->passed_n], CMSG_DATA(m) + i * sizeof(int),
			       sizeof(int));
	}
}

/* One message: PARSE_DONE; PARSE_E_MORE: none is there; PARSE_E_BAD; -errno, or -ESHUTDOWN at the
 * end. */
static int receive(struct witness *wt, int fd, struct shim_response *ret_message)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control;
	struct iovec iov = {wt->in, sizeof(wt->in)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? PARSE_E_MORE : -errno;
	take_passed(wt, &msg);
	if (wt->passed_n)
		return PARSE_E_BAD;
	if (n == 0)
		return -ESHUTDOWN;
	return shim_frame_response(span_of(wt->in, (size_t)n), ret_message);
}

static void take_message(struct witness *wt, struct witnessed *w, const struct shim_response *m)
{
	w->last_ns = loop_mono_ns();
	if (!w->first_ns && m->bytes.n)
		w->first_ns = w->last_ns;
	/* An end that is not where the bytes end comes behind a gap. */
	w->over = !response_feed(w->response, m->head.offset, m->bytes, &wt->scratch);
	if (m->head.flags & AICP_SHIM_R_END) {
		response_end(w->response, true, &wt->scratch);
		w->over = true;
	}
}

static void read_one(struct witness *wt, struct witnessed *w)
{
	for (int i = 0; i < MESSAGE_MAX && !w->over; i++) {
		struct shim_response message;
		int r = receive(wt, w->source.fd, &message);

		if (r == PARSE_E_MORE)
			break;
		if (r == PARSE_DONE) {
			take_message(wt, w, &message);
			continue;
		}
		w->broken = r == PARSE_E_BAD;
		w->over = true;
		response_end(w->response, false, &wt->scratch);
	}
	w->memory = response_memory(w->response);
}

static void run(void *data)
{
	struct engine_role *er = data;
	struct witness *wt = er->witness;

	/* Descriptors have to be out of the way before more can come: the loop sees to that. */
	for (struct witnessed *w = wt->batch; w && !wt->passed_n; w = w->ready)
		read_one(wt, w);
}

/* ---- in the loop ---- */

static void lost(struct engine_role *er, struct budget_user *user)
{
	conn_note(er, user, BUDGET_RESPONSE_LOST);
}

static int64_t ms_between(int64_t begin_ns, int64_t end_ns)
{
	return end_ns > begin_ns ? (end_ns - begin_ns) / MS : 0;
}

static void record(struct witnessed *w)
{
	struct engine_role *er = w->role;
	const struct response_facts facts = {
		.coverage = "shim",
		.uid = w->user->uid,
		.first_byte_ms = w->first_ns ? ms_between(w->began_ns, w->first_ns) : -1,
		.total_ms = ms_between(w->began_ns, w->last_ns),
	};
	int r;

	buf_clear(&er->record);
	r = append_begin(&er->record, RECORD_RESPONSE, false);
	if (!r)
		r = response_record(w->response, &facts, &er->record);
	if (!r)
		r = peer_send(&er->ledger, LINK_APPEND, ID_BITS | w->user->uid,
			      buf_span(&er->record), -1);
	if (r < 0)
		lost(er, w->user);
	else
		w->user->unanswered++;
}

static void drop(struct witnessed *w)
{
	struct engine_role *er = w->role;

	budget_response_bytes(er->budget, w->user, w->charged, 0);
	budget_leave_response(er->budget, w->user);
	response_free(w->response);
	free(w);
	if (er->stopping && !conn_count(er) && !budget_responses(er->budget))
		loop_timer_set(er->loop, &er->stop, 0);
}

static void finish(struct witnessed *w)
{
	record(w);
	loop_remove(w->role->loop, &w->source);
	closer_close(w->role->closer, w->source.fd);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	drop(w);
}

static void wait_for_more(struct witnessed *w)
{
	w->waiting = loop_add(w->role->loop, &w->source) == 0;
	if (w->waiting)
		return;
	response_give_up(w->response);
	finish(w);
}

/* The thread has done with w. */
static void take_turn(struct witnessed *w)
{
	struct engine_role *er = w->role;
	bool fits = budget_response_bytes(er->budget, w->user, w->charged, w->memory);

	w->charged = w->memory;
	if (w->broken)
		conn_note(er, w->user, BUDGET_BAD_FRAME);
	if (!fits)
		response_give_up(w->response);
	if (er->stopping)
		response_end(w->response, false, &er->witness->scratch);
	if (w->over || !fits || er->stopping)
		finish(w);
	else
		wait_for_more(w);
}

static void take_batch(struct engine_role *er)
{
	struct witness *wt = er->witness;
	struct witnessed *w = wt->batch, *next;

	wt->batch = NULL;
	for (unsigned i = 0; i < wt->passed_n; i++)
		closer_close(er->closer, wt->passed[i]);
	wt->passed_n = 0;
	for (; w; w = next) {
		next = w->ready;
		w->ready = NULL;
		take_turn(w);
	}
}

static void batch_done(void *data);

static void start(struct engine_role *er)
{
	struct witness *wt = er->witness;
	const struct worker_job job = {run, batch_done, er};

	while (wt->queue && !worker_busy(wt->worker)) {
		struct witnessed **at = &wt->queue;

		for (unsigned i = 0; *at && i < BATCH_MAX; i++)
			at = &(*at)->ready;
		wt->batch = wt->queue;
		wt->queue = *at;
		*at = NULL;
		if (!wt->queue)
			wt->queue_end = &wt->queue;
		if (worker_start(wt->worker, &job) == 0)
			return;
		/* No thread to be had: better late than blind. */
		run(er);
		take_batch(er);
	}
}

static void batch_done(void *data)
{
	struct engine_role *er = data;

	take_batch(er);
	start(er);
}

static void enqueue(struct witnessed *w)
{
	struct witness *wt = w->role->witness;

	loop_remove(w->role->loop, &w->source);
	w->waiting = false;
	*wt->queue_end = w;
	wt->queue_end = &w->ready;
}

static void readable(struct loop_source *source, uint32_t events)
{
	struct witnessed *w = source->data;
	struct engine_role *er = w->role;

	(void)events;
	enqueue(w);
	start(er);
}

struct witnessed *witness_new(struct conn *c)
{
	struct engine_role *er = c->role;
	struct witnessed *w;

	if (!c->response || er->stopping)
		return NULL;
	w = budget_response(er->budget, c->user) ? calloc(1, sizeof(*w)) : NULL;
	if (!w) {
		conn_note(er, c->user, BUDGET_UNWITNESSED);
		return NULL;
	}
	w->role = er;
	w->user = c->user;
	w->response = c->response;
	c->response = NULL;
	return w;
}

void witness_drop(struct witnessed *w)
{
	drop(w);
}

void witness_begin(struct witnessed *w, struct conn *c)
{
	struct engine_role *er = w->role;
	struct witness *wt = er->witness;

	loop_remove(er->loop, &c->source);
	w->source =
		(struct loop_source){.fd = c->fd, .events = EPOLLIN, .ready = readable, .data = w};
	c->fd = -1;
	w->began_ns = w->last_ns = loop_mono_ns();
	w->memory = w->charged = response_memory(w->response);
	budget_response_bytes(er->budget, w->user, 0, w->charged);
	w->next = wt->all;
	w->link = &wt->all;
	if (w->next)
		w->next->link = &w->next;
	wt->all = w;
	wait_for_more(w);
}

void witness_stop_all(struct engine_role *er)
{
	/* What has come is read first. */
	for (struct witnessed *w = er->witness->all; w; w = w->next)
		if (w->waiting)
			enqueue(w);
	start(er);
}

bool witness_answered(struct engine_role *er, uint64_t id, bool durable)
{
	struct budget_user *user;

	if ((id & ID_BITS) != ID_BITS)
		return false;
	user = budget_user(er->budget, (uid_t)id);
	if (!user || !user->unanswered)
		return true;
	user->unanswered--;
	if (!durable)
		lost(er, user);
	return true;
}

void witness_ledger_gone(struct engine_role *er)
{
	unsigned n = budget_lose_responses(er->budget);

	er->counters.total[BUDGET_RESPONSE_LOST] += n;
	if (n && !er->report.set)
		loop_timer_set(er->loop, &er->report, loop_mono_ns() + 1000 * MS);
}
