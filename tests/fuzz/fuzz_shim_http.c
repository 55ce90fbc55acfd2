/* SPDX-License-Identifier: MIT */
/* layer: preload */
/* The end of a request is the same at every split of the input, and never lies behind what was fed.
 */
#include "../../preload/http.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_outcome feed_in_pieces(const uint8_t *data, size_t size, size_t piece,
					size_t *ret_at)
{
	enum http_outcome r = HTTP_MORE;
	struct http http = {0};
	size_t at = 0;

	while (at < size && r == HTTP_MORE) {
		size_t n = size - at < piece ? size - at : piece, used;

		r = http_feed(&http, data + at, n, &used);
		if (used > n || (r == HTTP_MORE && used != n))
			abort();
		at += used;
	}
	*ret_at = at;
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole, at;
	enum http_outcome r = feed_in_pieces(data, size, size, &whole);

	for (size_t piece = 1; piece <= 64 && piece < size; piece = piece * 3 + 1)
		if (feed_in_pieces(data, size, piece, &at) != r || at != whole)
			abort();
	return 0;
}
