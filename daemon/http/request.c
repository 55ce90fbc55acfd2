/* SPDX-License-Identifier: MIT */
#include "http/request.h"
#include "base/cleanup.h"
#include "http/body.h"
#include "http/http1.h"
#include "http/inflate.h"

#include <errno.h>

DEFINE_FREEP(struct inflate, inflate_free)

int http_is_http2(struct span bytes)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	const size_t preface_n = sizeof(preface) - 1;
	size_t n = bytes.n < preface_n ? bytes.n : preface_n;

	if (n && memcmp(bytes.p, preface, n) != 0)
		return PARSE_E_BAD;
	return n == preface_n ? PARSE_DONE : PARSE_E_MORE;
}

struct reader {
	struct body body;
	struct inflate *inflate; /* NULL: content is copied or stays in place */
	struct buf *out;
	bool in_place;
	struct http_fault fault;
};

static int fault(struct reader *r, enum http_fault_kind kind, size_t at, int outcome)
{
	r->fault = (struct http_fault){kind, at};
	return outcome;
}

static int put(struct reader *r, struct span slice, size_t at)
{
	int err;

	if (!r->inflate) {
		err = buf_put(r->out, slice);
		return err == -E2BIG ? fault(r, HTTP_FAULT_BODY_SIZE, at, PARSE_E_LIMIT) : err;
	}
	err = inflate_feed(r->inflate, slice, r->out);
	if (err == PARSE_E_BAD)
		return fault(r, HTTP_FAULT_COMPRESSED, at, err);
	if (err == PARSE_E_LIMIT)
		return fault(r, HTTP_FAULT_BOMB, at, err);
	return err < 0 ? err : PARSE_DONE;
}

/* Takes off the framing; in is what stands behind the head. */
static int read_framed(struct reader *r, struct span in, struct http_request *ret)
{
	size_t at = 0, used;
	struct span slice;

	for (;;) {
		int err = body_read(&r->body, span_sub(in, at, in.n), &slice, &used), put_err;

		if (err == PARSE_E_BAD || err == PARSE_E_LIMIT)
			return fault(r, r->body.fault.kind, ret->head_bytes + r->body.fault.at,
				     err);
		if (slice.n && r->in_place) {
			ret->content = slice;
		} else if (slice.n) {
			put_err = put(r, slice, ret->head_bytes + at);
			if (put_err)
				return put_err;
		}
		at += used;
		if (err == PARSE_DONE)
			break;
		if (at == in.n)
			return PARSE_E_MORE;
	}
	ret->wire_bytes = ret->head_bytes + at;
	if (r->inflate && inflate_end(r->inflate) != PARSE_DONE)
		return fault(r, HTTP_FAULT_COMPRESSED, ret->wire_bytes, PARSE_E_BAD);
	return PARSE_DONE;
}

static int read_request(struct reader *r, struct span bytes, struct http_request *ret)
{
	int err = http_is_http2(bytes);

	if (err == PARSE_DONE)
		return fault(r, HTTP_FAULT_HTTP2, 0, HTTP_E_HTTP2);
	if (err == PARSE_E_MORE)
		return err;
	err = http1_request(bytes, &ret->head, &ret->head_bytes, &r->fault);
	if (err)
		return err;
	body_init(&r->body, &ret->head, AICP_BODY_BYTES_MAX);
	if (ret->head.framing != MESSAGE_NO_BODY &&
	    !inflate_is_identity(ret->head.content_encoding)) {
		err = inflate_new(ret->head.content_encoding, &r->inflate);
		if (err == INFLATE_E_UNKNOWN) {
			size_t at = (size_t)(ret->head.content_encoding.p - bytes.p);

			return fault(r, HTTP_FAULT_ENCODING, at, HTTP_E_ENCODING);
		}
		if (err)
			return err;
	}
	r->in_place = !r->inflate && ret->head.framing != MESSAGE_CHUNKED;
	err = read_framed(r, span_sub(bytes, ret->head_bytes, bytes.n), ret);
	if (err)
		return err;
	if (ret->wire_bytes < bytes.n)
		return fault(r, HTTP_FAULT_PIPELINED, ret->wire_bytes, HTTP_E_PIPELINED);
	return PARSE_DONE;
}

int http_request_whole(struct span bytes, struct buf *body, struct http_request *ret,
		       struct http_fault *ret_fault)
{
	struct inflate *inflate CLEANUP(inflate_freep) = NULL;
	struct reader r = {.out = body};
	int err;

	buf_clear(body);
	*ret = (struct http_request){0};
	err = read_request(&r, bytes, ret);
	inflate = r.inflate;
	if (err) {
		ret->content = SPAN_NULL;
		if (ret_fault && err != PARSE_E_MORE && err > 0)
			*ret_fault = r.fault;
		return err;
	}
	ret->content_in_place = r.in_place;
	if (!r.in_place)
		ret->content = buf_span(body);
	return PARSE_DONE;
}
