/* SPDX-License-Identifier: MIT */
/* Facts, verdict words, and facts read from JSON. */
#include "model/facts.h"
#include "model/facts_json.h"
#include "model/verdict.h"

#include "aicp/limits.h"
#include "base/utf8.h"
#include "support/oom.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct fact_value text_value(const char *text)
{
	return (struct fact_value){.kind = FACT_TEXT, .text = span_str(text)};
}

static void check_put(const struct fact_value *value, size_t max, const char *expected)
{
	struct buf out = BUF_INIT(1000);

	buf_put_str(&out, "0123456789");
	assert_int_equal(fact_value_put(value, max, &out), 0);
	assert_string_equal(buf_str(&out) + 10, expected);
	buf_deinit(&out);
}

static void test_names(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < _FACT_COUNT; i++) {
		const struct fact_info *info = fact_info((enum fact_id)i);

		assert_int_equal(fact_find(span_str(info->name)), i);
		assert_true(info->kind != FACT_ABSENT && *info->text);
		assert_string_not_equal(fact_kind_name(info->kind), "?");
		assert_string_not_equal(fact_trust_name(info->trust), "?");
	}
	assert_int_equal(fact_find(SPAN_LIT("output")), FACT_RESPONSE);
	assert_int_equal(fact_find(SPAN_LIT("agent_id")), FACT_AGENT_ID);
	assert_int_equal(fact_find(SPAN_LIT("environment")), FACT_AGENT_ENVIRONMENT);
	assert_int_equal(fact_find(SPAN_LIT("input")), FACT_PROMPT);
	assert_int_equal(fact_find(SPAN_LIT("Prompt")), _FACT_COUNT);
	assert_int_equal(fact_find(SPAN_NULL), _FACT_COUNT);
	snprintf(name, sizeof(name), "%s %s %s %s %s", fact_kind_name(FACT_ABSENT),
		 fact_kind_name(FACT_BOOL), fact_kind_name(FACT_NUMBER), fact_kind_name(FACT_TEXT),
		 fact_kind_name(FACT_LIST));
	assert_string_equal(name, "absent bool number text list");
}

static void test_open_names(void **state)
{
	static const char *const open[] = {"context.a", "metadata.x_1", "agent.tier",
					   "context.a.b"};
	static const char *const closed[] = {
		"",	     "context",	     "context.",    "context.a.", "context.A",
		"Context.a", "contextual.a", "context.a b", "a.context.", "context.ä"};
	char longest[130] = "context.";

	(void)state;
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		assert_true(fact_open(span_str(open[i])));
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
		assert_false(fact_open(span_str(closed[i])));
	memset(longest + 8, 'a', 120);
	assert_true(fact_open(span_str(longest)));
	longest[128] = 'a';
	assert_false(fact_open(span_str(longest)));
}

static void test_set_and_reset(void **state)
{
	struct facts *f = facts_new();
	struct span sent = SPAN_LIT("gone soon");
	char *own = strdup("copied");

	(void)state;
	assert_int_equal(facts_get(f, FACT_MODEL)->kind, FACT_ABSENT);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(facts_set_text(f, FACT_MODEL, span_str(own)), 0);
		assert_int_equal(facts_set_text(f, FACT_SYSTEM, SPAN_NULL), 0);
		assert_int_equal(facts_set_number(f, FACT_MAX_TOKENS, -1.5), 0);
		assert_int_equal(facts_set_bool(f, FACT_STREAM, true), 0);
		for (int i = 0; i < 5; i++)
			assert_int_equal(facts_add(f, FACT_TOOLS, sent), 0);
		assert_true(span_eq_str(facts_get(f, FACT_MODEL)->text, "copied"));
		assert_ptr_not_equal(facts_get(f, FACT_MODEL)->text.p, own);
		assert_int_equal(facts_get(f, FACT_SYSTEM)->kind, FACT_TEXT);
		assert_int_equal(facts_get(f, FACT_SYSTEM)->text.n, 0);
		assert_true(facts_get(f, FACT_MAX_TOKENS)->number == -1.5);
		assert_true(facts_get(f, FACT_STREAM)->boolean);
		assert_int_equal(facts_get(f, FACT_TOOLS)->list_n, 5);
		assert_true(span_eq(facts_get(f, FACT_TOOLS)->list[4], sent));
		facts_reset(f);
		for (int i = 0; i < _FACT_COUNT; i++)
			assert_int_equal(facts_get(f, (enum fact_id)i)->kind, FACT_ABSENT);
	}
	assert_int_equal(facts_set_number(f, FACT_MAX_TOKENS, NAN), -E2BIG);
	assert_int_equal(facts_set_number(f, FACT_MAX_TOKENS, INFINITY), -E2BIG);
	assert_int_equal(facts_get(f, FACT_MAX_TOKENS)->kind, FACT_ABSENT);
	facts_free(f);
	facts_free(NULL);
	free(own);
}

