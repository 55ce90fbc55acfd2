/* SPDX-License-Identifier: MIT */
/* Usage out of answers, whole or streamed. */
#include "base/cleanup.h"
#include "provider/file.h"

#include <errno.h>

#define UNKNOWN (-1)
/* What a counter can be, so that sums of all counters stay far from overflow. */
#define TOKENS_MAX     (INT64_C(1) << 48)
#define NAME_BYTES_MAX 1024

struct provider_answer {
	const struct shape *shape; /* NULL: nothing is known of such answers */
	struct json_scan *scan;
	int64_t counter[AICP_PROVIDER_COUNTERS_MAX];
	struct buf model, finish_reason;
};

DEFINE_FREEP(struct provider_answer, provider_answer_free)

struct provider_answer *provider_answer_new(const struct provider *provider, struct span method,
					    struct span path)
{
	const struct operation *o = operation_find(provider->operations, method, path);
	struct provider_answer *a CLEANUP(provider_answer_freep) = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->model = BUF_INIT(NAME_BYTES_MAX);
	a->finish_reason = BUF_INIT(NAME_BYTES_MAX);
	for (unsigned i = 0; i < AICP_PROVIDER_COUNTERS_MAX; i++)
		a->counter[i] = UNKNOWN;
	if (o && o->shape && o->shape->answer)
		a->shape = o->shape;
	a->scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	return a->scan ? TAKE(a) : NULL;
}

void provider_answer_free(struct provider_answer *answer)
{
	if (!answer)
		return;
	json_scan_free(answer->scan);
	buf_deinit(&answer->model);
	buf_deinit(&answer->finish_reason);
	free(answer);
}

/* A later text takes the place of an earlier one. */
static int take_text(const struct json *j, uint32_t t, struct buf *out)
{
	int r;

	if (j->token[t].begin == j->token[t].end)
		return PARSE_DONE;
	buf_clear(out);
	r = json_string_put(j, t, out);
	if (r)
		buf_clear(out);
	return r == -E2BIG ? PARSE_E_BAD : r;
}

static int take(struct path_walk *walk, const struct path_action *action, uint32_t t, bool deep)
{
	struct provider_answer *a = walk->context;
	int64_t number;

	(void)deep;
	switch ((enum shape_use)action->what) {
	case SHAPE_COUNTER:
		if (!json_int(walk->json, t, &number) || number < 0 || number > TOKENS_MAX)
			return PARSE_E_BAD;
		a->counter[action->arg] = number;
		return PARSE_DONE;
	case SHAPE_MODEL:
		return take_text(walk->json, t, &a->model);
	case SHAPE_FINISH:
		return take_text(walk->json, t, &a->finish_reason);
	case SHAPE_TEXT:
	case SHAPE_FACT:
	case SHAPE_LIST:
	case SHAPE_MESSAGE:
	case SHAPE_ATTACHMENT:
	case SHAPE_DOCUMENT:
	case SHAPE_UNJUDGED:
	case SHAPE_DATA:
		break;
	}
	return PARSE_E_BAD;
}

int provider_answer_json(struct provider_answer *answer, struct span body)
{
	struct path_walk walk = {.take = take, .context = answer};
	struct json json;
	int r;

	if (!answer->shape)
		return PARSE_DONE;
	r = json_scan_all(answer->scan, body);
	if (r)
		return r;
	json = json_scan_json(answer->scan, body);
	walk.json = &json;
	return path_walk(&walk, answer->shape->answer);
}

int provider_answer_event(struct provider_answer *answer, struct span event, struct span data)
{
	/* What an event is stands in its data too; not every provider names its events. */
	(void)event;
	if (!data.n || span_eq_str(data, "[DONE]"))
		return PARSE_DONE;
	return provider_answer_json(answer, data);
}

void provider_answer_usage(const struct provider_answer *answer, struct provider_usage *ret_usage)
{
	int64_t total[_SHAPE_TOTAL_COUNT] = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN};

	for (unsigned i = 0; answer->shape && i < answer->shape->counters_n; i++) {
		int64_t *sum = &total[answer->shape->counter[i]];

		if (answer->counter[i] != UNKNOWN)
			*sum = (*sum == UNKNOWN ? 0 : *sum) + answer->counter[i];
	}
	*ret_usage = (struct provider_usage){
		.input_tokens = total[SHAPE_INPUT],
		.output_tokens = total[SHAPE_OUTPUT],
		.cache_read_input_tokens = total[SHAPE_CACHE_READ],
		.cache_creation_input_tokens = total[SHAPE_CACHE_CREATION],
		.reasoning_output_tokens = total[SHAPE_REASONING],
		.model = buf_span(&answer->model),
		.finish_reason = buf_span(&answer->finish_reason),
	};
}
