/* SPDX-License-Identifier: MIT */
/* The set as a whole: what it tells about its policies, references, memory, and that more rules
 * never mean less. */
#include "policy/policy.h"

#include "support/oom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct policy_set *load(const char *text)
{
	struct policy_source source = {.name = "p.yaml", .text = span_str(text)};
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_set *set = NULL;

	if (policy_load(&source, 1, &set, &error) != PARSE_DONE)
		fail_msg("%s", error.text.n ? (const char *)error.text.p : "no memory");
	yaml_error_deinit(&error);
	return set;
}

static void test_info(void **state)
{
	struct policy_set *set = load("# comment\n"
				      "policy:\n"
				      "  name: first\n"
				      "  when: {and: [{model: m}, {not: {user: u}}]}\n"
				      "  then: block\n"
				      "\n"
				      "---\n"
				      "# above\n"
				      "- id: second\n"
				      "  name: The second\n"
				      "  version: 1.10\n"
				      "  description: |\n"
				      "    Two lines\n"
				      "    of text.\n"
				      "  scope: {agent: a}\n"
				      "  when: always\n"
				      "  then: warn\n"
				      "  priority: -3\n"
				      "  enabled: false\n"
				      "  mode: monitor\n"
				      "  compliance: [GDPR Art. 5, SOC 2 CC6.1]\n"
				      "# between\n"
				      "- {name: third, when: always, then: hold, reason: why}\n");
	static const char last[] = "\n  compliance: [GDPR Art. 5, SOC 2 CC6.1]\n";
	struct policy_info info;

	(void)state;
	assert_int_equal(policy_set_count(set), 3);
	policy_set_info(set, 0, &info);
	assert_true(span_eq_str(info.name, "first"));
	assert_string_equal(info.file, "p.yaml");
	assert_int_equal(info.line, 3);
	assert_int_equal(info.action, VERDICT_BLOCK);
	assert_int_equal(info.conditions, 2);
	assert_true(info.enabled && info.mode == MODE_ENFORCE && info.priority == 0);
	/* who gives no reason gets the description or the name as one */
	assert_true(span_eq_str(info.reason, "first"));
	assert_true(span_eq_str(info.source, "policy:\n  name: first\n"
					     "  when: {and: [{model: m}, {not: {user: u}}]}\n"
					     "  then: block\n"));

	policy_set_info(set, 1, &info);
	assert_true(span_eq_str(info.name, "second"));
	assert_true(span_eq_str(info.title, "The second"));
	assert_true(span_eq_str(info.version, "1.10"));
	assert_true(span_eq_str(info.description, "Two lines\nof text."));
	assert_true(span_eq_str(info.reason, "Two lines\nof text."));
	assert_int_equal(info.line, 9);
	assert_true(!info.enabled && info.mode == MODE_MONITOR && info.priority == -3);
	assert_int_equal(info.compliance_n, 2);
	assert_true(span_eq_str(info.compliance[1], "SOC 2 CC6.1"));
	assert_int_equal(info.conditions, 1);
	assert_true(span_starts(info.source, SPAN_LIT("- id: second\n")));
	/* up to its last key, without the comment that stands above the next one */
	assert_true(span_eq_str(span_sub(info.source, info.source.n - strlen(last), info.source.n),
				last));

	policy_set_info(set, 2, &info);
	assert_true(span_eq_str(info.reason, "why"));
	assert_true(span_eq_str(info.source,
				"- {name: third, when: always, then: hold, reason: why}\n"));
	policy_set_unref(set);
}

static void test_find(void **state)
{
	struct policy_set *set = load("- {name: b, when: always, then: warn}\n"
				      "- {name: a, when: always, then: warn}\n"
				      "- {name: ab, when: always, then: warn}\n");

	(void)state;
	assert_int_equal(policy_set_find(set, SPAN_LIT("b")), 0);
	assert_int_equal(policy_set_find(set, SPAN_LIT("a")), 1);
	assert_int_equal(policy_set_find(set, SPAN_LIT("ab")), 2);
	assert_int_equal(policy_set_find(set, SPAN_LIT("aa")), 3);
	assert_int_equal(policy_set_find(set, SPAN_LIT("A")), 3);
	assert_int_equal(policy_set_find(set, SPAN_NULL), 3);
	policy_set_unref(set);
}

