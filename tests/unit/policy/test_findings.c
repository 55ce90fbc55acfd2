/* SPDX-License-Identifier: MIT */
/* Places that redacting policies find: bounded, the same each time, and without memory an error. */
#include "policy/policy.h"

#include "aicp/limits.h"
#include "support/oom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char policies[] =
	"- {name: p, when: {prompt: 'contains:a'}, then: redact, replacement: '-'}\n"
	"- {name: q, when: {prompt: 'contains:b', text.all: 'matches:x+'}, then: redact, "
	"replacement: '-'}\n"
	"- {name: r, when: {prompt: {contains: aba}}, then: redact, replacement: '-'}\n"
	"- {name: s, when: {prompt: 'contains:z'}, then: redact, replacement: '-'}\n"
	"- {name: t, when: {prompt: 'contains:z'}, then: redact, replacement: '-'}\n";

static int load(struct policy_set **ret_set)
{
	struct policy_source source = {"p.yaml", span_str(policies)};
	struct yaml_error error = YAML_ERROR_INIT;
	int r = policy_load(&source, 1, ret_set, &error);

	yaml_error_deinit(&error);
	return r;
}

struct bench {
	struct policy_set *set;
	struct policy_eval *eval;
	struct facts *facts;
	const struct policy_finding *finding;
	size_t n;
};

static int setup(void **state)
{
	static struct bench b;

	assert_int_equal(load(&b.set), PARSE_DONE);
	b.eval = policy_eval_new();
	b.facts = facts_new();
	assert_true(b.eval && b.facts);
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	facts_free(b->facts);
	policy_eval_free(b->eval);
	policy_set_unref(b->set);
	return 0;
}

/* unit, n times, behind each other */
static int find(struct bench *b, const char *unit, size_t n)
{
	struct buf text = BUF_INIT(16u << 20);
	int r;

	for (size_t i = 0; i < n; i++)
		buf_put_str(&text, unit);
	facts_reset(b->facts);
	assert_int_equal(facts_set_text(b->facts, FACT_PROMPT, buf_span(&text)), 0);
	assert_int_equal(facts_set_text(b->facts, FACT_TEXT_ALL, buf_span(&text)), 0);
	policy_evaluate(b->set, b->eval, b->facts, MODE_ENFORCE);
	r = policy_findings(b->set, b->eval, MODE_ENFORCE, VERDICT_REDACT, &b->finding, &b->n);
	buf_deinit(&text);
	return r;
}

static void expect(const struct bench *b, size_t i, uint32_t policy, uint32_t begin, uint32_t end)
{
	assert_true(i < b->n);
	assert_int_equal(b->finding[i].policy, policy);
	assert_int_equal(b->finding[i].begin, begin);
	assert_int_equal(b->finding[i].end, end);
}

static void test_order(void **state)
{
	struct bench *b = *state;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(find(b, "abaxxb", 1), 0);
		assert_int_equal(b->n, 6);
		expect(b, 0, 0, 0, 1);
		expect(b, 1, 0, 2, 3);
		expect(b, 2, 1, 1, 2);
		expect(b, 3, 1, 5, 6);
		expect(b, 4, 1, 3, 5);
		expect(b, 5, 2, 0, 3);
		assert_int_equal(b->finding[4].fact, FACT_TEXT_ALL);
	}
	assert_int_equal(
		policy_findings(b->set, b->eval, MODE_MONITOR, VERDICT_REDACT, &b->finding, &b->n),
		0);
	assert_int_equal(b->n, 0);
}

/* Reports of several policies in turn join in the end, however many there are. */
static void test_many_reports_of_few_places(void **state)
{
	struct bench *b = *state;

	assert_int_equal(find(b, "z", 2 * AICP_FINDINGS_MAX), 0);
	assert_int_equal(b->n, 2);
	expect(b, 0, 3, 0, 2 * AICP_FINDINGS_MAX);
	expect(b, 1, 4, 0, 2 * AICP_FINDINGS_MAX);
}

static void test_too_many_places(void **state)
{
	struct bench *b = *state;

	assert_int_equal(find(b, "a.", AICP_FINDINGS_MAX / 2 - 1), 0);
	assert_int_equal(b->n, AICP_FINDINGS_MAX / 2 - 1);
	assert_int_equal(find(b, "a.", 4 * AICP_FINDINGS_MAX), -E2BIG);
	/* and the next call is as good as the first */
	assert_int_equal(find(b, "a.", 3), 0);
	assert_int_equal(b->n, 3);
}

static void load_without_memory(void *ctx)
{
	struct policy_set *set = NULL;
	int r = load(&set);

	(void)ctx;
	/* The library that hashes calls it -EIO. */
	assert_true(r == PARSE_DONE ? set != NULL
				    : oom_hit() && !set && (r == -ENOMEM || r == -EIO));
	policy_set_unref(set);
}

static void find_without_memory(void *ctx)
{
	struct bench b = {.set = ctx, .eval = policy_eval_new(), .facts = facts_new()};
	bool made = b.eval && b.facts;

	if (made && facts_set_text(b.facts, FACT_PROMPT, SPAN_LIT("aba")) == 0) {
		struct verdict v = policy_evaluate(b.set, b.eval, b.facts, MODE_ENFORCE);
		int r = v.reason == REASON_NO_MEMORY
				? -ENOMEM
				: policy_findings(b.set, b.eval, MODE_ENFORCE, VERDICT_REDACT,
						  &b.finding, &b.n);

		assert_int_equal(r, oom_hit() ? -ENOMEM : 0);
		if (!r)
			assert_int_equal(b.n, 3);
	} else {
		assert_true(oom_hit());
	}
	facts_free(b.facts);
	policy_eval_free(b.eval);
}

static void test_out_of_memory(void **state)
{
	struct bench *b = *state;

	assert_in_range(oom_each(load_without_memory, NULL), 20, 100000);
	assert_in_range(oom_each(find_without_memory, b->set), 5, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many_reports_of_few_places),
		cmocka_unit_test(test_too_many_places),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("redactions", tests, setup, teardown);
}
