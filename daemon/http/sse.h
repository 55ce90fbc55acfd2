/* SPDX-License-Identifier: MIT */
/*
 * Splits an event stream (WHATWG HTML, section 9.2 server-sent events) into its events.
 *
 * Lines end in CR, LF or CRLF; one BOM in front is skipped; comments are dropped; data of several
 * lines is joined by LF; an event without data is none. Text stays the bytes it was; whoever reads
 * it checks UTF-8. What the stream ends with, but no empty line behind, is no event.
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

/* Borrowed from the splitter until it is fed again. */
struct sse_event {
	struct span event; /* empty: "message" */
	struct span data;
	struct span id; /* last event id so far in the stream */
	int64_t retry_ms; /* last one so far in the stream, or -1 */
};

/* State of one stream; private. */
struct sse {
	struct buf line; /* what came of a line that goes on */
	struct buf data, event, id;
	int64_t retry_ms;
	uint8_t bom_seen; /* bytes of the BOM in front, 3 when it can no longer come */
	bool after_cr;
	bool dispatched; /* data and event were handed out: forget them at the next feed */
	int outcome; /* of a failed stream, for good */
};

/* Lines and the data of one event are bound to bytes_max (usually AICP_SSE_LINE_BYTES_MAX) each. */
void sse_init(struct sse *sse, size_t bytes_max);
void sse_deinit(struct sse *sse);

/* PARSE_DONE: *ret_event is an event, *ret_used how far `in` was read: go on behind that.
 * PARSE_E_MORE: all of `in` was read and no event ended. PARSE_E_LIMIT, -ENOMEM: for good. */
MUST_CHECK int sse_feed(struct sse *sse, struct span in, size_t *ret_used,
			struct sse_event *ret_event);
