/* SPDX-License-Identifier: MIT */
/* layer: policy */
/* What policies cost: one evaluation with 100 and 1,000 rules over 4 KB texts, and loading a set.
 */
#include "clock.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_BYTES 4096
#define SECONDS	   0.5

/* Of this thread alone: others on the machine do not count. */
static const char *const words[] = {
	"social",   "security", "credit",   "card",   "passport", "number", "secret",  "project",
	"password", "internal", "customer", "salary", "diagnose", "merger", "private", "export",
};

/* A mix as people write it: words and patterns over four texts, beside model, agent and number
 * tests. */
static void put_rule(struct buf *b, int i)
{
	static const char *const facts[] = {"prompt", "text.all", "system", "tool_results"};
	static const char *const actions[] = {"warn", "block", "hold", "allow"};
	const char *fact = facts[i % 4], *word = words[i % 16], *other = words[(i / 16) % 16];

	buf_printf(b, "- name: rule-%d\n  then: %s\n  reason: rule %d\n  when:\n", i,
		   actions[i % 4], i);
	switch (i % 5) {
	case 0:
		buf_printf(b, "    {field: %s, contains: '%s %s %d'}\n", fact, word, other, i);
		return;
	case 1:
		buf_printf(b, "    {field: %s, contains_any: ['%s-%d', '%s_%d', 'zq%d']}\n", fact,
			   word, i, other, i, i);
		return;
	case 2:
		buf_printf(b,
			   "    {field: %s, matches_pattern: '\\b%s[ -]?\\d{%d}-[a-f]{2,8}\\b'}\n",
			   fact, word, 3 + i % 7);
		return;
	case 3:
		buf_printf(b, "    {and: [{model: [m-%d, n-%d]}, {prompt: 'contains:%s %d'}]}\n", i,
			   i, word, i);
		return;
	}
	buf_printf(
		b,
		"    {or: [{max_tokens: '>%d'}, {not: {agent.environment: e%d}, stream: false}]}\n",
		100000 + i, i);
}

static struct policy_set *load(int rules, double *ret_seconds)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf text = BUF_INIT(1u << 20);
	struct policy_set *set = NULL;
	struct policy_source source = {.name = "bench.yaml"};
	double begin;

	for (int i = 0; i < rules; i++)
		put_rule(&text, i);
	source.text = buf_span(&text);
	begin = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	if (policy_load(&source, 1, &set, &error) != PARSE_DONE) {
		fprintf(stderr, "bench_policy: %s\n",
			error.text.n ? (const char *)error.text.p : "no memory");
		exit(1);
	}
	*ret_seconds = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
	buf_deinit(&text);
	yaml_error_deinit(&error);
	return set;
}

static void set_text(struct facts *facts, enum fact_id id, bool ascii)
{
	struct buf text = BUF_INIT(TEXT_BYTES + 64);

	srand(7);
	while (text.n < TEXT_BYTES)
		buf_printf(&text, "%s %s ", words[rand() % 16], ascii ? "with" : "für");
	if (facts_set_text(facts, id, span_sub(buf_span(&text), 0, TEXT_BYTES)) < 0)
		exit(1);
	buf_deinit(&text);
}

static struct facts *make_facts(bool ascii)
{
	struct facts *facts = facts_new();

	if (!facts || facts_set_text(facts, FACT_MODEL, SPAN_LIT("gpt-4o-mini")) < 0 ||
	    facts_set_text(facts, FACT_AGENT_ENVIRONMENT, SPAN_LIT("e4")) < 0 ||
	    facts_set_text(facts, FACT_SYSTEM, SPAN_LIT("You are a helpful assistant.")) < 0 ||
	    facts_set_number(facts, FACT_MAX_TOKENS, 1024) < 0 ||
	    facts_set_bool(facts, FACT_STREAM, true) < 0)
		exit(1);
	set_text(facts, FACT_PROMPT, ascii);
	set_text(facts, FACT_TEXT_ALL, ascii);
	return facts;
}

static double evaluate(const struct policy_set *set, bool ascii)
{
	struct policy_eval *eval = policy_eval_new();
	struct facts *facts = make_facts(ascii);
	double begin, seconds;
	unsigned n = 0;

	if (!eval || policy_evaluate(set, eval, facts, MODE_ENFORCE).reason == REASON_NO_MEMORY)
		exit(1);
	begin = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	do {
		for (int i = 0; i < 100; i++, n++)
			(void)policy_evaluate(set, eval, facts, MODE_ENFORCE);
		seconds = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
	} while (seconds < SECONDS);
	policy_eval_free(eval);
	facts_free(facts);
	return seconds / n * 1e6;
}

static void bench(int rules)
{
	double seconds;
	struct policy_set *set = load(rules, &seconds);

	printf("RESULT\tpolicy: evaluate %d rules, two texts of 4 KB\t%.2f\tus\t%s\n", rules,
	       evaluate(set, true), rules == 100 ? "<= 10" : "");
	printf("RESULT\tpolicy: the same, texts not ASCII\t%.2f\tus\t\n", evaluate(set, false));
	printf("RESULT\tpolicy: load %d rules\t%.3f\ts\t%s\n", rules, seconds,
	       rules == 1000 ? "<= 1" : "");
	policy_set_unref(set);
}

int main(void)
{
	bench(100);
	bench(1000);
	return 0;
}
