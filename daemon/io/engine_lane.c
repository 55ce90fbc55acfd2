/* SPDX-License-Identifier: MIT */
/*
 * Two lanes of judging. Requests that came inline (to 64 KiB) are judged at once, in the loop.
 * Larger ones are judged by a thread with an engine of its own, the smallest first, so that
 * nobody's 32 MiB keep the others waiting.
 */
#include "io/append.h"
#include "io/engine_role.h"
#include "io/memfd.h"
#include "io/question.h"

#include <errno.h>
#include <sys/random.h>

/* Scratch memory of a rare large request is not kept. */
#define SCRATCH_KEEP_BYTES (1u << 20)

int lane_init(struct engine_role *er)
{
	for (int i = 0; i < 2; i++) {
		struct lane *lane = i ? &er->heavy : &er->light;

		lane->engine = engine_new();
		if (!lane->engine)
			return -ENOMEM;
		lane->request = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
		lane->body = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
		lane->record = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
		lane->content = BUF_INIT(AICP_APPROVAL_CONTENT_BYTES_MAX);
		lane->question = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	}
	er->judge = worker_new(er->loop);
	return er->judge ? 0 : -ENOMEM;
}

/* The bytes to judge: in the frame, or read from the memfd now that its turn has come. > 0 when the
 * memfd is wrong. */
static int request_bytes(struct lane *lane, struct conn *c, struct span *ret_bytes)
{
	int r;

	if (!c->frame.has_memfd) {
		*ret_bytes = c->frame.request;
		return 0;
	}
	r = memfd_check(c->memfd, c->frame.head.request_bytes);
	if (r)
		return r;
	buf_clear(&lane->request);
	r = memfd_read(c->memfd, c->frame.head.request_bytes, &lane->request);
	if (!r)
		*ret_bytes = buf_span(&lane->request);
	return r;
}

/* What redaction made of the body, as it travels to the shim. 0 or -errno. */
static int keep_rewritten(struct conn *c, struct span body)
{
	int fd;

	if (!body.n)
		return 0;
	fd = memfd_make("aicp-body", body);
	if (fd < 0)
		return fd;
	c->body = fd;
	c->body_bytes = (uint32_t)body.n;
	return 0;
}

/* What people will be asked, should nobody have been yet. 0 or -errno. */
static int hold(struct lane *lane, struct conn *c, const struct engine_request *q,
		const struct engine_decision *d)
{
	struct engine_terms terms = {.requested_ms = q->now_ns / MS};
	struct question question;
	int r;

	terms.expires_ms = terms.requested_ms + lane->expiry_ms;
	terms.hold_ms = hold_ms_of(lane->hold_ms, d->hold.client_wait_ms);
	c->held = held_new(d, q->host, &terms);
	if (!c->held)
		return -ENOMEM;
	r = engine_approval(lane->engine, q, d, &terms, &lane->body);
	if (!r)
		r = engine_approval_content(lane->engine, q, d, &lane->content);
	question = (struct question){buf_span(&lane->body), buf_span(&lane->content)};
	buf_clear(&lane->question);
	return r ? r : question_write(&question, &lane->question);
}

/* Judges, and puts the record into the lane. 0 or -errno. */
static int decide(struct lane *lane, struct conn *c, struct span bytes)
{
	struct engine_request q = {
		.kind = (enum aicp_shim_kind)c->frame.head.kind,
		.host = c->frame.host,
		.clear = c->frame.head.flags & AICP_SHIM_F_CLEAR,
		.bytes = (uint8_t *)(uintptr_t)bytes.p, /* our own copy in both cases */
		.bytes_n = bytes.n,
		.coverage = "shim",
		.tier = c->role->rootless ? "cooperative" : "host",
		.can_rewrite = true,
		.who = &c->who,
		.now_ns = loop_wall_ns(),
	};
	struct engine_decision d;
	int r;

	if (getrandom(q.random, sizeof(q.random), 0) != sizeof(q.random) ||
	    getrandom(q.random_approval, sizeof(q.random_approval), 0) != sizeof(q.random_approval))
		return -EIO;
	engine_judge(lane->engine, &q, &d);
	memcpy(c->decision, d.id, sizeof(c->decision));
	c->pass = d.pass;
	if ((d.pass || d.held) && c->frame.head.flags & AICP_SHIM_F_CAN_WITNESS &&
	    q.kind == AICP_SHIM_KIND_NONE)
		c->response = response_new(lane->engine, &d);
	r = keep_rewritten(c, d.rewritten);
	if (!r && d.held)
		r = hold(lane, c, &q, &d);
	else if (!r && !d.pass)
		r = engine_answer(&d, _REASON_COUNT, &c->answer);
	if (!r)
		r = engine_record(lane->engine, &q, &d, (loop_mono_ns() - c->arrived_ns) / 1000,
				  &lane->body);
	buf_clear(&lane->record);
	if (!r)
		r = append_begin(&lane->record, RECORD_DECISION, !d.pass);
	if (!r)
		r = buf_put(&lane->record, buf_span(&lane->body));
	return r;
}

