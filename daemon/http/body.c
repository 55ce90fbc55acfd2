/* SPDX-License-Identifier: MIT */
#include "http/body.h"

/* Chunk sizes of more digits say more than any limit here, or hide behind zeros. */
#define SIZE_DIGITS_MAX 16

void body_init(struct body *b, const struct message *head, uint64_t content_max)
{
	*b = (struct body){.framing = head->framing, .content_max = content_max};
	switch (head->framing) {
	case MESSAGE_NO_BODY:
		b->state = BODY_DONE;
		break;
	case MESSAGE_LENGTH:
		b->left = head->content_length;
		b->state = b->left ? BODY_DATA : BODY_DONE;
		break;
	case MESSAGE_CHUNKED:
		b->state = BODY_CHUNK_SIZE;
		break;
	case MESSAGE_UNTIL_CLOSE:
		b->left = UINT64_MAX;
		b->state = BODY_DATA;
		break;
	}
}

static int fail(struct body *b, enum http_fault_kind kind, int outcome)
{
	b->state = BODY_FAILED;
	b->outcome = outcome;
	b->fault = (struct http_fault){kind, b->wire_bytes};
	return outcome;
}

static int bad(struct body *b, enum http_fault_kind kind)
{
	return fail(b, kind, PARSE_E_BAD);
}

