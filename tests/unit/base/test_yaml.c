/* SPDX-License-Identifier: MIT */
/* Strict YAML: the tree, the lines, and each thing that is refused with its line. */
#include "base/yaml.h"
#include "aicp/limits.h"
#include "support/guard.h"
#include "support/oom.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct yaml *parsed(const char *text)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct yaml *yaml = NULL;
	int r = yaml_parse(span_str(text), "t.yaml", &yaml, &error);

	if (r != PARSE_DONE)
		fail_msg("%s\n%d: %s", text, r, error.text.n ? buf_str(&error.text) : "no message");
	assert_int_equal(error.text.n, 0);
	yaml_error_deinit(&error);
	return yaml;
}

static void refused(struct span text, int outcome, const char *message)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct yaml *untouched = (struct yaml *)&error, *yaml = untouched;
	struct guard g;
	int r;

	guard_init(&g, text.n);
	r = yaml_parse(guard_copy(&g, text), "t.yaml", &yaml, &error);
	if (r != outcome || !error.text.n || !strstr(buf_str(&error.text), message))
		fail_msg("%.*s\n%d: %s\nnot %d: %s", (int)(text.n < 200 ? text.n : 200),
			 (const char *)text.p, r,
			 error.text.n ? buf_str(&error.text) : "no message", outcome, message);
	assert_ptr_equal(yaml, untouched);
	yaml_error_deinit(&error);
	guard_deinit(&g);
}

static void bad(const char *text, const char *message)
{
	refused(span_str(text), PARSE_E_BAD, message);
}

static void test_tree(void **state)
{
	struct yaml *yaml = parsed("# comment\n"
				   "policy: one\n"
				   "when:\n"
				   "  - field: \"x\"\n"
				   "    equals: 'a b'\n"
				   "  - {a: [1, 2], b: {}}\n"
				   "text: |\n"
				   "  two\n"
				   "  lines\n"
				   "empty:\n");
	const struct yaml_node *root = yaml_root(yaml), *when = yaml_get(root, "when"), *n;

	(void)state;
	assert_int_equal(root->kind, YAML_MAPPING);
	assert_int_equal(root->line, 2);
	assert_null(root->next);
	n = yaml_get(root, "policy");
	assert_true(span_eq_str(n->text, "one"));
	assert_true(span_eq_str(n->key->text, "policy"));
	assert_false(n->quoted);
	assert_int_equal(when->kind, YAML_SEQUENCE);
	assert_int_equal(when->child->line, 4);
	n = yaml_get(when->child, "equals");
	assert_true(span_eq_str(n->text, "a b"));
	assert_int_equal(n->text.p[n->text.n], 0);
	assert_true(n->quoted);
	assert_int_equal(n->line, 5);
	n = when->child->next;
	assert_null(n->next);
	assert_true(span_eq_str(yaml_get(n, "a")->child->next->text, "2"));
	assert_int_equal(yaml_get(n, "b")->kind, YAML_MAPPING);
	assert_null(yaml_get(n, "b")->child);
	assert_true(span_eq_str(yaml_get(root, "text")->text, "two\nlines\n"));
	assert_true(yaml_is_null(yaml_get(root, "empty")));
	assert_null(yaml_get(root, "none"));
	assert_null(yaml_get(when, "policy"));
	assert_null(yaml_get(NULL, "policy"));
	yaml_release(yaml);
	yaml_release(NULL);
}

