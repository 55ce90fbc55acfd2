/* SPDX-License-Identifier: MIT */
/* What the program writes and reads on a governed connection. */
#include "conn_state.h"

#include <stdatomic.h>
#include <string.h>

static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

static struct conn_result use_real(void)
{
	return (struct conn_result){.outcome = CONN_USE_REAL};
}

static struct conn_result success(size_t n)
{
	return (struct conn_result){.outcome = CONN_DONE, .n = n};
}

static struct conn_result failure(int r)
{
	return (struct conn_result){.outcome = CONN_FAILED, .r = r};
}

static int write_real(struct conn *c, const void *p, size_t n)
{
	return c->transport.ops->write(&c->transport, p, n);
}

static enum conn_phase phase_of(struct conn *c)
{
	return (enum conn_phase)atomic_load_explicit(&c->phase, memory_order_acquire);
}

static void set_phase(struct conn *c, enum conn_phase phase)
{
	atomic_store_explicit(&c->phase, phase, memory_order_release);
}

/* Sends what was judged. > 0 all is with the library; else what it said, and the rest is sent on a
 * later call. */
static int send_judged(struct conn *c)
{
	while (c->sent < c->n) {
		size_t left = c->n - c->sent;
		/* A blocked write is retried with these very bytes. */
		int r = write_real(c, c->bytes + c->sent,
				   left < TRANSPORT_SLICE_BYTES ? left : TRANSPORT_SLICE_BYTES);

		if (r <= 0)
			return r;
		c->sent += (size_t)r;
	}
	return 1;
}

/* Only a write call ends the phase: one that was told to come again has to be told that it is done,
 * however much was sent by reads in between. */
static int flush(struct conn *c)
{
	int r = send_judged(c);

	if (r <= 0)
		return r;
	set_phase(c, c->after);
	if (c->after == CONN_SKIP)
		c->n = c->sent = c->swallowed = 0;
	else
		conn_reset_request(c);
	return 1;
}

/* The write call that made the request whole ends when the last byte is with the library: a blocked
 * program waits for the socket and calls again, as it would without us. */
static struct conn_result flush_and_report(struct conn *c, size_t swallowed)
{
	int r = flush(c);

	if (r > 0)
		return success(swallowed);
	c->swallowed = swallowed;
	return failure(r);
}

static enum aicp_shim_kind kind_of(enum http_outcome outcome)
{
	switch (outcome) {
	case HTTP_TWO:
		return AICP_SHIM_KIND_HTTP2;
	case HTTP_TOO_LARGE:
		return AICP_SHIM_KIND_TOO_LARGE;
	case HTTP_BAD:
		return AICP_SHIM_KIND_NOT_HTTP;
	case HTTP_MORE:
	case HTTP_DONE:
		break;
	}
	return AICP_SHIM_KIND_NONE;
}

/* A body that waits for "100 Continue" comes only after it: the head cannot leave before it is
 * judged, so the word is ours. */
static void tell_to_go_on(struct conn *c)
{
	if (!c->http.head_done || !c->http.expect_continue || c->continued)
		return;
	c->continued = true;
	c->queue = (const uint8_t *)go_on;
	c->queue_n = sizeof(go_on) - 1;
	c->queue_at = 0;
}

static struct conn_result judged(struct conn *c, enum aicp_shim_kind kind, size_t n)
{
	conn_judge(c, kind);
	if (phase_of(c) != CONN_FLUSH)
		return success(n);
	atomic_store_explicit(&c->awaiting, true, memory_order_relaxed);
	return flush_and_report(c, n);
}

/* Looks at what the program writes next: how far is the request, and is something wrong with it? */
static enum aicp_shim_kind scan(struct conn *c, const uint8_t *p, size_t n, bool *ret_whole)
{
	enum http_outcome outcome, end;
	size_t used, more;

	if (!c->n && atomic_load_explicit(&c->awaiting, memory_order_relaxed))
		return AICP_SHIM_KIND_PIPELINED;
	outcome = end = http_feed(&c->http, p, n, &used);
	if (outcome == HTTP_TOO_LARGE && c->http.state != HTTP_FAILED) {
		/* Should it pass all the same, its end has to be known. */
		c->http.unlimited = true;
		end = http_feed(&c->http, p + used, n - used, &more);
		used += more;
	}
	if (end == HTTP_DONE && used < n)
		return AICP_SHIM_KIND_PIPELINED;
	*ret_whole = outcome == HTTP_DONE;
	return kind_of(outcome);
}