/* Known answers: printf '%s' TEXT | sha256sum, then the same over the 32 bytes. */
static void test_digest(void **state)
{
	struct policy_set *none = NULL, *one = load(""), *other = load("# x\n");
	struct yaml_error error = YAML_ERROR_INIT;

	(void)state;
	assert_int_equal(policy_load(NULL, 0, &none, &error), PARSE_DONE);
	assert_string_equal(policy_set_digest(none),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_string_equal(policy_set_digest(one),
			    "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456");
	assert_string_not_equal(policy_set_digest(one), policy_set_digest(other));
	policy_set_unref(none);
	policy_set_unref(one);
	policy_set_unref(other);
	yaml_error_deinit(&error);
}

static void test_references(void **state)
{
	struct policy_set *set = load("{name: a, when: {prompt: 'contains:x'}, then: block}");
	struct policy_eval *eval = policy_eval_new();
	struct facts *facts = facts_new();

	(void)state;
	assert_ptr_equal(policy_set_ref(set), set);
	policy_set_unref(set);
	assert_int_equal(facts_set_text(facts, FACT_PROMPT, SPAN_LIT("an X")), 0);
	assert_int_equal(policy_evaluate(set, eval, facts, MODE_ENFORCE).action, VERDICT_BLOCK);
	policy_set_unref(set);
	policy_set_unref(NULL);
	policy_eval_free(eval);
	policy_eval_free(NULL);
	facts_free(facts);
}

/* One evaluator, sets of different sizes in turn, as a reload brings them. */
static void test_eval_moves_between_sets(void **state)
{
	struct policy_set *small = load("{name: a, when: {prompt: 'contains:zebra'}, then: warn}");
	struct buf text = BUF_INIT(1u << 20);
	struct policy_eval *eval = policy_eval_new();
	struct facts *facts = facts_new();
	struct policy_set *large;

	(void)state;
	for (int i = 0; i < 300; i++)
		buf_printf(&text,
			   "- {name: p%d, when: {or: [{prompt: 'matches:\\b[x-z]{2}q%d[a-f]'}, "
			   "{system: "
			   "'contains:s%d '}]}, then: block}\n",
			   i, i, i);
	large = load(buf_str(&text));
	assert_int_equal(facts_set_text(facts, FACT_PROMPT, SPAN_LIT("a ZEBRA and yzq299abc")), 0);
	for (int i = 0; i < 4; i++) {
		const uint32_t *index;

		assert_int_equal(policy_evaluate(small, eval, facts, MODE_ENFORCE).action,
				 VERDICT_WARN);
		assert_int_equal(policy_eval_matched(eval, &index), 1);
		assert_int_equal(policy_evaluate(large, eval, facts, MODE_ENFORCE).action,
				 VERDICT_BLOCK);
		assert_int_equal(policy_eval_matched(eval, &index), 1);
		assert_int_equal(index[0], 299);
	}
	policy_set_unref(small);
	policy_set_unref(large);
	policy_eval_free(eval);
	facts_free(facts);
	buf_deinit(&text);
}

/* Bytes that are no UTF-8 (arguments may hold any) are read as U+FFFD each, and what stands around
 * them is found. */
static void test_bytes_that_are_no_utf8(void **state)
{
	struct policy_set *set =
		load("{name: a, when: {process.args: 'matches:x.y secret'}, then: block}");
	struct policy_eval *eval = policy_eval_new();
	struct facts *facts = facts_new();

	(void)state;
	assert_int_equal(
		facts_set_text(facts, FACT_PROCESS_ARGS, SPAN_LIT("\xff\xc3 x\xfey SECRET\xe2")),
		0);
	assert_int_equal(policy_evaluate(set, eval, facts, MODE_ENFORCE).action, VERDICT_BLOCK);
	policy_set_unref(set);
	policy_eval_free(eval);
	facts_free(facts);
}

static void test_sources_are_one_set(void **state)
{
	struct policy_source good[] = {
		{"a.yaml", SPAN_LIT("{name: a, when: always, then: warn}")},
		{"b.yaml", SPAN_LIT("{name: b, when: always, then: block}")},
	};
	struct policy_source twice[] = {
		good[0], {"c.yaml", SPAN_LIT("\n\n{name: a, when: always, then: warn}")}};
	struct policy_source bad[] = {
		{"one.yaml", SPAN_LIT("- {name: x, wehn: always, then: warn}\n- {name: y, when: "
				      "always, then: no}")},
		{"two.yaml", SPAN_LIT("{name: z, when: {prompt: 'matches:(?=a)'}, then: warn}")},
		{"three.yaml", SPAN_LIT("a: [")},
	};
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf errors = BUF_INIT(4096);
	struct policy_set *set = NULL;
	size_t n = 99;

	(void)state;
	assert_int_equal(policy_load(good, 2, &set, &error), PARSE_DONE);
	assert_int_equal(policy_set_count(set), 2);
	policy_set_unref(set);
	set = NULL;
	assert_int_equal(policy_load(twice, 2, &set, &error), PARSE_E_BAD);
	assert_null(set);
	assert_string_equal(
		(const char *)error.text.p,
		"c.yaml:3: a second policy called `a` (the first is in a.yaml:1); rename one");
	assert_int_equal(policy_check(good, 2, &errors, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(errors.n, 0);
	assert_int_equal(policy_check(bad, 3, &errors, &n), 0);
	assert_int_equal(n, 4);
	assert_string_equal(
		buf_str(&errors),
		"one.yaml:1: a policy has no key `wehn`; did you mean `when`? (notes of your own "
		"belong under "
		"`metadata:`)\n"
		"one.yaml:2: there is no action `no` (allow, warn, redact, hold or block)\n"
		"three.yaml:2: not well-formed YAML: did not find expected node content while "
		"parsing a flow "
		"node\n"
		"two.yaml:1: the pattern `(?=a)` is refused: Zero-width assertions are not "
		"supported. Patterns "
		"are the part of PCRE that is matched in linear time: no back-references, "
		"look-around, atomic "
		"groups or possessive quantifiers\n");
	yaml_error_deinit(&error);
	buf_deinit(&errors);
}

static void test_too_much(void **state)
{
	static uint8_t large[(1u << 20) + 1];
	struct policy_source source = {"p.yaml", span_of(large, sizeof(large))};
	struct policy_source many[17];
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_set *set = NULL;

	(void)state;
	memset(large, '#', sizeof(large));
	assert_int_equal(policy_load(&source, 1, &set, &error), PARSE_E_LIMIT);
	assert_string_equal((const char *)error.text.p, "p.yaml: larger than 1048576 bytes");
	yaml_error_deinit(&error);
	for (int i = 0; i < 17; i++)
		many[i] = (struct policy_source){"m.yaml", span_of(large, 1u << 20)};
	assert_int_equal(policy_load(many, 17, &set, &error), PARSE_E_LIMIT);
	assert_string_equal((const char *)error.text.p,
			    "m.yaml: all policy files together are larger than 16777216 bytes");
	assert_null(set);
	yaml_error_deinit(&error);
}

static const char oom_text[] = "- {name: a, scope: {agent: a}, when: {and: [{model: m}, {prompt: "
			       "'contains:x'}]}, then: block}\n"
			       "- {name: b, when: {tools: [x, y], not: {prompt: 'matches:a.c'}}, "
			       "then: warn, compliance: [r]}\n";

static void load_out_of_memory(void *ctx)
{
	struct policy_source source = {.name = "p.yaml", .text = SPAN_LIT("")};
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_set *set = NULL;
	int r;

	(void)ctx;
	source.text = span_str(oom_text);
	r = policy_load(&source, 1, &set, &error);
	/* A failed allocation ends in an error (the library that hashes calls it -EIO), never in
	 * half a set. */
	if (oom_hit())
		assert_true((r == -ENOMEM || r == -EIO) ? !set : r == PARSE_DONE && set);
	else
		assert_int_equal(r, PARSE_DONE);
	if (set)
		assert_int_equal(policy_set_count(set), 2);
	policy_set_unref(set);
	yaml_error_deinit(&error);
}

static void test_load_out_of_memory(void **state)
{
	(void)state;
	assert_true(oom_each(load_out_of_memory, NULL) > 20);
}

struct evaluation {
	struct policy_set *set;
	struct facts *facts;
};

static void evaluate_out_of_memory(void *ctx)
{
	struct evaluation *e = ctx;
	struct policy_eval *eval = policy_eval_new();
	struct verdict v, m;
	bool begun;

	if (!eval)
		return;
	begun = oom_hit();
	v = policy_evaluate(e->set, eval, e->facts, MODE_ENFORCE);
	if (oom_hit() && !begun) {
		assert_int_equal(v.action, VERDICT_BLOCK);
		assert_int_equal(v.reason, REASON_NO_MEMORY);
	}
	/* The next one has memory again, and is right. */
	m = policy_evaluate(e->set, eval, e->facts, MODE_MONITOR);
	assert_int_equal(m.action, VERDICT_ALLOW);
	assert_int_equal(m.would, VERDICT_BLOCK);
	policy_eval_free(eval);
}

static void explain_out_of_memory(void *ctx)
{
	struct evaluation *e = ctx;
	struct policy_eval *eval = policy_eval_new();
	struct buf out = BUF_INIT(1u << 20);
	int r;

	if (!eval)
		return;
	r = policy_explain(e->set, eval, e->facts, MODE_ENFORCE, &out);
	if (!oom_hit())
		assert_int_equal(r, 0);
	else
		assert_true(r == 0 || r == -ENOMEM);
	buf_deinit(&out);
	policy_eval_free(eval);
}

static void test_evaluate_out_of_memory(void **state)
{
	struct evaluation e = {.set = load(oom_text), .facts = facts_new()};

	(void)state;
	assert_int_equal(facts_set_text(e.facts, FACT_AGENT_ID, SPAN_LIT("a")), 0);
	assert_int_equal(facts_set_text(e.facts, FACT_MODEL, SPAN_LIT("m")), 0);
	assert_int_equal(facts_set_text(e.facts, FACT_PROMPT, SPAN_LIT("x")), 0);
	assert_true(oom_each(evaluate_out_of_memory, &e) >= 4);
	assert_true(oom_each(explain_out_of_memory, &e) >= 4);
	policy_set_unref(e.set);
	facts_free(e.facts);
}

static unsigned seed_state;

static unsigned pick(unsigned n)
{
	seed_state = seed_state * 1103515245u + 12345u;
	return (seed_state >> 16) % n;
}

static void put_random_condition(struct buf *b, unsigned depth)
{
	static const char *const leaf[] = {
		"{model: a}",
		"{model: [a, b]}",
		"{prompt: 'contains:x'}",
		"{field: prompt, not_contains: y}",
		"{field: user, exists: false}",
		"{field: max_tokens, greater_or_equal: 3}",
		"{stream: true}",
		"{field: tools, not_in: [t, u]}",
		"{prompt: 'matches:x.?y'}",
		"always",
		"{field: model, not_equals: b, contains: a}",
	};
	unsigned kind = depth ? pick(6) : 0;

	if (kind < 3) {
		buf_put_str(b, leaf[pick(sizeof(leaf) / sizeof(leaf[0]))]);
	} else if (kind == 3) {
		buf_put_str(b, "{not: ");
		put_random_condition(b, depth - 1);
		buf_put_str(b, "}");
	} else {
		buf_put_str(b, kind == 4 ? "{and: [" : "{or: [");
		put_random_condition(b, depth - 1);
		buf_put_str(b, ", ");
		put_random_condition(b, depth - 1);
		buf_put_str(b, "]}");
	}
}

static void put_random_policy(struct buf *b, unsigned number)
{
	static const char *const actions[] = {"allow", "warn", "redact", "hold", "block"};
	const char *action = actions[pick(5)];
	bool redact = strcmp(action, "redact") == 0;

	buf_printf(b, "- {name: p%u, then: %s, priority: %u, mode: %s, when: ", number, action,
		   pick(4), pick(4) ? "enforce" : "monitor");
	/* Who redacts has to look for something. */
	buf_put_str(b, redact ? "{or: [{prompt: q}, " : "");
	put_random_condition(b, 3);
	buf_put_str(b, redact ? "]}}\n" : "}\n");
}

static void set_random_facts(struct facts *facts)
{
	static const char *const text[] = {"a", "b", "A", "xy", "x y", "", "ax"};

	facts_reset(facts);
	for (int i = 0; i < 3; i++) {
		static const enum fact_id id[] = {FACT_MODEL, FACT_PROMPT, FACT_USER};

		if (pick(3))
			assert_int_equal(facts_set_text(facts, id[i], span_str(text[pick(7)])), 0);
	}
	if (pick(2))
		assert_int_equal(facts_set_number(facts, FACT_MAX_TOKENS, pick(6)), 0);
	if (pick(2))
		assert_int_equal(facts_set_bool(facts, FACT_STREAM, pick(2)), 0);
	for (unsigned n = pick(3); n; n--)
		assert_int_equal(facts_add(facts, FACT_TOOLS, span_str(pick(2) ? "t" : "z")), 0);
}

/* More rules never mean less, whatever they are; and the same facts give the same verdict again. */
static void test_more_rules_never_allow_more(void **state)
{
	struct facts *facts = facts_new();
	struct policy_eval *few = policy_eval_new(), *more = policy_eval_new();
	struct buf text = BUF_INIT(1u << 16);
	unsigned above_allow = 0;

	(void)state;
	for (seed_state = 1; seed_state < 400; seed_state++) {
		unsigned saved = seed_state, n = 1 + pick(5);
		struct policy_set *a, *b;

		buf_clear(&text);
		for (unsigned i = 0; i < n; i++)
			put_random_policy(&text, i);
		a = load(buf_str(&text));
		put_random_policy(&text, n);
		b = load(buf_str(&text));
		for (int i = 0; i < 20; i++) {
			struct verdict va, vb, again;

			set_random_facts(facts);
			va = policy_evaluate(a, few, facts, MODE_ENFORCE);
			vb = policy_evaluate(b, more, facts, MODE_ENFORCE);
			again = policy_evaluate(b, more, facts, MODE_ENFORCE);
			assert_true(vb.action >= va.action && vb.would >= va.would);
			assert_true(va.would >= va.action);
			assert_true(again.action == vb.action && span_eq(again.policy, vb.policy));
			above_allow += vb.action > VERDICT_ALLOW;
			va = policy_evaluate(b, more, facts, MODE_MONITOR);
			assert_true(va.action == VERDICT_ALLOW && va.would == vb.would);
		}
		policy_set_unref(a);
		policy_set_unref(b);
		seed_state = saved;
	}
	assert_true(above_allow > 1000);
	buf_deinit(&text);
	policy_eval_free(few);
	policy_eval_free(more);
	facts_free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_eval_moves_between_sets),
		cmocka_unit_test(test_bytes_that_are_no_utf8),
		cmocka_unit_test(test_sources_are_one_set),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_load_out_of_memory),
		cmocka_unit_test(test_evaluate_out_of_memory),
		cmocka_unit_test(test_more_rules_never_allow_more),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
