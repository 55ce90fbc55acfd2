/* SPDX-License-Identifier: MIT */
#include "http/http1.h"
#include "http/target.h"

/* Classes of bytes (RFC 9110 section 5.6.2, RFC 9112 section 3 and 5). */
enum class {
	TOKEN = 1,
	VALUE = 2, /* of a header: visible, blank, or beyond ASCII */
	BLACK = 4, /* visible ASCII */
};

static const uint8_t class_of[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = TOKEN | VALUE | BLACK,
	['"'] = VALUE | BLACK,
	['#' ... '\''] = TOKEN | VALUE | BLACK,
	['(' ... ')'] = VALUE | BLACK,
	['*' ... '+'] = TOKEN | VALUE | BLACK,
	[','] = VALUE | BLACK,
	['-' ... '.'] = TOKEN | VALUE | BLACK,
	['/'] = VALUE | BLACK,
	['0' ... '9'] = TOKEN | VALUE | BLACK,
	[':' ... '@'] = VALUE | BLACK,
	['A' ... 'Z'] = TOKEN | VALUE | BLACK,
	['[' ... ']'] = VALUE | BLACK,
	['^' ... 'z'] = TOKEN | VALUE | BLACK,
	['{'] = VALUE | BLACK,
	['|'] = TOKEN | VALUE | BLACK,
	['}'] = VALUE | BLACK,
	['~'] = TOKEN | VALUE | BLACK,
	[0x80 ... 0xff] = VALUE,
};

/* Headers that mean something here. */
enum known {
	HOST,
	CONTENT_LENGTH,
	TRANSFER_ENCODING,
	CONTENT_TYPE,
	CONTENT_ENCODING,
	EXPECT,
	CONNECTION,
	UPGRADE,
	_KNOWN_COUNT,
};

static const struct {
	const char *name;
	bool many; /* may stand more than once */
} known[_KNOWN_COUNT] = {
	[HOST] = {"host", false},
	[CONTENT_LENGTH] = {"content-length", false},
	[TRANSFER_ENCODING] = {"transfer-encoding", false},
	[CONTENT_TYPE] = {"content-type", false},
	[CONTENT_ENCODING] = {"content-encoding", false},
	[EXPECT] = {"expect", false},
	[CONNECTION] = {"connection", true},
	[UPGRADE] = {"upgrade", true},
};

struct reader {
	const uint8_t *begin, *p, *end;
	struct http_fault fault;
	bool seen[_KNOWN_COUNT];
	struct span value[_KNOWN_COUNT]; /* of the last one */
	bool close, keep_alive, upgrade; /* named by Connection */
};

static int bad_at(struct reader *r, const uint8_t *p, enum http_fault_kind kind)
{
	r->fault = (struct http_fault){kind, (size_t)(p - r->begin)};
	return PARSE_E_BAD;
}

static int bad(struct reader *r, enum http_fault_kind kind)
{
	return bad_at(r, r->p, kind);
}

static struct span run(struct reader *r, enum class class)
{
	const uint8_t *begin = r->p;

	while (r->p < r->end && class_of[*r->p] & class)
		r->p++;
	return span_of(begin, (size_t)(r->p - begin));
}

/* Reads exactly these bytes. */
static int literal(struct reader *r, const char *s, enum http_fault_kind kind)
{
	for (; *s; s++, r->p++) {
		if (r->p == r->end)
			return PARSE_E_MORE;
		if (*r->p != (uint8_t)*s)
			return bad(r, kind);
	}
	return PARSE_DONE;
}

static bool name_like(struct span name, const char *other)
{
	size_t i;

	for (i = 0; i < name.n && other[i]; i++) {
		uint8_t c = name.p[i] == '_' ? '-' : span_ascii_lower(name.p[i]);

		if (c != (uint8_t)other[i])
			return false;
	}
	return i == name.n && !other[i];
}

