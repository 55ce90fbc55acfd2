/* SPDX-License-Identifier: MIT */
#include "api/notice.h"

#include "base/json_write.h"

#include <stdio.h>

static const char *const notice_name[_NOTICE_COUNT] = {
	[NOTICE_NO_KEY] = "no-key",	  [NOTICE_WRONG_KEY] = "wrong-key",
	[NOTICE_THROTTLED] = "throttled", [NOTICE_FORBIDDEN] = "forbidden",
	[NOTICE_FOREIGN] = "foreign",
};

void notice_count(struct notices *n, enum notice_kind kind, const char *peer, const char *what,
		  const struct principal *who)
{
	struct notice *e = &n->notice[kind];

	e->count++;
	snprintf(e->peer, sizeof(e->peer), "%s", peer);
	snprintf(e->what, sizeof(e->what), "%s", what);
	snprintf(e->key_id, sizeof(e->key_id), "%s", who ? who->id : "");
}

enum notice_kind notice_due(const struct notices *n, int64_t now_ns)
{
	for (unsigned i = 0; i < _NOTICE_COUNT; i++) {
		const struct notice *e = &n->notice[i];

		if (e->count && (!e->seen || e->again_ns <= now_ns))
			return (enum notice_kind)i;
	}
	return _NOTICE_COUNT;
}

int64_t notice_next_ns(const struct notices *n)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < _NOTICE_COUNT; i++) {
		const struct notice *e = &n->notice[i];

		if (!e->count)
			continue;
		if (!e->seen)
			return 0;
		if (e->again_ns < next)
			next = e->again_ns;
	}
	return next;
}

int notice_take(struct notices *n, enum notice_kind kind, int64_t now_ns, struct buf *out)
{
	struct notice *e = &n->notice[kind];
	struct json_write w;

	json_write_init(&w, out, true);
	json_write_object(&w, NULL);
	json_write_int(&w, "count", (int64_t)e->count);
	json_write_str(&w, "key_id", e->key_id[0] ? e->key_id : NULL);
	json_write_str(&w, "outcome", notice_name[kind]);
	json_write_str(&w, "peer", e->peer);
	json_write_str(&w, "what", e->what);
	json_write_end_object(&w);
	e->count = 0;
	e->seen = true;
	e->again_ns = now_ns + NOTICE_WINDOW_NS;
	return out->err;
}
