/* SPDX-License-Identifier: MIT */
/* layer: base */
/* The JSON scanner: same outcome and tape at any split, a tape that is well formed and inside the
 * text, and a text that is the same value when its strings are unescaped and escaped again. The
 * first byte chooses the split. */
#include "base/json.h"
#include "base/json_write.h"
#include "base/utf8.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tape(const struct json *j)
{
	CHECK(j->n > 0 && j->token[0].next == j->n && j->token[0].depth == 0);
	for (uint32_t t = 0; t < j->n; t++) {
		const struct json_token *k = &j->token[t];
		int64_t i;
		double d;

		CHECK(k->begin <= k->end && k->end <= j->text.n);
		CHECK(k->next > t && k->next <= j->n);
		CHECK(k->kind == JSON_ARRAY || k->kind == JSON_OBJECT || k->next == t + 1);
		for (uint32_t c = t + 1; c < k->next; c++)
			CHECK(j->token[c].begin >= k->begin && j->token[c].end <= k->end &&
			      j->token[c].depth > k->depth && j->token[c].next <= k->next);
		if (k->flags & JSON_KEY)
			CHECK(t + 1 < j->n && !(j->token[t + 1].flags & JSON_KEY));
		if (json_int(j, t, &i))
			CHECK(json_number(j, t, &d) && (double)i == d);
	}
}

/* Writes token t with all strings escaped anew. */
static void rewrite(const struct json *j, uint32_t t, struct buf *out, struct buf *plain)
{
	const struct json_token *k = &j->token[t];
	bool first = true;

	if (k->kind == JSON_STRING) {
		buf_clear(plain);
		CHECK(json_string_put(j, t, plain) == 0);
		CHECK(utf8_valid(buf_span(plain)));
		CHECK(json_string_eq(j, t, buf_span(plain)));
		json_write_quoted(out, buf_span(plain));
		return;
	}
	if (k->kind != JSON_ARRAY && k->kind != JSON_OBJECT) {
		buf_put(out, json_raw(j, t));
		return;
	}
	buf_put_byte(out, k->kind == JSON_ARRAY ? '[' : '{');
	json_foreach (c, j, t) {
		if (!first)
			buf_put_byte(out, ',');
		first = false;
		rewrite(j, c, out, plain);
		if (k->kind == JSON_OBJECT) {
			buf_put_byte(out, ':');
			rewrite(j, c + 1, out, plain);
		}
	}
	buf_put_byte(out, k->kind == JSON_ARRAY ? ']' : '}');
}

static int feed_split(struct json_scan *s, struct span text, size_t piece)
{
	int r = PARSE_E_MORE;

	json_scan_reset(s);
	for (size_t i = 0; i < text.n; i += piece) {
		r = json_scan_feed(s, span_sub(text, i, i + piece));
		if (r != PARSE_DONE && r != PARSE_E_MORE)
			return r;
	}
	return json_scan_end(s, text);
}

static bool same_tape(const struct json *a, const struct json *b, bool places)
{
	if (a->n != b->n)
		return false;
	for (uint32_t t = 0; t < a->n; t++) {
		const struct json_token *x = &a->token[t], *y = &b->token[t];

		if (x->kind != y->kind || x->next != y->next || x->depth != y->depth ||
		    (x->flags & JSON_KEY) != (y->flags & JSON_KEY))
			return false;
		if (places && (x->begin != y->begin || x->end != y->end || x->flags != y->flags))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_scan *a = json_scan_new(4096), *b = json_scan_new(4096);
	struct buf out = BUF_INIT(16u << 20), plain = BUF_INIT(16u << 20);
	struct span text = span_of(data + (size > 0), size ? size - 1 : 0);
	int r = json_scan_all(a, text), again = feed_split(b, text, size ? data[0] % 16 + 1u : 1);

	CHECK(r == again && json_scan_error(a) == json_scan_error(b));
	CHECK(json_scan_error_at(a) == json_scan_error_at(b) && json_scan_error_at(a) <= text.n);
	if (r == PARSE_DONE) {
		struct json ja = json_scan_json(a, text), jb = json_scan_json(b, text);

		CHECK(same_tape(&ja, &jb, true));
		if (ja.n < 1000)
			check_tape(&ja);
		rewrite(&ja, 0, &out, &plain);
		CHECK(!out.err);
		CHECK(json_scan_all(b, buf_span(&out)) == PARSE_DONE);
		jb = json_scan_json(b, buf_span(&out));
		CHECK(same_tape(&ja, &jb, false));
	}
	buf_deinit(&out);
	buf_deinit(&plain);
	json_scan_free(a);
	json_scan_free(b);
	return 0;
}
