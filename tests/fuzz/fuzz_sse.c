/* SPDX-License-Identifier: MIT */
/* layer: http */
/* Event streams: the same events at any split, and the same again when they are written out and
 * read back. The first byte chooses the split. */
#include "http/sse.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

#define BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Line breaks of data become lines of their own. */
static void put_event(struct buf *out, const struct sse_event *e)
{
	buf_put_str(out, "event: ");
	buf_put(out, e->event);
	buf_put_str(out, "\nid: ");
	buf_put(out, e->id);
	if (e->retry_ms >= 0)
		buf_printf(out, "\nretry: %lld", (long long)e->retry_ms);
	buf_put_str(out, "\ndata: ");
	for (size_t i = 0; i < e->data.n; i++) {
		if (e->data.p[i] == '\n')
			buf_put_str(out, "\ndata: ");
		else
			buf_put_byte(out, e->data.p[i]);
	}
	buf_put_str(out, "\n\n");
}

/* All events of in, written out. */
static int read_all(struct span in, size_t piece, size_t bytes_max, struct buf *out)
{
	struct sse sse;
	int r = PARSE_E_MORE;

	sse_init(&sse, bytes_max);
	for (size_t i = 0; i < in.n && r == PARSE_E_MORE; i += piece) {
		struct span part = span_sub(in, i, i + piece);

		do {
			struct sse_event e;
			size_t used;

			r = sse_feed(&sse, part, &used, &e);
			if (r != PARSE_DONE && r != PARSE_E_MORE)
				break;
			CHECK(used <= part.n && (used || !part.n));
			part = span_sub(part, used, part.n);
			if (r == PARSE_DONE) {
				CHECK(span_find(e.event, '\n') == e.event.n);
				CHECK(span_find(e.data, '\r') == e.data.n);
				put_event(out, &e);
				r = PARSE_E_MORE;
			}
		} while (r == PARSE_E_MORE && part.n);
	}
	sse_deinit(&sse);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf a = BUF_INIT(16u << 20), b = BUF_INIT(16u << 20), c = BUF_INIT(16u << 20);
	struct span in = span_of(data + (size > 0), size ? size - 1 : 0);
	int r = read_all(in, in.n ? in.n : 1, BYTES_MAX, &a);

	CHECK(r == read_all(in, size ? data[0] % 16 + 1u : 1, BYTES_MAX, &b));
	CHECK(span_eq(buf_span(&a), buf_span(&b)));
	if (!a.err && a.n) {
		CHECK(read_all(buf_span(&a), a.n, 2 * BYTES_MAX, &c) == PARSE_E_MORE);
		CHECK(span_eq(buf_span(&a), buf_span(&c)));
	}
	buf_deinit(&a);
	buf_deinit(&b);
	buf_deinit(&c);
	return 0;
}