static void test_limits(void **state)
{
	struct facts *f = facts_new();
	uint8_t *large = calloc(1, AICP_FACT_TEXT_BYTES_MAX + 1);
	struct fact_value value = text_value("x");
	char name[32];

	(void)state;
	assert_int_equal(facts_set_text(f, FACT_PROMPT, span_of(large, AICP_FACT_TEXT_BYTES_MAX)),
			 0);
	assert_int_equal(
		facts_set_text(f, FACT_SYSTEM, span_of(large, AICP_FACT_TEXT_BYTES_MAX + 1)),
		-E2BIG);
	assert_int_equal(facts_get(f, FACT_SYSTEM)->kind, FACT_ABSENT);
	for (unsigned i = 0; i < AICP_FACT_LIST_MAX; i++)
		assert_int_equal(facts_add(f, FACT_TOOLS, SPAN_LIT("t")), 0);
	assert_int_equal(facts_add(f, FACT_TOOLS, SPAN_LIT("t")), -E2BIG);
	assert_int_equal(facts_get(f, FACT_TOOLS)->list_n, AICP_FACT_LIST_MAX);
	for (int i = 0; i < 257; i++) {
		snprintf(name, sizeof(name), "context.n%d", i);
		assert_int_equal(facts_set_open(f, span_str(name), &value), i < 256 ? 0 : -E2BIG);
	}
	facts_free(f);
	free(large);
}

/* Texts are UTF-8 whatever came in. */
static void test_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"plain", "plain"},
		{"ä€\xf0\x9f\x98\x80", "ä€\xf0\x9f\x98\x80"},
		{"\xff", "\xef\xbf\xbd"},
		{"a\xc3", "a\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},
		{"12345678\xfe"
		 "12345678ä",
		 "12345678\xef\xbf\xbd"
		 "12345678ä"},
		{"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
	};
	struct facts *f = facts_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(facts_set_text(f, FACT_PROMPT, span_str(cases[i].in)), 0);
		assert_true(span_eq_str(facts_get(f, FACT_PROMPT)->text, cases[i].out));
		assert_true(utf8_valid(facts_get(f, FACT_PROMPT)->text));
		assert_int_equal(facts_add(f, FACT_TOOLS, span_str(cases[i].in)), 0);
		assert_true(span_eq_str(facts_get(f, FACT_TOOLS)->list[i], cases[i].out));
	}
	facts_free(f);
}

/* Eight bytes at a time or one: the same answer at every place of a bad byte. */
static void test_utf8_valid_everywhere(void **state)
{
	uint8_t text[40];

	(void)state;
	for (size_t n = 0; n <= sizeof(text); n++)
		for (size_t at = 0; at < n; at++) {
			memset(text, 'a', sizeof(text));
			assert_true(utf8_valid(span_of(text, n)));
			text[at] = 0x80;
			assert_false(utf8_valid(span_of(text, n)));
			text[at] = 0xc3;
			assert_false(utf8_valid(span_of(text, n)));
			if (at + 1 < n) {
				text[at + 1] = 0xa4;
				assert_true(utf8_valid(span_of(text, n)));
			}
		}
}

