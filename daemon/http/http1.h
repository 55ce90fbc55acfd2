/* SPDX-License-Identifier: MIT */
/*
 * Heads of HTTP/1.0 and 1.1 messages (RFC 9112), strictly.
 *
 * Two parsers that read one message differently are how requests are smuggled, so whatever other
 * parsers mend is refused here: bare CR or LF, folded lines, white space before a colon,
 * Content-Length beside Transfer-Encoding, either of them (or Host) twice, any transfer coding but
 * exactly `chunked`, names that differ from those by an underscore, a Host that is not the
 * target's, control bytes, empty lines in front.
 *
 * Both functions look at `in` from its first byte each time and keep nothing. Outcomes:
 *   PARSE_DONE     *ret_message holds slices into `in`, *ret_used is the length of the head with
 * its empty line. PARSE_E_MORE   so far nothing is wrong, the head goes on. PARSE_E_BAD    more
 * bytes will not mend it; *ret_fault says why. PARSE_E_LIMIT  over AICP_HEAD_BYTES_MAX or
 * AICP_HEADERS_MAX; *ret_fault says which. ret_fault may be NULL and is the one out-parameter that
 * is written on failure (and only then).
 */
#pragma once

#include "base/parse.h"
#include "http/fault.h"
#include "model/message.h"

/* host and port are Host's; path and query are as written: neither decoded nor normalised. path is
 * "*" for `OPTIONS *` and empty for CONNECT. HTTP/1.0 may come without Host: then host is empty. */
MUST_CHECK int http1_request(struct span in, struct message *ret_message, size_t *ret_used,
			     struct http_fault *ret_fault);

/* method is that of the request being answered: answers to HEAD have no body, a 2xx to CONNECT
 * opens a tunnel. */
MUST_CHECK int http1_response(struct span in, struct span method, struct message *ret_message,
			      size_t *ret_used, struct http_fault *ret_fault);

/* Is it time to look at a head again, head_n bytes long with these fresh ones? Short heads are
 * looked at with every byte, so that what is no HTTP is known at once; longer ones at each line's
 * end only, so that a peer that sends single bytes costs a parse a line and not a parse a byte. */
bool http1_worth_parsing(size_t head_n, struct span fresh);
