/* SPDX-License-Identifier: MIT */
/* layer: engine */
/*
 * Bodies that policies redact: a first byte that says which operation, then the body. What leaves
 * has the same structure, keys, numbers and order; nothing that policies redact is left in it, and
 * whoever judges it anew lets it pass as it is. What may not leave has no body.
 */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policies[] =
	"- {name: p1, when: {text.all: 'matches:\\d{3,}'}, then: redact, replacement: '<\"é>'}\n"
	"- {name: p2, when: {prompt: 'contains:x'}, then: redact}\n"
	"- {name: p3, when: {prompt.last: 'contains:b'}, then: redact, replacement: '-'}\n"
	"- {name: p4, when: {field: system, contains_all: [c, é]}, then: redact, replacement: "
	"''''}\n"
	"- {name: p5, when: {tool_results: 'matches:(?s)s.*t'}, then: redact, replacement: '...'}\n"
	"- {name: p6, when: {assistant: all}, then: redact, replacement: none}\n";

static struct engine *make_engine(void)
{
	static char text[1u << 18];
	static const char *const files[] = {"policies/providers/openai.yaml",
					    "policies/providers/anthropic.yaml"};
	struct policy_source source = {"f.yaml", span_str(policies)};
	struct provider_source provider[2];
	struct yaml_error error = YAML_ERROR_INIT;
	struct engine *engine = engine_new();
	struct engine_rules rules = {0};
	size_t used = 0;

	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(files[i], "r");

		CHECK(f);
		provider[i].name = files[i];
		provider[i].text = span_of(text + used, fread(text + used, 1, sizeof(text) / 2, f));
		used += provider[i].text.n;
		fclose(f);
	}
	CHECK(engine && !policy_load(&source, 1, &rules.policies, &error) &&
	      !provider_load(provider, 2, &rules.providers, &error));
	engine_set_rules(engine, &rules);
	policy_set_unref(rules.policies);
	provider_set_unref(rules.providers);
	return engine;
}

static struct engine_decision judge(struct engine *engine, uint8_t which, struct span body,
				    struct buf *bytes)
{
	static const struct {
		const char *host, *path;
	} to[] = {
		{"api.openai.com", "/v1/chat/completions"}, {"api.openai.com", "/v1/responses"},
		{"api.anthropic.com", "/v1/messages"},	    {"api.openai.com", "/v1/unknown"},
		{"api.openai.com", "/v1/embeddings"},
	};
	size_t i = which % (sizeof(to) / sizeof(to[0]));
	struct identity who = {.pid = 1};
	struct engine_request q = {
		.host = span_str(to[i].host), .coverage = "shim", .can_rewrite = true, .who = &who};
	struct engine_decision d;

	buf_clear(bytes);
	buf_printf(bytes, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n", to[i].path,
		   to[i].host, body.n);
	CHECK(buf_put(bytes, body) == 0);
	q.bytes = bytes->p;
	q.bytes_n = bytes->n;
	engine_judge(engine, &q, &d);
	return d;
}

/* Does nothing but the inside of string values differ? */
static void check_same_structure(struct span before, struct span after)
{
	struct json_scan *a = json_scan_new(UINT32_MAX), *b = json_scan_new(UINT32_MAX);
	size_t at = 0, to = 0;
	struct json x, y;

	CHECK(a && b && json_scan_all(a, before) == PARSE_DONE);
	CHECK(json_scan_all(b, after) == PARSE_DONE);
	x = json_scan_json(a, before);
	y = json_scan_json(b, after);
	CHECK(x.n == y.n);
	for (uint32_t t = 0; t < x.n; t++) {
		const struct json_token *p = &x.token[t], *q = &y.token[t];

		CHECK(p->kind == q->kind && p->next == q->next && p->depth == q->depth);
		if (p->kind != JSON_STRING || p->flags & JSON_KEY)
			continue;
		CHECK(span_eq(span_sub(before, at, p->begin), span_sub(after, to, q->begin)));
		at = p->end;
		to = q->end;
	}
	CHECK(span_eq(span_sub(before, at, before.n), span_sub(after, to, after.n)));
	json_scan_free(a);
	json_scan_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct engine *engine;
	struct buf bytes = BUF_INIT(8u << 20), rewritten = BUF_INIT(AICP_BODY_BYTES_MAX);
	struct span body;
	struct engine_decision d;
	uint8_t which;

	if (!size || size > 1u << 20)
		return 0;
	if (!engine)
		engine = make_engine();
	which = data[0];
	body = span_of(data + 1, size - 1);
	d = judge(engine, which, body, &bytes);
	CHECK(d.pass == (d.verdict.action <= VERDICT_REDACT));
	CHECK((d.verdict.action == VERDICT_REDACT) == (d.redactions > 0));
	CHECK((d.redactions > 0) == (d.rewritten.n > 0));
	if (d.redactions) {
		CHECK(buf_put(&rewritten, d.rewritten) == 0);
		check_same_structure(body, buf_span(&rewritten));
		d = judge(engine, which, buf_span(&rewritten), &bytes);
		CHECK(d.pass && d.verdict.action == VERDICT_ALLOW && !d.redactions);
	}
	buf_deinit(&bytes);
	buf_deinit(&rewritten);
	return 0;
}
