/* SPDX-License-Identifier: MIT */
/* layer: http */
/* Whole requests and the exchange that collects them: both agree at any split, slices lie inside
 * the input, and a beginning of a good request is never refused. The first byte chooses the split.
 */
#include "http/exchange.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span part, struct span whole)
{
	/* A URL without a path has one all the same. */
	if (!part.p || (part.n == 1 && part.p[0] == '/'))
		return;
	CHECK(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_head(const struct message *m, struct span bytes)
{
	inside(m->method, bytes);
	inside(m->target, bytes);
	inside(m->path, bytes);
	inside(m->query, bytes);
	inside(m->host, bytes);
	inside(m->content_type, bytes);
	CHECK(m->method.n && m->target.n && m->headers_n <= AICP_HEADERS_MAX);
	CHECK(m->host.n || m->minor == 0);
	CHECK(m->framing != MESSAGE_UNTIL_CLOSE);
	for (unsigned i = 0; i < m->headers_n; i++) {
		inside(m->header[i].name, bytes);
		inside(m->header[i].value, bytes);
		for (size_t k = 0; k < m->header[i].value.n; k++)
			CHECK(m->header[i].value.p[k] != '\r' && m->header[i].value.p[k] != '\n');
	}
}

static int feed_split(struct exchange *x, struct span bytes, size_t piece)
{
	int r = PARSE_E_MORE;

	for (size_t i = 0; i < bytes.n && (r == PARSE_E_MORE || r == PARSE_DONE); i += piece)
		r = exchange_request(x, span_sub(bytes, i, i + piece));
	/* What is wrong inside a long line may be seen at its end only. */
	if (r == PARSE_E_MORE && !x->head_bytes)
		r = exchange_request(x, SPAN_LIT("\n"));
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data + (size > 0), size ? size - 1 : 0);
	struct buf body = BUF_INIT(8u << 20);
	struct http_request q, part;
	struct exchange x, y;
	int r = http_request_whole(bytes, &body, &q, NULL), rx, ry;

	exchange_init(&x, 64u << 20);
	exchange_init(&y, 64u << 20);
	rx = feed_split(&x, bytes, bytes.n ? bytes.n : 1);
	ry = feed_split(&y, bytes, size ? data[0] % 32 + 1u : 1);
	/* Decoding is no business of the exchange: there a body that does not decode is whole. */
	CHECK(rx == ry && x.fault.kind == y.fault.kind && x.fault.at == y.fault.at);
	if (r == PARSE_DONE || r == HTTP_E_PIPELINED || r == HTTP_E_HTTP2)
		CHECK(rx == r);
	if (r == PARSE_E_BAD && !q.head_bytes)
		CHECK(rx == PARSE_E_BAD);
	if (rx == PARSE_DONE)
		CHECK(q.head_bytes || r == PARSE_E_MORE);
	if (q.head_bytes) {
		CHECK(q.head_bytes <= bytes.n);
		check_head(&q.head, bytes);
	}
	if (r == PARSE_DONE) {
		CHECK(q.wire_bytes == bytes.n);
		if (q.content_in_place)
			inside(q.content, bytes);
		for (size_t n = 0; n < bytes.n && n < 300; n++) {
			struct buf scratch = BUF_INIT(8u << 20);
			int cut = http_request_whole(span_sub(bytes, 0, n), &scratch, &part, NULL);

			/* Only a body that decodes to too much is known before its end. */
			CHECK(cut == PARSE_E_MORE);
			buf_deinit(&scratch);
		}
	} else {
		CHECK(q.content.n == 0);
	}
	exchange_deinit(&x);
	exchange_deinit(&y);
	buf_deinit(&body);
	return 0;
}
