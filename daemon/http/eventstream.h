/* SPDX-License-Identifier: MIT */
/*
 * Splits an Amazon event stream (application/vnd.amazon.eventstream) into its messages:
 * https://smithy.io/2.0/aws/amazon-eventstream.html. Integers are big-endian.
 *
 *   u32 bytes of the message | u32 bytes of the headers | u32 CRC-32 of these eight bytes
 *   headers: u8 n, name of n bytes, u8 type, value
 *   payload
 *   u32 CRC-32 of all before it
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

/* Borrowed from the splitter until it is fed again. Headers that are missing are empty. */
struct eventstream_message {
	struct span message_type; /* ":message-type": event, exception or error */
	struct span event; /* ":event-type", ":exception-type" or ":error-code" */
	struct span content_type; /* ":content-type" */
	struct span payload;
};

/* State of one stream; private. */
struct eventstream {
	struct buf message; /* what came of a message that goes on */
	size_t bytes; /* of the whole message; 0 until they are known */
	bool handed; /* message was handed out: forget it at the next feed */
	int outcome; /* of a failed stream, for good */
};

/* A message is bound to bytes_max (usually AICP_SSE_LINE_BYTES_MAX). */
void eventstream_init(struct eventstream *stream, size_t bytes_max);
void eventstream_deinit(struct eventstream *stream);

/* PARSE_DONE: *ret_message is a message, *ret_used how far `in` was read: go on behind that.
 * PARSE_E_MORE: all of `in` was read and no message ended. PARSE_E_BAD (a checksum is wrong,
 * lengths do not fit each other, a header of an unknown type or one of the above twice or not a
 * string), PARSE_E_LIMIT, -ENOMEM: for good. */
MUST_CHECK int eventstream_feed(struct eventstream *stream, struct span in, size_t *ret_used,
				struct eventstream_message *ret_message);
/* Does the stream stand between two messages, where it may end? */
bool eventstream_is_between(const struct eventstream *stream);
