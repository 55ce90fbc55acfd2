/* SPDX-License-Identifier: MIT */
/* layer: io. Messages of shims: the first byte is the number of descriptors, the rest is one
 * message, of a request and of a response. */
#include "aicp/limits.h"
#include "io/shim_frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *error = NULL;
	struct shim_response r;
	struct shim_frame f;

	if (!size)
		return 0;
	if (shim_frame_response(span_of(data + 1, size - 1), &r) == PARSE_DONE &&
	    (r.bytes.n > AICP_SHIM_INLINE_BYTES_MAX || r.bytes.n != size - 1 - sizeof(r.head) ||
	     r.head.flags & ~(unsigned)AICP_SHIM_R_END))
		abort();
	if (shim_frame_check(span_of(data + 1, size - 1), data[0], &f, &error) != PARSE_DONE) {
		if (!error || !*error)
			abort();
		return 0;
	}
	/* What the engine relies on. */
	if (f.host.n < 1 || f.host.n > AICP_HOST_BYTES_MAX ||
	    f.request.n > AICP_SHIM_INLINE_BYTES_MAX)
		abort();
	if (f.host.p != data + 1 + sizeof(f.head) || f.request.p + f.request.n != data + size)
		abort();
	if (!f.has_memfd && f.request.n != f.head.request_bytes)
		abort();
	return 0;
}