static int hex_value(uint8_t c)
{
	uint8_t lower = c | 0x20;

	if (c >= '0' && c <= '9')
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_token(uint8_t c)
{
	uint8_t lower = c | 0x20;

	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Of a header value or a quoted string: visible, blank, or beyond ASCII. */
static bool is_text(uint8_t c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

/* Framing and routing come with the head; a trailer that repeats them is there to confuse. */
static bool trailer_forbidden(const struct body *b)
{
	static const char *const names[] = {
		"host",
		"content-length",
		"transfer-encoding",
		"content-type",
		"content-range",
		"content-encoding",
		"authorization",
		"connection",
		"upgrade",
		"expect",
		"te",
		"trailer",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (span_eq_str(span_of(b->name, b->name_n), names[i]))
			return true;
	return false;
}

static int chunk_size(struct body *b, uint8_t c)
{
	int digit = hex_value(c);

	if (digit >= 0) {
		if (++b->size_digits > SIZE_DIGITS_MAX)
			return bad(b, HTTP_FAULT_CHUNK_SIZE);
		b->left = b->left << 4 | (uint64_t)digit;
		return PARSE_E_MORE;
	}
	if (!b->size_digits || (c != ';' && c != '\r'))
		return bad(b, HTTP_FAULT_CHUNK_SIZE);
	if (b->left > b->content_max - b->content_bytes)
		return fail(b, HTTP_FAULT_BODY_SIZE, PARSE_E_LIMIT);
	b->name_n = 0;
	b->state = c == ';' ? BODY_CHUNK_EXTENSION_NAME : BODY_CHUNK_LF;
	return PARSE_E_MORE;
}

/* chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ); name_n counts bytes of the present
 * token. */
static int chunk_extension(struct body *b, uint8_t c)
{
	bool token_ended = b->state == BODY_CHUNK_EXTENSION_AFTER || b->name_n > 0;

	if (++b->extension_bytes > AICP_HEAD_BYTES_MAX)
		return fail(b, HTTP_FAULT_CHUNK_LINE, PARSE_E_LIMIT);
	if (b->state == BODY_CHUNK_EXTENSION_ESCAPE || b->state == BODY_CHUNK_EXTENSION_QUOTED) {
		if (!is_text(c))
			return bad(b, HTTP_FAULT_CHUNK_EXTENSION);
		if (b->state == BODY_CHUNK_EXTENSION_ESCAPE || (c != '\\' && c != '"'))
			b->state = BODY_CHUNK_EXTENSION_QUOTED;
		else
			b->state =
				c == '"' ? BODY_CHUNK_EXTENSION_AFTER : BODY_CHUNK_EXTENSION_ESCAPE;
		return PARSE_E_MORE;
	}
	if (is_token(c) && b->state != BODY_CHUNK_EXTENSION_AFTER) {
		b->name_n++;
	} else if (c == '=' && b->state == BODY_CHUNK_EXTENSION_NAME && token_ended) {
		b->state = BODY_CHUNK_EXTENSION_VALUE;
		b->name_n = 0;
	} else if (c == '"' && b->state == BODY_CHUNK_EXTENSION_VALUE && !b->name_n) {
		b->state = BODY_CHUNK_EXTENSION_QUOTED;
	} else if ((c == ';' || c == '\r') && token_ended) {
		b->state = c == ';' ? BODY_CHUNK_EXTENSION_NAME : BODY_CHUNK_LF;
		b->name_n = 0;
	} else {
		return bad(b, HTTP_FAULT_CHUNK_EXTENSION);
	}
	return PARSE_E_MORE;
}

static int chunk_line_end(struct body *b, uint8_t c)
{
	if (c != '\n')
		return bad(b, HTTP_FAULT_LINE_END);
	b->state = b->left ? BODY_CHUNK_DATA : BODY_TRAILER_START;
	b->line_bytes = 0;
	b->size_digits = 0;
	return PARSE_E_MORE;
}

static int trailer(struct body *b, uint8_t c)
{
	switch (b->state) {
	case BODY_TRAILER_START:
		if (c == '\r') {
			b->state = BODY_END_LF;
			return PARSE_E_MORE;
		}
		if (b->trailers++ == AICP_HEADERS_MAX)
			return fail(b, HTTP_FAULT_TRAILER_SIZE, PARSE_E_LIMIT);
		b->name_n = 0;
		b->state = BODY_TRAILER_NAME;
		/* fallthrough */
	case BODY_TRAILER_NAME:
		if (c == ':' && b->name_n && !trailer_forbidden(b)) {
			b->state = BODY_TRAILER_VALUE;
			return PARSE_E_MORE;
		}
		if (!is_token(c))
			return bad(b, HTTP_FAULT_TRAILER);
		/* One that is too long to keep is none of the forbidden ones: stay at the last
		 * place. */
		b->name[b->name_n] = c == '_' ? '-' : span_ascii_lower(c);
		if (b->name_n < BODY_TRAILER_NAME_MAX - 1)
			b->name_n++;
		return PARSE_E_MORE;
	case BODY_TRAILER_VALUE:
		if (c == '\r')
			b->state = BODY_TRAILER_LF;
		else if (!is_text(c))
			return bad(b, HTTP_FAULT_TRAILER);
		return PARSE_E_MORE;
	default:
		if (c != '\n')
			return bad(b, HTTP_FAULT_LINE_END);
		b->state = BODY_TRAILER_START;
		return PARSE_E_MORE;
	}
}

/* One byte of framing. */
static int framing_byte(struct body *b, uint8_t c)
{
	switch (b->state) {
	case BODY_CHUNK_SIZE:
	case BODY_CHUNK_EXTENSION_NAME:
	case BODY_CHUNK_EXTENSION_VALUE:
	case BODY_CHUNK_EXTENSION_QUOTED:
	case BODY_CHUNK_EXTENSION_ESCAPE:
	case BODY_CHUNK_EXTENSION_AFTER:
		if (++b->line_bytes > AICP_CHUNK_LINE_BYTES_MAX)
			return fail(b, HTTP_FAULT_CHUNK_LINE, PARSE_E_LIMIT);
		return b->state == BODY_CHUNK_SIZE ? chunk_size(b, c) : chunk_extension(b, c);
	case BODY_CHUNK_LF:
		return chunk_line_end(b, c);
	case BODY_CHUNK_DATA_CR:
		b->state = BODY_CHUNK_DATA_LF;
		return c == '\r' ? PARSE_E_MORE : bad(b, HTTP_FAULT_CHUNK_END);
	case BODY_CHUNK_DATA_LF:
		b->state = BODY_CHUNK_SIZE;
		return c == '\n' ? PARSE_E_MORE : bad(b, HTTP_FAULT_CHUNK_END);
	case BODY_TRAILER_START:
	case BODY_TRAILER_NAME:
	case BODY_TRAILER_VALUE:
	case BODY_TRAILER_LF:
		if (++b->line_bytes > AICP_HEAD_BYTES_MAX)
			return fail(b, HTTP_FAULT_TRAILER_SIZE, PARSE_E_LIMIT);
		return trailer(b, c);
	case BODY_END_LF:
		b->state = BODY_DONE;
		return c == '\n' ? PARSE_E_MORE : bad(b, HTTP_FAULT_LINE_END);
	case BODY_DATA:
	case BODY_CHUNK_DATA:
	case BODY_DONE:
	case BODY_FAILED:
		break;
	}
	__builtin_unreachable();
}

/* Content up to the end of `in`, of the chunk, or of the body. */
static int content(struct body *b, struct span in, struct span *ret_slice)
{
	uint64_t n = in.n < b->left ? in.n : b->left, room = b->content_max - b->content_bytes;

	if (n > room || (b->framing == MESSAGE_LENGTH && b->left > room))
		return fail(b, HTTP_FAULT_BODY_SIZE, PARSE_E_LIMIT);
	*ret_slice = span_sub(in, 0, n);
	b->content_bytes += n;
	b->wire_bytes += n;
	if (b->framing != MESSAGE_UNTIL_CLOSE)
		b->left -= n;
	if (!b->left)
		b->state = b->state == BODY_DATA ? BODY_DONE : BODY_CHUNK_DATA_CR;
	return PARSE_E_MORE;
}

int body_read(struct body *b, struct span in, struct span *ret_slice, size_t *ret_used)
{
	struct span slice = span_sub(in, 0, 0);
	size_t used = 0;
	int err = PARSE_E_MORE;

	if (b->state == BODY_FAILED)
		return b->outcome;
	while (err == PARSE_E_MORE && b->state != BODY_DONE && !slice.n) {
		if (b->state == BODY_DATA || b->state == BODY_CHUNK_DATA) {
			err = content(b, span_sub(in, used, in.n), &slice);
			used += slice.n;
			if (!slice.n)
				break;
		} else {
			if (used == in.n)
				break;
			err = framing_byte(b, in.p[used]);
			used++;
			b->wire_bytes++;
		}
	}
	if (err != PARSE_E_MORE)
		return err;
	*ret_slice = slice;
	*ret_used = used;
	return b->state == BODY_DONE ? PARSE_DONE : PARSE_E_MORE;
}

int body_end(struct body *b)
{
	if (b->state == BODY_FAILED)
		return b->outcome;
	if (b->state == BODY_DONE)
		return PARSE_DONE;
	if (b->framing == MESSAGE_UNTIL_CLOSE) {
		b->state = BODY_DONE;
		return PARSE_DONE;
	}
	return bad(b, HTTP_FAULT_TRUNCATED);
}
