/* SPDX-License-Identifier: MIT */
/*
 * The target of an API request: decoded path segments and query parameters.
 *
 * Each segment and each value is decoded once, by itself, so that an encoded slash never makes a
 * segment. What is not UTF-8, holds control characters or has a broken escape is refused.
 */
#pragma once

#include "aicp/limits.h"
#include "base/buf.h"
#include "base/parse.h"

/* The deepest path of the API has 5 segments; one more tells a longer one apart. */
#define URI_SEGMENTS_MAX 8
/* The richest operation takes 9 parameters. */
#define URI_PARAMETERS_MAX 16

struct uri_parameter {
	struct span name, value;
};

/* Spans borrow from the storage given to uri_parse(), but authority from the target. */
struct uri {
	struct span authority; /* of an absolute target (http://HOST:PORT/...), else empty */
	unsigned segments_n; /* 0 for "/" */
	struct span segment[URI_SEGMENTS_MAX];
	unsigned parameters_n;
	struct uri_parameter parameter[URI_PARAMETERS_MAX];
};

/* target as it stands in the request line. PARSE_DONE; PARSE_E_BAD, also for a parameter given
 * twice; PARSE_E_LIMIT; -ENOMEM. storage is emptied first; make it with
 * BUF_INIT(AICP_API_TARGET_BYTES_MAX). */
MUST_CHECK int uri_parse(struct span target, struct buf *storage, struct uri *ret_uri);

/* The value of a parameter, or SPAN_NULL (p is NULL) when it is not given. */
struct span uri_get(const struct uri *uri, const char *name);
