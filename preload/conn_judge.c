/* SPDX-License-Identifier: MIT */
/* Asks the engine about what a connection collected, and does what it says. */
#include "conn_state.h"

#include "answer.h"
#include "governed.h"
#include "os.h"

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

static void pass(struct conn *c, enum aicp_shim_kind kind)
{
	c->after = after_kind(kind);
	/* A framing that failed for good has no end to look for. */
	if (c->after == CONN_SKIP && c->http.state == HTTP_FAILED)
		c->after = CONN_OPEN;
	if (c->after == CONN_SKIP && c->http.state == HTTP_ENDED)
		c->after = CONN_COLLECT;
	c->http.unlimited = true;
	/* What we did not yet tell the program, the server will tell it. */
	c->interim = c->continued && c->queue_at;
	c->interim_n = 0;
	if (!c->queue_at)
		c->queue_n = 0;
	c->continued = false;
	set_phase(c, CONN_FLUSH);
}

static void answer(struct conn *c, SSL *ssl, const uint8_t *p, size_t n)
{
	int fd = conn_socket(c, ssl);

	conn_reset_request(c);
	c->queue = p;
	c->queue_n = n;
	c->queue_at = 0;
	set_phase(c, CONN_ANSWERED);
	/* The program may be about to wait for the socket; this makes it readable, and tells the
	 * peer nothing. */
	if (fd >= 0)
		(void)os_shutdown_read(fd);
}

static void answer_locally(struct conn *c, SSL *ssl, enum decide_reply reply)
{
	size_t n = answer_make((char *)c->verdict, sizeof(c->verdict), c->entry.shape,
			       c->entry.shape_n, decide_text(reply));

	answer(c, ssl, c->verdict, n);
}

static enum decide_reply ask(struct conn *c, SSL *ssl, enum aicp_shim_kind kind, size_t *ret_n)
{
	struct link_question q = {
		.path = governed_socket_path(),
		.timeout_ms = AICP_SHIM_WAIT_MS + (int64_t)(c->n >> 20) * AICP_SHIM_WAIT_MS_PER_MIB,
		.type = kind == AICP_SHIM_KIND_NONE ? AICP_SHIM_REQUEST : AICP_SHIM_UNREADABLE,
		.kind = kind,
		.host = c->host,
		.request = c->bytes,
		.request_n = c->n,
		.head_n = c->http.head_done ? c->http.head_bytes : 0,
		.socket = conn_socket(c, ssl),
	};

	/* The engine wants to know what it is, not all of it. */
	if (kind != AICP_SHIM_KIND_NONE && q.request_n > AICP_SHIM_INLINE_BYTES_MAX)
		q.request_n = AICP_SHIM_INLINE_BYTES_MAX;
	if (q.head_n > q.request_n)
		q.head_n = 0;
	return link_ask(&q, c->verdict, ret_n);
}

void conn_judge(struct conn *c, SSL *ssl, enum aicp_shim_kind kind)
{
	enum decide_reply reply;
	size_t n = 0;

	/* The operator may have taken the host out of the table since. */
	if (!governed_find(c->host, &c->entry)) {
		pass(c, kind);
		return;
	}
	reply = ask(c, ssl, kind, &n);
	switch (decide(c->entry.mode, reply)) {
	case DECIDE_PASS:
		pass(c, kind);
		return;
	case DECIDE_ANSWER:
		answer(c, ssl, c->verdict + sizeof(struct aicp_shim_verdict), n);
		return;
	case DECIDE_LOCAL:
		answer_locally(c, ssl, reply);
		return;
	}
}
