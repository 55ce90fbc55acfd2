/* SPDX-License-Identifier: MIT */
/* Provider files: what is refused, and where; hosts and paths. */
#include "unit/provider/vectors.h"

#include "provider/operation.h"
#include "support/oom.h"

/* The smallest whole file; a test puts its own lines in the place of one of these. */
static const char *const lines[] = {
	"name: acme\n",
	"hosts: [api.acme.example, \"*.acme.example\"]\n",
	"operations:\n"
	"  - {method: POST, path: /v1/ask, name: ask, shape: ask}\n"
	"  - {method: POST, path: \"/v1/{thing}\", name: any}\n",
	"shapes:\n"
	"  ask:\n"
	"    request: {model: model, prompt: q, unjudged: {page: page}}\n"
	"    answer: {usage: [\"\", u], input_tokens: in, model: model}\n",
	"refusal: {body: '{\"oops\":\"%MESSAGE%\"}'}\n",
};

#define LINES (sizeof(lines) / sizeof(*lines))

static int load(struct span text, struct provider_set **ret_set, struct yaml_error *error)
{
	struct provider_source source = {"acme.yaml", text};

	return provider_load(&source, 1, ret_set, error);
}

static void file_with(size_t line, const char *instead, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < LINES; i++)
		buf_put_str(out, i == line ? instead : lines[i]);
	assert_int_equal(out->err, 0);
}

static struct provider_set *good_set(void)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf text = BUF_INIT(1u << 16);
	struct provider_set *set = NULL;
	int r;

	file_with(LINES, NULL, &text);
	r = load(buf_span(&text), &set, &error);
	if (r)
		print_error("%s\n", buf_str(&error.text));
	assert_int_equal(r, PARSE_DONE);
	buf_deinit(&text);
	yaml_error_deinit(&error);
	return set;
}

static void expect_refused(const char *text, const char *message)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct provider_set *set = NULL;
	int r = load(span_str(text), &set, &error);

	assert_null(set);
	assert_int_equal(r, PARSE_E_BAD);
	if (!strstr(buf_str(&error.text), message))
		fail_msg("`%s` is not in `%s`", message, buf_str(&error.text));
	yaml_error_deinit(&error);
}

