/* SPDX-License-Identifier: MIT */
#include "http/ndjson.h"

#include <errno.h>

void ndjson_init(struct ndjson *s, size_t bytes_max)
{
	*s = (struct ndjson){.line = BUF_INIT(bytes_max)};
}

void ndjson_deinit(struct ndjson *s)
{
	buf_deinit(&s->line);
}

static void forget(struct ndjson *s)
{
	if (s->handed)
		buf_clear(&s->line);
	s->handed = false;
}

/* The line in hand, when there is something in it. */
static int hand_out(struct ndjson *s, struct span *ret_line)
{
	struct span line = buf_span(&s->line);

	s->handed = true;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (!line.n)
		return PARSE_E_MORE;
	*ret_line = line;
	return PARSE_DONE;
}

int ndjson_feed(struct ndjson *s, struct span in, size_t *ret_used, struct span *ret_line)
{
	size_t used = 0;
	int r = PARSE_E_MORE;

	if (s->outcome)
		return s->outcome;
	while (r == PARSE_E_MORE && used < in.n) {
		struct span rest = span_sub(in, used, in.n);
		size_t n = span_find(rest, '\n');
		int err;

		forget(s);
		err = buf_put(&s->line, span_sub(rest, 0, n));
		if (err)
			return s->outcome = err == -E2BIG ? PARSE_E_LIMIT : err;
		used += n;
		if (n == rest.n)
			break;
		used++;
		r = hand_out(s, ret_line);
	}
	*ret_used = used;
	return r;
}

int ndjson_end(struct ndjson *s, struct span *ret_line)
{
	if (s->outcome)
		return s->outcome;
	forget(s);
	return hand_out(s, ret_line);
}
