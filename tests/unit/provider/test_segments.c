/* SPDX-License-Identifier: MIT */
/* Segments say where in the body each text of a call comes from: for every vector, put together
 * they are the facts. */
#include "provider/segments.h"
#include "support/oom.h"
#include "unit/provider/vectors.h"

static struct provider_set *providers;

static const enum fact_id texts[] = {FACT_PROMPT, FACT_SYSTEM, FACT_ASSISTANT, FACT_TOOL_RESULTS,
				     FACT_TEXT_ALL};

/* The text that the segments of one fact make. */
static void put_together(const struct json *json, const struct provider_segments *segments,
			 enum fact_id fact, struct buf *out)
{
	for (size_t i = 0; i < segments->n; i++) {
		const struct provider_segment *s = &segments->segment[i];

		assert_true(i == 0 || s->token >= segments->segment[i - 1].token);
		assert_int_equal(s->begin, json->token[s->token].begin);
		assert_int_equal(s->end, json->token[s->token].end);
		if (s->fact != fact)
			continue;
		if (out->n)
			buf_put_byte(out, '\n');
		assert_int_equal(s->at, out->n);
		assert_int_equal(json_string_put(json, s->token, out), 0);
		assert_int_equal(s->n, out->n - s->at);
	}
}

static void expect_texts(const struct vector *v, struct json_scan *scan, const struct facts *facts)
{
	struct provider_segments segments = {0};
	struct buf text = BUF_INIT(AICP_FACT_TEXT_BYTES_MAX);
	struct json json;
	int r = provider_segments(v->provider, &v->head, v->body, scan, &segments);

	if (!v->body.n || facts_get(facts, FACT_TEXT_ALL)->kind == FACT_ABSENT) {
		assert_int_equal(r, PARSE_E_BAD);
		return;
	}
	/* text.all of what is not said to be JSON can be searched, and is not to be changed. */
	if (r == PARSE_E_BAD)
		assert_true(facts_get(facts, FACT_UNJUDGED)->list_n > 0);
	else
		assert_int_equal(r, PARSE_DONE);
	json = json_scan_json(scan, v->body);
	for (size_t i = 0; r == PARSE_DONE && i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct fact_value *fact = facts_get(facts, texts[i]);

		buf_clear(&text);
		put_together(&json, &segments, texts[i], &text);
		assert_true(
			span_eq(buf_span(&text), fact->kind == FACT_TEXT ? fact->text : SPAN_NULL));
	}
	provider_segments_free(&segments);
	buf_deinit(&text);
}

static void test_vectors(void **state)
{
	size_t requests = 0;
	glob_t files;

	(void)state;
	assert_int_equal(glob("tests/vectors/*/*.json", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct json_scan *scan = json_scan_new(AICP_JSON_TOKENS_MAX);
		struct facts *facts = facts_new();
		struct vector v;

		vector_open(&v, providers, vectors_file(files.gl_pathv[i]));
		if (vector_is_request(&v) &&
		    provider_request(v.provider, &v.head, v.body, scan, facts) == PARSE_DONE) {
			expect_texts(&v, scan, facts);
			requests++;
		}
		vector_close(&v);
		facts_free(facts);
		json_scan_free(scan);
	}
	assert_true(requests > 20);
	globfree(&files);
}

static const char chat[] =
	"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
	"\"image_url\":{\"url\":\"c2hvcnQ=\"}},{\"type\":\"text\",\"text\":\"a\\u00e9\"}]}]}";

static struct provider_segments segments_of_chat(struct json_scan *scan, int *ret_outcome)
{
	struct message head = {.kind = MESSAGE_REQUEST,
			       .method = SPAN_LIT("POST"),
			       .path = SPAN_LIT("/v1/chat/completions"),
			       .content_type = SPAN_LIT("application/json")};
	const struct provider *p = provider_set_host(providers, SPAN_LIT("api.openai.com"));
	struct provider_segments segments = {0};

	*ret_outcome = provider_segments(p, &head, span_str(chat), scan, &segments);
	return segments;
}

/* Too short to tell bytes from words: a text like any other, but one to leave alone. */
static void test_short_data_is_fixed(void **state)
{
	struct json_scan *scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	struct provider_segments segments;
	unsigned fixed = 0;
	int r;

	(void)state;
	assert_int_equal(json_scan_all(scan, span_str(chat)), PARSE_DONE);
	segments = segments_of_chat(scan, &r);
	assert_int_equal(r, PARSE_DONE);
	for (size_t i = 0; i < segments.n; i++) {
		const struct provider_segment *s = &segments.segment[i];

		if (s->fixed) {
			assert_int_equal(s->fact, FACT_TEXT_ALL);
			assert_memory_equal(chat + s->begin, "c2hvcnQ=", s->end - s->begin);
			fixed++;
		}
		if (s->fact == FACT_PROMPT) {
			assert_true(s->escaped);
			assert_int_equal(s->at, 0);
			assert_int_equal(s->n, 3);
		}
	}
	assert_int_equal(fixed, 1);
	provider_segments_free(&segments);
	json_scan_free(scan);
}

static void without_memory(void *scan)
{
	struct provider_segments segments;
	int r;

	segments = segments_of_chat(scan, &r);
	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	provider_segments_free(&segments);
}

static void test_out_of_memory(void **state)
{
	struct json_scan *scan = json_scan_new(AICP_JSON_TOKENS_MAX);

	(void)state;
	assert_int_equal(json_scan_all(scan, span_str(chat)), PARSE_DONE);
	assert_in_range(oom_each(without_memory, scan), 2, 8);
	json_scan_free(scan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_short_data_is_fixed),
		cmocka_unit_test(test_out_of_memory),
	};
	int failed;

	providers = vectors_providers();
	failed = cmocka_run_group_tests_name("segments", tests, NULL, NULL);
	provider_set_unref(providers);
	return failed;
}
