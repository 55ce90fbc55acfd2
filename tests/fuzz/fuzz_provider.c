/* SPDX-License-Identifier: MIT */
/* layer: provider */
/* Requests to the providers that ship: a first line "HOST METHOD PATH CONTENT-TYPE", then the body.
 * Nothing that was taken for well formed loses a string, and reading twice gives the same. */
#include "provider/provider.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	const size_t room = 1u << 18;
	uint8_t *to = malloc(room);
	size_t n;

	CHECK(f && to);
	n = fread(to, 1, room, f);
	fclose(f);
	return span_of(to, n);
}

static struct provider_set *load(void)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct provider_source source[64];
	struct provider_set *set = NULL;
	glob_t files;

	CHECK(glob("policies/providers/*.yaml", 0, NULL, &files) == 0 && files.gl_pathc <= 64);
	for (size_t i = 0; i < files.gl_pathc; i++)
		source[i] =
			(struct provider_source){files.gl_pathv[i], read_file(files.gl_pathv[i])};
	CHECK(provider_load(source, files.gl_pathc, &set, &error) == PARSE_DONE);
	for (size_t i = 0; i < files.gl_pathc; i++)
		free((void *)(uintptr_t)source[i].text.p);
	globfree(&files);
	return set;
}

/* The next word of the first line. */
static struct span take_word(struct span *line)
{
	size_t n = span_find(*line, ' ');
	struct span word = span_sub(*line, 0, n);

	*line = span_sub(*line, n + 1, line->n);
	return word;
}

static void check_strings(struct json_scan *scan, struct span body, const struct facts *facts)
{
	struct span all = facts_get(facts, FACT_TEXT_ALL)->text;
	struct buf text = BUF_INIT(1u << 20);
	struct json j = json_scan_json(scan, body);

	for (uint32_t t = 0; t < j.n; t++) {
		struct span raw = json_raw(&j, t);

		/* Longer ones may be bytes that nobody can read. */
		if (j.token[t].kind != JSON_STRING || j.token[t].flags & JSON_KEY || raw.n >= 64)
			continue;
		buf_clear(&text);
		CHECK(json_string_put(&j, t, &text) == 0);
		CHECK(!text.n || memmem(all.p, all.n, text.p, text.n));
	}
	buf_deinit(&text);
}

static void check_prompt(const struct facts *facts)
{
	struct span prompt = facts_get(facts, FACT_PROMPT)->text;
	struct span last = facts_get(facts, FACT_PROMPT_LAST)->text;

	CHECK(last.n <= prompt.n);
	CHECK(span_eq(span_sub(prompt, prompt.n - last.n, prompt.n), last));
}

static void put_all(const struct facts *facts, struct buf *out)
{
	for (int id = 0; id < _FACT_COUNT; id++) {
		fact_value_put(facts_get(facts, (enum fact_id)id), SIZE_MAX, out);
		buf_put_byte(out, '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct provider_set *set;
	static struct json_scan *scan;
	static struct facts *facts;
	struct span in = span_of(data, size), line = span_sub(in, 0, span_find(in, '\n'));
	struct span body = span_sub(in, line.n + 1, in.n), host = take_word(&line);
	struct buf first = BUF_INIT(16u << 20), second = BUF_INIT(16u << 20);
	const struct provider *p;
	struct message head = {.kind = MESSAGE_REQUEST};
	int r;

	if (!set) {
		set = load();
		scan = json_scan_new(1u << 16);
		facts = facts_new();
		CHECK(scan && facts);
	}
	p = provider_set_host(set, host);
	if (!p)
		p = provider_set_at(set, host.n % provider_set_count(set));
	head.method = take_word(&line);
	head.path = take_word(&line);
	head.content_type = line;
	facts_reset(facts);
	r = provider_request(p, &head, body, scan, facts);
	CHECK(r == PARSE_DONE || r == PARSE_E_BAD || r == PARSE_E_LIMIT);
	CHECK(facts_get(facts, FACT_PARSE)->text.n);
	CHECK((r == PARSE_DONE) == span_eq_str(facts_get(facts, FACT_PARSE)->text, "ok"));
	CHECK((r == PARSE_DONE) == (facts_get(facts, FACT_PARSE_ERROR)->kind == FACT_ABSENT));
	if (r == PARSE_DONE && facts_get(facts, FACT_TEXT_ALL)->kind == FACT_TEXT)
		check_strings(scan, body, facts);
	check_prompt(facts);
	put_all(facts, &first);
	facts_reset(facts);
	CHECK(provider_request(p, &head, body, scan, facts) == r);
	put_all(facts, &second);
	CHECK(span_eq(buf_span(&first), buf_span(&second)));
	buf_deinit(&first);
	buf_deinit(&second);
	return 0;
}
