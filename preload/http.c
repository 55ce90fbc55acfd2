/* SPDX-License-Identifier: MIT */
/* Finds where one HTTP/1.1 request ends. */
#include "http.h"

#include "aicp/limits.h"

#include <string.h>

enum field_name { FIELD_OTHER, FIELD_LENGTH, FIELD_CODING, FIELD_EXPECT };

static char lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* RFC 9110 section 5.6.2. */
static bool is_token(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'))
		return true;
	return c && c < 0x80 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_text(uint8_t c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static void word_clear(struct http *h)
{
	h->word_n = 0;
	h->line_bytes = 0;
}

static void word_put(struct http *h, uint8_t c)
{
	h->line_bytes++;
	if (h->word_n < sizeof(h->word))
		h->word[h->word_n++] = lower(c);
}

/* Trailing blanks are no part of a value. */
static void word_trim(struct http *h)
{
	while (h->word_n && (h->word[h->word_n - 1] == ' ' || h->word[h->word_n - 1] == '\t')) {
		h->word_n--;
		h->line_bytes--;
	}
}

static bool word_is(const struct http *h, const char *s)
{
	return h->line_bytes == strlen(s) && h->line_bytes <= sizeof(h->word) &&
	       memcmp(h->word, s, h->line_bytes) == 0;
}

static enum http_outcome fail(struct http *h, enum http_outcome why)
{
	h->state = HTTP_FAILED;
	h->failure = why;
	return why;
}

static enum http_outcome go(struct http *h, enum http_state state)
{
	h->state = state;
	return HTTP_MORE;
}

static uint8_t name_of(const struct http *h)
{
	if (word_is(h, "content-length"))
		return FIELD_LENGTH;
	if (word_is(h, "transfer-encoding"))
		return FIELD_CODING;
	if (word_is(h, "expect"))
		return FIELD_EXPECT;
	return FIELD_OTHER;
}

static bool length_of(struct http *h)
{
	uint64_t length = 0;

	/* 15 digits are far over every limit and cannot overflow. */
	if (h->has_length || !h->line_bytes || h->line_bytes > 15)
		return false;
	for (uint32_t i = 0; i < h->line_bytes; i++) {
		if (h->word[i] < '0' || h->word[i] > '9')
			return false;
		length = length * 10 + (uint64_t)(h->word[i] - '0');
	}
	h->has_length = true;
	h->length = length;
	return true;
}

static enum http_outcome value_done(struct http *h)
{
	word_trim(h);
	if (++h->fields > AICP_HEADERS_MAX)
		return fail(h, HTTP_TOO_LARGE);
	switch (h->name) {
	case FIELD_LENGTH:
		if (!length_of(h))
			return fail(h, HTTP_BAD);
		break;
	case FIELD_CODING:
		if (h->has_coding || !word_is(h, "chunked"))
			return fail(h, HTTP_BAD);
		h->has_coding = h->chunked = true;
		break;
	case FIELD_EXPECT:
		h->expect_continue |= word_is(h, "100-continue");
		break;
	}
	return go(h, HTTP_VALUE_LF);
}

static enum http_outcome head_done(struct http *h)
{
	h->head_done = true;
	if (h->has_coding && (h->has_length || h->version_1_0))
		return fail(h, HTTP_BAD);
	word_clear(h);
	if (h->chunked)
		return go(h, HTTP_CHUNK_SIZE);
	if (!h->length) {
		h->state = HTTP_ENDED;
		return HTTP_DONE;
	}
	h->left = h->length;
	h->state = HTTP_BODY;
	if (h->length > AICP_BODY_BYTES_MAX && !h->unlimited)
		return HTTP_TOO_LARGE;
	return HTTP_MORE;
}

static enum http_outcome version_done(struct http *h)
{
	if (word_is(h, "http/1.1") || word_is(h, "http/1.0")) {
		h->version_1_0 = h->word[7] == '0';
		return go(h, HTTP_LINE_LF);
	}
	return fail(h, h->word_n >= 6 && memcmp(h->word, "http/2", 6) == 0 ? HTTP_TWO : HTTP_BAD);
}

static enum http_outcome line_byte(struct http *h, uint8_t c)
{
	switch (h->state) {
	case HTTP_METHOD:
		if (c == ' ' && h->line_bytes) {
			word_clear(h);
			return go(h, HTTP_TARGET);
		}
		word_put(h, c);
		/* No method comes near this; what has no blank by then is no HTTP. */
		return is_token(c) && h->line_bytes <= sizeof(h->word) ? HTTP_MORE
								       : fail(h, HTTP_BAD);
	case HTTP_TARGET:
		if (c == ' ' && h->line_bytes) {
			word_clear(h);
			return go(h, HTTP_VERSION);
		}
		h->line_bytes++;
		return c > 0x20 && c != 0x7f ? HTTP_MORE : fail(h, HTTP_BAD);
	case HTTP_VERSION:
		if (c == '\r')
			return version_done(h);
		word_put(h, c);
		return h->line_bytes <= 8 ? HTTP_MORE : fail(h, HTTP_BAD);
	default:
		word_clear(h);
		return c == '\n' ? go(h, HTTP_NAME) : fail(h, HTTP_BAD);
	}
}

static enum http_outcome field_byte(struct http *h, uint8_t c)
{
	switch (h->state) {
	case HTTP_NAME:
		if (c == '\r' && !h->line_bytes)
			return go(h, HTTP_HEAD_LF);
		if (c == ':' && h->line_bytes) {
			h->name = name_of(h);
			word_clear(h);
			return go(h, HTTP_VALUE);
		}
		word_put(h, c);
		return is_token(c) ? HTTP_MORE : fail(h, HTTP_BAD);
	case HTTP_VALUE:
		if (c == '\r')
			return value_done(h);
		if (!is_text(c))
			return fail(h, HTTP_BAD);
		if (h->line_bytes || (c != ' ' && c != '\t'))
			word_put(h, c);
		return HTTP_MORE;
	case HTTP_VALUE_LF:
		word_clear(h);
		return c == '\n' ? go(h, HTTP_NAME) : fail(h, HTTP_BAD);
	default:
		return c == '\n' ? head_done(h) : fail(h, HTTP_BAD);
	}
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (uint8_t)lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line is over; h->left is the chunk's size. */
static enum http_outcome chunk_line_done(struct http *h)
{
	word_clear(h);
	if (!h->left)
		return go(h, HTTP_TRAILER_NAME);
	h->body_bytes += h->left;
	h->state = HTTP_CHUNK_DATA;
	if (h->body_bytes > AICP_BODY_BYTES_MAX && !h->unlimited)
		return HTTP_TOO_LARGE;
	return HTTP_MORE;
}

static enum http_outcome chunk_byte(struct http *h, uint8_t c)
{
	int digit;

	if (h->state == HTTP_CHUNK_LF)
		return c == '\n' ? chunk_line_done(h) : fail(h, HTTP_BAD);
	if (h->state == HTTP_CHUNK_DATA_CR)
		return c == '\r' ? go(h, HTTP_CHUNK_DATA_LF) : fail(h, HTTP_BAD);
	if (h->state == HTTP_CHUNK_DATA_LF) {
		word_clear(h);
		h->left = 0;
		return c == '\n' ? go(h, HTTP_CHUNK_SIZE) : fail(h, HTTP_BAD);
	}
	if (c == '\r')
		return h->line_bytes ? go(h, HTTP_CHUNK_LF) : fail(h, HTTP_BAD);
	if (++h->line_bytes > AICP_CHUNK_LINE_BYTES_MAX)
		return fail(h, HTTP_TOO_LARGE);
	if (h->state == HTTP_CHUNK_EXTENSION)
		return is_text(c) ? HTTP_MORE : fail(h, HTTP_BAD);
	if (c == ';' && h->line_bytes > 1)
		return go(h, HTTP_CHUNK_EXTENSION);
	digit = hex(c);
	/* 12 digits cannot overflow, whatever the caller's patience with limits. */
	if (digit < 0 || h->line_bytes > 12)
		return fail(h, HTTP_BAD);
	h->left = h->left * 16 + (uint64_t)digit;
	return HTTP_MORE;
}

static enum http_outcome trailer_byte(struct http *h, uint8_t c)
{
	if (++h->trailer_bytes > AICP_HEAD_BYTES_MAX)
		return fail(h, HTTP_TOO_LARGE);
	switch (h->state) {
	case HTTP_TRAILER_NAME:
		if (c == '\r' && !h->line_bytes)
			return go(h, HTTP_END_LF);
		if (c == ':' && h->line_bytes)
			return go(h, HTTP_TRAILER_VALUE);
		h->line_bytes++;
		return is_token(c) ? HTTP_MORE : fail(h, HTTP_BAD);
	case HTTP_TRAILER_VALUE:
		if (c == '\r')
			return go(h, HTTP_TRAILER_LF);
		return is_text(c) ? HTTP_MORE : fail(h, HTTP_BAD);
	case HTTP_TRAILER_LF:
		word_clear(h);
		return c == '\n' ? go(h, HTTP_TRAILER_NAME) : fail(h, HTTP_BAD);
	default:
		if (c != '\n')
			return fail(h, HTTP_BAD);
		h->state = HTTP_ENDED;
		return HTTP_DONE;
	}
}

static enum http_outcome byte(struct http *h, uint8_t c)
{
	if (h->state <= HTTP_HEAD_LF) {
		if (++h->head_bytes > AICP_HEAD_BYTES_MAX)
			return fail(h, HTTP_TOO_LARGE);
		return h->state <= HTTP_LINE_LF ? line_byte(h, c) : field_byte(h, c);
	}
	return h->state <= HTTP_CHUNK_DATA_LF ? chunk_byte(h, c) : trailer_byte(h, c);
}

/* Bodies pass without a look at each byte. */
static enum http_outcome data(struct http *h, size_t n, size_t *ret_used)
{
	*ret_used = n < h->left ? n : (size_t)h->left;
	h->left -= *ret_used;
	if (h->left)
		return HTTP_MORE;
	if (h->state == HTTP_CHUNK_DATA)
		return go(h, HTTP_CHUNK_DATA_CR);
	h->state = HTTP_ENDED;
	return HTTP_DONE;
}

enum http_outcome http_feed(struct http *http, const uint8_t *p, size_t n, size_t *ret_used)
{
	enum http_outcome r = HTTP_MORE;
	size_t at = 0, used;

	if (http->state == HTTP_FAILED || http->state == HTTP_ENDED) {
		*ret_used = 0;
		return http->state == HTTP_ENDED ? HTTP_DONE : http->failure;
	}
	while (at < n && r == HTTP_MORE) {
		if (http->state == HTTP_BODY || http->state == HTTP_CHUNK_DATA) {
			r = data(http, n - at, &used);
			at += used;
		} else {
			r = byte(http, p[at++]);
		}
	}
	*ret_used = at;
	return r;
}
