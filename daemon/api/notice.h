/* SPDX-License-Identifier: MIT */
/*
 * Refusals of the API as records, collapsed: the first of a kind at once, then one record a
 * NOTICE_WINDOW_NS with the count. However many guesses come in, the ledger grows by a few records
 * a minute. Pure: time is given.
 */
#pragma once

#include "api/principal.h"
#include "base/buf.h"

#define NOTICE_WINDOW_NS (30 * INT64_C(1000000000))

enum notice_kind {
	NOTICE_NO_KEY,
	NOTICE_WRONG_KEY,
	NOTICE_THROTTLED,
	NOTICE_FORBIDDEN, /* a known key, or user of the socket, without the right */
	NOTICE_FOREIGN, /* foreign Host, Origin or site */
	_NOTICE_COUNT,
};

struct notices {
	struct notice {
		uint64_t count; /* since the last record */
		int64_t again_ns; /* monotonic; no record before that */
		char peer[64]; /* of the latest: "127.0.0.1", "uid:1000" */
		char what[64]; /* of the latest: "GET /api/logs" */
		char key_id[17];
		bool seen;
	} notice[_NOTICE_COUNT];
};

/* Counts one refusal. who may be NULL; what is cut. */
void notice_count(struct notices *n, enum notice_kind kind, const char *peer, const char *what,
		  const struct principal *who);

/* A kind that is due for a record at now_ns, or _NOTICE_COUNT. */
enum notice_kind notice_due(const struct notices *n, int64_t now_ns);

/* When notice_due() next says something new; INT64_MAX: not before the next notice_count(). */
int64_t notice_next_ns(const struct notices *n);

/* Appends the body of its record (type auth.failed), canonical JSON, and begins to count anew. 0 or
 * the buffer's error. */
int notice_take(struct notices *n, enum notice_kind kind, int64_t now_ns, struct buf *out);
