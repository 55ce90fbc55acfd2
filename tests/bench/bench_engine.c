/* SPDX-License-Identifier: MIT */
/*
 * Verdicts a second on one core: 100 rules, a 4 KB chat request, from bytes to record.
 *
 * layer: engine
 */
#include "clock.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

#define RULES	   100
#define BODY_BYTES 4096
#define ROUNDS	   20000

static void die(const char *what)
{
	fprintf(stderr, "bench_engine: %s\n", what);
	exit(1);
}

/* A quarter each of words, patterns, process facts and numbers; none of them matches. */
static struct policy_set *make_policies(void)
{
	struct buf text = BUF_INIT(AICP_YAML_BYTES_MAX);
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_source source = {.name = "bench"};
	struct policy_set *set;

	for (int i = 0; i < RULES; i++) {
		static const char *const when[] = {
			"{field: prompt, contains: project codename %d}",
			"{field: text.all, matches_pattern: 'acct[ -]?%d[0-9]{6,9}'}",
			"{field: process.exe, equals: /opt/app%d/bin/agent}",
			"{field: max_tokens, greater_than: %d000000}",
		};

		buf_printf(&text, "%spolicy: rule-%d\ndescription: d\nwhen: ", i ? "---\n" : "", i);
		buf_printf(&text, when[i % 4], i + 1);
		buf_printf(&text, "\nthen: block\nreason: r\n");
	}
	source.text = buf_span(&text);
	if (policy_load(&source, 1, &set, &error))
		die(buf_str(&error.text));
	buf_deinit(&text);
	return set;
}

static struct provider_set *make_providers(void)
{
	static char text[1u << 16];
	struct yaml_error error = YAML_ERROR_INIT;
	FILE *f = fopen("policies/providers/openai.yaml", "r");
	struct provider_source source = {.name = "openai.yaml"};
	struct provider_set *set;

	if (!f)
		die("run me from the root of the source tree");
	source.text = span_of(text, fread(text, 1, sizeof(text), f));
	fclose(f);
	if (provider_load(&source, 1, &set, &error))
		die(buf_str(&error.text));
	return set;
}

static void make_request(struct buf *out)
{
	struct buf body = BUF_INIT(2 * BODY_BYTES);

	buf_put_str(&body,
		    "{\"model\":\"gpt-4o\",\"max_tokens\":256,\"messages\":[{\"role\":\"system\","
		    "\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"");
	while (body.n < BODY_BYTES - 8)
		buf_put_str(&body, "The quick brown fox reads account statements 12 times.\\n");
	buf_put_str(&body, "\"}]}");
	buf_printf(out,
		   "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
		   "Authorization: Bearer sk-0123456789\r\nContent-Type: application/json\r\n"
		   "User-Agent: bench\r\nAccept: */*\r\nContent-Length: %zu\r\n\r\n",
		   body.n);
	buf_put(out, buf_span(&body));
	buf_deinit(&body);
}

int main(void)
{
	struct engine *engine = engine_new();
	struct engine_rules rules = {.policies = make_policies(), .providers = make_providers()};
	struct buf request = BUF_INIT(1u << 20), record = BUF_INIT(1u << 20);
	struct identity who = {.pid = 1, .uid = 1000, .exe = SPAN_LIT("/usr/bin/python3.11")};
	double start, seconds;

	make_request(&request);
	if (!engine || request.err)
		die("out of memory");
	engine_set_rules(engine, &rules);
	start = clock_seconds(CLOCK_MONOTONIC);
	for (int i = 0; i < ROUNDS; i++) {
		struct engine_request q = {.host = SPAN_LIT("api.openai.com"),
					   .bytes = request.p,
					   .bytes_n = request.n,
					   .coverage = "shim",
					   .who = &who,
					   .now_ns = i};
		struct engine_decision d;

		engine_judge(engine, &q, &d);
		if (!d.pass || engine_record(engine, &q, &d, 0, &record) < 0)
			die("a request that should pass did not");
	}
	seconds = clock_seconds(CLOCK_MONOTONIC) - start;
	printf("RESULT\tengine: verdicts on one core, %d rules, %zu byte body, judged and "
	       "recorded\t%.0f\t1/s\t>= 20000\n",
	       RULES, (size_t)BODY_BYTES, ROUNDS / seconds);
	engine_free(engine);
	policy_set_unref(rules.policies);
	provider_set_unref(rules.providers);
	buf_deinit(&request);
	buf_deinit(&record);
	return 0;
}
