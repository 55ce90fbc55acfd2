/* SPDX-License-Identifier: MIT */
/* layer: api */
/*
 * What approvers are shown, as an engine that was taken over might send it. Whatever is taken gives
 * JSON of which no text acts on who looks at it, and whose pieces are in the body's order.
 */
#include "aicp/limits.h"
#include "api/approval_content.h"
#include "base/utf8.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct span text)
{
	CHECK(utf8_valid(text));
	for (size_t i = 0; i < text.n; i++)
		CHECK((text.p[i] >= ' ' && text.p[i] != 0x7f) || text.p[i] == '\n' ||
		      text.p[i] == '\t');
}

static void check_shown(struct json_scan *scan, struct span answer)
{
	struct json j;
	uint32_t shown;

	CHECK(json_scan_all(scan, answer) == PARSE_DONE);
	j = json_scan_json(scan, answer);
	shown = json_get(&j, 0, "shown");
	CHECK(shown != JSON_NONE && j.token[shown].kind == JSON_ARRAY);
	json_foreach (piece, &j, shown) {
		struct buf text = BUF_INIT(64u << 20);
		uint32_t t = json_get(&j, piece, "text");

		CHECK(t != JSON_NONE && json_string_put(&j, t, &text) == 0 && text.n);
		check_text(buf_span(&text));
		buf_deinit(&text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_scan *scan;
	struct buf out = BUF_INIT(64u << 20);
	struct json_write w;
	int r;

	if (!scan)
		scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	CHECK(scan);
	json_write_init(&w, &out, false);
	json_write_object(&w, NULL);
	r = approval_content_put(span_of(data, size), scan, &w);
	json_write_end_object(&w);
	if (r == 0)
		check_shown(scan, buf_span(&out));
	else
		CHECK(out.n == 2);
	buf_deinit(&out);
	return 0;
}
