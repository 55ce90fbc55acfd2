/* SPDX-License-Identifier: MIT */
/* layer: http */
/* Decoders: done with the same bytes, or refused, at any split, and never more than the buffer's
 * maximum. The first byte chooses the coding, the second the split. */
#include "http/inflate.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

#define OUT_BYTES_MAX (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode(struct span encoding, struct span in, size_t piece, struct buf *out)
{
	struct inflate *inflate;
	int r = inflate_new(encoding, &inflate);

	if (r)
		return r;
	r = PARSE_E_MORE;
	for (size_t i = 0; i < in.n && (r == PARSE_E_MORE || r == PARSE_DONE); i += piece)
		r = inflate_feed(inflate, span_sub(in, i, i + piece), out);
	if (r == PARSE_E_MORE || r == PARSE_DONE)
		r = inflate_end(inflate);
	inflate_free(inflate);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const encodings[] = {
		"gzip",	       "deflate",    "br",     "zstd", "gzip, gzip",
		"br, deflate", "zstd, gzip", "br, br", "",
	};
	struct buf a = BUF_INIT(OUT_BYTES_MAX), b = BUF_INIT(OUT_BYTES_MAX);
	struct span encoding, in;
	int r;

	if (size < 2)
		return 0;
	encoding = span_str(encodings[data[0] % (sizeof(encodings) / sizeof(*encodings))]);
	in = span_of(data + 2, size - 2);
	r = decode(encoding, in, in.n ? in.n : 1, &a);
	CHECK(r >= PARSE_DONE && r <= PARSE_E_LIMIT && r != PARSE_E_MORE);
	CHECK((r == PARSE_DONE) == (decode(encoding, in, data[1] % 64 + 1u, &b) == PARSE_DONE));
	CHECK(a.n <= OUT_BYTES_MAX && b.n <= OUT_BYTES_MAX);
	if (r == PARSE_DONE)
		CHECK(span_eq(buf_span(&a), buf_span(&b)));
	buf_deinit(&a);
	buf_deinit(&b);
	return 0;
}
