/* SPDX-License-Identifier: MIT */
/* One whole HTTP/1.x request in memory: head, framing, decoded body. */
#pragma once

#include "base/buf.h"
#include "base/parse.h"
#include "http/fault.h"
#include "model/message.h"

/* Besides the parse outcomes. */
enum http_request_outcome {
	HTTP_E_PIPELINED = 4, /* a whole request, and bytes behind it */
	HTTP_E_ENCODING = 5, /* a Content-Encoding that we cannot decode: the body was not seen */
	HTTP_E_HTTP2 = 6, /* the preface of HTTP/2 */
};

struct http_request {
	struct message head; /* slices into bytes */
	size_t head_bytes; /* with the empty line */
	size_t wire_bytes; /* of the whole request */
	struct span
		content; /* dechunked and decoded: a slice of bytes, or all of the buffer given */
	bool content_in_place; /* content is a slice of bytes: offsets in it are offsets on the wire
				*/
};

/*
 * Reads the one request that `bytes` is. body is emptied first and takes the content when that is
 * not plain bytes of the request; make it with BUF_INIT(AICP_INFLATED_BYTES_MAX). *ret is valid as
 * long as both.
 *
 * PARSE_DONE, PARSE_E_MORE (bytes end before the request does), PARSE_E_BAD, PARSE_E_LIMIT,
 * HTTP_E_…, -ENOMEM. *ret_fault says why (for all but DONE, MORE and -ENOMEM); it may be NULL. *ret
 * is set as far as reading came, whatever the outcome, so that a refusal can name host and path:
 * without a whole head, head_bytes is 0; content is empty unless PARSE_DONE.
 */
MUST_CHECK int http_request_whole(struct span bytes, struct buf *body, struct http_request *ret,
				  struct http_fault *ret_fault);

/* What the first bytes of a connection are: PARSE_DONE for the preface of HTTP/2, PARSE_E_MORE
 * while they may become it, PARSE_E_BAD when they are something else. */
MUST_CHECK int http_is_http2(struct span bytes);