/* All that is done with a request's bytes. 0, > 0 when they cannot be had as announced, or -errno.
 */
static int judge_in(struct lane *lane, struct conn *c)
{
	struct span bytes = SPAN_NULL;
	int r = request_bytes(lane, c, &bytes);

	if (!r)
		r = decide(lane, c, bytes);
	if (lane->request.n) {
		explicit_bzero(lane->request.p, lane->request.n);
		buf_clear(&lane->request);
	}
	if (lane->request.cap > SCRATCH_KEEP_BYTES)
		buf_deinit(&lane->request);
	engine_trim(lane->engine);
	return r;
}

static void judge_now(struct conn *c)
{
	struct lane *lane = &c->role->light;
	int r = judge_in(lane, c);

	conn_judged(c, r, lane);
}

static void heavy_run(void *data)
{
	struct engine_role *er = data;

	er->heavy_outcome = judge_in(&er->heavy, er->heavy_conn);
}

static void heavy_next(struct engine_role *er);

static void heavy_done(void *data)
{
	struct engine_role *er = data;
	struct conn *c = er->heavy_conn;

	er->heavy_conn = NULL;
	if (er->heavy_stale)
		lane_set_rules(er);
	conn_judged(c, er->heavy_outcome, &er->heavy);
	heavy_next(er);
}

/* The smallest of another user than the last one, so that many small ones of one user do not keep
 * the others' waiting; else the smallest. */
static struct conn **heavy_place(struct engine_role *er)
{
	for (struct conn **at = &er->heavy_queue; *at; at = &(*at)->queued)
		if ((*at)->uid != er->heavy_uid)
			return at;
	return &er->heavy_queue;
}

static void heavy_next(struct engine_role *er)
{
	const struct worker_job job = {heavy_run, heavy_done, er};
	struct conn **at = heavy_place(er), *c = *at;

	if (!c || worker_busy(er->judge))
		return;
	*at = c->queued;
	c->queued = NULL;
	er->heavy_uid = c->uid;
	c->state = CONN_JUDGING;
	loop_timer_clear(er->loop, &c->timer);
	er->heavy_conn = c;
	if (worker_start(er->judge, &job) < 0) {
		/* No thread to be had: the others wait rather than this one goes unjudged. */
		er->heavy_conn = NULL;
		judge_now(c);
		heavy_next(er);
	}
}

void lane_judge(struct conn *c)
{
	struct engine_role *er = c->role;
	struct conn **at = &er->heavy_queue;

	if (!c->frame.has_memfd) {
		judge_now(c);
		return;
	}
	while (*at && (*at)->frame.head.request_bytes <= c->frame.head.request_bytes)
		at = &(*at)->queued;
	c->queued = *at;
	*at = c;
	c->state = CONN_QUEUED;
	loop_timer_set(er->loop, &c->timer, conn_due(c));
	heavy_next(er);
}

void lane_forget(struct conn *c)
{
	struct conn **at = &c->role->heavy_queue;

	while (*at && *at != c)
		at = &(*at)->queued;
	if (*at)
		*at = c->queued;
}

static void set_rules(const struct engine_role *er, struct lane *lane,
		      const struct engine_rules *rules)
{
	engine_set_rules(lane->engine, rules);
	lane->hold_ms = er->hold_ms;
	lane->expiry_ms = er->expiry_ms;
}

void lane_set_rules(struct engine_role *er)
{
	struct engine_rules rules = {
		.policies = er->policies, .providers = er->providers, .mode = er->mode};

	_Static_assert(sizeof(rules.key) == sizeof(er->key), "one key");
	memcpy(rules.key, er->key, sizeof(rules.key));
	set_rules(er, &er->light, &rules);
	/* The thread's engine changes its rules between two requests too. */
	er->heavy_stale = er->heavy_conn != NULL;
	if (!er->heavy_stale)
		set_rules(er, &er->heavy, &rules);
	explicit_bzero(&rules, sizeof(rules));
}
