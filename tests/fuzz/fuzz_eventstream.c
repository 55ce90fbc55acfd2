/* SPDX-License-Identifier: MIT */
/* layer: http */
/* Amazon's event streams: the same messages at any split, and no more bytes in them than were fed.
 * The first byte chooses the split. */
#include "http/eventstream.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

#define BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_message(struct buf *out, const struct eventstream_message *m)
{
	buf_printf(out, "%zu %zu %zu %zu ", m->message_type.n, m->event.n, m->content_type.n,
		   m->payload.n);
	buf_put(out, m->message_type);
	buf_put(out, m->event);
	buf_put(out, m->content_type);
	buf_put(out, m->payload);
}

/* All messages of in, written out; *ret_bytes: what they hold. */
static int read_all(struct span in, size_t piece, struct buf *out, size_t *ret_bytes)
{
	struct eventstream stream;
	int r = PARSE_E_MORE;

	*ret_bytes = 0;
	eventstream_init(&stream, BYTES_MAX);
	for (size_t i = 0; i < in.n && r == PARSE_E_MORE; i += piece) {
		struct span part = span_sub(in, i, i + piece);

		do {
			struct eventstream_message m;
			size_t used;

			r = eventstream_feed(&stream, part, &used, &m);
			if (r != PARSE_DONE && r != PARSE_E_MORE)
				break;
			CHECK(used <= part.n && (used || !part.n));
			part = span_sub(part, used, part.n);
			if (r == PARSE_DONE) {
				CHECK(eventstream_is_between(&stream));
				put_message(out, &m);
				*ret_bytes += 16 + m.message_type.n + m.event.n + m.content_type.n +
					      m.payload.n;
				r = PARSE_E_MORE;
			}
		} while (r == PARSE_E_MORE && part.n);
	}
	CHECK(r == PARSE_E_MORE || !eventstream_is_between(&stream));
	eventstream_deinit(&stream);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf a = BUF_INIT(16u << 20), b = BUF_INIT(16u << 20);
	struct span in = span_of(data + (size > 0), size ? size - 1 : 0);
	size_t bytes_a, bytes_b;
	int r = read_all(in, in.n ? in.n : 1, &a, &bytes_a);

	CHECK(r == PARSE_E_MORE || r == PARSE_E_BAD || r == PARSE_E_LIMIT);
	CHECK(r == read_all(in, size ? data[0] % 16 + 1u : 1, &b, &bytes_b));
	CHECK(span_eq(buf_span(&a), buf_span(&b)));
	CHECK(bytes_a == bytes_b && bytes_a <= in.n);
	buf_deinit(&a);
	buf_deinit(&b);
	return 0;
}
