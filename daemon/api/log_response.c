/* SPDX-License-Identifier: MIT */
#include "api/log_response.h"

#include "record/canonical.h"

#include <inttypes.h>
#include <stdio.h>

static void put(struct span object, const char *key, struct json_write *w, const char *as)
{
	struct span value = object.p ? canonical_get(object, key) : SPAN_NULL;

	if (value.p)
		json_write_raw(w, as, value);
	else
		json_write_null(w, as);
}

void log_response_put_masked(struct span body, struct json_write *w, const char *as)
{
	char text[48];
	int64_t bytes;

	if (body.p && canonical_int(canonical_get(body, "bytes"), &bytes)) {
		snprintf(text, sizeof(text), "[MASKED %" PRId64 " bytes]", bytes);
		json_write_str(w, as, text);
	} else {
		json_write_null(w, as);
	}
}

void log_response_write(struct span body, struct json_write *w)
{
	static const char *const same[] = {
		"gen_ai.response.finish_reasons",
		"gen_ai.response.id",
		"gen_ai.response.model",
		"gen_ai.usage.cache_creation.input_tokens",
		"gen_ai.usage.cache_read.input_tokens",
		"gen_ai.usage.input_tokens",
		"gen_ai.usage.output_tokens",
		"gen_ai.usage.reasoning.output_tokens",
	};
	static const char *const facts[] = {
		"bytes", "complete", "first_byte_ms", "parse", "tools", "total_ms",
	};
	struct span http = body.p ? canonical_get(body, "http") : SPAN_NULL;

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		put(body, same[i], w, same[i]);
	put(http, "status", w, "http.response.status_code");
	if (!body.p) {
		json_write_null(w, "response_facts");
		return;
	}
	json_write_object(w, "response_facts");
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
		put(body, facts[i], w, facts[i]);
	put(http, "content_type", w, "content_type");
	json_write_end_object(w);
}
