/* SPDX-License-Identifier: MIT */
/*
 * One answer of HTTP/1.x as its bytes come: interim answers (1xx but 101) are skipped, then the
 * final head, then content.
 */
#pragma once

#include "base/buf.h"
#include "http/body.h"

/* What the answer's meaning depends on. */
struct http_asked {
	struct span method; /* answers to HEAD have no body, a 2xx to CONNECT opens a tunnel */
	bool may_upgrade; /* the request is whole and asked for another protocol */
};

/* State of one answer; callers read head (once has_head is set), body and fault. */
struct http_answer {
	struct buf bytes; /* of the present head; head is slices into it */
	struct message head;
	bool has_head; /* of the final answer */
	struct body body;
	unsigned interim; /* 1xx answers so far */
	struct http_fault fault; /* offset from the start of the head, or of the body */
};

void http_answer_init(struct http_answer *answer);
void http_answer_deinit(struct http_answer *answer);
/* Forgets all: the next answer of the connection. */
void http_answer_clear(struct http_answer *answer);

/*
 * Reads on. *ret_content is the next content in `in`, dechunked, still encoded (may be empty);
 * *ret_used bytes of `in` are done with; both are set with PARSE_DONE and PARSE_E_MORE.
 *   PARSE_DONE     the answer is whole, or (head.upgrade) the connection is something else now.
 *   PARSE_E_MORE   call again with the rest, then with what comes next. *ret_used > 0 unless `in`
 * is empty. PARSE_E_BAD, PARSE_E_LIMIT (fault says why), -ENOMEM: for good; not to be called again.
 */
MUST_CHECK int http_answer_read(struct http_answer *answer, const struct http_asked *asked,
				struct span in, struct span *ret_content, size_t *ret_used);

/* The server has closed. PARSE_DONE when the answer is whole by that, else PARSE_E_BAD. */
MUST_CHECK int http_answer_end(struct http_answer *answer);
