/* SPDX-License-Identifier: MIT */
/*
 * The request digest: what an approval is bound to.
 *
 * SHA-256 over method, host, path with query, and the body as it would leave. Headers are not part
 * of it, since retries change them (idempotency keys, retry counts). A JSON body counts by what it
 * says (order of keys, white space and escapes do not matter; numbers are taken as written), a
 * multipart body by its media type and its parts (their boundary does not matter), any other, and
 * one whose boundary two readers could find in different places, by its Content-Type and its bytes.
 */
#pragma once

#include "base/hash.h"
#include "base/json.h"
#include "model/message.h"

struct digest_request {
	struct span method;
	struct span host; /* the provider's */
	struct span path, query;
	struct span query_hash; /* stands for what is masked in query; empty: nothing is */
	struct span content_type;
	struct span body; /* decoded */
};

/* scan and text are scratch; text is emptied first. 0, -ENOMEM or -EIO. */
MUST_CHECK int digest_request(const struct digest_request *request, struct json_scan *scan,
			      struct buf *text, struct hash *ret_digest);
