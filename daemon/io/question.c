/* SPDX-License-Identifier: MIT */
#include "io/question.h"

#include "aicp/limits.h"

int question_write(const struct question *q, struct buf *out)
{
	uint32_t n = (uint32_t)q->body.n;

	buf_put(out, span_of(&n, sizeof(n)));
	buf_put(out, q->body);
	return buf_put(out, q->content);
}

int question_read(struct span payload, struct question *ret_question)
{
	struct question q;
	uint32_t n;

	if (payload.n < sizeof(n))
		return PARSE_E_BAD;
	memcpy(&n, payload.p, sizeof(n));
	if (!n || n >= payload.n - sizeof(n))
		return PARSE_E_BAD;
	q.body = span_sub(payload, sizeof(n), sizeof(n) + n);
	q.content = span_sub(payload, sizeof(n) + n, payload.n);
	if (n > AICP_LEAF_BYTES_MAX || q.content.n > AICP_APPROVAL_CONTENT_BYTES_MAX)
		return PARSE_E_LIMIT;
	*ret_question = q;
	return PARSE_DONE;
}
