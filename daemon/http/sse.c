/* SPDX-License-Identifier: MIT */
#include "http/sse.h"

#include <errno.h>

static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};

void sse_init(struct sse *s, size_t bytes_max)
{
	*s = (struct sse){
		.line = BUF_INIT(bytes_max),
		/* A line break stands behind each line of data until the event is handed out. */
		.data = BUF_INIT(bytes_max + 1),
		.event = BUF_INIT(bytes_max),
		.id = BUF_INIT(bytes_max),
		.retry_ms = -1,
	};
}

void sse_deinit(struct sse *s)
{
	buf_deinit(&s->line);
	buf_deinit(&s->data);
	buf_deinit(&s->event);
	buf_deinit(&s->id);
}

static int outcome_of(int err)
{
	return err == -E2BIG ? PARSE_E_LIMIT : err;
}

static void set(struct buf *b, struct span value)
{
	buf_clear(b);
	buf_put(b, value);
}

static void retry(struct sse *s, struct span value)
{
	int64_t ms = 0;

	if (!value.n)
		return;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < '0' || value.p[i] > '9' ||
		    __builtin_mul_overflow(ms, (int64_t)10, &ms) ||
		    __builtin_add_overflow(ms, (int64_t)(value.p[i] - '0'), &ms))
			return;
	s->retry_ms = ms;
}

static void field(struct sse *s, struct span line)
{
	size_t colon = span_find(line, ':');
	struct span name = span_sub(line, 0, colon), value = span_sub(line, colon + 1, line.n);

	if (value.n && value.p[0] == ' ')
		value = span_sub(value, 1, value.n);
	if (span_eq_str(name, "data")) {
		buf_put(&s->data, value);
		buf_put_byte(&s->data, '\n');
	} else if (span_eq_str(name, "event")) {
		set(&s->event, value);
	} else if (span_eq_str(name, "id")) {
		if (span_find(value, 0) == value.n)
			set(&s->id, value);
	} else if (span_eq_str(name, "retry")) {
		retry(s, value);
	}
}

/* One line without its end. PARSE_DONE when it ended an event. */
static int line(struct sse *s, struct span line, struct sse_event *ret_event)
{
	int err;

	if (line.n) {
		/* A line that begins with a colon is a comment: a field without a name. */
		field(s, line);
		err = s->data.err ? s->data.err : s->event.err ? s->event.err : s->id.err;
		return err ? outcome_of(err) : PARSE_E_MORE;
	}
	if (!s->data.n) {
		buf_clear(&s->event);
		return PARSE_E_MORE;
	}
	*ret_event = (struct sse_event){
		.event = buf_span(&s->event),
		.data = span_of(s->data.p, s->data.n - 1),
		.id = buf_span(&s->id),
		.retry_ms = s->retry_ms,
	};
	s->dispatched = true;
	return PARSE_DONE;
}

/* Takes the BOM off the front; bytes of one that turns out to be none become the line's. */
static size_t skip_bom(struct sse *s, struct span in)
{
	size_t n = 0;

	while (s->bom_seen < sizeof(bom) && n < in.n && in.p[n] == bom[s->bom_seen]) {
		s->bom_seen++;
		n++;
	}
	if (s->bom_seen < sizeof(bom) && n < in.n) {
		buf_put(&s->line, span_of(bom, s->bom_seen));
		s->bom_seen = sizeof(bom);
	}
	return n;
}

static size_t line_length(struct span in)
{
	size_t lf = span_find(in, '\n');

	return span_find(span_sub(in, 0, lf), '\r');
}

/* Reads one line or what there is of it. */
static int step(struct sse *s, struct span in, size_t *used, struct sse_event *ret_event)
{
	struct span rest = span_sub(in, *used, in.n), whole;
	size_t n = line_length(rest);
	int err;

	whole = span_sub(rest, 0, n);
	*used += n;
	if (s->line.n || n == rest.n) {
		err = buf_put(&s->line, whole);
		if (err < 0)
			return outcome_of(err);
		whole = buf_span(&s->line);
	}
	if (n == rest.n)
		return PARSE_E_MORE;
	if (whole.n > s->line.max)
		return PARSE_E_LIMIT;
	*used += 1;
	s->after_cr = rest.p[n] == '\r';
	err = line(s, whole, ret_event);
	s->line.n = 0;
	return err;
}

int sse_feed(struct sse *s, struct span in, size_t *ret_used, struct sse_event *ret_event)
{
	size_t used;
	int err = PARSE_E_MORE;

	if (s->outcome)
		return s->outcome;
	if (s->dispatched) {
		buf_clear(&s->data);
		buf_clear(&s->event);
		s->dispatched = false;
	}
	used = skip_bom(s, in);
	if (s->line.err)
		err = outcome_of(s->line.err);
	while (err == PARSE_E_MORE && used < in.n) {
		/* The LF of a CRLF whose CR has ended the line already. */
		if (s->after_cr && in.p[used] == '\n')
			used++;
		s->after_cr = false;
		if (used < in.n)
			err = step(s, in, &used, ret_event);
	}
	if (err != PARSE_DONE && err != PARSE_E_MORE)
		return s->outcome = err;
	*ret_used = used;
	return err;
}
