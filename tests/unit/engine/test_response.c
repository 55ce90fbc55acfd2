/* SPDX-License-Identifier: MIT */
/* Responses from their bytes to their record: every answer and stream below tests/vectors, framed
 * and coded in each way, at every split; and what no provider would send. */
#include "unit/provider/vectors.h"

#include "engine/engine.h"
#include "engine/response.h"
#include "support/oom.h"
#include "support/split.h"

#include <zlib.h>

static struct provider_set *providers;
static struct engine *engine;

/* The response to one request that passed. */
static struct response *begin_to(const char *method, struct span host, struct span path)
{
	struct identity who = {.pid = 1, .uid = 1000, .gid = 1000};
	struct buf bytes = BUF_INIT(1u << 16);
	struct engine_request q = {.host = host, .coverage = "shim", .tier = "host", .who = &who};
	struct engine_decision d;

	buf_printf(&bytes, "%s %.*s HTTP/1.1\r\nHost: %.*s\r\n", method, SPAN_ARG(path),
		   SPAN_ARG(host));
	buf_put_str(&bytes, "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
	q.bytes = bytes.p;
	q.bytes_n = bytes.n;
	engine_judge(engine, &q, &d);
	buf_deinit(&bytes);
	return response_new(engine, &d);
}

static struct response *begin(void)
{
	return begin_to("POST", SPAN_LIT("api.openai.com"), SPAN_LIT("/v1/chat/completions"));
}

/* ---- vectors ---- */

enum framing { LENGTH, CHUNKED, UNTIL_CLOSE };

struct read_one {
	struct response *response;
	struct response_scratch scratch;
	struct span host, path;
	uint64_t offset;
	enum framing framing;
	struct buf first; /* the record when all came at once */
};

static void one_begin(void *ctx)
{
	struct read_one *o = ctx;

	response_free(o->response);
	o->response = begin_to("POST", o->host, o->path);
	assert_non_null(o->response);
	o->offset = 0;
}

static bool one_feed(void *ctx, struct span piece)
{
	struct read_one *o = ctx;
	uint64_t at = o->offset;

	o->offset += piece.n;
	return response_feed(o->response, at, piece, &o->scratch);
}

static void put_record(const struct response *r, struct buf *out)
{
	const struct response_facts facts = {"shim", 1000, 1, 2};

	buf_clear(out);
	assert_int_equal(response_record(r, &facts, out), 0);
}

static void one_end(void *ctx, const char *how)
{
	struct read_one *o = ctx;
	struct buf record = BUF_INIT(AICP_LEAF_BYTES_MAX);

	response_end(o->response, true, &o->scratch);
	put_record(o->response, &record);
	if (!o->first.n)
		buf_put(&o->first, buf_span(&record));
	if (!span_eq(buf_span(&record), buf_span(&o->first)))
		fail_msg("%s: %s, not %s", how, buf_str(&record), buf_str(&o->first));
	buf_deinit(&record);
}

static void put_chunked(struct span body, struct buf *out)
{
	while (body.n) {
		struct span part = span_sub(body, 0, 61);

		buf_printf(out, "%zx\r\n%.*s\r\n", part.n, 0, "");
		out->n -= 2;
		buf_put(out, part);
		buf_put_str(out, "\r\n");
		body = span_sub(body, part.n, body.n);
	}
	buf_put_str(out, "0\r\n\r\n");
}

static struct buf gzip(struct span text)
{
	struct buf out = BUF_INIT(1u << 24);
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)text.p, .avail_in = (uInt)text.n};

	assert_int_equal(buf_reserve(&out, text.n + 1000), 0);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = out.p;
	z.avail_out = (uInt)out.cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out.n = z.total_out;
	deflateEnd(&z);
	return out;
}