static void test_set_by_name(void **state)
{
	struct facts *f = facts_new();
	struct span items[2] = {SPAN_LIT("a"), SPAN_LIT("b")};
	struct fact_value list = {.kind = FACT_LIST, .list = items, .list_n = 2};
	struct fact_value number = {.kind = FACT_NUMBER, .number = 7};
	struct fact_value nan = {.kind = FACT_NUMBER, .number = NAN};
	struct fact_value absent = {.kind = FACT_ABSENT}, v;

	(void)state;
	assert_int_equal(facts_set_open(f, SPAN_LIT("context.l"), &list), 0);
	assert_int_equal(facts_get_open(f, SPAN_LIT("context.l"))->list_n, 2);
	/* what is copied may be the fact itself */
	assert_int_equal(
		facts_set_open(f, SPAN_LIT("context.l"), facts_get_open(f, SPAN_LIT("context.l"))),
		0);
	assert_true(span_eq_str(facts_get_open(f, SPAN_LIT("context.l"))->list[1], "b"));
	assert_int_equal(facts_set_open(f, SPAN_LIT("context.l"), &number), 0);
	assert_true(facts_get_open(f, SPAN_LIT("context.l"))->number == 7);
	assert_int_equal(facts_get_open(f, SPAN_LIT("context.m"))->kind, FACT_ABSENT);
	assert_int_equal(facts_set_open(f, SPAN_LIT("context.n"), &nan), -E2BIG);
	assert_int_equal(facts_set_open(f, SPAN_LIT("nonsense"), &number), -EINVAL);
	assert_int_equal(facts_set_open(f, SPAN_LIT("context.l"), &absent), 0);
	assert_int_equal(facts_get_open(f, SPAN_LIT("context.l"))->kind, FACT_ABSENT);

	/* of the table: texts become what the fact is */
	v = text_value("12.5");
	assert_int_equal(facts_set_open(f, SPAN_LIT("max_tokens"), &v), 0);
	assert_true(facts_get(f, FACT_MAX_TOKENS)->number == 12.5);
	v = text_value("true");
	assert_int_equal(facts_set_open(f, SPAN_LIT("stream"), &v), 0);
	assert_true(facts_get(f, FACT_STREAM)->boolean);
	v = text_value("shell");
	assert_int_equal(facts_set_open(f, SPAN_LIT("tools"), &v), 0);
	assert_true(span_eq_str(facts_get(f, FACT_TOOLS)->list[0], "shell"));
	assert_int_equal(facts_set_open(f, SPAN_LIT("tools"), &list), 0);
	assert_int_equal(facts_get(f, FACT_TOOLS)->list_n, 2);
	for (size_t i = 0; i < 8; i++) {
		static const char *const no[] = {"",	"x",	"1x", "inf",
						 "nan", "0x10", " 1", "1e999"};

		v = text_value(no[i]);
		assert_int_equal(facts_set_open(f, SPAN_LIT("max_tokens"), &v), -EINVAL);
		assert_true(facts_get(f, FACT_MAX_TOKENS)->number == 12.5);
	}
	v = text_value("yes");
	assert_int_equal(facts_set_open(f, SPAN_LIT("stream"), &v), -EINVAL);
	assert_int_equal(facts_set_open(f, SPAN_LIT("model"), &number), -EINVAL);
	assert_int_equal(facts_set_open(f, SPAN_LIT("model"), &list), -EINVAL);
	facts_reset(f);
	assert_int_equal(facts_get_open(f, SPAN_LIT("context.l"))->kind, FACT_ABSENT);
	facts_free(f);
}

static void test_put(void **state)
{
	struct span items[] = {SPAN_LIT("one"), SPAN_LIT("two"), SPAN_LIT("three")};
	struct fact_value list = {.kind = FACT_LIST, .list = items, .list_n = 3};
	struct fact_value value = {.kind = FACT_ABSENT};

	(void)state;
	check_put(&value, 10, "absent");
	value = (struct fact_value){.kind = FACT_BOOL, .boolean = true};
	check_put(&value, 10, "true");
	value.boolean = false;
	check_put(&value, 10, "false");
	value = (struct fact_value){.kind = FACT_NUMBER, .number = 0.1};
	check_put(&value, 10, "0.1");
	value.number = 1e6;
	check_put(&value, 10, "1000000");
	value = text_value("0123456789");
	check_put(&value, 10, "0123456789");
	check_put(&value, 9, "012345678…");
	value = text_value("aäb");
	check_put(&value, 2, "a…");
	check_put(&value, 0, "…");
	check_put(&list, 80, "[one, two, three]");
	check_put(&list, 6, "[one, two, …]");
	list.list_n = 0;
	check_put(&list, 6, "[]");
}

static int read_json(struct facts *f, const char *text, struct buf *error)
{
	struct json_scan *scan = json_scan_new(1000);
	int r;

	buf_clear(error);
	r = facts_json_read(f, scan, span_str(text), error);
	json_scan_free(scan);
	return r;
}

