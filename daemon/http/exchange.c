/* SPDX-License-Identifier: MIT */
#include "http/exchange.h"
#include "http/http1.h"

#include <errno.h>

/* 1xx answers to one request; servers send one or two, endless ones would never end an answer. */
#define INTERIM_MAX 16
/* Shorter heads are parsed at every byte, so that what is no HTTP is known at once; longer ones at
 * each line's end only, so that a client that sends single bytes costs a parse a line and not a
 * parse a byte. */
#define EAGER_HEAD_BYTES 256

void exchange_init(struct exchange *x, size_t request_bytes_max)
{
	*x = (struct exchange){
		.request = BUF_INIT(request_bytes_max),
		.answer_bytes = BUF_INIT(AICP_HEAD_BYTES_MAX),
	};
}

void exchange_deinit(struct exchange *x)
{
	buf_deinit(&x->request);
	buf_deinit(&x->answer_bytes);
}

static int fail(struct exchange *x, int outcome)
{
	x->state = EXCHANGE_FAILED;
	return x->outcome = outcome;
}

static int fail_fault(struct exchange *x, int outcome, enum http_fault_kind kind, size_t at)
{
	x->fault = (struct http_fault){kind, at};
	return fail(x, outcome);
}

static bool worth_parsing(const struct buf *all, struct span fresh)
{
	return all->n < EAGER_HEAD_BYTES || all->n >= AICP_HEAD_BYTES_MAX ||
	       span_find(fresh, '\n') < fresh.n;
}

/* Slices of the head point into the buffer: when that has moved, they are read again. */
static int request_head(struct exchange *x, struct span fresh)
{
	int err;

	if (x->head_bytes && x->head_at == x->request.p)
		return PARSE_DONE;
	if (!x->head_bytes) {
		if (!worth_parsing(&x->request, fresh))
			return PARSE_E_MORE;
		err = http_is_http2(buf_span(&x->request));
		if (err == PARSE_DONE)
			return fail_fault(x, HTTP_E_HTTP2, HTTP_FAULT_HTTP2, 0);
		if (err == PARSE_E_MORE)
			return err;
	}
	x->head_at = x->request.p;
	return http1_request(buf_span(&x->request), &x->head, &x->head_bytes, &x->fault);
}

static int request_body(struct exchange *x, struct span fresh)
{
	size_t used = 0, n;
	struct span slice;

	for (;;) {
		int err = body_read(&x->body, span_sub(fresh, used, fresh.n), &slice, &n);

		if (err == PARSE_E_BAD || err == PARSE_E_LIMIT)
			return fail_fault(x, err, x->body.fault.kind,
					  x->head_bytes + x->body.fault.at);
		used += n;
		if (err == PARSE_DONE)
			break;
		if (used == fresh.n)
			return PARSE_E_MORE;
	}
	if (used < fresh.n)
		return fail_fault(x, HTTP_E_PIPELINED, HTTP_FAULT_PIPELINED,
				  x->request.n - (fresh.n - used));
	if (x->state == EXCHANGE_REQUEST)
		x->state = EXCHANGE_ANSWER;
	return PARSE_DONE;
}

int exchange_request(struct exchange *x, struct span in)
{
	bool had_head = x->head_bytes > 0;
	size_t before = x->request.n;
	int err;

	if (x->state == EXCHANGE_FAILED)
		return x->outcome;
	if (x->state == EXCHANGE_TUNNEL)
		return EXCHANGE_E_ORDER;
	if (x->state != EXCHANGE_REQUEST)
		return in.n ? fail_fault(x, HTTP_E_PIPELINED, HTTP_FAULT_PIPELINED, before)
			    : PARSE_DONE;
	err = buf_put(&x->request, in);
	if (err == -E2BIG)
		return fail_fault(x, PARSE_E_LIMIT, HTTP_FAULT_BODY_SIZE, before);
	if (err < 0)
		return fail(x, err);
	err = request_head(x, in);
	if (x->state == EXCHANGE_FAILED || err == PARSE_E_MORE)
		return err;
	if (err)
		return fail(x, err);
	if (had_head)
		return request_body(x, span_sub(buf_span(&x->request), before, x->request.n));
	body_init(&x->body, &x->head, AICP_BODY_BYTES_MAX);
	return request_body(x, span_sub(buf_span(&x->request), x->head_bytes, x->request.n));
}

bool exchange_awaits_continue(const struct exchange *x)
{
	return x->state == EXCHANGE_REQUEST && x->head_bytes && x->head.expect_continue &&
	       x->request.n == x->head_bytes && !x->interim && !x->answer_head;
}