static void put_response(const char *type, const char *coding, enum framing framing,
			 struct span body, struct buf *out)
{
	buf_put_str(out, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n");
	buf_printf(out, "Content-Type: %s\r\n%s", type, coding);
	if (framing == LENGTH)
		buf_printf(out, "Content-Length: %zu\r\n\r\n", body.n);
	else
		buf_put_str(out,
			    framing == CHUNKED ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
	if (framing == CHUNKED)
		put_chunked(body, out);
	else
		buf_put(out, body);
	assert_int_equal(out->err, 0);
}

static void expect_number(const struct json *j, const char *key, int64_t want)
{
	uint32_t t = json_get(j, 0, key);
	int64_t number = -1;

	assert_int_not_equal(t, JSON_NONE);
	if (j->token[t].kind != JSON_NULL)
		assert_true(json_int(j, t, &number));
	if (number != want)
		fail_msg("%s is %lld, not %lld", key, (long long)number, (long long)want);
}

static void expect_text(const struct json *j, uint32_t t, const struct json *vector, uint32_t usage,
			const char *key)
{
	uint32_t want = json_get(vector, usage, key);
	struct buf text = BUF_INIT(4096);

	if (want != JSON_NONE)
		json_string_put(vector, want, &text);
	if (t == JSON_NONE || j->token[t].kind == JSON_NULL)
		assert_int_equal(text.n, 0);
	else
		assert_true(json_string_eq(j, t, buf_span(&text)));
	buf_deinit(&text);
}

/* The record says what the vector says. */
static void expect_record(const struct vector *v, struct span record)
{
	uint32_t usage = json_get(&v->json, 0, "usage"), t;
	struct json_scan *scan = json_scan_new(1000);
	struct json j;

	assert_int_equal(json_scan_all(scan, record), PARSE_DONE);
	j = json_scan_json(scan, record);
	assert_true(json_string_eq(&j, json_get(&j, 0, "parse"), SPAN_LIT("ok")));
	assert_int_equal(j.token[json_get(&j, 0, "complete")].kind, JSON_TRUE);
	expect_number(&j, "gen_ai.usage.input_tokens",
		      vector_number(&v->json, usage, "input_tokens"));
	expect_number(&j, "gen_ai.usage.output_tokens",
		      vector_number(&v->json, usage, "output_tokens"));
	expect_number(&j, "gen_ai.usage.cache_read.input_tokens",
		      vector_number(&v->json, usage, "cache_read_input_tokens"));
	expect_number(&j, "gen_ai.usage.cache_creation.input_tokens",
		      vector_number(&v->json, usage, "cache_creation_input_tokens"));
	expect_number(&j, "gen_ai.usage.reasoning.output_tokens",
		      vector_number(&v->json, usage, "reasoning_output_tokens"));
	expect_text(&j, json_get(&j, 0, "gen_ai.response.id"), &v->json, usage, "id");
	expect_text(&j, json_get(&j, 0, "gen_ai.response.model"), &v->json, usage, "model");
	t = json_get(&j, 0, "gen_ai.response.finish_reasons");
	expect_text(&j, j.token[t].next == t + 1 ? JSON_NONE : t + 1, &v->json, usage,
		    "finish_reason");
	json_scan_free(scan);
}

static void run(struct vector *v, const char *type, struct span body)
{
	static const struct split_parser parser = {one_begin, one_feed, one_end};
	struct buf host, packed = gzip(body);

	vector_text(v, "host", "", &host);
	for (int i = 0; i < 4; i++) {
		struct read_one o = {.host = buf_span(&host), .path = buf_span(&v->path)};
		struct buf wire = BUF_INIT(1u << 22);

		o.first = BUF_INIT(AICP_LEAF_BYTES_MAX);
		assert_int_equal(response_scratch_init(&o.scratch), 0);
		put_response(type, i < 3 ? "" : "Content-Encoding: gzip\r\n", (enum framing)(i % 3),
			     i < 3 ? body : buf_span(&packed), &wire);
		split_each(&parser, &o, buf_span(&wire));
		expect_record(v, buf_span(&o.first));
		response_free(o.response);
		response_scratch_deinit(&o.scratch);
		buf_deinit(&o.first);
		buf_deinit(&wire);
	}
	buf_deinit(&host);
	buf_deinit(&packed);
}

static void test_answer(void **state)
{
	struct vector v;
	uint32_t body;

	vector_open(&v, providers, vectors_file(*state));
	body = json_get(&v.json, 0, "answer");
	run(&v, "application/json; charset=utf-8", json_raw(&v.json, body));
	vector_close(&v);
}

static void test_stream(void **state)
{
	const char *path = *state, *type = "text/event-stream";
	struct buf file = vectors_file(path), meta = BUF_INIT(1u << 16);
	struct span text = buf_span(&file), line = span_sub(text, 0, span_find(text, '\n'));
	struct vector v;
	bool sse = strstr(path, ".sse");

	if (strstr(path, ".ndjson"))
		type = "application/x-ndjson";
	if (strstr(path, ".eventstream"))
		type = "application/vnd.amazon.eventstream";
	buf_put(&meta, span_sub(line, sse ? 2 : 0, line.n));
	vector_open(&v, providers, meta);
	run(&v, type, span_sub(text, line.n + 1, text.n));
	vector_close(&v);
	buf_deinit(&file);
}

/* ---- what no provider would send ---- */

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define SSE_HEAD  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"

static const struct hostile {
	const char *bytes;
	enum response_parse parse;
	bool wanted; /* before the end */
} hostile_row[] = {
	{"", RESPONSE_CUT_OFF, true},
	{"HTTP/1.1 200 OK\r\n", RESPONSE_CUT_OFF, true},
	{JSON_HEAD "Content-Length: 9\r\n\r\n{}", RESPONSE_CUT_OFF, true},
	{JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", RESPONSE_CUT_OFF, true},
	{JSON_HEAD "\r\n{}", RESPONSE_CUT_OFF, true},
	{JSON_HEAD "Content-Length: 0\r\n\r\n", RESPONSE_OK, false},
	{JSON_HEAD "Content-Length: 2\r\n\r\n{}HTTP/1.1 200", RESPONSE_OK, false},
	{"HTTP/1.1 204 No Content\r\n\r\n", RESPONSE_OK, false},
	{"HTTP/1.1 304 Not Modified\r\nContent-Type: image/png\r\n\r\n", RESPONSE_OK, false},
	{"junk", RESPONSE_MALFORMED, false},
	{"HTTP/2 200\r\n\r\n", RESPONSE_MALFORMED, false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", RESPONSE_MALFORMED,
	 false},
	{JSON_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", RESPONSE_MALFORMED, false},
	{JSON_HEAD "Content-Length: 1\r\n\r\n{", RESPONSE_MALFORMED, false},
	{JSON_HEAD "Content-Length: 4\r\n\r\n{}{}", RESPONSE_MALFORMED, false},
	{JSON_HEAD "Content-Length: 13\r\n\r\n{\"a\":1,\"a\":2}", RESPONSE_MALFORMED, false},
	{JSON_HEAD "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", RESPONSE_MALFORMED,
	 false},
	{JSON_HEAD "Content-Encoding: magic\r\nContent-Length: 2\r\n\r\n{}", RESPONSE_UNSUPPORTED,
	 false},
	{"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 2\r\n\r\n{}",
	 RESPONSE_UNSUPPORTED, false},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", RESPONSE_UNSUPPORTED, false},
	{"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
	 RESPONSE_UNSUPPORTED, false},
	/* An event that cannot be read hides none behind it, but is told of. */
	{SSE_HEAD "Content-Length: 17\r\n\r\ndata: x\n\ndata: {}", RESPONSE_MALFORMED, false},
};

static void test_hostile(void **state)
{
	struct response_scratch s;

	(void)state;
	assert_int_equal(response_scratch_init(&s), 0);
	for (size_t i = 0; i < sizeof(hostile_row) / sizeof(*hostile_row); i++) {
		const struct hostile *h = &hostile_row[i];
		struct response *r = begin();

		if (response_feed(r, 0, span_str(h->bytes), &s) != h->wanted)
			fail_msg("%s: is%s wanted", h->bytes, h->wanted ? " not" : "");
		response_end(r, false, &s);
		if (response_parse(r) != h->parse)
			fail_msg("%s: %d", h->bytes, (int)response_parse(r));
		/* Nothing changes it any more. */
		assert_false(response_feed(r, response_bytes(r), span_str(h->bytes), &s));
		response_give_up(r);
		assert_int_equal(response_parse(r), h->parse);
		response_free(r);
	}
	response_scratch_deinit(&s);
}

static void feed(struct response *r, const char *bytes, struct response_scratch *s)
{
	assert_true(response_feed(r, response_bytes(r), span_str(bytes), s));
}

/* What was known before a gap stays known, and is not called complete. */
static void test_gap(void **state)
{
	struct buf record = BUF_INIT(AICP_LEAF_BYTES_MAX);
	struct response *r = begin();
	struct response_scratch s;

	(void)state;
	assert_int_equal(response_scratch_init(&s), 0);
	feed(r, SSE_HEAD "\r\ndata: {\"id\":\"c\",\"model\":\"m\"}\n\n", &s);
	assert_false(response_feed(r, response_bytes(r) + 1, SPAN_LIT("data: {}\n\n"), &s));
	response_end(r, true, &s);
	put_record(r, &record);
	assert_non_null(strstr(buf_str(&record), "\"complete\":false"));
	assert_non_null(strstr(buf_str(&record), "\"gen_ai.response.model\":\"m\""));
	assert_non_null(strstr(buf_str(&record), "\"parse\":\"gap\""));
	response_free(r);

	/* Bytes that came before are a gap as well. */
	r = begin();
	feed(r, SSE_HEAD, &s);
	assert_false(response_feed(r, 0, SPAN_LIT(SSE_HEAD), &s));
	assert_int_equal(response_parse(r), RESPONSE_GAP);
	response_free(r);
	response_scratch_deinit(&s);
	buf_deinit(&record);
}

static void test_not_read(void **state)
{
	struct response *r;
	struct response_scratch s;

	(void)state;
	assert_int_equal(response_scratch_init(&s), 0);
	r = begin_to("GET", SPAN_LIT("api.openai.com"), SPAN_LIT("/v1/models"));
	assert_false(response_feed(r, 0, SPAN_LIT(JSON_HEAD "Content-Length: 5\r\n\r\n{"), &s));
	assert_int_equal(response_parse(r), RESPONSE_NOT_READ);
	response_free(r);
	/* The answer to HEAD has none of the body that it tells of. */
	r = begin_to("HEAD", SPAN_LIT("api.openai.com"), SPAN_LIT("/v1/models"));
	assert_false(response_feed(r, 0, SPAN_LIT(JSON_HEAD "Content-Length: 5\r\n\r\n"), &s));
	assert_int_equal(response_parse(r), RESPONSE_OK);
	response_free(r);
	/* No provider, no response. */
	assert_null(begin_to("POST", SPAN_LIT("example.com"), SPAN_LIT("/")));
	response_scratch_deinit(&s);
}

/* However long it goes on, it keeps no more than its limits say. */
static void test_endless(void **state)
{
	struct buf line = BUF_INIT(1u << 17);
	struct response_scratch s;

	(void)state;
	assert_int_equal(response_scratch_init(&s), 0);
	for (size_t i = 0; i < 1u << 16; i++)
		buf_put_byte(&line, 'x');
	for (int kind = 0; kind < 3; kind++) {
		struct response *r = begin();
		size_t most = 0;

		feed(r, kind == 1 ? SSE_HEAD "\r\n" : JSON_HEAD "\r\n", &s);
		if (kind == 2) /* events without end, each of them small */
			buf_put_str(&line, "\n\n");
		while (response_feed(r, response_bytes(r), buf_span(&line), &s)) {
			size_t memory = response_memory(r);

			most = memory > most ? memory : most;
			assert_in_range(response_bytes(r), 0, AICP_RESPONSE_TEXT_BYTES_MAX * 2);
		}
		assert_int_equal(response_parse(r), RESPONSE_TOO_LARGE);
		assert_in_range(most, 1000, 2 * AICP_RESPONSE_BYTES_MAX + 20000);
		assert_in_range(response_memory(r), 1, 20000);
		response_free(r);
	}
	response_scratch_deinit(&s);
	buf_deinit(&line);
}

/* 64 KiB that become 64 MiB. */
static void test_bomb(void **state)
{
	struct buf zeros = BUF_INIT(1u << 23), packed, wire = BUF_INIT(1u << 22);
	struct response *r = begin();
	struct response_scratch s;

	(void)state;
	assert_int_equal(response_scratch_init(&s), 0);
	buf_reserve(&zeros, 1u << 23);
	memset(zeros.p, '\n', 1u << 23);
	zeros.n = 1u << 23;
	packed = gzip(buf_span(&zeros));
	put_response("application/json", "Content-Encoding: gzip\r\n", UNTIL_CLOSE,
		     buf_span(&packed), &wire);
	assert_false(response_feed(r, 0, buf_span(&wire), &s));
	assert_int_equal(response_parse(r), RESPONSE_TOO_LARGE);
	response_free(r);
	response_scratch_deinit(&s);
	buf_deinit(&zeros);
	buf_deinit(&packed);
	buf_deinit(&wire);
}

static void test_over_budget(void **state)
{
	struct response *r = begin();
	struct response_scratch s;

	(void)state;
	assert_int_equal(response_scratch_init(&s), 0);
	feed(r, JSON_HEAD "\r\n{", &s);
	response_give_up(r);
	assert_false(response_feed(r, response_bytes(r), SPAN_LIT("}"), &s));
	assert_int_equal(response_parse(r), RESPONSE_OVER_BUDGET);
	response_free(r);
	response_scratch_deinit(&s);
}

/* Whatever a server says, its record fits a leaf. */
static void test_longest_record(void **state)
{
	struct buf body = BUF_INIT(1u << 20), wire = BUF_INIT(1u << 21);
	struct buf record = BUF_INIT(AICP_LEAF_BYTES_MAX - 4096);
	struct response *r = begin();
	struct response_scratch s;

	(void)state;
	assert_int_equal(response_scratch_init(&s), 0);
	buf_put_str(&body, "{\"id\":\"");
	for (int i = 0; i < 1000; i++)
		buf_put_str(&body, "\\u0001");
	buf_put_str(&body, "\",\"choices\":[{\"message\":{\"tool_calls\":[");
	for (int i = 0; i < 100; i++) {
		buf_printf(&body, "%s{\"function\":{\"name\":\"%d", i ? "," : "", i);
		for (int j = 0; j < 500; j++)
			buf_put_str(&body, "\\u0002");
		buf_put_str(&body, "\"}}");
	}
	buf_put_str(&body, "]}}]}");
	put_response("application/json", "", LENGTH, buf_span(&body), &wire);
	assert_false(response_feed(r, 0, buf_span(&wire), &s));
	assert_int_equal(response_parse(r), RESPONSE_OK);
	put_record(r, &record);
	response_free(r);
	response_scratch_deinit(&s);
	buf_deinit(&body);
	buf_deinit(&wire);
	buf_deinit(&record);
}

static void read_without_memory(void *ctx)
{
	struct response_scratch s = {.scan = NULL};
	struct response *r = NULL;

	(void)ctx;
	if (response_scratch_init(&s) == 0)
		r = begin();
	if (r) {
		(void)response_feed(
			r, 0, SPAN_LIT(SSE_HEAD "\r\ndata: {\"id\":\"c\",\"model\":\"m\"}\n\n"),
			&s);
		response_end(r, true, &s);
	}
	if (!oom_hit())
		assert_int_equal(response_parse(r), RESPONSE_OK);
	response_free(r);
	response_scratch_deinit(&s);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	assert_in_range(oom_each(read_without_memory, NULL), 10, 1000);
}

static size_t add_files(const char *pattern, void (*test)(void **), bool answers,
			struct CMUnitTest *tests, size_t n, glob_t *files)
{
	if (glob(pattern, 0, NULL, files))
		return 0;
	for (size_t i = 0; i < files->gl_pathc && n < 256; i++) {
		char *path = files->gl_pathv[i];

		if (!answers || strstr(path, "/answer_"))
			tests[n++] = (struct CMUnitTest){
				.name = path, .test_func = test, .initial_state = path};
	}
	return n;
}

int main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_hostile),	       cmocka_unit_test(test_gap),
		cmocka_unit_test(test_not_read),       cmocka_unit_test(test_endless),
		cmocka_unit_test(test_bomb),	       cmocka_unit_test(test_over_budget),
		cmocka_unit_test(test_longest_record), cmocka_unit_test(test_out_of_memory),
	};
	struct CMUnitTest tests[256] = {0};
	const size_t others_n = sizeof(others) / sizeof(*others);
	struct engine_rules rules = {.mode = MODE_ENFORCE};
	glob_t files[4];
	size_t n = others_n;
	int failed;

	memcpy(tests, others, sizeof(others));
	n = add_files("tests/vectors/*/*.json", test_answer, true, tests, n, &files[0]);
	n = add_files("tests/vectors/*/*.sse", test_stream, false, tests, n, &files[1]);
	n = add_files("tests/vectors/*/*.ndjson", test_stream, false, tests, n, &files[2]);
	n = add_files("tests/vectors/*/*.eventstream", test_stream, false, tests, n, &files[3]);
	if (n < others_n + 20)
		return 1;
	providers = vectors_providers();
	engine = engine_new();
	rules.providers = providers;
	engine_set_rules(engine, &rules);
	failed = _cmocka_run_group_tests("response", tests, n, NULL, NULL);
	for (int i = 0; i < 4; i++)
		globfree(&files[i]);
	engine_free(engine);
	provider_set_unref(providers);
	return failed;
}
