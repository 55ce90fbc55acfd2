/* SPDX-License-Identifier: MIT */
/* layer: record */
/* Evidence bundles by strangers. Read with the bundle's own key, so that the search gets behind the
 * signature; what is then called whole has to hold under a second look: its records make the root
 * that it states. */
#include "record/bundle.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct anchor anchor = {.head.size = 3};
	struct bundle_check check = {.bytes = {copy, size}};
	struct report report, anchored;
	struct buf out = BUF_INIT(1u << 16);

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	CHECK(bundle_verify(&check, &report) == PARSE_DONE);
	CHECK(report.outcome != REPORT_ANCHORED);
	CHECK(report.outcome == REPORT_INVALID ? report.reason[0]
					       : report.key == REPORT_KEY_BESIDE);
	/* A head that nobody has: never met. */
	check.anchor = &anchor;
	CHECK(bundle_verify(&check, &anchored) == PARSE_DONE);
	CHECK(anchored.outcome != REPORT_ANCHORED);
	CHECK(report_text(&report, &out) == 0);
	CHECK(report_json(&report, &out) == 0);
	buf_deinit(&out);
	free(copy);
	return 0;
}
