/* SPDX-License-Identifier: MIT */
/* layer: provider */
/* Answers of a provider whose file exercises every kind of path: each line is one event of a
 * stream, and all of the input is one whole answer. Counts are never negative but for "unknown",
 * and refusals are JSON whatever they say. */
#include "provider/provider.h"

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
	"      usage: [usage, message.usage, \"{type=done|failed}.response.usage\"]\n"
	"      input_tokens: [input_tokens, cache_read_input_tokens]\n"
	"      output_tokens: [output_tokens, completion_tokens]\n"
	"      cache_read_input_tokens: details{kind!=none}.cached\n"
	"      model: [model, message.model]\n"
	"      finish_reason: [\"choices[index=0].finish_reason\", \"choices[else].why\", status]\n"
	"      id: id\n"
	"      tools: [\"choices[].tools[].name\", \"content[type=tool_use].name\"]\n"
	"refusal: {body: '{\"error\":{\"message\":\"%MESSAGE%\",\"id\":\"%DECISION%\"}}', headers: "
	"{x-id: \"%DECISION%\"}}\n";

static struct provider_set *load(void)
{
	struct provider_source source = {"acme.yaml", span_of(file, sizeof(file) - 1)};
	struct yaml_error error = YAML_ERROR_INIT;
	struct provider_set *set = NULL;

	CHECK(provider_load(&source, 1, &set, &error) == PARSE_DONE);
	return set;
}

static void check(int outcome, const struct provider_answer *answer)
{
	struct span tool[AICP_PROVIDER_TOOLS_MAX];
	struct provider_usage usage;
	unsigned tools_n;

	CHECK(outcome == PARSE_DONE || outcome == PARSE_E_BAD || outcome == PARSE_E_LIMIT);
	provider_answer_usage(answer, &usage);
	CHECK(usage.input_tokens >= -1 && usage.output_tokens >= -1);
	CHECK(usage.cache_read_input_tokens >= -1 &&
	      usage.cache_read_input_tokens <= INT64_C(1) << 48);
	CHECK(usage.cache_creation_input_tokens == -1 && usage.reasoning_output_tokens == -1);
	tools_n = provider_answer_tools(answer, tool);
	CHECK(tools_n <= AICP_PROVIDER_TOOLS_MAX);
	for (unsigned i = 0; i < tools_n; i++) {
		CHECK(tool[i].n > 0);
		for (unsigned j = 0; j < i; j++)
			CHECK(!span_eq(tool[i], tool[j]));
	}
}

static void check_refusal(const struct provider *p, struct span in)
{
	struct json_scan *scan = json_scan_new(64);
	struct provider_refusal refusal = {in, in, in.n % 2};
	struct buf out = BUF_INIT(1u << 20);
	const uint8_t *end;

	CHECK(scan);
	if (provider_refusal(p, &refusal, &out) == 0) {
		end = memmem(out.p, out.n, "\r\n\r\n", 4);
		CHECK(end);
		CHECK(json_scan_all(scan, span_sub(buf_span(&out), (size_t)(end - out.p) + 4,
						   out.n)) == PARSE_DONE);
	}
	json_scan_free(scan);
	buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct provider_set *set;
	struct span in = span_of(data, size), rest = in;
	struct provider_answer *whole, *stream;
	const struct provider *p;
	static struct json_scan *scan;

	if (!set) {
		set = load();
		scan = json_scan_new(AICP_JSON_TOKENS_MAX);
		CHECK(scan);
	}
	p = provider_set_at(set, 0);
	whole = provider_answer_new(p, SPAN_LIT("POST"), SPAN_LIT("/ask"));
	stream = provider_answer_new(p, SPAN_LIT("POST"), SPAN_LIT("/ask"));
	CHECK(whole && stream);
	check(provider_answer_json(whole, in, scan), whole);
	while (rest.n) {
		size_t n = span_find(rest, '\n');

		check(provider_answer_event(stream, SPAN_NULL, span_sub(rest, 0, n), scan), stream);
		rest = span_sub(rest, n + 1, rest.n);
	}
	check_refusal(p, in);
	provider_answer_free(whole);
	provider_answer_free(stream);
	return 0;
}
