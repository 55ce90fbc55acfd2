/* SPDX-License-Identifier: MIT */
/* layer: io. Link messages: the first byte is the number of descriptors, the rest one message; then
 * what is inside a LINK_APPEND and a LINK_ASK. */
#include "io/append.h"
#include "io/link_wire.h"
#include "io/question.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct link_header h;
	struct question q;
	struct append a;

	if (!size)
		return 0;
	if (link_wire_check(span_of(data + 1, size - 1), data[0], &h) == PARSE_DONE) {
		size_t payload = size - 1 - sizeof(h);

		/* What the receiver relies on. */
		if (!(h.flags & LINK_F_MEMFD) && payload != h.payload_bytes)
			abort();
		if ((h.flags & LINK_F_MEMFD) && payload)
			abort();
	}
	if (append_read(span_of(data, size), &a) == PARSE_DONE &&
	    (a.body.p < data || a.body.p + a.body.n != data + size))
		abort();
	if (question_read(span_of(data, size), &q) == PARSE_DONE &&
	    (q.body.p != data + 4 || !q.body.n || !q.content.n ||
	     q.content.p != q.body.p + q.body.n || q.content.p + q.content.n != data + size))
		abort();
	return 0;
}
