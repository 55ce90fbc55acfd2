/* SPDX-License-Identifier: MIT */
/* docs/POLICY.md says what the code does: its examples load, its table of operators is true, and it
 * names all there is. */
#include "policy/operator.h"
#include "policy/policy.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	uint8_t part[4096];
	size_t n;

	if (!f)
		fail_msg("%s is not there; run from the root of the tree", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_put(out, span_of(part, n));
	fclose(f);
	return buf_str(out);
}

static void check_loads(const char *name, struct span text, size_t policies_min)
{
	struct policy_source source = {.name = name, .text = text};
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_set *set = NULL;

	if (policy_load(&source, 1, &set, &error) != PARSE_DONE)
		fail_msg("%s\n%.*s", (const char *)error.text.p, SPAN_ARG(text));
	assert_true(policy_set_count(set) >= policies_min);
	policy_set_unref(set);
	yaml_error_deinit(&error);
}

static void test_yaml_blocks(void **state)
{
	struct buf text = BUF_INIT(1u << 20);
	const char *p = read_file("docs/POLICY.md", &text);
	int blocks = 0;

	(void)state;
	while ((p = strstr(p, "```yaml\n")) != NULL) {
		const char *begin = p + 8, *end = strstr(begin, "```");

		assert_non_null(end);
		check_loads("POLICY.md", span_of(begin, (size_t)(end - begin)), 1);
		p = end + 3;
		blocks++;
	}
	assert_true(blocks >= 5);
	buf_deinit(&text);
}

static void test_examples(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("docs/examples/*.yaml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 3);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct buf text = BUF_INIT(1u << 20);

		read_file(found.gl_pathv[i], &text);
		check_loads(found.gl_pathv[i], buf_span(&text), 3);
		buf_deinit(&text);
	}
	globfree(&found);
}

/* The next `…` of a line, without its marks. */
static struct span next_code(const char **line)
{
	const char *begin = strchr(*line, '`'), *end;

	assert_non_null(begin);
	end = strchr(begin + 1, '`');
	assert_non_null(end);
	*line = end + 1;
	return span_of(begin + 1, (size_t)(end - begin - 1));
}

/* A cell: "FACT `value` for `operand`" */
static void play_cell(const char **line, struct span op, enum verdict_action expected)
{
	const char *cell = strchr(*line, '|') + 2;
	struct span fact = span_of(cell, strcspn(cell, " ")), value, operand;
	struct fact_value v = {.kind = FACT_TEXT};
	struct policy_eval *eval = policy_eval_new();
	struct policy_source source = {.name = "row"};
	struct yaml_error error = YAML_ERROR_INIT;
	struct facts *facts = facts_new();
	struct buf text = BUF_INIT(4096);
	struct policy_set *set = NULL;

	*line = cell;
	value = next_code(line);
	operand = next_code(line);
	buf_printf(&text, "name: row\nwhen:\n  field: %.*s\n  %.*s: %.*s\nthen: block\n",
		   SPAN_ARG(fact), SPAN_ARG(op), SPAN_ARG(operand));
	source.text = buf_span(&text);
	if (policy_load(&source, 1, &set, &error) != PARSE_DONE)
		fail_msg("%s\n%s", (const char *)error.text.p, buf_str(&text));
	v.text = value;
	assert_int_equal(facts_set_open(facts, fact, &v), 0);
	if (policy_evaluate(set, eval, facts, MODE_ENFORCE).action != expected)
		fail_msg("not %s: %s", verdict_action_name(expected), buf_str(&text));
	/* and over a missing fact, nothing but exists matches */
	facts_reset(facts);
	if (!span_eq_str(op, "exists"))
		assert_int_equal(policy_evaluate(set, eval, facts, MODE_ENFORCE).action,
				 VERDICT_ALLOW);
	policy_set_unref(set);
	policy_eval_free(eval);
	facts_free(facts);
	buf_deinit(&text);
	yaml_error_deinit(&error);
}

static void test_operator_table(void **state)
{
	struct buf text = BUF_INIT(1u << 20), row = BUF_INIT(256);
	const char *doc = read_file("docs/POLICY.md", &text);

	(void)state;
	for (int i = 0; i < _OPERATOR_COUNT; i++) {
		const char *name = operator_info((enum operator)i)->name, *line;

		buf_clear(&row);
		buf_printf(&row, "\n| `%s` | ", name);
		line = strstr(doc, buf_str(&row));
		if (!line)
			fail_msg("docs/POLICY.md has no row for %s", name);
		line += row.n;
		play_cell(&line, span_str(name), VERDICT_BLOCK);
		play_cell(&line, span_str(name), VERDICT_ALLOW);
	}
	buf_deinit(&row);
	buf_deinit(&text);
}

/* Every key and every action has its `word` in the document. */
static void test_keys_are_named(void **state)
{
	static const char *const words[] = {
#define X(id, name) name,
#include "policy/key.def"
#undef X
		"allow",    "warn",   "redact",		  "hold",
		"block",    "log",    "log_only",	  "audit",
		"escalate", "review", "require_approval", "deny",
	};
	struct buf text = BUF_INIT(1u << 20), word = BUF_INIT(256);
	const char *doc = read_file("docs/POLICY.md", &text);

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		buf_clear(&word);
		buf_printf(&word, "`%s`", words[i]);
		if (!strstr(doc, buf_str(&word)))
			fail_msg("docs/POLICY.md does not name %s", words[i]);
	}
	buf_deinit(&word);
	buf_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_blocks),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_operator_table),
		cmocka_unit_test(test_keys_are_named),
	};

	return cmocka_run_group_tests_name("docs", tests, NULL, NULL);
}