/* What stands in the place of which line, and what is said of it. */
static const struct {
	size_t line;
	const char *instead, *message;
} refused[] = {
	{0, "", "acme.yaml:1: `name` is missing"},
	{0, "name: Acme\n", "acme.yaml:1: `name` has to be"},
	{0, "name: [acme]\n", "acme.yaml:1: `name` has to be"},
	{0, "nmae: acme\n", "acme.yaml:1: unknown key `nmae`; did you mean `name`?"},
	{1, "", "`hosts` is missing"},
	{1, "hosts: []\n", "acme.yaml:2: `hosts` has to be a list of at least one"},
	{1, "hosts: [API.acme.example]\n", "acme.yaml:2: a host is a lower-case name"},
	{1, "hosts: [\"acme.example:0\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"acme.example:65536\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"acme.example:0443\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"acme.example:\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"acme.example:443x\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"acme.example:44:33\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\":443\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"*.acme.example:443\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"[::1]\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"::1:443\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"[::g]:443\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"[1.2.3.4]:443\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"*\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"a.*.example\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [a..b]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [\"a.\"]\n", "acme.yaml:2: a host is"},
	{1, "hosts: [a.example, b.example, a.example]\n", "host `a.example` is listed twice"},
	{1, "hosts: [\"a.example:1\", \"a.example:2\", \"a.example:1\"]\n",
	 "host `a.example:1` is listed twice"},
	{2, "", "`operations` is missing"},
	{2, "operations: {}\n", "acme.yaml:3: `operations` has to be a list"},
	{2, "operations:\n  - {path: /a, name: a}\n", "acme.yaml:4: an operation needs"},
	{2, "operations:\n  - {method: GET, path: a, name: a}\n", "acme.yaml:4: a path begins"},
	{2, "operations:\n  - {method: GET, path: /a, name: a, shap: ask}\n",
	 "acme.yaml:4: unknown key `shap`; did you mean `shape`?"},
	{2, "operations:\n  - {method: GET, path: /a, name: a, shape: aks}\n",
	 "acme.yaml:4: no shape `aks` in `shapes`; did you mean `ask`?"},
	{2, "operations:\n  - {method: GET, path: /a, name: a, under: x}\n",
	 "acme.yaml:4: `under` needs a `shape`"},
	{2,
	 "operations:\n  - {method: GET, path: \"/a/{x}\", name: a}\n"
	 "  - {method: GET, path: \"/A/{y}\", name: b}\n",
	 "acme.yaml:5: operation `a` has this method and path already"},
	{2, "operations:\n  - {method: GET, path: \"/{a+}/{b+}\", name: a}\n",
	 "acme.yaml:4: a path has one `{...+}` at most"},
	{2, "operations:\n  - {method: GET, path: \"/{a+}:x\", name: a}\n",
	 "acme.yaml:4: a path has one `{...+}` at most"},
	{2,
	 "operations:\n  - {method: GET, path: \"/{x}:y\", name: a}\n"
	 "  - {method: GET, path: \"/{z}:Y\", name: b}\n",
	 "acme.yaml:5: operation `a` has this method and path already"},
	{2, "operations:\n  - {method: GET, path: /a, name: a, stream: true}\n",
	 "acme.yaml:4: `stream` has to be true or false, and needs a `shape`"},
	{2, "operations:\n  - {method: GET, path: /a, name: a, shape: ask, stream: yes}\n",
	 "acme.yaml:4: `stream` has to be true or false"},
	{3, "", "no shape `ask`"},
	{3, "shapes:\n  ask: {request: {dialect: xml}}\n", "`dialect` can only be protobuf"},
	{3, "shapes:\n  ask: {requests: {}}\n",
	 "acme.yaml:7: unknown key `requests`; did you mean `request`?"},
	{3, "shapes:\n  ask: {request: {promt: q}}\n",
	 "unknown key `promt`; did you mean `prompt`?"},
	{3, "shapes:\n  ask:\n    request:\n      prompt: {a: b}\n",
	 "acme.yaml:9: a path or a list of paths"},
	{3, "shapes:\n  ask: {request: {unjudged: q}}\n", "a mapping of names to paths"},
	{3, "shapes:\n  ask: {request: {labels: q}}\n", "a list of keys"},
	{3, "shapes:\n  ask: {request: {prompt: \"\"}}\n", "the path is empty"},
	{3, "shapes:\n  ask: {request: {prompt: a..b}}\n", "bad path `a..b`: a key of 1 to 64"},
	{3, "shapes:\n  ask: {request: {prompt: \"a[\"}}\n", "a key of 1 to 64"},
	{3, "shapes:\n  ask: {request: {prompt: \"a[b!]\"}}\n", "does not end with its bracket"},
	{3, "shapes:\n  ask: {request: {prompt: \"a[!]\"}}\n", "a key of 1 to 64"},
	{3, "shapes:\n  ask: {request: {prompt: \"a[b=]\"}}\n", "a value is expected"},
	{3, "shapes:\n  ask: {request: {prompt: \"a[b=c|]\"}}\n", "a value is expected"},
	{3, "shapes:\n  ask: {request: {prompt: \"a[b=c\"}}\n", "does not end with its bracket"},
	{3, "shapes:\n  ask: {request: {prompt: \"a{b=c]\"}}\n", "does not end with its bracket"},
	{3, "shapes:\n  ask: {request: {prompt: \"a[:text]\"}}\n", "a kind is string, number"},
	{3, "shapes:\n  ask: {request: {prompt: \"a.**.b\"}}\n", "`**` can only be the last"},
	{3, "shapes:\n  ask: {request: {prompt: \"a[]b\"}}\n", "is expected between two steps"},
	{3, "shapes:\n  ask: {request: {prompt: \"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q\"}}\n",
	 "more than 16 steps"},
	{3, "shapes:\n  ask: {answer: {input_tokens: a}}\n", "`usage` is missing"},
	{3, "shapes:\n  ask: {answer: {usage: u, input_token: a}}\n",
	 "did you mean `input_tokens`?"},
	{4, "", "`refusal` is missing"},
	{4, "refusal: {}\n", "`refusal` has to be a mapping with `body`"},
	{4, "refusal: {body: '{\"oops\":1}'}\n", "with %MESSAGE% once"},
	{4, "refusal: {body: '{\"oops\":%MESSAGE%}'}\n",
	 "is not JSON with %MESSAGE% inside a string"},
	{4, "refusal: {body: '{\"oops\":\"%MESSAGE%\"'}\n", "is not JSON with %MESSAGE%"},
	{4, "refusal: {body: \"{\\\"a\\\":\\n\\\"%MESSAGE%\\\"}\"}\n", "one line"},
	{4, "refusal: {body: '{\"a\":\"%MESSAGE%\"}', headers: {Connection: x}}\n", "a header is"},
	{4, "refusal: {body: '{\"a\":\"%MESSAGE%\"}', headers: {connection: x}}\n", "a header is"},
	{4, "refusal: {body: '{\"a\":\"%MESSAGE%\"}', headers: {x-a: \"b\\r\\nc: d\"}}\n",
	 "a header is"},
	{4, "refusal: {body: '{\"a\":\"%MESSAGE%\"}', status: 200}\n", "unknown key `status`"},
	{4, "refusal: {body: '{\"a\":\"%MESSAGE%\"}'}\n---\nname: b\n",
	 "a provider file is one mapping"},
};

static void test_refused(void **state)
{
	struct buf text = BUF_INIT(1u << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		file_with(refused[i].line, refused[i].instead, &text);
		expect_refused(buf_str(&text), refused[i].message);
	}
	expect_refused("", "the file is empty");
	expect_refused("- a\n", "a provider file is one mapping");
	expect_refused("a: [", "acme.yaml:");
	buf_deinit(&text);
}

/* More conditions on one value than a walk can hold are refused, not cut. */
static void test_too_many_paths(void **state)
{
	struct buf text = BUF_INIT(1u << 16);

	(void)state;
	for (unsigned n = 62; n <= 64; n++) {
		struct yaml_error error = YAML_ERROR_INIT;
		struct provider_set *set = NULL;

		file_with(3, "shapes:\n  ask:\n    request:\n      prompt:\n", &text);
		/* `refusal` is the last line; the paths go before it. */
		text.n -= strlen(lines[4]);
		for (unsigned i = 0; i < n; i++)
			buf_printf(&text, "        - m[t!=x%u].p\n", i);
		buf_put_str(&text, lines[4]);
		if (n < 64) {
			assert_int_equal(load(buf_span(&text), &set, &error), PARSE_DONE);
			provider_set_unref(set);
		} else {
			expect_refused(buf_str(&text), "more than 64 paths can meet");
		}
		yaml_error_deinit(&error);
	}
	buf_deinit(&text);
}

static void test_two_files(void **state)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf text = BUF_INIT(1u << 16), other = BUF_INIT(1u << 16);
	struct provider_source sources[2];
	struct provider_set *set = NULL, *alone = good_set();

	(void)state;
	file_with(LINES, NULL, &text);
	file_with(0, "name: other\n", &other);
	sources[0] = (struct provider_source){"a.yaml", buf_span(&text)};
	sources[1] = (struct provider_source){"b.yaml", buf_span(&text)};
	assert_int_equal(provider_load(sources, 2, &set, &error), PARSE_E_BAD);
	assert_non_null(strstr(buf_str(&error.text), "b.yaml: another file has provider `acme`"));
	yaml_error_deinit(&error);
	error = YAML_ERROR_INIT;
	sources[1].text = buf_span(&other);
	assert_int_equal(provider_load(sources, 2, &set, &error), PARSE_E_BAD);
	assert_non_null(strstr(buf_str(&error.text), "acme.example` is listed twice"));
	yaml_error_deinit(&error);

	assert_int_equal(provider_load(NULL, 0, &set, &error), PARSE_DONE);
	assert_int_equal(provider_set_count(set), 0);
	assert_null(provider_set_host(set, SPAN_LIT("api.acme.example")));
	assert_string_not_equal(provider_set_digest(set), provider_set_digest(alone));
	assert_int_equal(strlen(provider_set_digest(set)), 64);
	provider_set_unref(set);
	provider_set_unref(alone);
	buf_deinit(&text);
	buf_deinit(&other);
}