/* The items of a list (RFC 9110 section 5.6.1), without white space; false at the end. */
static bool list_next(struct span *list, struct span *ret_item)
{
	size_t n;

	if (!list->n)
		return false;
	n = span_find(*list, ',');
	*ret_item = span_sub(*list, 0, n);
	*list = span_sub(*list, n + 1, list->n);
	while (ret_item->n && (ret_item->p[0] == ' ' || ret_item->p[0] == '\t'))
		*ret_item = span_sub(*ret_item, 1, ret_item->n);
	while (ret_item->n &&
	       (ret_item->p[ret_item->n - 1] == ' ' || ret_item->p[ret_item->n - 1] == '\t'))
		ret_item->n--;
	return true;
}

/* A header that Connection names is dropped on the way; one that we rely on must not be. */
static int connection(struct reader *r, struct span list)
{
	struct span item;

	while (list_next(&list, &item)) {
		if (span_ieq(item, SPAN_LIT("close")))
			r->close = true;
		else if (span_ieq(item, SPAN_LIT("keep-alive")))
			r->keep_alive = true;
		else if (span_ieq(item, SPAN_LIT("upgrade")))
			r->upgrade = true;
		for (int k = 0; k < _KNOWN_COUNT; k++)
			if (k != UPGRADE && name_like(item, known[k].name))
				return bad_at(r, item.p, HTTP_FAULT_CONNECTION);
		if (name_like(item, "authorization"))
			return bad_at(r, item.p, HTTP_FAULT_CONNECTION);
	}
	return PARSE_DONE;
}

static int note_known(struct reader *r, struct span name, struct span value)
{
	for (int k = 0; k < _KNOWN_COUNT; k++) {
		if (!name_like(name, known[k].name))
			continue;
		if (!span_ieq(name, span_str(known[k].name)))
			return bad_at(r, name.p, HTTP_FAULT_LOOKALIKE);
		if (r->seen[k] && !known[k].many)
			return bad_at(r, name.p, HTTP_FAULT_REPEATED);
		r->seen[k] = true;
		r->value[k] = value;
		return k == CONNECTION ? connection(r, value) : PARSE_DONE;
	}
	return PARSE_DONE;
}

static int field_line(struct reader *r, struct message *m)
{
	struct span name = run(r, TOKEN), value;
	int err;

	if (r->p == r->end)
		return PARSE_E_MORE;
	if (!name.n || *r->p != ':')
		return bad(r, HTTP_FAULT_FIELD_NAME);
	r->p++;
	value = run(r, VALUE);
	if (r->p == r->end)
		return PARSE_E_MORE;
	if (*r->p != '\r')
		return bad(r, *r->p == '\n' ? HTTP_FAULT_LINE_END : HTTP_FAULT_FIELD_VALUE);
	err = literal(r, "\r\n", HTTP_FAULT_LINE_END);
	if (err)
		return err;
	while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
		value = span_sub(value, 1, value.n);
	while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	m->header[m->headers_n++] = (struct message_header){name, value};
	return note_known(r, name, value);
}

/* All header lines and the empty line behind them. */
static int fields(struct reader *r, struct message *m)
{
	for (;;) {
		int err;

		if (r->p == r->end)
			return PARSE_E_MORE;
		if (*r->p == '\r')
			return literal(r, "\r\n", HTTP_FAULT_LINE_END);
		if (*r->p == '\n')
			return bad(r, HTTP_FAULT_LINE_END);
		if (*r->p == ' ' || *r->p == '\t')
			return bad(r, HTTP_FAULT_FOLDED);
		if (m->headers_n == AICP_HEADERS_MAX) {
			bad(r, HTTP_FAULT_FIELDS);
			return PARSE_E_LIMIT;
		}
		err = field_line(r, m);
		if (err)
			return err;
	}
}

static int version(struct reader *r, struct message *m)
{
	int err = literal(r, "HTTP/1.", HTTP_FAULT_VERSION);

	if (err)
		return err;
	if (r->p == r->end)
		return PARSE_E_MORE;
	if (*r->p != '0' && *r->p != '1')
		return bad(r, HTTP_FAULT_VERSION);
	m->minor = *r->p++ - '0';
	return PARSE_DONE;
}

