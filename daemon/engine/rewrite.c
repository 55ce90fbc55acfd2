/* SPDX-License-Identifier: MIT */
#include "engine/rewrite.h"

#include "aicp/limits.h"
#include "base/buf.h"
#include "base/json_unescape.h"
#include "base/json_write.h"

#include <errno.h>
#include <stdlib.h>

/* A range, or what is to be cut out of the body for it. */
struct piece {
	enum fact_id fact;
	size_t begin, end;
	size_t order; /* in which it was added */
	struct span replacement;
};

struct pieces {
	struct piece *piece;
	size_t n, cap;
};

struct rewrite {
	struct pieces ranges; /* of texts */
	struct pieces cuts; /* of the body */
	bool only_look; /* nothing will be replaced */
	struct buf body;
	struct buf escaped; /* of one replacement */
};

struct rewrite *rewrite_new(void)
{
	struct rewrite *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->body = BUF_INIT(AICP_BODY_BYTES_MAX);
	w->escaped = BUF_INIT(8 * AICP_POLICY_TEXT_BYTES_MAX);
	return w;
}

void rewrite_free(struct rewrite *w)
{
	if (!w)
		return;
	free(w->ranges.piece);
	free(w->cuts.piece);
	buf_deinit(&w->body);
	buf_deinit(&w->escaped);
	free(w);
}

void rewrite_reset(struct rewrite *w)
{
	w->ranges.n = 0;
	w->cuts.n = 0;
	buf_clear(&w->body);
}

