/* SPDX-License-Identifier: MIT */
/*
 * Finds where one HTTP/1.1 request ends (RFC 9112), byte by byte; judging it is the engine's
 * business.
 *
 * Stricter than a server: what two readers could cut in different places is bad, not guessed.
 * Refused are bare LF, folded lines, space before a colon, two lengths, a length beside a transfer
 * coding, and any coding other than one "chunked". Holds no bytes, so a body costs no memory here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_outcome {
	HTTP_MORE, /* well formed so far */
	HTTP_DONE, /* the request ends with the last byte used */
	HTTP_BAD, /* no HTTP/1.x request */
	HTTP_TOO_LARGE, /* head, body or framing over its limit */
	HTTP_TWO, /* an HTTP/2 preface */
};

enum http_state {
	HTTP_METHOD,
	HTTP_TARGET,
	HTTP_VERSION,
	HTTP_LINE_LF,
	HTTP_NAME,
	HTTP_VALUE,
	HTTP_VALUE_LF,
	HTTP_HEAD_LF,
	HTTP_BODY,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_EXTENSION,
	HTTP_CHUNK_LF,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_DATA_CR,
	HTTP_CHUNK_DATA_LF,
	HTTP_TRAILER_NAME,
	HTTP_TRAILER_VALUE,
	HTTP_TRAILER_LF,
	HTTP_END_LF,
	HTTP_ENDED,
	HTTP_FAILED,
};

/* A zeroed struct stands before the first byte of a request. */
struct http {
	enum http_state state;
	enum http_outcome failure; /* with HTTP_FAILED */
	uint32_t line_bytes; /* of the method, chunk line, name or value at hand */
	uint32_t head_bytes; /* so far; of the whole head once head_done */
	uint32_t trailer_bytes;
	uint32_t fields;
	uint64_t left; /* of the body or the chunk at hand */
	uint64_t body_bytes; /* decoded, so far */
	uint64_t length; /* Content-Length */
	bool head_done;
	bool has_length, chunked, has_coding, version_1_0;
	bool expect_continue; /* the program waits for "100 Continue" before the body */
	bool unlimited; /* set by the caller: find the end of a request that was over a limit */
	uint8_t word_n; /* of word; longer ones are cut, and match nothing */
	uint8_t name; /* the header field at hand, when it is one that frames */
	char word[24]; /* start of the method, version, name or value at hand, lower case */
};

/*
 * Looks at p[0..n) and stops behind the request's last byte. ret_used says how far it came; after
 * HTTP_BAD, HTTP_TOO_LARGE and HTTP_TWO it is the place of the offence, and every later call says
 * the same. One exception: a declared length over the limit leaves state != HTTP_FAILED, and a
 * caller that sets unlimited may go on.
 */
enum http_outcome http_feed(struct http *http, const uint8_t *p, size_t n, size_t *ret_used);