static void test_documents(void **state)
{
	static const struct {
		const char *text;
		unsigned documents;
	} cases[] = {
		{"", 0},
		{"# nothing\n", 0},
		{"---\n", 0},
		{"---\n# nothing\n---\n# nothing\n", 0},
		{"a: 1", 1},
		{"---\na: 1\n---\nb: 2\n...\n", 2},
		{"---\n# nothing\n---\na: 1\n---\n\n---\nb: 1\n", 2},
		{"- 1\n- 2\n", 1},
		{"\xef\xbb\xbf"
		 "a: 1\n",
		 1},
		{"a: 1\r\nb: 2\r\n", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct yaml *yaml = parsed(cases[i].text);
		unsigned n = 0;

		for (const struct yaml_node *d = yaml_root(yaml); d; d = d->next)
			n++;
		assert_int_equal(n, cases[i].documents);
		yaml_release(yaml);
	}
}

static void test_refuses(void **state)
{
	(void)state;
	bad("a: &x 1\nb: *x\n", "t.yaml:1: anchors");
	bad("a: 1\nb: *x\n", "t.yaml:2: aliases");
	bad("a: &x [1]\n", "t.yaml:1: anchors");
	bad("&x a: 1\n", "t.yaml:1: anchors");
	bad("a: !!str 1\n", "t.yaml:1: anchors and tags");
	bad("a: ! 1\n", "t.yaml:1: anchors and tags");
	bad("a: !!map {}\n", "t.yaml:1: anchors and tags");
	bad("a: 1\n<<: {b: 1}\n", "t.yaml:2: merge keys");
	bad("a: 1\nb: 2\na: 3\n",
	    "t.yaml:3: key `a` stands twice in one mapping (first in line 1)");
	bad("a: 1\n\"a\": 3\n", "t.yaml:2: key `a` stands twice");
	bad("{a: 1, b: {c: 1, c: 1}}\n", "key `c` stands twice");
	bad("? [1]\n: 2\n", "t.yaml:1: a key must be plain text");
	bad("? {a: 1}\n: 2\n", "t.yaml:1: a key must be plain text");
	bad("a: [1\n", "t.yaml:2: not well-formed YAML");
	bad("a: 1\n b: 2\n", "t.yaml:2: not well-formed YAML");
	bad("a: 'x\n", "not well-formed YAML");
	bad("a:\tb: c\n", "not well-formed YAML");
	bad("%FOO\n", "not well-formed YAML");
	bad("a: \"\\0\"\n", "t.yaml:1: a NUL byte in a value");
	bad("a: \xff\n", "not well-formed YAML");
	bad("a: \xc0\x80\n", "not well-formed YAML");
	bad("a: \xed\xa0\x80\n", "not well-formed YAML");
	bad("a: \x01\n", "not well-formed YAML");
	bad("a: @x\n", "not well-formed YAML");
	refused(SPAN_LIT("a: \0\n"), PARSE_E_BAD, "not well-formed YAML");
	/* UTF-16, which libyaml would guess by its BOM. */
	refused(SPAN_LIT("\xff\xfe"
			 "a\0:\0 \0"
			 "1\0\n\0"),
		PARSE_E_BAD, "not well-formed YAML");
}

static void test_limits(void **state)
{
	struct buf b = BUF_INIT(AICP_YAML_BYTES_MAX + 1);
	struct yaml_error error = YAML_ERROR_INIT;
	struct yaml *yaml;

	(void)state;
	/* Bytes. */
	buf_put_str(&b, "a: ");
	while (b.n < AICP_YAML_BYTES_MAX)
		buf_put_byte(&b, 'x');
	assert_int_equal(yaml_parse(buf_span(&b), "t.yaml", &yaml, &error), PARSE_DONE);
	yaml_release(yaml);
	buf_put_byte(&b, 'x');
	refused(buf_span(&b), PARSE_E_LIMIT, "t.yaml: larger than");
	/* Depth. */
	buf_clear(&b);
	for (unsigned i = 0; i < AICP_YAML_DEPTH_MAX; i++)
		buf_put_byte(&b, '[');
	for (unsigned i = 0; i < AICP_YAML_DEPTH_MAX; i++)
		buf_put_byte(&b, ']');
	assert_int_equal(yaml_parse(buf_span(&b), "t.yaml", &yaml, &error), PARSE_DONE);
	yaml_release(yaml);
	buf_clear(&b);
	for (unsigned i = 0; i < 1000; i++)
		buf_put_str(&b, i % 2 ? "[" : "{a: ");
	refused(buf_span(&b), PARSE_E_LIMIT, "t.yaml:1: nested deeper than");
	/* Values. */
	buf_clear(&b);
	buf_put_byte(&b, '[');
	for (unsigned i = 0; i < AICP_YAML_NODES_MAX; i++)
		buf_put_str(&b, "1,\n");
	buf_put_byte(&b, ']');
	refused(buf_span(&b), PARSE_E_LIMIT, "values in one file");
	/* Keys. */
	buf_clear(&b);
	for (unsigned i = 0; i < AICP_YAML_KEYS_MAX; i++)
		buf_printf(&b, "k%u: 1\n", i);
	assert_int_equal(yaml_parse(buf_span(&b), "t.yaml", &yaml, &error), PARSE_DONE);
	yaml_release(yaml);
	buf_put_str(&b, "more: 1\n");
	refused(buf_span(&b), PARSE_E_LIMIT, "t.yaml:1025: more than 1024 keys");
	assert_int_equal(error.text.n, 0);
	yaml_error_deinit(&error);
	buf_deinit(&b);
}

static const struct yaml_node *scalar(struct yaml *yaml)
{
	return yaml_get(yaml_root(yaml), "v");
}

static void test_scalars(void **state)
{
	static const struct {
		const char *text;
		int boolean; /* -1: none */
		bool is_int;
		int64_t i;
		bool is_number;
		double number;
		bool null;
	} cases[] = {
		{"v: true", 1, false, 0, false, 0, false},
		{"v: false", 0, false, 0, false, 0, false},
		{"v: 'true'", -1, false, 0, false, 0, false},
		{"v: yes", -1, false, 0, false, 0, false},
		{"v: no", -1, false, 0, false, 0, false},
		{"v: True", -1, false, 0, false, 0, false},
		{"v: 0", -1, true, 0, true, 0, false},
		{"v: -12", -1, true, -12, true, -12, false},
		{"v: 999999999999999999", -1, true, 999999999999999999, true, 1e18, false},
		{"v: 9999999999999999999", -1, false, 0, true, 1e19, false},
		{"v: 010", -1, false, 0, true, 10, false},
		{"v: 0x10", -1, false, 0, false, 0, false},
		{"v: 1_000", -1, false, 0, false, 0, false},
		{"v: +1", -1, false, 0, true, 1, false},
		{"v: 1.5", -1, false, 0, true, 1.5, false},
		{"v: 1e3", -1, false, 0, true, 1000, false},
		{"v: 1e999", -1, false, 0, false, 0, false},
		{"v: .inf", -1, false, 0, false, 0, false},
		{"v: nan", -1, false, 0, false, 0, false},
		{"v: 1 2", -1, false, 0, false, 0, false},
		{"v: '1'", -1, false, 0, false, 0, false},
		{"v: '-'", -1, false, 0, false, 0, false},
		{"v: -e", -1, false, 0, false, 0, false},
		{"v: ~", -1, false, 0, false, 0, true},
		{"v: null", -1, false, 0, false, 0, true},
		{"v:", -1, false, 0, false, 0, true},
		{"v: ''", -1, false, 0, false, 0, false},
		{"v: 'null'", -1, false, 0, false, 0, false},
		{"v: []", -1, false, 0, false, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct yaml *yaml = parsed(cases[i].text);
		bool boolean = false;
		int64_t integer = 0;
		double number = 0;

		if (yaml_bool(scalar(yaml), &boolean) != (cases[i].boolean >= 0) ||
		    boolean != (cases[i].boolean > 0) ||
		    yaml_int(scalar(yaml), &integer) != cases[i].is_int || integer != cases[i].i ||
		    yaml_number(scalar(yaml), &number) != cases[i].is_number ||
		    number != cases[i].number || yaml_is_null(scalar(yaml)) != cases[i].null)
			fail_msg("%s: bool %d int %lld number %g", cases[i].text, boolean,
				 (long long)integer, number);
		yaml_release(yaml);
	}
}

static void test_messages(void **state)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf b = BUF_INIT(AICP_YAML_BYTES_MAX);

	(void)state;
	assert_int_equal(yaml_error_set(&error, "f", 3, "x %d", 1), PARSE_E_BAD);
	assert_int_equal(yaml_error_set(&error, "f", 4, "later"), PARSE_E_BAD);
	assert_string_equal(buf_str(&error.text), "f:3: x 1");
	yaml_error_deinit(&error);
	error = YAML_ERROR_INIT;
	yaml_error_set(&error, "f", 0, "whole");
	assert_string_equal(buf_str(&error.text), "f: whole");
	yaml_error_deinit(&error);
	/* A key of 100 KB is cut, not lost with the message. */
	for (int twice = 0; twice < 2; twice++) {
		buf_put_str(&b, "? ");
		for (unsigned i = 0; i < 100000; i++)
			buf_put_byte(&b, 'k');
		buf_put_str(&b, "\n: 1\n");
	}
	refused(buf_span(&b), PARSE_E_BAD, "t.yaml:3: key `kkkk");
	refused(buf_span(&b), PARSE_E_BAD, "k` stands twice in one mapping (first in line 1)");
	buf_deinit(&b);
}

static void parse_out_of_memory(void *ctx)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct yaml *yaml = NULL;
	int r = yaml_parse(*(struct span *)ctx, "t.yaml", &yaml, &error);

	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	assert_int_equal(yaml != NULL, r == PARSE_DONE);
	yaml_release(yaml);
	yaml_error_deinit(&error);
}

