/* SPDX-License-Identifier: MIT */
/*
 * Content-Encoding: gzip (x-gzip), deflate (zlib, RFC 1950), br, zstd, and up to two of them
 * stacked.
 *
 * Strict where decoders differ: one member or frame, nothing behind it, no raw deflate. Bombs end
 * at the maximum of the output buffer or at AICP_INFLATE_RATIO_MAX, whichever comes first.
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"
#include "base/span.h"

enum inflate_outcome {
	INFLATE_E_UNKNOWN =
		4, /* besides parse outcomes: a coding not named above, or more than two */
};

struct inflate;

/* content_encoding is the header's value; empty or `identity` gives a decoder that only copies. 0,
 * INFLATE_E_UNKNOWN or -ENOMEM. */
MUST_CHECK int inflate_new(struct span content_encoding, struct inflate **ret_inflate);
void inflate_free(struct inflate *inflate);

/* Bytes that it has allocated now: brotli's and zstd's windows grow with what they decode. */
size_t inflate_memory(const struct inflate *inflate);

/* Does this value of Content-Encoding change nothing? */
bool inflate_is_identity(struct span content_encoding);

/* Decodes all of `in` and appends to out. PARSE_E_MORE, PARSE_DONE once the encoded content has
 * ended (identity never does), PARSE_E_BAD (also for bytes behind the end), PARSE_E_LIMIT, -ENOMEM.
 * Failures are for good; out then holds what was decoded before. What is both broken and too large
 * is BAD or LIMIT depending on how its bytes came, as decoders look ahead. */
MUST_CHECK int inflate_feed(struct inflate *inflate, struct span in, struct buf *out);

/* The body ended: PARSE_DONE when the encoded content has, too, else PARSE_E_BAD. */
MUST_CHECK int inflate_end(struct inflate *inflate);
