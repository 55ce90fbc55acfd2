/* SPDX-License-Identifier: MIT */
#include "http/answer.h"

#include "http/http1.h"

/* 1xx answers to one request; servers send one or two, endless ones would never end an answer. */
#define INTERIM_MAX 16

void http_answer_init(struct http_answer *a)
{
	*a = (struct http_answer){.bytes = BUF_INIT(AICP_HEAD_BYTES_MAX)};
}

void http_answer_deinit(struct http_answer *a)
{
	buf_deinit(&a->bytes);
}

void http_answer_clear(struct http_answer *a)
{
	buf_clear(&a->bytes);
	a->has_head = false;
	a->interim = 0;
}

static int fault(struct http_answer *a, int outcome, enum http_fault_kind kind)
{
	a->fault = (struct http_fault){kind, 0};
	return outcome;
}

/* A whole head came: the final one's body begins, or the next head. */
static int began(struct http_answer *a, const struct http_asked *asked)
{
	if (a->head.status / 100 == 1 && a->head.status != 101) {
		if (++a->interim > INTERIM_MAX)
			return fault(a, PARSE_E_LIMIT, HTTP_FAULT_FIELDS);
		a->bytes.n = 0;
		return PARSE_E_MORE;
	}
	/* A server may switch only to what was asked for, and only behind a whole request. */
	if (a->head.upgrade && !asked->may_upgrade)
		return fault(a, PARSE_E_BAD, HTTP_FAULT_STATUS);
	a->has_head = true;
	body_init(&a->body, &a->head, UINT64_MAX);
	return a->head.upgrade ? PARSE_DONE : PARSE_E_MORE;
}

static int read_head(struct http_answer *a, const struct http_asked *asked, struct span in,
		     size_t *ret_used)
{
	size_t before = a->bytes.n, head_bytes;
	struct span fresh = span_sub(in, 0, a->bytes.max - before);
	int r = buf_put(&a->bytes, fresh);

	if (r < 0)
		return r;
	*ret_used = fresh.n;
	if (!http1_worth_parsing(a->bytes.n, fresh))
		return PARSE_E_MORE;
	r = http1_response(buf_span(&a->bytes), asked->method, &a->head, &head_bytes, &a->fault);
	if (r)
		return r;
	*ret_used = head_bytes - before;
	return began(a, asked);
}

int http_answer_read(struct http_answer *a, const struct http_asked *asked, struct span in,
		     struct span *ret_content, size_t *ret_used)
{
	struct span content = span_sub(in, 0, 0);
	size_t used = 0, n = 0;
	int r = PARSE_E_MORE;

	while (!a->has_head && r == PARSE_E_MORE && used < in.n) {
		r = read_head(a, asked, span_sub(in, used, in.n), &n);
		used += n;
	}
	if (r == PARSE_E_MORE && a->has_head) {
		r = body_read(&a->body, span_sub(in, used, in.n), &content, &n);
		used += n;
		if (r == PARSE_E_BAD || r == PARSE_E_LIMIT)
			a->fault = a->body.fault;
	}
	if (r != PARSE_DONE && r != PARSE_E_MORE)
		return r;
	*ret_content = content;
	*ret_used = used;
	return r;
}

int http_answer_end(struct http_answer *a)
{
	if (!a->has_head || body_end(&a->body) != PARSE_DONE)
		return fault(a, PARSE_E_BAD, HTTP_FAULT_TRUNCATED);
	return PARSE_DONE;
}