int exchange_read_request(const struct exchange *x, struct buf *body, struct http_request *ret,
			  struct http_fault *ret_fault)
{
	return http_request_whole(buf_span(&x->request), body, ret, ret_fault);
}

/* A whole head came: the final one's body begins, or the next head. */
static int answer_began(struct exchange *x)
{
	if (x->answer.status / 100 == 1 && x->answer.status != 101) {
		if (++x->interim > INTERIM_MAX)
			return fail_fault(x, PARSE_E_LIMIT, HTTP_FAULT_FIELDS, 0);
		x->answer_bytes.n = 0;
		return PARSE_E_MORE;
	}
	/* A server may switch only to what was asked for, and only behind a whole request. */
	if (x->answer.upgrade && (!x->head.upgrade || x->state == EXCHANGE_REQUEST))
		return fail_fault(x, PARSE_E_BAD, HTTP_FAULT_STATUS, 0);
	x->answer_head = true;
	body_init(&x->answer_body, &x->answer, UINT64_MAX);
	if (x->answer.upgrade) {
		x->state = EXCHANGE_TUNNEL;
		return PARSE_DONE;
	}
	return PARSE_E_MORE;
}

static int answer_head(struct exchange *x, struct span in, size_t *ret_used)
{
	size_t before = x->answer_bytes.n, room = x->answer_bytes.max - before, head_bytes;
	struct span fresh = span_sub(in, 0, room);
	int err = buf_put(&x->answer_bytes, fresh);

	if (err < 0)
		return fail(x, err);
	*ret_used = fresh.n;
	if (!worth_parsing(&x->answer_bytes, fresh))
		return PARSE_E_MORE;
	err = http1_response(buf_span(&x->answer_bytes), x->head.method, &x->answer, &head_bytes,
			     &x->fault);
	if (err == PARSE_E_MORE)
		return err;
	if (err)
		return fail(x, err);
	*ret_used = head_bytes - before;
	return answer_began(x);
}

static int over(struct exchange *x)
{
	/* An answer before the end of its request leaves the rest of that request in the way. */
	x->keep_alive = x->state == EXCHANGE_ANSWER && x->head.keep_alive && x->answer.keep_alive;
	x->state = EXCHANGE_OVER;
	return PARSE_DONE;
}

int exchange_response(struct exchange *x, struct span in, struct exchange_answer *ret_answer,
		      size_t *ret_used)
{
	struct exchange_answer answer = {.content = span_sub(in, 0, 0)};
	size_t used = 0, n = 0;
	int err = PARSE_E_MORE;

	if (x->state == EXCHANGE_FAILED)
		return x->outcome;
	if (x->state == EXCHANGE_OVER || x->state == EXCHANGE_TUNNEL || !x->head_bytes)
		return EXCHANGE_E_ORDER;
	while (!x->answer_head && err == PARSE_E_MORE && used < in.n) {
		err = answer_head(x, span_sub(in, used, in.n), &n);
		used += n;
	}
	if (err == PARSE_E_MORE && x->answer_head) {
		err = body_read(&x->answer_body, span_sub(in, used, in.n), &answer.content, &n);
		if (err == PARSE_E_BAD || err == PARSE_E_LIMIT)
			return fail_fault(x, err, x->answer_body.fault.kind,
					  x->answer_body.fault.at);
		used += n;
		if (err == PARSE_DONE)
			err = over(x);
	}
	if (err != PARSE_DONE && err != PARSE_E_MORE)
		return err;
	answer.head = x->answer_head ? &x->answer : NULL;
	*ret_answer = answer;
	*ret_used = used;
	return err;
}

int exchange_response_end(struct exchange *x)
{
	if (x->state == EXCHANGE_FAILED)
		return x->outcome;
	if (x->state == EXCHANGE_OVER || x->state == EXCHANGE_TUNNEL)
		return PARSE_DONE;
	if (!x->answer_head || body_end(&x->answer_body) != PARSE_DONE)
		return fail_fault(x, PARSE_E_BAD, HTTP_FAULT_TRUNCATED, 0);
	return over(x);
}

bool exchange_next(struct exchange *x)
{
	if (x->state != EXCHANGE_OVER || !x->keep_alive)
		return false;
	x->state = EXCHANGE_REQUEST;
	buf_clear(&x->request);
	buf_clear(&x->answer_bytes);
	x->head_bytes = 0;
	x->answer_head = false;
	x->interim = 0;
	x->keep_alive = false;
	return true;
}
