/* SPDX-License-Identifier: MIT */
/* A request that waits for people: sealed and put aside, so that the program goes on. */
#include "conn_state.h"

#include "arena.h"
#include "hold.h"
#include "os.h"

#include <stdatomic.h>

/* As long as an engine may take to end a hold itself, and some. */
#define GRACE_MS 3000

static size_t slices(size_t n)
{
	return (n + TRANSPORT_SLICE_BYTES - 1) / TRANSPORT_SLICE_BYTES;
}

/* Records of all that was judged, at the start of out. */
static enum transport_seal seal_into(struct conn *c, uint8_t *out, size_t *ret_n)
{
	const struct transport *t = &c->transport;
	size_t n = 0;

	for (size_t at = 0; at < c->n;) {
		size_t left = c->n - at, made = 0;
		size_t slice = left < TRANSPORT_SLICE_BYTES ? left : TRANSPORT_SLICE_BYTES;
		enum transport_seal r = t->ops->seal(t, c->bytes + at, slice, out + n, &made);

		if (r != TRANSPORT_SEALED)
			return at ? TRANSPORT_BROKEN : r;
		n += made;
		at += slice;
	}
	*ret_n = n;
	return TRANSPORT_SEALED;
}

/* The same in a mapping of its own. */
static enum transport_seal seal(struct conn *c, uint8_t **ret_sealed, size_t *ret_n,
				size_t *ret_cap)
{
	const size_t cap = (slices(c->n) * TRANSPORT_SEALED_BYTES_MAX + 0xfff) & ~(size_t)0xfff;
	uint8_t *p = arena_map(cap), *less;
	enum transport_seal r = p ? seal_into(c, p, ret_n) : TRANSPORT_CANNOT;
	size_t used;

	if (r != TRANSPORT_SEALED) {
		arena_unmap(p, cap);
		return r;
	}
	used = (*ret_n + 0xfff) & ~(size_t)0xfff;
	less = arena_remap(p, cap, used);
	*ret_sealed = less ? less : p;
	*ret_cap = less ? used : cap;
	return r;
}

static void set_phase(struct conn *c, enum conn_phase phase)
{
	atomic_store_explicit(&c->phase, phase, memory_order_release);
}

/* What is in clear ends with the last of the program's descriptors; it may close the one at hand.
 */
static unsigned hold_flags(const struct conn *c)
{
	return (conn_reads_itself(c) ? HOLD_NUDGES : 0u) |
	       (c->transport.ops->clear ? 0u : HOLD_UNTIL_CLOSED);
}

/* Puts the request aside. What the library said when it did not, or _CANNOT. */
static enum transport_seal put_aside(struct conn *c, const struct link_answer *got)
{
	int fd = conn_socket(c);
	struct hold *hold = fd < 0 ? NULL : hold_new(got->engine, fd, hold_flags(c), got->wait_ms);
	uint8_t *sealed = NULL;
	size_t n = 0, cap = 0;
	enum transport_seal r = hold ? seal(c, &sealed, &n, &cap) : TRANSPORT_CANNOT;

	if (r != TRANSPORT_SEALED) {
		if (hold)
			hold_end(hold);
		return r;
	}
	hold_arm(hold, sealed, n, cap);
	c->hold = hold;
	conn_reset_request(c);
	atomic_store_explicit(&c->awaiting, true, memory_order_relaxed);
	set_phase(c, CONN_HELD);
	return r;
}

/* In the program's own write, which a program with a blocking socket expects to take its time. */
static void wait_here(struct conn *c, struct link_answer *got)
{
	const int64_t deadline_ms = os_now_ms() + got->wait_ms + GRACE_MS;
	struct link_answer second = {.body = -1, .engine = -1};
	enum decide_reply reply = DECIDE_REPLY_HOLD;
	int64_t left;

	while (reply == DECIDE_REPLY_HOLD && (left = deadline_ms - os_now_ms()) > 0) {
		(void)os_poll(got->engine, POLLIN, left);
		reply = link_second(got->engine, c->verdict, &second);
	}
	got->witness = reply == DECIDE_REPLY_PASS && second.witness;
	if (reply == DECIDE_REPLY_PASS)
		conn_pass(c, AICP_SHIM_KIND_NONE);
	else if (reply == DECIDE_REPLY_ANSWER)
		conn_answer(c, c->verdict + sizeof(struct aicp_shim_verdict), second.n);
	else
		conn_answer_locally(c, reply == DECIDE_REPLY_HOLD ? DECIDE_REPLY_HUNG
								  : DECIDE_REPLY_GONE);
}

void conn_hold(struct conn *c, struct link_answer *got)
{
	int fd;

	switch (put_aside(c, got)) {
	case TRANSPORT_SEALED:
		return;
	case TRANSPORT_BROKEN:
		conn_answer_locally(c, DECIDE_REPLY_NO_ROOM);
		return;
	case TRANSPORT_CANNOT:
		break;
	}
	fd = conn_socket(c);
	if (fd >= 0 && !os_is_nonblocking(fd))
		wait_here(c, got);
	else
		conn_answer(c, c->verdict + sizeof(struct aicp_shim_verdict), got->n);
}

void conn_settle(struct conn *c)
{
	const uint8_t *answer = NULL;
	size_t n = 0;

	if (atomic_load_explicit(&c->phase, memory_order_relaxed) != CONN_HELD)
		return;
	switch (hold_look(c->hold, &answer, &n)) {
	case HOLD_WAITING:
		return;
	case HOLD_RELEASED:
		if (hold_engine(c->hold) >= 0)
			witness_begin(&c->witness, hold_engine(c->hold));
		conn_let_go(c);
		set_phase(c, CONN_COLLECT);
		return;
	case HOLD_ANSWERED:
		/* It stays in the hold's memory. */
		conn_answer(c, answer, n);
		return;
	case HOLD_LOST:
		conn_answer_locally(c, DECIDE_REPLY_GONE);
		return;
	case HOLD_FOREIGN:
		/* The parent still waits on this socket: it is not to be shut down. */
		c->quiet = true;
		conn_answer_locally(c, DECIDE_REPLY_GONE);
		return;
	case HOLD_BROKEN:
		set_phase(c, CONN_DEAD);
		return;
	}
}

void conn_let_go(struct conn *c)
{
	if (c->hold)
		hold_end(c->hold);
	c->hold = NULL;
}

/* Bytes behind a request that still waits: it cannot be told any more which of them the answer is
 * to. */
void conn_interrupt(struct conn *c)
{
	conn_let_go(c);
	conn_judge(c, AICP_SHIM_KIND_PIPELINED);
	/* The records that are lost are missing in the stream: nothing can be sent on it. */
	if (atomic_load_explicit(&c->phase, memory_order_relaxed) != CONN_ANSWERED)
		conn_answer_locally(c, DECIDE_REPLY_GONE);
}