static void test_hosts(void **state)
{
	static const struct {
		const char *host;
		const char *name; /* of its provider, or NULL */
	} row[] = {
		{"api.openai.com", "openai"},
		{"us.api.openai.com", "openai"},
		{"eu.api.openai.com", "openai"},
		{"ae.api.openai.com", "openai"},
		{"xx.api.openai.com", "openai"},
		{"a.b.api.openai.com", "openai"},
		{"api.openai.com.", "openai"},
		{"API.OpenAI.com", "openai"},
		{"api.anthropic.com", "anthropic"},
		{"openai.com", NULL},
		{"com", NULL},
		{"", NULL},
		{".", NULL},
		{".api.openai.com", NULL},
		{"xapi.openai.com", NULL},
		{"api.openai.com.evil.example", NULL},
		{"x.api.anthropic.com", NULL},
		/* In clear: a name at every port, an endpoint at its own. */
		{"api.openai.com:80", "openai"},
		{"x.api.openai.com:8080", "openai"},
		{"api.openai.com:99999", NULL},
		{"ollama:11434", "ollama"},
		{"localhost:11434", "ollama"},
		{"LocalHost.:11434", "ollama"},
		{"127.0.0.1:11434", "ollama"},
		{"[::1]:11434", "ollama"},
		{"localhost:11435", NULL},
		{"localhost:1143", NULL},
		{"x.localhost:11434", NULL},
		{"[::1]:80", NULL},
		{"[::1]", NULL},
		{"::1:11434", NULL},
		{"bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"},
		{"vpce-1-2.bedrock-runtime.us-east-1.vpce.amazonaws.com", "aws.bedrock"},
		{"s3.us-east-1.amazonaws.com", NULL},
		{"googleapis.com", NULL},
		{"localhost", NULL},
	};
	struct provider_set *set = vectors_providers();
	const struct span *hosts;
	char long_name[400];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const struct provider *p = provider_set_host(set, span_str(row[i].host));

		if (!row[i].name)
			assert_null(p);
		else
			assert_true(p && span_eq_str(provider_name(p), row[i].name));
	}
	memset(long_name, 'a', sizeof(long_name));
	memcpy(long_name + sizeof(long_name) - 15, ".api.openai.com", 15);
	assert_null(provider_set_host(set, span_of(long_name, sizeof(long_name))));
	/* Every host of every provider is that provider's. */
	for (size_t i = 0; i < provider_set_count(set); i++) {
		const struct provider *p = provider_set_at(set, i);

		for (size_t k = provider_hosts(p, &hosts); k-- > 0;) {
			struct buf host = BUF_INIT(512);

			if (hosts[k].p[0] == '*')
				buf_put_str(&host, "zz");
			buf_put(&host, span_sub(hosts[k], hosts[k].p[0] == '*', hosts[k].n));
			assert_ptr_equal(provider_set_host(set, buf_span(&host)), p);
			buf_deinit(&host);
		}
	}
	provider_set_unref(provider_set_ref(set));
	assert_in_range(provider_set_count(set), 6, 64);
	provider_set_unref(set);
}