static int add(struct pieces *pieces, const struct piece *piece)
{
	if (pieces->n == pieces->cap) {
		size_t cap = pieces->cap ? pieces->cap * 2 : 64;
		struct piece *more = realloc(pieces->piece, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		pieces->piece = more;
		pieces->cap = cap;
	}
	pieces->piece[pieces->n++] = *piece;
	return 0;
}

int rewrite_add(struct rewrite *w, const struct rewrite_range *range)
{
	return add(&w->ranges, &(struct piece){.fact = range->fact,
					       .begin = range->begin,
					       .end = range->end,
					       .order = w->ranges.n,
					       .replacement = range->replacement});
}

static int compare(const void *x, const void *y)
{
	const struct piece *a = x, *b = y;

	if (a->fact != b->fact)
		return a->fact < b->fact ? -1 : 1;
	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Sorts, and joins what overlaps. */
static void settle(struct pieces *pieces)
{
	struct piece *p = pieces->piece;
	size_t n = 0;

	if (!pieces->n)
		return;
	qsort(p, pieces->n, sizeof(*p), compare);
	for (size_t i = 1; i < pieces->n; i++) {
		if (p[i].fact != p[n].fact || p[i].begin >= p[n].end)
			p[++n] = p[i];
		else if (p[i].end > p[n].end)
			p[n].end = p[i].end;
	}
	pieces->n = n + 1;
}

/* A place that moves forward in one string: text is what has been unescaped up to raw. */
struct walk {
	struct span string;
	bool escaped;
	size_t raw, text;
};

static bool is_inside(const struct walk *w, size_t raw)
{
	return raw < w->string.n && (w->string.p[raw] & 0xc0) == 0x80;
}

/* Moves on by at most n plain bytes, to the border of a character. Never moves back. */
static void walk_plain(struct walk *w, size_t n, bool behind)
{
	size_t begin = w->raw, raw = begin + n;

	while (is_inside(w, raw) && (behind || raw > begin))
		raw += behind ? 1 : (size_t)-1;
	w->text += raw - begin;
	w->raw = raw;
}

/* Moves on to byte `to` of the text, which may be its end. Where that is inside a character or an
 * escape: to the end of it when `behind`, else to its beginning. */
static void walk_to(struct walk *w, size_t to, bool behind)
{
	uint8_t step[JSON_UNESCAPE_STEP_BYTES];

	while (w->text < to && w->raw < w->string.n) {
		struct span rest = span_sub(w->string, w->raw, w->string.n);
		size_t plain = w->escaped ? span_find(rest, '\\') : rest.n;
		size_t next = w->raw, n;

		if (plain > to - w->text) {
			walk_plain(w, to - w->text, behind);
			return;
		}
		if (plain) {
			w->raw += plain;
			w->text += plain;
			continue;
		}
		n = json_unescape_step(w->string, &next, step);
		if (!behind && w->text + n > to)
			return;
		w->raw = next;
		w->text += n;
	}
}

/* Cuts what the ranges from *next on say out of one segment; they are of its fact and in order. A
 * range that goes on behind it stays the next one. */
static int cut_segment(struct rewrite *w, struct span body, const struct provider_segment *s,
		       const struct piece **next, const struct piece *end)
{
	struct walk walk = {.string = span_sub(body, s->begin, s->end), .escaped = s->escaped};
	const struct piece *p = *next;
	int r = PARSE_DONE;

	while (p < end && p->end <= s->at)
		p++;
	for (; p < end && p->begin < s->at + s->n && !r; p++) {
		struct piece cut = {.order = p->order, .replacement = p->replacement};

		if (s->fixed && !w->only_look)
			return PARSE_E_BAD;
		walk_to(&walk, p->begin > s->at ? p->begin - s->at : 0, false);
		cut.begin = s->begin + walk.raw;
		walk_to(&walk, p->end < s->at + s->n ? p->end - s->at : s->n, true);
		cut.end = s->begin + walk.raw;
		/* Empty: the character has been cut for the range before. */
		if (cut.begin < cut.end)
			r = add(&w->cuts, &cut);
		if (p->end > s->at + s->n)
			break;
	}
	*next = p;
	return r;
}

/* All ranges of one fact; there is at least one. */
static int cut_fact(struct rewrite *w, struct span body, const struct provider_segments *segments,
		    const struct piece *begin, const struct piece *end)
{
	const struct piece *next = begin;
	int r = PARSE_DONE;

	for (size_t i = 0; i < segments->n && next < end && !r; i++)
		if (segments->segment[i].fact == begin->fact)
			r = cut_segment(w, body, &segments->segment[i], &next, end);
	return r;
}

static int put_replacement(struct rewrite *w, struct span replacement)
{
	buf_clear(&w->escaped);
	if (json_write_quoted(&w->escaped, replacement) < 0)
		return w->escaped.err;
	return buf_put(&w->body, span_sub(buf_span(&w->escaped), 1, w->escaped.n - 1));
}

static int put_body(struct rewrite *w, struct span body)
{
	size_t at = 0;
	int r = 0;

	for (size_t i = 0; i < w->cuts.n && !r; i++) {
		const struct piece *cut = &w->cuts.piece[i];

		buf_put(&w->body, span_sub(body, at, cut->begin));
		r = put_replacement(w, cut->replacement);
		at = cut->end;
	}
	return r ? r : buf_put(&w->body, span_sub(body, at, body.n));
}

/* From ranges to cuts, both in order. */
static int cut(struct rewrite *w, struct span body, const struct provider_segments *segments)
{
	const struct piece *p = w->ranges.piece, *end;
	int r = PARSE_DONE;

	settle(&w->ranges);
	for (end = p + w->ranges.n; p < end && !r;) {
		const struct piece *begin = p;

		while (p < end && p->fact == begin->fact)
			p++;
		r = cut_fact(w, body, segments, begin, p);
	}
	if (!r)
		settle(&w->cuts);
	return r;
}

int rewrite_places(struct rewrite *w, struct span body, const struct provider_segments *segments,
		   size_t *ret_n)
{
	int r;

	w->only_look = true;
	r = cut(w, body, segments);
	w->only_look = false;
	if (!r)
		*ret_n = w->cuts.n;
	return r;
}

struct rewrite_place rewrite_place(const struct rewrite *w, size_t i)
{
	const struct piece *p = &w->cuts.piece[i];

	return (struct rewrite_place){p->begin, p->end, p->replacement};
}

int rewrite_body(struct rewrite *w, struct span body, const struct provider_segments *segments,
		 struct span *ret_body, size_t *ret_places)
{
	int r = cut(w, body, segments);

	if (r)
		return r;
	if (!w->cuts.n)
		return PARSE_E_BAD;
	r = put_body(w, body);
	if (r == -E2BIG)
		return PARSE_E_LIMIT;
	if (r)
		return r;
	*ret_body = buf_span(&w->body);
	*ret_places = w->cuts.n;
	return PARSE_DONE;
}
