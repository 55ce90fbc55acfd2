/* SPDX-License-Identifier: MIT */
/* Usage, and what else is told of answers, whole or streamed. */
#include "base/cleanup.h"
#include "provider/file.h"

#include <errno.h>

#define UNKNOWN (-1)
/* What a counter can be, so that sums of all counters stay far from overflow. */
#define TOKENS_MAX     (INT64_C(1) << 48)
#define NAME_BYTES_MAX 1024

struct provider_answer {
	const struct shape *shape; /* NULL: nothing is known of such answers */
	int64_t counter[AICP_PROVIDER_COUNTERS_MAX];
	struct buf model, finish_reason, id;
	struct buf tools; /* names, one behind the other */
	size_t tool_end[AICP_PROVIDER_TOOLS_MAX];
	unsigned tools_n;
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
	a->id = BUF_INIT(NAME_BYTES_MAX);
	a->tools = BUF_INIT((AICP_PROVIDER_TOOLS_MAX + 1) * NAME_BYTES_MAX);
	for (unsigned i = 0; i < AICP_PROVIDER_COUNTERS_MAX; i++)
		a->counter[i] = UNKNOWN;
	if (o && o->shape && o->shape->answer)
		a->shape = o->shape;
	return TAKE(a);
}

void provider_answer_free(struct provider_answer *answer)
{
	if (!answer)
		return;
	buf_deinit(&answer->model);
	buf_deinit(&answer->finish_reason);
	buf_deinit(&answer->id);
	buf_deinit(&answer->tools);
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

static struct span tool_at(const struct provider_answer *a, unsigned i)
{
	return span_sub(buf_span(&a->tools), i ? a->tool_end[i - 1] : 0, a->tool_end[i]);
}

/* Streams name a call more than once: when it begins, and in what they say at the end. */
static int take_tool(struct provider_answer *a, const struct json *j, uint32_t t)
{
	size_t before = a->tools.n;
	struct span name;
	int r;

	if (a->tools_n == AICP_PROVIDER_TOOLS_MAX || j->token[t].begin == j->token[t].end)
		return PARSE_DONE;
	r = json_string_put(j, t, &a->tools);
	name = span_sub(buf_span(&a->tools), before, a->tools.n);
	a->tools.n = before;
	a->tools.err = 0;
	if (r == -E2BIG || name.n > NAME_BYTES_MAX)
		return PARSE_E_BAD;
	if (r)
		return r;
	for (unsigned i = 0; i < a->tools_n; i++)
		if (span_eq(tool_at(a, i), name))
			return PARSE_DONE;
	a->tools.n += name.n;
	a->tool_end[a->tools_n++] = a->tools.n;
	return PARSE_DONE;
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
	case SHAPE_ID:
		return take_text(walk->json, t, &a->id);
	case SHAPE_TOOL:
		return take_tool(a, walk->json, t);
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

bool provider_answer_reads(const struct provider_answer *answer)
{
	return answer->shape;
}

int provider_answer_json(struct provider_answer *answer, struct span body, struct json_scan *scan)
{
	struct path_walk walk = {.take = take, .context = answer};
	struct json json;
	int r;

	if (!answer->shape)
		return PARSE_DONE;
	r = json_scan_all(scan, body);
	if (r)
		return r;
	json = json_scan_json(scan, body);
	walk.json = &json;
	return path_walk(&walk, answer->shape->answer);
}

int provider_answer_event(struct provider_answer *answer, struct span event, struct span data,
			  struct json_scan *scan)
{
	/* What an event is stands in its data too; not every provider names its events. */
	(void)event;
	if (!data.n || span_eq_str(data, "[DONE]"))
		return PARSE_DONE;
	return provider_answer_json(answer, data, scan);
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
		.id = buf_span(&answer->id),
	};
}

unsigned provider_answer_tools(const struct provider_answer *answer,
			       struct span ret_name[AICP_PROVIDER_TOOLS_MAX])
{
	for (unsigned i = 0; i < answer->tools_n; i++)
		ret_name[i] = tool_at(answer, i);
	return answer->tools_n;
}

size_t provider_answer_memory(const struct provider_answer *answer)
{
	return sizeof(*answer) + answer->model.cap + answer->finish_reason.cap + answer->id.cap +
	       answer->tools.cap;
}
