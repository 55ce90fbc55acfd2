/* SPDX-License-Identifier: MIT */
#include "http/exchange.h"
#include "http/http1.h"

#include <errno.h>

void exchange_init(struct exchange *x, size_t request_bytes_max)
{
	*x = (struct exchange){.request = BUF_INIT(request_bytes_max)};
	http_answer_init(&x->answer);
}

void exchange_deinit(struct exchange *x)
{
	buf_deinit(&x->request);
	http_answer_deinit(&x->answer);
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

/* Slices of the head point into the buffer: when that has moved, they are read again. */
static int request_head(struct exchange *x, struct span fresh)
{
	int err;

	if (x->head_bytes && x->head_at == x->request.p)
		return PARSE_DONE;
	if (!x->head_bytes) {
		if (!http1_worth_parsing(x->request.n, fresh))
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
	       x->request.n == x->head_bytes && !x->answer.interim && !x->answer.has_head;
}

int exchange_read_request(const struct exchange *x, struct buf *body, struct http_request *ret,
			  struct http_fault *ret_fault)
{
	return http_request_whole(buf_span(&x->request), body, ret, ret_fault);
}

static void over(struct exchange *x)
{
	/* An answer before the end of its request leaves the rest of that request in the way. */
	x->keep_alive =
		x->state == EXCHANGE_ANSWER && x->head.keep_alive && x->answer.head.keep_alive;
	x->state = EXCHANGE_OVER;
}

int exchange_response(struct exchange *x, struct span in, struct exchange_answer *ret_answer,
		      size_t *ret_used)
{
	const struct http_asked asked = {
		.method = x->head.method,
		.may_upgrade = x->head.upgrade && x->state != EXCHANGE_REQUEST,
	};
	struct exchange_answer answer;
	int err;

	if (x->state == EXCHANGE_FAILED)
		return x->outcome;
	if (x->state == EXCHANGE_OVER || x->state == EXCHANGE_TUNNEL || !x->head_bytes)
		return EXCHANGE_E_ORDER;
	err = http_answer_read(&x->answer, &asked, in, &answer.content, ret_used);
	if (err != PARSE_DONE && err != PARSE_E_MORE) {
		x->fault = x->answer.fault;
		return fail(x, err);
	}
	if (err == PARSE_DONE && x->answer.head.upgrade)
		x->state = EXCHANGE_TUNNEL;
	else if (err == PARSE_DONE)
		over(x);
	answer.head = x->answer.has_head ? &x->answer.head : NULL;
	*ret_answer = answer;
	return err;
}

int exchange_response_end(struct exchange *x)
{
	if (x->state == EXCHANGE_FAILED)
		return x->outcome;
	if (x->state == EXCHANGE_OVER || x->state == EXCHANGE_TUNNEL)
		return PARSE_DONE;
	if (http_answer_end(&x->answer) != PARSE_DONE) {
		x->fault = x->answer.fault;
		return fail(x, PARSE_E_BAD);
	}
	over(x);
	return PARSE_DONE;
}

bool exchange_next(struct exchange *x)
{
	if (x->state != EXCHANGE_OVER || !x->keep_alive)
		return false;
	x->state = EXCHANGE_REQUEST;
	buf_clear(&x->request);
	http_answer_clear(&x->answer);
	x->head_bytes = 0;
	x->keep_alive = false;
	return true;
}