static struct conn_result collect(struct conn *c, const uint8_t *p, size_t n)
{
	const struct http before = c->http;
	enum aicp_shim_kind kind;
	bool whole = false;

	kind = scan(c, p, n, &whole);
	if (!conn_reserve(c, n)) {
		/* These bytes are not kept, so the verdict is on those before them. When that is to
		 * pass, the program's write starts again behind them: nothing of it was taken. */
		c->http = before;
		return judged(c, AICP_SHIM_KIND_TOO_LARGE, 0);
	}
	memcpy(c->bytes + c->n, p, n);
	c->n += n;
	if (whole || kind != AICP_SHIM_KIND_NONE)
		return judged(c, kind, n);
	tell_to_go_on(c);
	return success(n);
}

/* The rest of a request that passes without being kept: only its end matters. */
static struct conn_result skip(struct conn *c, const uint8_t *p, size_t n)
{
	struct http look = c->http;
	enum http_outcome outcome;
	size_t used;
	int r;

	outcome = http_feed(&look, p, n < INT32_MAX ? n : INT32_MAX, &used);
	if (outcome != HTTP_MORE && outcome != HTTP_DONE)
		return judged(c, AICP_SHIM_KIND_NOT_HTTP, 0);
	r = write_real(c, p, used);
	if (r <= 0)
		return failure(r);
	outcome = http_feed(&c->http, p, (size_t)r, &used);
	if (outcome == HTTP_DONE) {
		conn_reset_request(c);
		set_phase(c, CONN_COLLECT);
	}
	return success((size_t)r);
}

static struct conn_result flush_again(struct conn *c, size_t n)
{
	const size_t swallowed = c->swallowed;
	int r = flush(c);

	if (r <= 0)
		return failure(r);
	if (swallowed <= n)
		return success(swallowed);
	/* A socket's program may come again with less; what it owes comes with later writes. */
	c->swallowed = swallowed - n;
	return success(n);
}

/* The program writes what was taken already, and is told so only now. */
static struct conn_result settle_debt(struct conn *c, size_t n)
{
	const size_t taken = n < c->swallowed ? n : c->swallowed;

	c->swallowed -= taken;
	return success(taken);
}

static struct conn_result write_once(struct conn *c, const uint8_t *p, size_t n)
{
	int r;

	if (c->swallowed && phase_of(c) != CONN_FLUSH)
		return settle_debt(c, n);
	switch (phase_of(c)) {
	case CONN_COLLECT:
		r = c->transport.ops->handshake(&c->transport);
		return r > 0 ? collect(c, p, n) : failure(r);
	case CONN_FLUSH:
		return flush_again(c, n);
	case CONN_SKIP:
		return skip(c, p, n);
	case CONN_HELD:
		conn_settle(c);
		if (phase_of(c) == CONN_HELD)
			conn_interrupt(c);
		return success(0);
	case CONN_ANSWERED:
		return success(n);
	case CONN_DEAD:
		return (struct conn_result){.outcome = CONN_NEVER};
	case CONN_OPEN:
		break;
	}
	return use_real();
}

struct conn_result conn_write(struct conn *c, const void *p, size_t n)
{
	struct conn_result result = success(0);
	size_t done = 0;

	/* A write from inside our own write on the same connection (a callback) cannot be judged.
	 */
	if (!conn_is_governed(c) || lock_mine(&c->lock))
		return (struct conn_result){.outcome = CONN_NEVER};
	lock_take(&c->lock);
	/* A step that took nothing changed the phase: an answer swallows, a pass goes on behind the
	 * flush. */
	while (done < n) {
		result = write_once(c, (const uint8_t *)p + done, n - done);
		if (result.outcome != CONN_DONE)
			break;
		done += result.n;
	}
	lock_drop(&c->lock);
	/* What was taken before a failure is reported first, as by a partial write. */
	return done ? success(done) : result;
}

struct conn_result conn_retry(struct conn *c)
{
	struct conn_result result = success(0);

