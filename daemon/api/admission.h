/* SPDX-License-Identifier: MIT */
/*
 * What a request must be before anybody looks at its key or body: meant for us (Host), not sent by
 * somebody else's web page (Origin, Sec-Fetch-Site), and JSON when it writes. Pure functions of
 * header values.
 */
#pragma once

#include "base/span.h"

/* Where the API listens. */
struct admission_self {
	const char *host; /* of api.listen: a numeric address (IPv6 with or without brackets) or a
			     name */
	uint16_t port;
};

/* Does a Host header (or the authority of an absolute target) name us: the listen address or
 * localhost, with the port? The port may be left out only where it is 80. */
bool admission_host(const struct admission_self *self, struct span host);

/* Does an Origin header name us, over http? */
bool admission_origin(const struct admission_self *self, struct span origin);

/* May a request with this Sec-Fetch-Site come in? cross-site never; same-site (another port of this
 * host) only reads. */
bool admission_fetch_site(struct span site, bool writes);

/* Is it application/json, with no parameter but charset=utf-8? */
bool admission_json(struct span content_type);

/* The secret of `Authorization: Bearer SECRET`; false when it is another scheme. */
bool admission_bearer(struct span authorization, struct span *ret_secret);
