/* SPDX-License-Identifier: MIT */
/* One HTTP/1.x head: slices into the bytes it was parsed from, valid as long as those. */
#pragma once

#include "aicp/limits.h"
#include "base/span.h"

enum message_kind { MESSAGE_REQUEST, MESSAGE_RESPONSE };

/* RFC 9112 section 6: how the body's length is known. */
enum message_framing {
	MESSAGE_NO_BODY,
	MESSAGE_LENGTH, /* Content-Length */
	MESSAGE_CHUNKED, /* Transfer-Encoding: chunked */
	MESSAGE_UNTIL_CLOSE, /* responses only */
};

struct message_header {
	struct span name; /* as written; compare with span_ieq() */
	struct span value; /* without white space around it */
};

struct message {
	enum message_kind kind;
	struct span method; /* requests */
	struct span target; /* requests: as written */
	struct span path; /* requests: target without scheme, authority and query */
	struct span query; /* requests: behind '?', or empty */
	struct span host; /* requests: Host (or the authority of an absolute target) without port */
	uint16_t port; /* requests: of Host; 0 when it has none */
	unsigned status; /* responses */
	unsigned minor; /* HTTP/1.minor: 0 or 1 */
	enum message_framing framing;
	uint64_t content_length; /* with MESSAGE_LENGTH */
	bool keep_alive;
	bool expect_continue;
	bool upgrade; /* Connection: upgrade with an Upgrade header, or method CONNECT, or status
			 101 */
	struct span content_type; /* as written, with parameters */
	struct span content_encoding;
	unsigned headers_n;
	struct message_header header[AICP_HEADERS_MAX];
};

/* Value of the first header of that name (any case), or SPAN_NULL. */
struct span message_header(const struct message *m, const char *name);