	if (!conn_is_governed(c) || lock_mine(&c->lock))
		return (struct conn_result){.outcome = CONN_NEVER};
	lock_take(&c->lock);
	if (phase_of(c) == CONN_FLUSH)
		result = flush_again(c, SIZE_MAX);
	lock_drop(&c->lock);
	return result;
}

/* ---- reading ---- */

static struct conn_result serve(struct conn *c, void *p, size_t n, bool peek)
{
	size_t left = c->queue_n - c->queue_at;

	if (n > left)
		n = left;
	memcpy(p, c->queue + c->queue_at, n);
	if (peek)
		return success(n);
	c->queue_at += n;
	/* The end of an answer is the end of the connection: as if the peer had closed it in order.
	 */
	if (n == left && phase_of(c) == CONN_ANSWERED)
		c->transport.ops->end_input(&c->transport);
	return success(n);
}

/* How many bytes a "100" response at the start of p takes; 0 none there, SIZE_MAX not to be told
 * yet. */
static size_t interim_bytes(const uint8_t *p, size_t n)
{
	static const char start[] = "HTTP/1.1 100";
	const size_t compare = n < sizeof(start) - 1 ? n : sizeof(start) - 1;

	if (memcmp(p, start, compare) != 0)
		return 0;
	for (size_t i = 0; i + 4 <= n; i++)
		if (memcmp(p + i, "\r\n\r\n", 4) == 0)
			return i + 4;
	return n < sizeof(((struct conn *)NULL)->early) ? SIZE_MAX : 0;
}

/* The program had its "100 Continue" from us: the server's own is taken out of what it reads. */
static int drop_interim(struct conn *c)
{
	size_t bytes;

	do {
		int r = c->transport.ops->read(&c->transport, c->early + c->interim_n,
					       sizeof(c->early) - c->interim_n);

		if (r <= 0)
			return r;
		c->interim_n += (size_t)r;
		bytes = interim_bytes(c->early, c->interim_n);
	} while (bytes == SIZE_MAX || bytes == c->interim_n);
	c->queue = c->early;
	c->queue_n = c->interim_n;
	c->queue_at = bytes;
	c->interim = false;
	return 1;
}

static struct conn_result read_once(struct conn *c, void *p, size_t n, bool peek)
{
	/* Behind a blocked send the program may wait for the answer only: go on sending here as
	 * well. */
	if (phase_of(c) == CONN_FLUSH)
		(void)send_judged(c);
	conn_settle(c);
	if (c->queue_at < c->queue_n)
		return serve(c, p, n, peek);
	/* Nothing was sent yet, so that nothing comes that would have to be taken out. */
	if (phase_of(c) == CONN_HELD)
		return use_real();
	if (c->interim && c->sent == c->n) {
		int r = drop_interim(c);

		if (r <= 0)
			return failure(r);
		conn_did_read(c, c->early, c->interim_n);
		return serve(c, p, n, peek);
	}
	return use_real();
}

struct conn_result conn_read(struct conn *c, void *p, size_t n, bool peek)
{
	struct conn_result result;

	if (!conn_is_governed(c) || !n || lock_mine(&c->lock))
		return use_real();
	if (phase_of(c) == CONN_FLUSH) {
		/* Another thread is sending, perhaps until we have read something. */
		if (!lock_try(&c->lock))
			return use_real();
	} else {
		lock_take(&c->lock);
	}
	result = read_once(c, p, n, peek);
	lock_drop(&c->lock);
	return result;
}

bool conn_may_bypass(struct conn *c, bool early_data)
{
	enum aicp_shim_kind kind = early_data ? AICP_SHIM_KIND_EARLY_DATA : AICP_SHIM_KIND_NOT_HTTP;
	bool open = false;

	if (!conn_is_governed(c) || lock_mine(&c->lock))
		return false;
	lock_take(&c->lock);
	if (phase_of(c) == CONN_COLLECT && !c->n) {
		conn_judge(c, kind);
		if (phase_of(c) == CONN_FLUSH)
			set_phase(c, CONN_OPEN);
	}
	open = phase_of(c) == CONN_OPEN;
	lock_drop(&c->lock);
	return open;
}
