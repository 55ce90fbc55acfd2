/* SPDX-License-Identifier: MIT */
/*
 * Bodies of HTTP/1.x messages by their framing (RFC 9112 sections 6 and 7): bytes in, slices of
 * content out.
 *
 * Nothing is copied or allocated. Chunk lines hold no white space; extensions are well formed and
 * bounded; trailers are read, bounded, and refused when they name a header of framing or routing.
 */
#pragma once

#include "base/parse.h"
#include "http/fault.h"
#include "model/message.h"

enum body_state {
	BODY_DATA, /* content, of known length or until the end */
	BODY_CHUNK_SIZE,
	BODY_CHUNK_EXTENSION_NAME,
	BODY_CHUNK_EXTENSION_VALUE,
	BODY_CHUNK_EXTENSION_QUOTED,
	BODY_CHUNK_EXTENSION_ESCAPE, /* behind a backslash between quotes */
	BODY_CHUNK_EXTENSION_AFTER, /* behind a closing quote */
	BODY_CHUNK_LF,
	BODY_CHUNK_DATA,
	BODY_CHUNK_DATA_CR,
	BODY_CHUNK_DATA_LF,
	BODY_TRAILER_START, /* at the start of a line behind the last chunk */
	BODY_TRAILER_NAME,
	BODY_TRAILER_VALUE,
	BODY_TRAILER_LF,
	BODY_END_LF,
	BODY_DONE,
	BODY_FAILED,
};

/* Longest trailer name that is compared with the forbidden ones. */
#define BODY_TRAILER_NAME_MAX 24

/* State of one body; callers read only fault and content_bytes. */
struct body {
	enum message_framing framing;
	enum body_state state;
	uint64_t left; /* bytes to come of the content or chunk */
	uint64_t content_bytes; /* so far */
	uint64_t content_max;
	uint64_t wire_bytes; /* so far, framing included */
	uint32_t line_bytes; /* of the present chunk line or all trailers */
	uint32_t extension_bytes;
	uint32_t size_digits;
	uint32_t trailers;
	uint32_t name_n;
	uint8_t name[BODY_TRAILER_NAME_MAX];
	int outcome; /* of a failed body, for good */
	struct http_fault fault;
};

/* Content beyond content_max (usually AICP_BODY_BYTES_MAX) is PARSE_E_LIMIT; with a length known
 * too large, at the first read. */
void body_init(struct body *body, const struct message *head, uint64_t content_max);

/*
 * Reads on. *ret_slice is the next content in `in` (may be empty), *ret_used how many bytes of `in`
 * are done with; both are set with PARSE_DONE and PARSE_E_MORE. PARSE_DONE     the body ended;
 * bytes behind *ret_used belong to what follows. PARSE_E_MORE   call again with what is left of
 * `in`, then with what comes next. *ret_used > 0 unless `in` is empty. PARSE_E_BAD, PARSE_E_LIMIT
 * for good; body->fault says why (its offset counts from the start of the body).
 */
MUST_CHECK int body_read(struct body *body, struct span in, struct span *ret_slice,
			 size_t *ret_used);

/* The connection ended: PARSE_DONE when the body is whole, else PARSE_E_BAD. */
MUST_CHECK int body_end(struct body *body);