static int request_line(struct reader *r, struct message *m)
{
	int err;

	m->method = run(r, TOKEN);
	if (r->p == r->end)
		return PARSE_E_MORE;
	if (!m->method.n || *r->p != ' ')
		return bad(r, HTTP_FAULT_METHOD);
	r->p++;
	m->target = run(r, BLACK);
	if (r->p == r->end)
		return PARSE_E_MORE;
	if (!m->target.n || *r->p != ' ')
		return bad(r, HTTP_FAULT_TARGET);
	r->p++;
	err = version(r, m);
	return err ? err : literal(r, "\r\n", HTTP_FAULT_LINE_END);
}

static int status_line(struct reader *r, struct message *m)
{
	int err = version(r, m);

	if (!err)
		err = literal(r, " ", HTTP_FAULT_STATUS);
	if (err)
		return err;
	for (int i = 0; i < 3; i++, r->p++) {
		if (r->p == r->end)
			return PARSE_E_MORE;
		if (*r->p < '0' + !i || *r->p > '9')
			return bad(r, HTTP_FAULT_STATUS);
		m->status = m->status * 10 + (unsigned)(*r->p - '0');
	}
	if (r->p == r->end)
		return PARSE_E_MORE;
	/* Some servers leave out the space together with the reason. */
	if (*r->p != '\r') {
		err = literal(r, " ", HTTP_FAULT_STATUS);
		if (err)
			return err;
		run(r, VALUE);
	}
	return literal(r, "\r\n", HTTP_FAULT_LINE_END);
}

static int content_length(struct reader *r, struct message *m)
{
	struct span s = r->value[CONTENT_LENGTH];
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n))
			return bad_at(r, s.p, HTTP_FAULT_LENGTH);
	if (!s.n)
		return bad_at(r, s.p, HTTP_FAULT_LENGTH);
	m->content_length = n;
	return PARSE_DONE;
}

/* What the headers say about framing, the same for requests and responses. */
static int framing(struct reader *r, struct message *m)
{
	m->content_type = r->value[CONTENT_TYPE];
	m->content_encoding = r->value[CONTENT_ENCODING];
	m->keep_alive = !r->close && (m->minor == 1 || r->keep_alive);
	if (r->seen[TRANSFER_ENCODING]) {
		const uint8_t *at = r->value[TRANSFER_ENCODING].p;

		if (r->seen[CONTENT_LENGTH])
			return bad_at(r, at, HTTP_FAULT_LENGTH_AND_CODING);
		if (m->minor == 0)
			return bad_at(r, at, HTTP_FAULT_OLD_CODING);
		if (!span_ieq(r->value[TRANSFER_ENCODING], SPAN_LIT("chunked")))
			return bad_at(r, at, HTTP_FAULT_CODING);
		m->framing = MESSAGE_CHUNKED;
	} else if (r->seen[CONTENT_LENGTH]) {
		m->framing = MESSAGE_LENGTH;
		return content_length(r, m);
	}
	return PARSE_DONE;
}

static int request_meaning(struct reader *r, struct message *m)
{
	bool is_connect = span_eq_str(m->method, "CONNECT");
	enum http_fault_kind kind;
	int err;

	if (r->seen[HOST]) {
		if (!target_authority(r->value[HOST], &m->host, &m->port))
			return bad_at(r, r->value[HOST].p, HTTP_FAULT_HOST);
	} else if (m->minor == 1) {
		return bad(r, HTTP_FAULT_NO_HOST);
	}
	kind = target_read(m);
	if (kind)
		return bad_at(r, m->target.p, kind);
	err = framing(r, m);
	if (err)
		return err;
	if (is_connect && m->framing != MESSAGE_NO_BODY)
		return bad(r, HTTP_FAULT_CONNECT_BODY);
	if (r->seen[EXPECT]) {
		if (!span_ieq(r->value[EXPECT], SPAN_LIT("100-continue")))
			return bad_at(r, r->value[EXPECT].p, HTTP_FAULT_EXPECT);
		/* RFC 9110 section 10.1.1: HTTP/1.0 cannot expect it, and without content nobody
		 * waits. */
		m->expect_continue = m->minor == 1 && m->framing != MESSAGE_NO_BODY;
	}
	m->upgrade = is_connect || (r->upgrade && r->seen[UPGRADE]);
	return PARSE_DONE;
}

