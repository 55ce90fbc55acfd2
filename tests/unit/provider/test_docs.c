/* SPDX-License-Identifier: MIT */
/* docs/PROVIDERS.md: its whole file loads and reads, and each path of its table finds what it says.
 */
#include "unit/provider/vectors.h"

static struct buf docs;

/* The next piece of *text between two marks, which both have to be on its next line; SPAN_NULL when
 * it has none. */
static struct span take_between(struct span *text, const char *open, const char *close)
{
	const uint8_t *begin = memmem(text->p, text->n, open, strlen(open)), *end;
	size_t from;

	if (!begin)
		return SPAN_NULL;
	from = (size_t)(begin - text->p) + strlen(open);
	end = memmem(text->p + from, text->n - from, close, strlen(close));
	if (!end)
		return SPAN_NULL;
	begin = text->p + from;
	*text = span_sub(*text, (size_t)(end - text->p) + strlen(close), text->n);
	return span_of(begin, (size_t)(end - begin));
}

static struct provider_set *load(struct span text)
{
	struct provider_source source = {"docs.yaml", text};
	struct yaml_error error = YAML_ERROR_INIT;
	struct provider_set *set = NULL;
	int r = provider_load(&source, 1, &set, &error);

	if (r)
		print_error("%s\nin\n%.*s", buf_str(&error.text), SPAN_ARG(text));
	assert_int_equal(r, PARSE_DONE);
	yaml_error_deinit(&error);
	return set;
}

static int read_body(const struct provider_set *set, const char *path, struct span body,
		     struct facts *facts)
{
	struct json_scan *scan = json_scan_new(1024);
	struct message head = {.method = SPAN_LIT("POST"), .path = span_str(path)};
	int r;

	assert_non_null(scan);
	facts_reset(facts);
	r = provider_request(provider_set_at(set, 0), &head, body, scan, facts);
	json_scan_free(scan);
	return r;
}

static void expect_text(const struct facts *facts, enum fact_id id, const char *want)
{
	struct buf text = BUF_INIT(4096);

	fact_value_put(facts_get(facts, id), 4000, &text);
	assert_string_equal(buf_str(&text), want);
	buf_deinit(&text);
}

static void test_whole_file(void **state)
{
	struct span rest = buf_span(&docs);
	struct provider_set *set = load(take_between(&rest, "```yaml\n", "\n```"));
	struct facts *facts = facts_new();
	struct provider_answer *answer;
	struct provider_usage usage;
	struct span tool[AICP_PROVIDER_TOOLS_MAX];
	struct json_scan *scan = json_scan_new(64);

	(void)state;
	assert_int_equal(read_body(set, "/v1/ask",
				   SPAN_LIT("{\"question\":\"q\",\"options\":{\"stream\":true},"
					    "\"continue_from\":7,"
					    "\"pictures\":[{\"base64\":\"AA\"}],\"turns\":[{"
					    "\"text\":\"p\",\"by\":\"person\"},"
					    "{\"text\":\"m\",\"by\":\"machine\"},{\"by\":\"x\","
					    "\"new\":\"n\"}]}"),
				   facts),
			 PARSE_DONE);
	expect_text(facts, FACT_PROMPT, "q\np\nn");
	expect_text(facts, FACT_PROMPT_LAST, "n");
	expect_text(facts, FACT_ASSISTANT, "m");
	expect_text(facts, FACT_STREAM, "true");
	expect_text(facts, FACT_MESSAGES_COUNT, "4");
	expect_text(facts, FACT_UNJUDGED, "[earlier-turns, image]");
	assert_int_equal(
		read_body(set, "/v1/batch",
			  SPAN_LIT("{\"calls\":[{\"question\":\"a\"},{\"question\":\"b\"}]}"),
			  facts),
		PARSE_DONE);
	expect_text(facts, FACT_OPERATION, "batch");
	expect_text(facts, FACT_PROMPT, "a\nb");

	answer =
		provider_answer_new(provider_set_at(set, 0), SPAN_LIT("POST"), SPAN_LIT("/v1/ask"));
	assert_int_equal(
		provider_answer_json(
			answer,
			SPAN_LIT("{\"final\":{\"why\":\"end\",\"reference\":\"r\",\"usage\":"
				 "{\"fresh\":1,\"cached\":2,\"produced\":3}},"
				 "\"wants\":[{\"tool\":\"a\"},{\"tool\":\"b\"},{\"tool\":\"a\"}]}"),
			scan),
		PARSE_DONE);
	provider_answer_usage(answer, &usage);
	assert_int_equal(usage.input_tokens, 3);
	assert_int_equal(usage.cache_read_input_tokens, 2);
	assert_int_equal(usage.output_tokens, 3);
	assert_true(span_eq_str(usage.finish_reason, "end"));
	assert_true(span_eq_str(usage.id, "r"));
	assert_int_equal(provider_answer_tools(answer, tool), 2);
	assert_true(span_eq_str(tool[0], "a") && span_eq_str(tool[1], "b"));
	json_scan_free(scan);
	provider_answer_free(answer);
	facts_free(facts);
	provider_set_unref(set);
}

