/* SPDX-License-Identifier: MIT */
/* layer: provider */
/* How long it takes to read a call: scan and facts of chat requests of 4 KB, as the engine reads
 * them. */
#include "clock.h"
#include "provider/provider.h"

#include <stdio.h>
#include <stdlib.h>

#define SECONDS 0.5

static void die(const char *what)
{
	fprintf(stderr, "bench_provider: %s\n", what);
	exit(1);
}

static struct buf read_file(const char *path)
{
	struct buf text = BUF_INIT(1u << 20);
	FILE *f = fopen(path, "r");
	int c;

	if (!f)
		die("run from the top of the source tree");
	while ((c = getc(f)) != EOF)
		buf_put_byte(&text, (uint8_t)c);
	fclose(f);
	return text;
}

static struct provider_set *load(void)
{
	struct buf openai = read_file("policies/providers/openai.yaml");
	struct buf anthropic = read_file("policies/providers/anthropic.yaml");
	struct provider_source source[] = {{"openai.yaml", buf_span(&openai)},
					   {"anthropic.yaml", buf_span(&anthropic)}};
	struct yaml_error error = YAML_ERROR_INIT;
	struct provider_set *set = NULL;

	if (provider_load(source, 2, &set, &error) != PARSE_DONE)
		die(buf_str(&error.text));
	buf_deinit(&openai);
	buf_deinit(&anthropic);
	return set;
}

/* A conversation of about 4 KB in messages of `each` bytes. */
static void put_chat(struct buf *b, size_t each)
{
	buf_put_str(b, "{\"model\":\"m\",\"max_tokens\":64,\"stream\":false,\"messages\":[");
	for (size_t n = 0; b->n < 4000; n++) {
		buf_printf(b, "%s{\"role\":\"%s\",\"content\":\"", n ? "," : "",
			   n % 2 ? "assistant" : "user");
		for (size_t i = 0; i < each; i += 20)
			buf_put_str(b, "the quick brown fox ");
		buf_put_str(b, "\"}");
	}
	buf_put_str(b, "]}");
}

/* Least time of several passes: what others do on the machine only adds to it. */
static double least(const struct provider *p, const struct message *head, struct span body)
{
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct facts *facts = facts_new();
	double best = 1e9, end = clock_seconds(CLOCK_MONOTONIC) + SECONDS;

	if (!scan || !facts)
		die("no memory");
	while (clock_seconds(CLOCK_MONOTONIC) < end) {
		double begin = clock_seconds(CLOCK_MONOTONIC);

		for (int i = 0; i < 200; i++) {
			facts_reset(facts);
			if (provider_request(p, head, body, scan, facts) != PARSE_DONE)
				die("the request was not read");
		}
		if ((clock_seconds(CLOCK_MONOTONIC) - begin) / 200 < best)
			best = (clock_seconds(CLOCK_MONOTONIC) - begin) / 200;
	}
	json_scan_free(scan);
	facts_free(facts);
	return best * 1e6;
}

int main(void)
{
	static const struct {
		const char *name, *host, *path;
		size_t each;
	} row[] = {
		{"chat, 4 KB in one message", "api.openai.com", "/v1/chat/completions", 3900},
		{"chat, 4 KB in 30 messages", "api.openai.com", "/v1/chat/completions", 100},
		{"messages, 4 KB in 30 messages", "api.anthropic.com", "/v1/messages", 100},
		{"unknown operation, 4 KB", "api.openai.com", "/v1/other", 3900},
	};
	struct provider_set *set = load();
	struct buf body = BUF_INIT(1u << 20);

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct message head = {.method = SPAN_LIT("POST"),
				       .path = span_str(row[i].path),
				       .content_type = SPAN_LIT("application/json")};

		buf_clear(&body);
		put_chat(&body, row[i].each);
		printf("RESULT\tread a call: %s\t%.2f\tus\t<= 15\n", row[i].name,
		       least(provider_set_host(set, span_str(row[i].host)), &head,
			     buf_span(&body)));
	}
	buf_deinit(&body);
	provider_set_unref(set);
	return 0;
}
