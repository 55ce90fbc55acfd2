/* SPDX-License-Identifier: MIT */
/*
 * What redacting 10 findings in a chat request of 100 KB adds to judging it.
 *
 * layer: engine
 */
#include "clock.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

#define RULES	   100
#define BODY_BYTES 102400
#define FINDINGS   10
#define SECONDS	   1.0

static void die(const char *what)
{
	fprintf(stderr, "bench_rewrite: %s\n", what);
	exit(1);
}

/* One that redacts, among others that look into the same texts and find nothing. */
static struct policy_set *make_policies(void)
{
	struct buf text = BUF_INIT(AICP_YAML_BYTES_MAX);
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_source source = {.name = "bench"};
	struct policy_set *set;

	buf_put_str(&text, "- {name: mail, when: {prompt: 'matches:[a-z]{2,20}@[a-z]{2,20}\\.org'},"
			   " then: redact}\n");
	for (int i = 1; i < RULES; i++)
		buf_printf(&text,
			   i % 2 ? "- {name: p%d, when: {prompt: 'contains:codename %d'}, then: "
				   "block}\n"
				 : "- {name: p%d, when: {prompt: 'matches:acct[ -]?%d[0-9]{6,9}'}, "
				   "then: block}\n",
			   i, i);
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

/* Twenty messages; every other one ends with what stands for a finding. */
static void make_request(struct buf *out, const char *ending)
{
	struct buf body = BUF_INIT(2 * BODY_BYTES);

	buf_put_str(&body, "{\"model\":\"gpt-4o\",\"messages\":[");
	for (int i = 0; i < 2 * FINDINGS; i++) {
		size_t until = (size_t)(i + 1) * BODY_BYTES / (2 * FINDINGS) - 64;

		buf_put_str(&body, i ? ",{\"role\":\"user\",\"content\":\""
				     : "{\"role\":\"user\",\"content\":\"");
		while (body.n < until)
			buf_put_str(&body,
				    "The quick brown fox reads \\\"accounts\\\" 12 times.\\n");
		buf_printf(&body, "%s\"}", i % 2 ? ending : "");
	}
	buf_put_str(&body, "]}");
	buf_printf(out,
		   "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
		   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		   body.n);
	buf_put(out, buf_span(&body));
	buf_deinit(&body);
}

/* Seconds that judging the request takes; it has to end with that many redactions. */
static double judge(struct engine *engine, const char *ending, size_t redactions)
{
	struct identity who = {.pid = 1, .uid = 1000};
	struct buf request = BUF_INIT(1u << 20);
	double start, end;
	int rounds = 0;

	make_request(&request, ending);
	if (request.err)
		die("out of memory");
	start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	do {
		struct engine_request q = {.host = SPAN_LIT("api.openai.com"),
					   .bytes = request.p,
					   .bytes_n = request.n,
					   .coverage = "shim",
					   .can_rewrite = true,
					   .who = &who};
		struct engine_decision d;

		engine_judge(engine, &q, &d);
		if (!d.pass || d.redactions != redactions)
			die("a request was not judged as it should be");
		rounds++;
		end = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	} while (end - start < SECONDS);
	buf_deinit(&request);
	return (end - start) / rounds;
}

int main(void)
{
	struct engine *engine = engine_new();
	struct engine_rules rules = {.policies = make_policies(), .providers = make_providers()};
	double plain, redacted;

	if (!engine)
		die("out of memory");
	engine_set_rules(engine, &rules);
	plain = judge(engine, "jane.doe at example.org", 0);
	redacted = judge(engine, "jane.doe@example.org...", FINDINGS);
	printf("judging 100 KB, %d rules: %.0f us; with %d findings redacted and judged again: "
	       "%.0f "
	       "us\n",
	       RULES, plain * 1e6, FINDINGS, redacted * 1e6);
	printf("RESULT\tredact: what %d findings in 100 KB add to judging it\t%.2f\ttimes "
	       "that\t<= 2\n",
	       FINDINGS, (redacted - plain) / plain);
	engine_free(engine);
	policy_set_unref(rules.policies);
	provider_set_unref(rules.providers);
	return 0;
}
