/* SPDX-License-Identifier: MIT */
/* layer: record */
/* Leaves and canonical JSON: whatever is accepted is written back byte for byte, and a scanner that
 * knows nothing of canonical forms reads it too. */
#include "base/json.h"
#include "record/canonical.h"
#include "record/leaf.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_canonical(struct span text)
{
	struct json_scan *scan;
	struct span rest = text, key, value;

	if (!canonical_object(text, CANONICAL_DEPTH_MAX))
		return;
	scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	CHECK(scan && json_scan_all(scan, text) == PARSE_DONE);
	json_scan_free(scan);
	while (canonical_next(&rest, &key, &value)) {
		struct buf out = BUF_INIT(1u << 20);
		int64_t n;

		CHECK(key.p >= text.p && value.p + value.n <= text.p + text.n);
		(void)canonical_text(value, &out);
		(void)canonical_int(value, &n);
		buf_deinit(&out);
	}
	CHECK(rest.n == 1 || span_eq_str(text, "{}"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* No NUL or spare byte behind the text. */
	uint8_t *copy = malloc(size ? size : 1);
	struct buf out = BUF_INIT(1u << 20);
	struct leaf leaf;

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	check_canonical(span_of(copy, size));
	if (leaf_parse(span_of(copy, size), &leaf) == PARSE_DONE) {
		CHECK(leaf_write(&leaf, &out) == PARSE_DONE);
		CHECK(span_eq(buf_span(&out), span_of(copy, size)));
		check_canonical(buf_span(&out));
	}
	buf_deinit(&out);
	free(copy);
	return 0;
}
