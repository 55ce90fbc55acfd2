/* SPDX-License-Identifier: MIT */
/*
 * Splits a stream of newline-delimited JSON (application/x-ndjson) into its lines.
 *
 * Lines end in LF; a CR before it and lines without anything are dropped. Text stays the bytes it
 * was; whoever reads it checks that it is JSON.
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

/* State of one stream; private. */
struct ndjson {
	struct buf line; /* what came of a line that goes on */
	bool handed; /* line was handed out: forget it at the next feed */
	int outcome; /* of a failed stream, for good */
};

/* A line is bound to bytes_max (usually AICP_SSE_LINE_BYTES_MAX). */
void ndjson_init(struct ndjson *ndjson, size_t bytes_max);
void ndjson_deinit(struct ndjson *ndjson);

/* PARSE_DONE: *ret_line is a line without its end, borrowed from the splitter until it is fed
 * again, *ret_used how far `in` was read: go on behind that. PARSE_E_MORE: all of `in` was read and
 * no line ended. PARSE_E_LIMIT, -ENOMEM: for good. */
MUST_CHECK int ndjson_feed(struct ndjson *ndjson, struct span in, size_t *ret_used,
			   struct span *ret_line);
/* The stream has ended. PARSE_DONE: *ret_line is its last line, which had no end; PARSE_E_MORE:
 * there is none. */
MUST_CHECK int ndjson_end(struct ndjson *ndjson, struct span *ret_line);
