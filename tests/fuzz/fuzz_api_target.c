/* SPDX-License-Identifier: MIT */
/* layer: api */
/*
 * What a client writes into a request line, and facts of a dry run by strangers. Line 1 is a
 * target, line 2 a time, the rest a body. A segment never holds what would make it two, every
 * parameter stands once, and the question to the engine is one JSON value.
 */
#include "aicp/limits.h"
#include "api/dry_run.h"
#include "api/moment.h"
#include "api/route.h"
#include "base/utf8.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(struct span target, struct uri *ret_uri, struct buf *storage)
{
	enum route_id id = ROUTE_ROOT;
	struct span parameter;

	*ret_uri = (struct uri){0};
	if (uri_parse(target, storage, ret_uri) != PARSE_DONE)
		return;
	CHECK(ret_uri->segments_n <= URI_SEGMENTS_MAX);
	for (unsigned i = 0; i < ret_uri->segments_n; i++) {
		struct span s = ret_uri->segment[i];

		CHECK(utf8_valid(s));
		CHECK(!s.n || !memchr(s.p, 0, s.n));
	}
	for (unsigned i = 0; i < ret_uri->parameters_n; i++)
		for (unsigned k = 0; k < i; k++)
			CHECK(!span_eq(ret_uri->parameter[i].name, ret_uri->parameter[k].name));
	if (route_find(SPAN_LIT("GET"), ret_uri, &id, &parameter) != ROUTE_NO_PATH)
		CHECK(id < _ROUTE_COUNT);
}

static void check_facts(struct json_scan *scan, const struct uri *uri, struct span body)
{
	struct buf out = BUF_INIT(1u << 20), error = BUF_INIT(512), answer = BUF_INIT(1u << 20);
	struct json json;
	int r;

	if (json_scan_all(scan, body) != PARSE_DONE)
		return;
	r = dry_run_answer(scan, body, &answer);
	if (r == 0)
		CHECK(json_scan_all(scan, buf_span(&answer)) == PARSE_DONE);
	CHECK(json_scan_all(scan, body) == PARSE_DONE);
	json = json_scan_json(scan, body);
	if (json.token[0].kind == JSON_OBJECT) {
		r = dry_run_facts(uri_get(uri, "agent_id"), uri_get(uri, "prompt"), &json, &out,
				  &error);
		if (r == PARSE_DONE) {
			/* Two names may have become one; anything else is ours to get right. */
			int again = json_scan_all(scan, buf_span(&out));

			CHECK(again == PARSE_DONE || again == PARSE_E_LIMIT ||
			      json_scan_error(scan) == JSON_ERROR_DUPLICATE_KEY);
		} else {
			CHECK(r < 0 || error.n > 0);
		}
	}
	buf_deinit(&out);
	buf_deinit(&error);
	buf_deinit(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf storage = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	struct json_scan *scan = json_scan_new(4096);
	uint8_t *copy = malloc(size ? size : 1);
	struct span all = span_of(copy, size);
	size_t first = 0, second;
	struct uri uri;
	int64_t ns = -1;

	if (!copy || !scan)
		abort();
	if (size)
		memcpy(copy, data, size);
	first = span_find(all, '\n');
	second = first < size ? first + 1 + span_find(span_sub(all, first + 1, size), '\n') : size;
	check_target(span_sub(all, 0, first), &uri, &storage);
	if (moment_parse(span_sub(all, first + 1, second), &ns))
		CHECK(ns >= 0);
	check_facts(scan, &uri, span_sub(all, second + 1, size));
	json_scan_free(scan);
	buf_deinit(&storage);
	free(copy);
	return 0;
}