static void test_uri(void **state)
{
	/* Segments as they are found, last first. */
	static const struct {
		const char *path, *parts;
	} row[] = {
		{"/v1/chat/completions", "completions chat v1 "},
		{"/v1/chat/completions/", "completions chat v1 "},
		{"//v1///chat/./completions/.", "completions chat v1 "},
		{"/V1/Chat/COMPLETIONS", "completions chat v1 "},
		{"/v1/%63hat%2Fcompletions", "completions chat v1 "},
		{"/v1/x/y/../../chat/completions", "completions chat v1 "},
		{"/v1/x/%2e%2E/chat", "chat v1 "},
		{"/../../v1", "v1 "},
		{"/v1/chat/..", "v1 "},
		{"/", ""},
		{"", ""},
		{"*", "* "},
		{"/a%2", "a%2 "},
		{"/a%zz", "a%zz "},
		{"/a%252Fb", "a%2fb "},
		{"/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/../../../../../../../../../../../../../../../"
		 "../..",
		 ""},
		{"/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", NULL},
	};
	char big[3000];
	struct uri uri;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct buf parts = BUF_INIT(4096);

		assert_int_equal(uri_read(span_str(row[i].path), &uri), row[i].parts != NULL);
		for (unsigned k = 0; row[i].parts && k < uri.n; k++)
			buf_printf(&parts, "%.*s ", SPAN_ARG(uri.part[k]));
		if (row[i].parts)
			assert_string_equal(buf_str(&parts), row[i].parts);
		buf_deinit(&parts);
	}
	memset(big, 'x', sizeof(big));
	big[0] = '/';
	assert_false(uri_read(span_of(big, sizeof(big)), &uri));
	memcpy(big + sizeof(big) - 6, "/../v1", 6);
	assert_true(uri_read(span_of(big, sizeof(big)), &uri));
	assert_int_equal(uri.n, 1);
}

