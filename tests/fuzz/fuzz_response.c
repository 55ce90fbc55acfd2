/* SPDX-License-Identifier: MIT */
/* layer: engine */
/* Responses as bytes: the first byte says in which pieces they come, the rest is the response. A
 * response that reads well reads the same in one piece; every record is canonical and fits. */
#include "engine/response.h"

#include "record/canonical.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char file[] =
	"name: acme\n"
	"hosts: [api.acme.example]\n"
	"operations: [{method: POST, path: /ask, name: ask, shape: ask}]\n"
	"shapes:\n"
	"  ask:\n"
	"    answer:\n"
	"      usage: [usage, message.usage, usageMetadata]\n"
	"      input_tokens: [input_tokens, prompt_tokens, inputTokens, promptTokenCount]\n"
	"      output_tokens: [output_tokens, completion_tokens, outputTokens]\n"
	"      model: [model, message.model]\n"
	"      finish_reason: [\"choices[index=0].finish_reason\", stop_reason]\n"
	"      id: [id, message.id]\n"
	"      tools: [\"choices[].message.tool_calls[].function.name\", "
	"\"content[type=tool_use].name\"]\n"
	"refusal: {body: '{\"error\":\"%MESSAGE%\"}'}\n";

static struct engine *engine;
static struct response_scratch scratch;

static void init(void)
{
	struct provider_source source = {"acme.yaml", span_of(file, sizeof(file) - 1)};
	struct yaml_error error = YAML_ERROR_INIT;
	struct engine_rules rules = {.mode = MODE_ENFORCE};

	CHECK(provider_load(&source, 1, &rules.providers, &error) == PARSE_DONE);
	engine = engine_new();
	CHECK(engine && response_scratch_init(&scratch) == 0);
	engine_set_rules(engine, &rules);
}

static struct response *begin(void)
{
	static const char request[] = "POST /ask HTTP/1.1\r\nHost: api.acme.example\r\n"
				      "Content-Length: 2\r\n\r\n{}";
	uint8_t bytes[sizeof(request)];
	struct identity who = {.pid = 1};
	struct engine_request q = {
		.host = SPAN_LIT("api.acme.example"),
		.bytes = bytes,
		.bytes_n = sizeof(request) - 1,
		.coverage = "shim",
		.tier = "host",
		.who = &who,
	};
	struct engine_decision d;
	struct response *r;

	memcpy(bytes, request, sizeof(request));
	engine_judge(engine, &q, &d);
	r = response_new(engine, &d);
	CHECK(r);
	return r;
}

static void record(const struct response *r, struct buf *out)
{
	const struct response_facts facts = {"shim", 1000, 1, 2};

	CHECK(response_record(r, &facts, out) == 0);
	CHECK(canonical_object(buf_span(out), CANONICAL_DEPTH_MAX));
}

/* step 0: all in one piece. */
static enum response_parse read_in(struct span in, size_t step, bool closed, struct buf *out)
{
	struct response *r = begin();
	enum response_parse parse;
	size_t at = 0;

	while (at < in.n) {
		struct span piece = span_sub(in, at, step ? at + step : in.n);

		if (!response_feed(r, at, piece, &scratch))
			break;
		at += piece.n;
		CHECK(response_memory(r) < 3 * AICP_RESPONSE_BYTES_MAX + (1u << 25));
	}
	response_end(r, closed, &scratch);
	parse = response_parse(r);
	CHECK(response_bytes(r) <= in.n);
	record(r, out);
	response_free(r);
	return parse;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_INIT(AICP_LEAF_BYTES_MAX - 4096), split = BUF_INIT(whole.max);
	struct span in = span_sub(span_of(data, size), 1, size);
	bool closed = size && data[0] & 1;
	size_t step = size ? 1 + data[0] / 2 : 1;
	enum response_parse a, b;

	if (!engine)
		init();
	a = read_in(in, 0, closed, &whole);
	b = read_in(in, step, closed, &split);
	CHECK((a == RESPONSE_OK) == (b == RESPONSE_OK));
	CHECK(a != RESPONSE_OK || span_eq(buf_span(&whole), buf_span(&split)));
	buf_deinit(&whole);
	buf_deinit(&split);
	return 0;
}
