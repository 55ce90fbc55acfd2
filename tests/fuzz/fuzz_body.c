/* SPDX-License-Identifier: MIT */
/* layer: http */
/* Chunked bodies, and answers on a connection: same content, outcome and place at any split. The
 * first byte chooses the split, its high bit whether the rest is a chunked body or an answer. */
#include "http/exchange.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct buf content;
	int outcome;
	size_t used;
	struct http_fault fault;
};

static void read_body(struct span in, size_t piece, struct result *ret)
{
	struct message head = {.framing = MESSAGE_CHUNKED};
	struct body body;

	body_init(&body, &head, 1u << 16);
	ret->outcome = PARSE_E_MORE;
	for (size_t i = 0; i < in.n && ret->outcome == PARSE_E_MORE; i += piece) {
		struct span part = span_sub(in, i, i + piece);

		while (part.n && ret->outcome == PARSE_E_MORE) {
			struct span slice;
			size_t used;

			ret->outcome = body_read(&body, part, &slice, &used);
			if (ret->outcome != PARSE_E_MORE && ret->outcome != PARSE_DONE)
				break;
			CHECK(used <= part.n && (used || ret->outcome == PARSE_DONE));
			CHECK(!slice.n ||
			      (slice.p >= part.p && slice.p + slice.n <= part.p + used));
			buf_put(&ret->content, slice);
			ret->used += used;
			part = span_sub(part, used, part.n);
		}
	}
	CHECK(body.content_bytes == ret->content.n);
	ret->fault = body.fault;
}

static void read_answer(struct span in, size_t piece, struct result *ret)
{
	struct exchange x;

	exchange_init(&x, 1000);
	CHECK(exchange_request(&x, SPAN_LIT("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n"
					    "Upgrade: x\r\n\r\n")) == PARSE_DONE);
	ret->outcome = PARSE_E_MORE;
	for (size_t i = 0; i < in.n && ret->outcome == PARSE_E_MORE; i += piece) {
		struct span part = span_sub(in, i, i + piece);

		while (part.n && ret->outcome == PARSE_E_MORE) {
			struct exchange_answer a;
			size_t used;

			ret->outcome = exchange_response(&x, part, &a, &used);
			if (ret->outcome != PARSE_E_MORE && ret->outcome != PARSE_DONE)
				break;
			CHECK(used <= part.n && (used || ret->outcome == PARSE_DONE));
			CHECK(a.head || !a.content.n);
			buf_put(&ret->content, a.content);
			ret->used += used;
			part = span_sub(part, used, part.n);
		}
	}
	/* What is wrong inside a long line of a head may be seen at its end only. */
	if (ret->outcome == PARSE_E_MORE && !x.answer.has_head) {
		struct exchange_answer a;
		size_t used;

		ret->outcome = exchange_response(&x, SPAN_LIT("\n"), &a, &used);
	}
	if (ret->outcome == PARSE_E_MORE)
		ret->outcome = 100 + exchange_response_end(&x);
	ret->fault = x.fault;
	/* With a refused answer, how much of it was handed out before depends on the split. */
	if (ret->outcome == PARSE_E_BAD || ret->outcome == PARSE_E_LIMIT) {
		ret->used = 0;
		ret->content.n = 0;
	}
	exchange_deinit(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result a = {.content = BUF_INIT(1u << 20)}, b = {.content = BUF_INIT(1u << 20)};
	struct span in = span_of(data + (size > 0), size ? size - 1 : 0);
	size_t piece = size ? data[0] % 32 + 1u : 1;

	if (size && data[0] & 0x80) {
		read_answer(in, in.n ? in.n : 1, &a);
		read_answer(in, piece, &b);
	} else {
		read_body(in, in.n ? in.n : 1, &a);
		read_body(in, piece, &b);
		/* A chunk's bytes are handed out as they come, also those before a fault. */
		CHECK(a.used <= in.n);
		if (a.outcome == PARSE_E_BAD || a.outcome == PARSE_E_LIMIT)
			a.used = b.used = 0;
	}
	CHECK(a.outcome == b.outcome && a.used == b.used);
	CHECK(a.fault.kind == b.fault.kind && a.fault.at == b.fault.at);
	CHECK(span_eq(buf_span(&a.content), buf_span(&b.content)));
	buf_deinit(&a.content);
	buf_deinit(&b.content);
	return 0;
}
