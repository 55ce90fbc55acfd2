/* SPDX-License-Identifier: MIT */
/* The wire shape of calls: how facts are read out of a request and usage out of an answer. */
#pragma once

#include "base/yaml.h"
#include "model/facts.h"
#include "provider/path.h"

/* What a path of a shape is for; struct path_action's `what`. */
enum shape_use {
	SHAPE_TEXT, /* arg: enum shape_mark */
	SHAPE_FACT, /* arg: enum fact_id; rank: of several texts the lowest wins, of numbers the
		       largest */
	SHAPE_LIST, /* arg: enum fact_id */
	SHAPE_MESSAGE, /* one message */
	SHAPE_ATTACHMENT, /* label: its kind; no policy can see it */
	SHAPE_DOCUMENT, /* label: its kind; its text stands in the request */
	SHAPE_UNJUDGED, /* label: what no policy can see */
	SHAPE_DATA, /* bytes as base64 */
	SHAPE_COUNTER, /* arg: counter */
	SHAPE_MODEL, /* of the answer */
	SHAPE_FINISH, /* of the answer */
	SHAPE_ID, /* of the answer */
	SHAPE_TOOL, /* of the answer: name of a tool that it calls */
};

/* What a string of the body is; a string can be several. */
enum shape_mark {
	SHAPE_PROMPT = 1,
	SHAPE_SYSTEM = 2,
	SHAPE_ASSISTANT = 4,
	SHAPE_TOOL_RESULTS = 8,
	SHAPE_IS_DATA = 16,
	SHAPE_IS_MESSAGE = 32,
	SHAPE_MAY_BE_DATA = 64, /* too short to say; is text, and must not be changed */
};

/* Sums of an answer, in the order of struct provider_usage. */
enum shape_total {
	SHAPE_INPUT,
	SHAPE_OUTPUT,
	SHAPE_CACHE_READ,
	SHAPE_CACHE_CREATION,
	SHAPE_REASONING,
	_SHAPE_TOTAL_COUNT,
};

struct shape {
	struct path_tree *request; /* NULL: requests are not read */
	struct path_tree *answer; /* NULL: answers are not read */
	const struct yaml_node *labels; /* list of keys whose strings `**` leaves out, or NULL */
	bool has[_FACT_COUNT]; /* facts that some path of the request sets */
	bool has_messages;
	bool has_prompt;
	/* Counters are numbers that stand in answers; each adds to one total, the latest value
	 * counts. */
	unsigned counters_n;
	enum shape_total counter[AICP_PROVIDER_COUNTERS_MAX];
};

/* Reads one entry of `shapes:`; under: a path that all request paths begin with, or empty. The
 * shape borrows from node. PARSE_DONE, PARSE_E_BAD with error set, -ENOMEM. */
MUST_CHECK int shape_load(const struct yaml_node *node, struct span under, const char *file,
			  struct shape **ret_shape, struct yaml_error *error);
void shape_free(struct shape *shape);