static void test_out_of_memory(void **state)
{
	struct buf b = BUF_INIT(AICP_YAML_BYTES_MAX);
	struct span text;

	(void)state;
	buf_put_str(&b,
		    "%YAML 1.1\n--- # a\na: [1, \"two\", {b: c}]\nt: |\n  long\nx: >-\n  folded\n");
	for (unsigned i = 0; i < 200; i++)
		buf_printf(&b, "key%u: {a: [[x], 'some text of this and that']}\n", i);
	text = buf_span(&b);
	assert_in_range(oom_each(parse_out_of_memory, &text), 50, 100000);
	buf_deinit(&b);
}

/* Whatever a file begins like: a message or a tree, no crash. */
static void test_truncated(void **state)
{
	static const char text[] = "%YAML 1.1\n---\na: [1, \"t\\u00e9\", {b: c}]\n? k\n: |2-\n  "
				   "long\nx: >-\n  folded\n...\n"
				   "--- 'single'\n--- !t x\n";
	struct guard g;

	(void)state;
	guard_init(&g, sizeof(text));
	for (size_t n = 0; n < sizeof(text); n++) {
		struct yaml_error error = YAML_ERROR_INIT;
		struct yaml *yaml = NULL;
		int r = yaml_parse(guard_copy(&g, span_of(text, n)), "t.yaml", &yaml, &error);

		assert_int_equal(r != PARSE_DONE, error.text.n > 0);
		assert_int_equal(r == PARSE_DONE, yaml != NULL);
		yaml_release(yaml);
		yaml_error_deinit(&error);
	}
	guard_deinit(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	  cmocka_unit_test(test_documents),
		cmocka_unit_test(test_refuses),	  cmocka_unit_test(test_limits),
		cmocka_unit_test(test_scalars),	  cmocka_unit_test(test_messages),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
