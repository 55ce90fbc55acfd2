/* SPDX-License-Identifier: MIT */
/*
 * The exchanges of one HTTP/1.x connection, one after the other: when a request is whole, which
 * answer is its, and whether another may follow. Bytes in, outcomes out; whoever owns the
 * connection acts on them.
 *
 *   REQUEST ──whole──▶ ANSWER ──last byte──▶ OVER ──exchange_next()──▶ REQUEST
 *                         └──101, or 2xx to CONNECT──▶ TUNNEL (no HTTP from here on)
 *
 * A request that is refused (bad, over a limit, pipelined, HTTP/2) leaves the exchange FAILED for
 * good.
 */
#pragma once

#include "http/answer.h"
#include "http/request.h"

enum exchange_state {
	EXCHANGE_REQUEST, /* reading the request; an early answer may come, too */
	EXCHANGE_ANSWER, /* the request is whole */
	EXCHANGE_OVER, /* the answer is whole */
	EXCHANGE_TUNNEL,
	EXCHANGE_FAILED,
};

struct exchange {
	enum exchange_state state;
	int outcome; /* when FAILED, for good */
	struct http_fault
		fault; /* why; its offset counts from the start of the request or answer head */
	/* request */
	struct buf request; /* its bytes so far, as they were sent */
	struct message head; /* slices into request; valid once head_bytes is set, until more bytes
				are fed */
	size_t head_bytes;
	const uint8_t *head_at; /* where request stood when head was read */
	struct body body; /* framing of the request's body */
	struct http_answer answer;
	bool keep_alive; /* once OVER: may another request follow? */
};

/* Outcomes besides HTTP_E_… and those of parsers. */
enum exchange_outcome {
	EXCHANGE_E_ORDER = 7, /* an answer without a request, or bytes where none may be */
};

/* requests (as sent, with head and framing) are bound to request_bytes_max. */
void exchange_init(struct exchange *x, size_t request_bytes_max);
void exchange_deinit(struct exchange *x);

/*
 * Bytes from the client. All are kept. What is wrong inside a line of a long head is told at the
 * end of that line. PARSE_E_MORE, PARSE_DONE (the request is whole), PARSE_E_BAD, PARSE_E_LIMIT,
 * HTTP_E_HTTP2, HTTP_E_PIPELINED (bytes behind a whole request, before its answer is),
 * EXCHANGE_E_ORDER in a tunnel, -ENOMEM. Once OVER, call exchange_next() first.
 */
MUST_CHECK int exchange_request(struct exchange *x, struct span in);

/* Does the client wait for `100 Continue` before it sends the body? */
bool exchange_awaits_continue(const struct exchange *x);

/* The request when whole: see http_request_whole(), whose outcomes it has. */
MUST_CHECK int exchange_read_request(const struct exchange *x, struct buf *body,
				     struct http_request *ret, struct http_fault *ret_fault);

/* A part of an answer. */
struct exchange_answer {
	const struct message *head; /* of the final answer, or NULL while it is not there; until
				       exchange_next() */
	struct span content; /* dechunked, still encoded; a slice of what was fed */
};

/*
 * Bytes from the server; *ret_used of them were read. Interim answers (1xx but 101) are skipped.
 *   PARSE_E_MORE     call again with the rest, then with what comes next. *ret_used > 0 unless `in`
 * is empty. PARSE_DONE       the answer is whole, or (state TUNNEL) the connection has become
 * something else. PARSE_E_BAD, PARSE_E_LIMIT, -ENOMEM for good. EXCHANGE_E_ORDER before the
 * request's head, or once OVER.
 */
MUST_CHECK int exchange_response(struct exchange *x, struct span in,
				 struct exchange_answer *ret_answer, size_t *ret_used);

/* The server has closed. PARSE_DONE when the answer is whole by that, else PARSE_E_BAD. */
MUST_CHECK int exchange_response_end(struct exchange *x);

/* Ready for the next request of a connection that is kept alive; false when it is not, or the
 * answer not whole. */
bool exchange_next(struct exchange *x);