/* A provider file with the paths of a cell as its prompt. */
static void put_file(struct span cell, struct buf *out)
{
	struct span path;

	buf_put_str(out, "name: docs\nhosts: [docs.example]\n"
			 "operations: [{method: POST, path: /x, name: x, shape: x}]\n"
			 "refusal: {body: '{\"x\":\"%MESSAGE%\"}'}\n"
			 "shapes:\n  x:\n    request:\n      labels: [label]\n      prompt:\n");
	while ((path = take_between(&cell, "`", "`")).n) {
		buf_put_str(out, "        - \"");
		for (size_t i = 0; i < path.n; i++)
			if (path.p[i] != '\\')
				buf_put_byte(out, path.p[i]);
		buf_put_str(out, "\"\n");
	}
	assert_int_equal(out->err, 0);
}

/* What the third cell says is found, as `prompt` would have it. */
static void put_wanted(struct span cell, struct buf *out)
{
	struct span word;

	while ((word = take_between(&cell, "`", "`")).n) {
		if (out->n)
			buf_put_byte(out, '\n');
		buf_put(out, word);
	}
}

static void check_row(struct span paths, struct span body, struct span finds)
{
	struct buf file = BUF_INIT(4096), want = BUF_INIT(4096), error = BUF_INIT(4096);
	bool malformed = memmem(finds.p, finds.n, "malformed", 9) != NULL;
	struct facts *facts = facts_new();
	struct provider_set *set;
	int r;

	put_file(paths, &file);
	put_wanted(finds, &want);
	assert_true(malformed || want.n || memmem(finds.p, finds.n, "nothing", 7));
	set = load(buf_span(&file));
	r = read_body(set, "/x", body, facts);
	fact_value_put(facts_get(facts, FACT_PARSE_ERROR), 1000, &error);
	if (r != (malformed ? PARSE_E_BAD : PARSE_DONE))
		fail_msg("%.*s in %.*s: %s", SPAN_ARG(paths), SPAN_ARG(body), buf_str(&error));
	if (!malformed && !span_eq(facts_get(facts, FACT_PROMPT)->text, buf_span(&want)))
		fail_msg("%.*s in %.*s finds something else", SPAN_ARG(paths), SPAN_ARG(body));
	provider_set_unref(set);
	facts_free(facts);
	buf_deinit(&file);
	buf_deinit(&want);
	buf_deinit(&error);
}

static void test_paths(void **state)
{
	struct span rest = buf_span(&docs), table, line;
	unsigned rows = 0;

	(void)state;
	table = take_between(&rest, "| path | in | finds |\n|---|---|---|\n", "\n(In");
	while ((line = take_between(&table, "| ", " |\n")).n) {
		struct span paths = take_between(&line, "", " | "), body;

		body = take_between(&line, "`", "` | ");
		check_row(paths, body, line);
		rows++;
	}
	assert_int_equal(rows, 26);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_file),
		cmocka_unit_test(test_paths),
	};
	int failed;

	docs = vectors_file("docs/PROVIDERS.md");
	failed = cmocka_run_group_tests_name("docs", tests, NULL, NULL);
	buf_deinit(&docs);
	return failed;
}
