/* SPDX-License-Identifier: MIT */
/* The record of a response: what came back, and what it says that it cost. No content. */
#include "engine/response_state.h"

#include "base/json_write.h"
#include "engine/judge.h"

/* As the lists of a decision have it. */
#define TOOL_BYTES_MAX 256u

static const char *const parse_name[_RESPONSE_PARSE_COUNT] = {
	[RESPONSE_OK] = "ok",
	[RESPONSE_NOT_READ] = "not-read",
	[RESPONSE_UNSUPPORTED] = "unsupported",
	[RESPONSE_CUT_OFF] = "cut-off",
	[RESPONSE_GAP] = "gap",
	[RESPONSE_MALFORMED] = "malformed",
	[RESPONSE_TOO_LARGE] = "too-large",
	[RESPONSE_OVER_BUDGET] = "over-budget",
	[RESPONSE_INTERNAL] = "internal",
};

static void put_text(struct json_write *w, const char *key, struct span text)
{
	if (text.n)
		json_write_string(w, key, record_cut(text));
	else
		json_write_null(w, key);
}

static void put_number(struct json_write *w, const char *key, int64_t number)
{
	if (number >= 0)
		json_write_int(w, key, number);
	else
		json_write_null(w, key);
}

static void put_usage(struct json_write *w, const struct provider_usage *usage)
{
	put_number(w, "gen_ai.usage.cache_creation.input_tokens",
		   usage->cache_creation_input_tokens);
	put_number(w, "gen_ai.usage.cache_read.input_tokens", usage->cache_read_input_tokens);
	put_number(w, "gen_ai.usage.input_tokens", usage->input_tokens);
	put_number(w, "gen_ai.usage.output_tokens", usage->output_tokens);
	put_number(w, "gen_ai.usage.reasoning.output_tokens", usage->reasoning_output_tokens);
}

static void put_tools(struct json_write *w, const struct provider_answer *answer)
{
	struct span name[AICP_PROVIDER_TOOLS_MAX];
	unsigned n = provider_answer_tools(answer, name);

	json_write_array(w, "tools");
	for (unsigned i = 0; i < n; i++)
		json_write_string(w, NULL, record_cut_to(name[i], TOOL_BYTES_MAX));
	json_write_end_array(w);
}

int response_record(const struct response *r, const struct response_facts *facts, struct buf *out)
{
	struct provider_usage usage;
	struct json_write w;

	provider_answer_usage(r->answer, &usage);
	json_write_init(&w, out, true);
	json_write_object(&w, NULL);
	json_write_int(&w, "bytes", (int64_t)r->bytes);
	json_write_bool(&w, "complete", r->complete);
	json_write_str(&w, "coverage", facts->coverage);
	json_write_str(&w, "execution_id", r->id);
	put_number(&w, "first_byte_ms", facts->first_byte_ms);
	json_write_string(&w, "gen_ai.provider.name", record_cut(r->provider));
	/* OpenTelemetry has one for each choice; providers' files say where the first one's is. */
	json_write_array(&w, "gen_ai.response.finish_reasons");
	if (usage.finish_reason.n)
		json_write_string(&w, NULL, record_cut(usage.finish_reason));
	json_write_end_array(&w);
	put_text(&w, "gen_ai.response.id", usage.id);
	put_text(&w, "gen_ai.response.model", usage.model);
	put_usage(&w, &usage);
	json_write_object(&w, "http");
	put_text(&w, "content_type", buf_span(&r->content_type));
	put_number(&w, "status", r->status ? (int64_t)r->status : -1);
	json_write_end_object(&w);
	json_write_str(&w, "parse", parse_name[r->parse]);
	put_tools(&w, r->answer);
	json_write_int(&w, "total_ms", facts->total_ms);
	json_write_int(&w, "uid", facts->uid);
	json_write_end_object(&w);
	return out->err;
}