/* What stands for segments and the rest behind it; the model keeps its case. */
static void test_path_models(void **state)
{
	static const char file[] =
		"name: acme\nhosts: [a.example]\nrefusal: {body: '{\"e\":\"%MESSAGE%\"}'}\n"
		"operations:\n"
		"  - {method: POST, path: \"/m/{model+}\", name: rest}\n"
		"  - {method: POST, path: \"/m/{model}\", name: one}\n"
		"  - {method: POST, path: \"/m/{model}:Ask\", name: ask}\n"
		"  - {method: POST, path: \"/m/{model+}/Say\", name: say}\n"
		"  - {method: POST, path: \"/p/{other}/m/{model}\", name: inner}\n"
		"  - {method: POST, path: /m/fixed, name: fixed}\n";
	static const struct {
		const char *path, *name, *model;
	} row[] = {
		{"/m/GPT-x", "one", "GPT-x"},
		{"/m/GPT-x:ask", "ask", "GPT-x"},
		{"/M/GPT-x%3aASK", "ask", "GPT-x"},
		{"/m/a:b:ask", "ask", "a:b"},
		{"/m/:ask", "one", ":ask"},
		{"/m/fixed", "fixed", NULL},
		{"/m/x/say", "say", "x"},
		{"/m/arn%3Aaws%3A1%3Ap%2FUs.x/say", "say", "arn:aws:1:p/Us.x"},
		{"/m/a/B/c/say", "say", "a/B/c"},
		{"/m/a/./%2e/b//c/../d/say", "say", "a/b/d"},
		{"/m/a/B/c", "rest", "a/B/c"},
		{"/m/say", "one", "say"},
		{"/m", "unknown", NULL},
		{"/p/A/m/B", "inner", "B"},
		{"/p/A/m", "unknown", NULL},
	};
	struct provider_source source = {"acme.yaml", span_of(file, sizeof(file) - 1)};
	struct yaml_error error = YAML_ERROR_INIT;
	struct json_scan *scan = json_scan_new(64);
	struct facts *facts = facts_new();
	struct message head = {.method = SPAN_LIT("POST")};
	struct provider_set *set = NULL;

	(void)state;
	assert_int_equal(provider_load(&source, 1, &set, &error), PARSE_DONE);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const struct fact_value *model = facts_get(facts, FACT_MODEL);

		facts_reset(facts);
		head.path = span_str(row[i].path);
		assert_int_equal(
			provider_request(provider_set_at(set, 0), &head, SPAN_NULL, scan, facts),
			PARSE_DONE);
		if (!span_eq_str(facts_get(facts, FACT_OPERATION)->text, row[i].name) ||
		    (model->kind == FACT_TEXT) != (row[i].model != NULL) ||
		    (row[i].model && !span_eq_str(model->text, row[i].model)))
			fail_msg("%s is %.*s with %.*s", row[i].path,
				 SPAN_ARG(facts_get(facts, FACT_OPERATION)->text),
				 SPAN_ARG(model->text));
	}
	provider_set_unref(set);
	json_scan_free(scan);
	facts_free(facts);
	yaml_error_deinit(&error);
}

/* A literal segment is nearer than one that stands for any, whatever their order. */
static void test_nearest_operation(void **state)
{
	struct provider_set *set = good_set();
	const struct provider *p = provider_set_at(set, 0);
	struct json_scan *scan = json_scan_new(64);
	struct facts *facts = facts_new();
	struct message head = {.method = SPAN_LIT("POST"), .path = SPAN_LIT("/v1/ask")};

	(void)state;
	assert_int_equal(provider_request(p, &head, SPAN_LIT("{\"q\":\"x\"}"), scan, facts),
			 PARSE_DONE);
	assert_true(span_eq_str(facts_get(facts, FACT_OPERATION)->text, "ask"));
	assert_true(span_eq_str(facts_get(facts, FACT_PROMPT)->text, "x"));
	facts_reset(facts);
	head.path = SPAN_LIT("/v1/other");
	assert_int_equal(provider_request(p, &head, SPAN_NULL, scan, facts), PARSE_DONE);
	assert_true(span_eq_str(facts_get(facts, FACT_OPERATION)->text, "any"));
	assert_int_equal(facts_get(facts, FACT_UNJUDGED)->kind, FACT_ABSENT);
	json_scan_free(scan);
	facts_free(facts);
	provider_set_unref(set);
}

static void load_without_memory(void *ctx)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct provider_set *set = NULL;
	int r = load(buf_span(ctx), &set, &error);

	/* Making a digest asks OpenSSL, which has more than one word for no memory. */
	if (oom_hit())
		assert_true(r < 0 || r == PARSE_DONE);
	else
		assert_int_equal(r, PARSE_DONE);
	provider_set_unref(set);
	yaml_error_deinit(&error);
}

static void test_load_without_memory(void **state)
{
	struct buf text = BUF_INIT(1u << 16);

	(void)state;
	file_with(LINES, NULL, &text);
	assert_in_range(oom_each(load_without_memory, &text), 20, 100000);
	buf_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many_paths),
		cmocka_unit_test(test_two_files),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_uri),
		cmocka_unit_test(test_path_models),
		cmocka_unit_test(test_nearest_operation),
		cmocka_unit_test(test_load_without_memory),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
