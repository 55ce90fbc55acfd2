/* SPDX-License-Identifier: MIT */
/* Asks the engine about what a connection collected, and does what it says. */
#include "conn_state.h"

#include "answer.h"
#include "arena.h"
#include "governed.h"
#include "nudge.h"
#include "os.h"
#include "reframe.h"

#include <stdatomic.h>
#include <string.h>

static void set_phase(struct conn *c, enum conn_phase phase)
{
	atomic_store_explicit(&c->phase, phase, memory_order_release);
}

/* Where a connection stands once its judged bytes are sent. */
static enum conn_phase after_kind(enum aicp_shim_kind kind)
{
	switch (kind) {
	case AICP_SHIM_KIND_NONE:
		return CONN_COLLECT;
	case AICP_SHIM_KIND_TOO_LARGE:
		return CONN_SKIP;
	case AICP_SHIM_KIND_HTTP2:
	case AICP_SHIM_KIND_NOT_HTTP:
	case AICP_SHIM_KIND_PIPELINED:
	case AICP_SHIM_KIND_EARLY_DATA:
	case _AICP_SHIM_KIND_COUNT:
		break;
	}
	return CONN_OPEN;
}

/* What we did not yet tell the program, the server will tell it. */
static void expect_server(struct conn *c)
{
	c->interim = c->continued && c->queue_at;
	c->interim_n = 0;
	if (!c->queue_at)
		c->queue_n = 0;
	c->continued = false;
}

void conn_pass(struct conn *c, enum aicp_shim_kind kind)
{
	c->after = after_kind(kind);
	/* A framing that failed for good has no end to look for. */
	if (c->after == CONN_SKIP && c->http.state == HTTP_FAILED)
		c->after = CONN_OPEN;
	if (c->after == CONN_SKIP && c->http.state == HTTP_ENDED)
		c->after = CONN_COLLECT;
	c->http.unlimited = true;
	expect_server(c);
	set_phase(c, CONN_FLUSH);
}

bool conn_reads_itself(const struct conn *c)
{
	return c->transport.ops->fd(&c->transport) < 0;
}

void conn_answer(struct conn *c, const uint8_t *p, size_t n)
{
	int fd = conn_socket(c);

	conn_reset_request(c);
	c->queue = p;
	c->queue_n = n;
	c->queue_at = 0;
	set_phase(c, CONN_ANSWERED);
	/* The program may be about to wait for the socket; this makes it readable, and tells the
	 * peer nothing. */
	if (fd < 0 || c->quiet)
		return;
	/* Of a hold, its thread has done so. */
	if (!c->hold && conn_reads_itself(c))
		nudge_put(fd, c->inode);
	(void)os_shutdown_read(fd);
}

void conn_answer_locally(struct conn *c, enum decide_reply reply)
{
	size_t n = answer_make((char *)c->verdict, sizeof(c->verdict), c->entry.shape,
			       c->entry.shape_n, decide_text(reply));

	conn_answer(c, c->verdict, n);
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		long r = os_pread(fd, p + at, n - at, (int64_t)at);

		if (r == -EINTR)
			continue;
		if (r <= 0)
			return false;
		at += (size_t)r;
	}
	return true;
}

/* Puts the engine's body under the program's head, and that in place of what the program wrote. */
static bool rewrite(struct conn *c, const struct link_answer *body)
{
	const size_t head_n = c->http.head_bytes;
	const size_t cap = (head_n + REFRAME_HEAD_GROWTH + body->body_n + 0xffff) & ~(size_t)0xffff;
	uint8_t *p = arena_map(cap);
	size_t n = p ? reframe_head(c->bytes, head_n, body->body_n, p) : 0;

	if (!n || !read_all(body->body, p + n, body->body_n)) {
		arena_unmap(p, cap);
		return false;
	}
	if (c->big)
		arena_unmap(c->bytes, c->cap);
	c->bytes = p;
	c->cap = cap;
	c->n = n + body->body_n;
	c->big = true;
	return true;
}

/* Requests of this process that passed although the engine could not be asked, and were not told
 * to it yet. */
static _Atomic(uint32_t) unjudged;

static enum decide_reply ask(struct conn *c, enum aicp_shim_kind kind,
			     struct link_answer *ret_answer)
{
	const uint32_t untold = atomic_exchange_explicit(&unjudged, 0, memory_order_relaxed);
	enum decide_reply reply;
	struct link_question q = {
		.path = governed_socket_path(),
		.owner = governed_owner(),
		.timeout_ms = AICP_SHIM_WAIT_MS + (int64_t)(c->n >> 20) * AICP_SHIM_WAIT_MS_PER_MIB,
		.type = kind == AICP_SHIM_KIND_NONE ? AICP_SHIM_REQUEST : AICP_SHIM_UNREADABLE,
		.kind = kind,
		.host = c->host,
		.request = c->bytes,
		.request_n = c->n,
		.head_n = c->http.head_done ? c->http.head_bytes : 0,
		.unjudged = untold,
		.socket = conn_socket(c),
		.clear = c->transport.ops->clear,
	};

	/* The engine wants to know what it is, not all of it. */
	if (kind != AICP_SHIM_KIND_NONE && q.request_n > AICP_SHIM_INLINE_BYTES_MAX)
		q.request_n = AICP_SHIM_INLINE_BYTES_MAX;
	if (q.head_n > q.request_n)
		q.head_n = 0;
	reply = link_ask(&q, c->verdict, ret_answer);
	if (!decide_is_verdict(reply) && untold)
		atomic_fetch_add_explicit(&unjudged, untold, memory_order_relaxed);
	return reply;
}

void conn_judge(struct conn *c, enum aicp_shim_kind kind)
{
	struct link_answer got = {.body = -1, .engine = -1};
	enum decide_reply reply;

	witness_end(&c->witness, false);
	/* The operator may have taken the host out of the table since. */
	if (!governed_find(c->host, &c->entry)) {
		conn_pass(c, kind);
		return;
	}
	reply = ask(c, kind, &got);
	switch (decide(c->entry.mode, reply)) {
	case DECIDE_PASS:
		if (!decide_is_verdict(reply))
			atomic_fetch_add_explicit(&unjudged, 1, memory_order_relaxed);
		conn_pass(c, kind);
		break;
	case DECIDE_ANSWER:
		conn_answer(c, c->verdict + sizeof(struct aicp_shim_verdict), got.n);
		break;
	case DECIDE_REWRITE:
		if (kind == AICP_SHIM_KIND_NONE && rewrite(c, &got))
			conn_pass(c, kind);
		else
			conn_answer_locally(c, DECIDE_REPLY_NO_ROOM);
		break;
	case DECIDE_HOLD:
		if (kind != AICP_SHIM_KIND_NONE) {
			conn_answer_locally(c, DECIDE_REPLY_GARBAGE);
		} else if (got.body >= 0 && !rewrite(c, &got)) {
			conn_answer_locally(c, DECIDE_REPLY_NO_ROOM);
		} else {
			expect_server(c);
			conn_hold(c, &got);
		}
		break;
	case DECIDE_LOCAL:
		conn_answer_locally(c, reply);
		break;
	}
	if (got.witness && atomic_load_explicit(&c->phase, memory_order_relaxed) == CONN_FLUSH)
		witness_begin(&c->witness, got.engine);
	if (got.body >= 0)
		(void)os_close(got.body);
	if (got.engine >= 0)
		(void)os_close(got.engine);
}
