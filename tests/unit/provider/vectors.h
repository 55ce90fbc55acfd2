/* SPDX-License-Identifier: MIT */
/* The providers that ship, and the vectors below tests/vectors that say how they have to be read.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aicp/limits.h"
#include "provider/provider.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

/* All of a file; the caller deinits it. */
static inline struct buf vectors_file(const char *path)
{
	struct buf text = BUF_INIT(AICP_YAML_BYTES_MAX);
	FILE *f = fopen(path, "r");
	char block[4096];
	size_t n;

	if (!f)
		print_error("%s cannot be read; run from the top of the source tree\n", path);
	assert_non_null(f);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		assert_int_equal(buf_put(&text, span_of(block, n)), 0);
	fclose(f);
	return text;
}

/* The set of all files in policies/providers. */
static inline struct provider_set *vectors_providers(void)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct provider_source source[64];
	struct provider_set *set = NULL;
	struct buf text[64];
	glob_t files;
	int r;

	assert_int_equal(glob("policies/providers/*.yaml", 0, NULL, &files), 0);
	assert_in_range(files.gl_pathc, 2, 64);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		text[i] = vectors_file(files.gl_pathv[i]);
		source[i] = (struct provider_source){files.gl_pathv[i], buf_span(&text[i])};
	}
	r = provider_load(source, files.gl_pathc, &set, &error);
	if (r)
		print_error("%s\n", buf_str(&error.text));
	assert_int_equal(r, PARSE_DONE);
	for (size_t i = 0; i < files.gl_pathc; i++)
		buf_deinit(&text[i]);
	globfree(&files);
	yaml_error_deinit(&error);
	return set;
}

/* One vector file. */
struct vector {
	struct buf file, body_text, path, method, content_type;
	struct json_scan *scan;
	struct json_scan *answer_scan; /* scratch */
	struct json json;
	const struct provider *provider;
	struct span body; /* of the request */
	struct message head;
};

static inline void vector_text(const struct vector *v, const char *key, const char *otherwise,
			       struct buf *out)
{
	uint32_t t = json_get(&v->json, 0, key);

	*out = BUF_INIT(AICP_YAML_BYTES_MAX);
	if (t == JSON_NONE)
		buf_put_str(out, otherwise);
	else
		assert_int_equal(json_string_put(&v->json, t, out), 0);
}

static inline void vector_open(struct vector *v, const struct provider_set *set, struct buf file)
{
	struct buf host;
	uint32_t request;

	*v = (struct vector){.file = file, .scan = json_scan_new(AICP_JSON_TOKENS_MAX)};
	v->answer_scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	assert_true(v->scan && v->answer_scan);
	assert_int_equal(json_scan_all(v->scan, buf_span(&v->file)), PARSE_DONE);
	v->json = json_scan_json(v->scan, buf_span(&v->file));
	vector_text(v, "host", "", &host);
	v->provider = provider_set_host(set, buf_span(&host));
	assert_non_null(v->provider);
	buf_deinit(&host);
	vector_text(v, "path", "", &v->path);
	vector_text(v, "method", "POST", &v->method);
	vector_text(v, "content_type", "application/json", &v->content_type);
	vector_text(v, "raw", "", &v->body_text);
	request = json_get(&v->json, 0, "request");
	v->body = request == JSON_NONE ? buf_span(&v->body_text) : json_raw(&v->json, request);
	v->head = (struct message){.kind = MESSAGE_REQUEST,
				   .method = buf_span(&v->method),
				   .path = buf_span(&v->path),
				   .content_type = buf_span(&v->content_type)};
}

static inline void vector_close(struct vector *v)
{
	json_scan_free(v->scan);
	json_scan_free(v->answer_scan);
	buf_deinit(&v->file);
	buf_deinit(&v->body_text);
	buf_deinit(&v->path);
	buf_deinit(&v->method);
	buf_deinit(&v->content_type);
}

/* Is it a request (and not an answer)? */
static inline bool vector_is_request(const struct vector *v)
{
	return json_get(&v->json, 0, "facts") != JSON_NONE;
}

static inline int64_t vector_number(const struct json *j, uint32_t usage, const char *key)
{
	uint32_t t = json_get(j, usage, key);
	int64_t number = -1;

	if (t != JSON_NONE)
		assert_true(json_int(j, t, &number));
	return number;
}

static inline void vector_expect_text(const struct json *j, uint32_t usage, const char *key,
				      struct span text)
{
	uint32_t t = json_get(j, usage, key);

	if (t == JSON_NONE)
		assert_int_equal(text.n, 0);
	else
		assert_true(json_string_eq(j, t, text));
}

/* `tools` of the vector is the names that the answer calls, joined by commas. */
static inline void vector_expect_tools(const struct json *j, uint32_t usage,
				       const struct provider_answer *answer)
{
	struct span name[AICP_PROVIDER_TOOLS_MAX];
	unsigned n = provider_answer_tools(answer, name);
	struct buf all = BUF_INIT(AICP_YAML_BYTES_MAX);

	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_put_byte(&all, ',');
		buf_put(&all, name[i]);
	}
	vector_expect_text(j, usage, "tools", buf_span(&all));
	buf_deinit(&all);
}

/* The answer was read as the vector says. */
static inline void vector_expect_usage(const struct vector *v, const struct provider_answer *answer)
{
	uint32_t usage = json_get(&v->json, 0, "usage");
	struct provider_usage got;

	assert_int_not_equal(usage, JSON_NONE);
	provider_answer_usage(answer, &got);
#define EXPECT(_key) assert_int_equal(got._key, vector_number(&v->json, usage, #_key))
	EXPECT(input_tokens);
	EXPECT(output_tokens);
	EXPECT(cache_read_input_tokens);
	EXPECT(cache_creation_input_tokens);
	EXPECT(reasoning_output_tokens);
#undef EXPECT
	vector_expect_text(&v->json, usage, "model", got.model);
	vector_expect_text(&v->json, usage, "finish_reason", got.finish_reason);
	vector_expect_text(&v->json, usage, "id", got.id);
	vector_expect_tools(&v->json, usage, answer);
}