static void test_json(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{"[]", "facts must be a JSON object of names and values"},
		{"{", "not well-formed JSON: "},
		{"{\"promt\":\"x\"}",
		 "promt: is no fact; see docs/FACTS.md, or declare it below context. or metadata."},
		{"{\"prompt\":7}", "prompt: is of another kind (see docs/FACTS.md)"},
		{"{\"model\":[\"x\"]}", "model: is not a fact that holds a list"},
		{"{\"tools\":[1]}", "tools: a list holds strings only"},
		{"{\"context\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}}", "is nested too deep"},
		{"{\"max_tokens\":1e999}", "max_tokens: is a number that cannot be kept exactly"},
	};
	struct facts *f = facts_new();
	struct buf error = BUF_INIT(1000);

	(void)state;
	assert_int_equal(
		read_json(f,
			  "{\"prompt\":\"a\\n\\u00e4\",\"stream\":false,\"max_tokens\":5,\"tools\":"
			  "[\"x\","
			  "\"y\"],\"context\":{\"cost\":2.5,\"a\":{\"b\":true}},\"user\":null}",
			  &error),
		PARSE_DONE);
	assert_true(span_eq_str(facts_get(f, FACT_PROMPT)->text, "a\nä"));
	assert_true(facts_get(f, FACT_STREAM)->kind == FACT_BOOL &&
		    !facts_get(f, FACT_STREAM)->boolean);
	assert_true(facts_get(f, FACT_MAX_TOKENS)->number == 5);
	assert_int_equal(facts_get(f, FACT_TOOLS)->list_n, 2);
	assert_true(facts_get_open(f, SPAN_LIT("context.cost"))->number == 2.5);
	assert_true(facts_get_open(f, SPAN_LIT("context.a.b"))->boolean);
	assert_int_equal(facts_get(f, FACT_USER)->kind, FACT_ABSENT);
	assert_int_equal(facts_json_complete(f), 0);
	assert_true(facts_get(f, FACT_PROMPT_CHARS)->number == 3);
	assert_true(span_eq_str(facts_get(f, FACT_PROMPT_LAST)->text, "a\nä"));
	assert_true(span_eq_str(facts_get(f, FACT_TEXT_ALL)->text, "a\nä"));
	assert_true(span_eq_str(facts_get(f, FACT_PARSE)->text, "ok"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_json(f, bad[i].text, &error), PARSE_E_BAD);
		if (!strstr(buf_str(&error), bad[i].error))
			fail_msg("%s", buf_str(&error));
	}
	facts_free(f);
	buf_deinit(&error);
}

static void set_out_of_memory(void *ctx)
{
	struct facts *f = facts_new();
	struct span items[2] = {SPAN_LIT("a"), SPAN_LIT("b")};
	struct fact_value list = {.kind = FACT_LIST, .list = items, .list_n = 2};
	int r;

	(void)ctx;
	if (!f)
		return;
	r = facts_set_text(f, FACT_MODEL, SPAN_LIT("m"));
	for (int i = 0; i < 3 && !r; i++)
		r = facts_add(f, FACT_TOOLS, SPAN_LIT("t"));
	if (!r)
		r = facts_set_open(f, SPAN_LIT("context.a"), &list);
	if (!r)
		r = facts_set_open(f, SPAN_LIT("context.a"), &list);
	assert_int_equal(r, oom_hit() ? -ENOMEM : 0);
	facts_free(f);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	assert_true(oom_each(set_out_of_memory, NULL) >= 6);
}

static void test_verdict_words(void **state)
{
	static const struct {
		const char *word;
		enum verdict_action action;
	} words[] = {
		{"allow", VERDICT_ALLOW},
		{"warn", VERDICT_WARN},
		{"redact", VERDICT_REDACT},
		{"hold", VERDICT_HOLD},
		{"block", VERDICT_BLOCK},
		{"deny", VERDICT_BLOCK},
		{"escalate", VERDICT_HOLD},
		{"review", VERDICT_HOLD},
		{"require_approval", VERDICT_HOLD},
		{"log_only", VERDICT_ALLOW},
		{"log", VERDICT_ALLOW},
		{"audit", VERDICT_ALLOW},
	};
	enum verdict_action action = _VERDICT_COUNT;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_true(verdict_action_find(span_str(words[i].word), &action));
		assert_int_equal(action, words[i].action);
	}
	for (int i = 0; i < _VERDICT_COUNT; i++) {
		assert_true(verdict_action_find(
			span_str(verdict_action_name((enum verdict_action)i)), &action));
		assert_int_equal(action, i);
	}
	assert_false(verdict_action_find(SPAN_LIT("Block"), &action));
	assert_false(verdict_action_find(SPAN_NULL, &action));
	for (int i = 0; i < _REASON_COUNT; i++)
		assert_true(*reason_code((enum reason)i) && *reason_text((enum reason)i));
	assert_string_equal(mode_name(MODE_ENFORCE), "enforce");
	assert_string_equal(mode_name(MODE_MONITOR), "monitor");
	assert_int_equal(VERDICT_DENY_DEFAULT.action, VERDICT_BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_open_names),
		cmocka_unit_test(test_set_and_reset), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_utf8),	      cmocka_unit_test(test_utf8_valid_everywhere),
		cmocka_unit_test(test_set_by_name),   cmocka_unit_test(test_put),
		cmocka_unit_test(test_json),	      cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_verdict_words),
	};

	return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
