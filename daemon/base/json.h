/* SPDX-License-Identifier: MIT */
/*
 * Streaming JSON scanner that knows byte offsets (RFC 8259).
 *
 * Bytes in, a tape of tokens out. The tape holds offsets into the whole text, never copies, so a
 * finding can be traced back to (and redacted at) the very bytes that a provider will read. The
 * text may arrive in pieces of any size; the tape is the same at every split.
 *
 * Strict: one value, UTF-8 only (no surrogates, no overlongs), no control characters in strings,
 * paired \u surrogates, no duplicate keys (after unescaping) and nothing behind the value. Depth
 * and tokens are bounded by limits.h.
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"
#include "base/span.h"

enum json_kind {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

enum json_flag {
	JSON_ESCAPED = 1, /* a string with at least one backslash */
	JSON_KEY = 2, /* a string that is a key; the token behind it is its value */
};

/* A container's children follow it; in an object each key token is followed by its value. */
struct json_token {
	uint32_t begin; /* first byte; of a string: behind the opening quote */
	uint32_t end; /* behind the last byte; of a string: its closing quote */
	uint32_t next; /* index of the token behind this one and all inside it */
	uint8_t kind; /* enum json_kind */
	uint8_t flags; /* enum json_flag */
	uint16_t depth; /* the outermost value has 0 */
};

/* What made a text bad, for messages and tests. */
enum json_error {
	JSON_ERROR_NONE,
	JSON_ERROR_SYNTAX,
	JSON_ERROR_UTF8,
	JSON_ERROR_ESCAPE,
	JSON_ERROR_CONTROL,
	JSON_ERROR_DUPLICATE_KEY,
	JSON_ERROR_TRAILING,
	JSON_ERROR_DEPTH,
	JSON_ERROR_TOKENS,
	JSON_ERROR_SIZE,
	JSON_ERROR_MEMORY,
	_JSON_ERROR_COUNT,
};

struct json_scan; /* state of a scan and the tape it builds */

/* NULL when out of memory. tokens_max is cut to AICP_JSON_TOKENS_MAX. */
struct json_scan *json_scan_new(uint32_t tokens_max);
void json_scan_free(struct json_scan *scan);

/* Forget everything, keep the memory (but for what a huge text took): for the next text. */
void json_scan_reset(struct json_scan *scan);

/* Feeds the next bytes. PARSE_E_MORE while the value is open (or may go on), PARSE_DONE once it is
 * closed, PARSE_E_BAD or PARSE_E_LIMIT for good. -ENOMEM. Bytes need not outlive the call, but the
 * whole text has to be given to the duplicate-key check in json_scan_end(). */
MUST_CHECK int json_scan_feed(struct json_scan *scan, struct span bytes);

/* Ends the text: PARSE_DONE when it is one whole value, else PARSE_E_BAD or PARSE_E_LIMIT; -ENOMEM.
 * text is all bytes that were fed, in one piece (-EINVAL when it is not as long); it is read to
 * compare keys. */
MUST_CHECK int json_scan_end(struct json_scan *scan, struct span text);

/* json_scan_reset(), _feed() and _end() in one. */
MUST_CHECK int json_scan_all(struct json_scan *scan, struct span text);

enum json_error json_scan_error(const struct json_scan *scan);
/* Offset of the byte that made the text bad. */
size_t json_scan_error_at(const struct json_scan *scan);
const char *json_error_text(enum json_error error);

/* A finished text and its tape; borrowed from scan and text until either changes. */
struct json {
	struct span text;
	const struct json_token *token;
	uint32_t n;
};

#define JSON_NONE UINT32_MAX /* no token */

/* Valid after PARSE_DONE from json_scan_end(); token 0 is the outermost value. */
struct json json_scan_json(const struct json_scan *scan, struct span text);

/* Bytes of token t as they stand in the text (strings without their quotes, still escaped). */
static inline struct span json_raw(const struct json *j, uint32_t t)
{
	return span_sub(j->text, j->token[t].begin, j->token[t].end);
}

/* The same with the quotes of a string: a JSON value that can stand by itself. */
static inline struct span json_whole(const struct json *j, uint32_t t)
{
	unsigned quote = j->token[t].kind == JSON_STRING;

	return span_sub(j->text, j->token[t].begin - quote, j->token[t].end + quote);
}

/* Children of container t: for an object, child is the key's token and child + 1 its value. */
#define json_foreach(_child, _j, _t)                                                               \
	for (uint32_t _child = (_t) + 1; _child < (_j)->token[_t].next;                            \
	     _child = (_j)->token[_child].flags & JSON_KEY ? (_j)->token[(_child) + 1].next        \
							   : (_j)->token[_child].next)

/* The value of a key of object t, or JSON_NONE (also when t is JSON_NONE or no object). Keys are
 * compared unescaped. */
uint32_t json_get(const struct json *j, uint32_t t, const char *key);

/* Does string token t, unescaped, equal s? */
bool json_string_eq(const struct json *j, uint32_t t, struct span s);

/* Appends string token t, unescaped. 0 or the buffer's error. */
int json_string_put(const struct json *j, uint32_t t, struct buf *out);

/* Numbers as values; false when t is no number or does not fit. An integer is any number without a
 * fraction, however it is written: 1000, 1e3, 1000.0. */
bool json_int(const struct json *j, uint32_t t, int64_t *ret_value);
bool json_number(const struct json *j, uint32_t t, double *ret_value);