static int response_meaning(struct reader *r, struct span method, struct message *m)
{
	bool tunnel = span_eq_str(method, "CONNECT") && m->status / 100 == 2;
	int err = framing(r, m);

	if (err)
		return err;
	m->upgrade = m->status == 101 || tunnel;
	/* RFC 9112 section 6.3: these end with their head, whatever the head says. */
	if (m->status / 100 == 1 || m->status == 204 || m->status == 304 || tunnel ||
	    span_eq_str(method, "HEAD")) {
		m->framing = MESSAGE_NO_BODY;
		m->content_length = 0;
	} else if (m->framing == MESSAGE_NO_BODY) {
		m->framing = MESSAGE_UNTIL_CLOSE;
		m->keep_alive = false;
	}
	return PARSE_DONE;
}

/* Nearly all of a struct message is room for headers: neither clear nor copy what is not used. */
static void message_begin(struct message *m, enum message_kind kind)
{
	memset(m, 0, offsetof(struct message, header));
	m->kind = kind;
}

static struct reader reader_of(struct span in)
{
	size_t n = in.n < AICP_HEAD_BYTES_MAX ? in.n : AICP_HEAD_BYTES_MAX;

	return (struct reader){.begin = in.p, .p = in.p, .end = in.p ? in.p + n : NULL};
}

static int finish(struct reader *r, int err, size_t in_n, struct http_fault *ret_fault)
{
	if (err == PARSE_E_MORE && in_n >= AICP_HEAD_BYTES_MAX) {
		bad(r, HTTP_FAULT_HEAD_SIZE);
		err = PARSE_E_LIMIT;
	}
	if (ret_fault && (err == PARSE_E_BAD || err == PARSE_E_LIMIT))
		*ret_fault = r->fault;
	return err;
}

int http1_request(struct span in, struct message *ret_message, size_t *ret_used,
		  struct http_fault *ret_fault)
{
	struct reader r = reader_of(in);
	struct message m;
	int err;

	message_begin(&m, MESSAGE_REQUEST);
	err = request_line(&r, &m);
	if (!err)
		err = fields(&r, &m);
	if (!err)
		err = request_meaning(&r, &m);
	err = finish(&r, err, in.n, ret_fault);
	if (err)
		return err;
	memcpy(ret_message, &m, offsetof(struct message, header[m.headers_n]));
	*ret_used = (size_t)(r.p - r.begin);
	return PARSE_DONE;
}

int http1_response(struct span in, struct span method, struct message *ret_message,
		   size_t *ret_used, struct http_fault *ret_fault)
{
	struct reader r = reader_of(in);
	struct message m;
	int err;

	message_begin(&m, MESSAGE_RESPONSE);
	err = status_line(&r, &m);
	if (!err)
		err = fields(&r, &m);
	if (!err)
		err = response_meaning(&r, method, &m);
	err = finish(&r, err, in.n, ret_fault);
	if (err)
		return err;
	memcpy(ret_message, &m, offsetof(struct message, header[m.headers_n]));
	*ret_used = (size_t)(r.p - r.begin);
	return PARSE_DONE;
}

#define EAGER_HEAD_BYTES 256

bool http1_worth_parsing(size_t head_n, struct span fresh)
{
	return head_n < EAGER_HEAD_BYTES || head_n >= AICP_HEAD_BYTES_MAX ||
	       span_find(fresh, '\n') < fresh.n;
}
