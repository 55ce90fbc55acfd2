/* SPDX-License-Identifier: MIT */
/* From the `shapes:` of a provider file to trees of paths. */
#include "provider/shape.h"

#include "base/cleanup.h"
#include "base/nearest.h"

#include <errno.h>

DEFINE_FREEP(struct shape, shape_free)

#define STRING PATH_KIND(JSON_STRING)
#define NUMBER PATH_KIND(JSON_NUMBER)

/* A key of `request:`: its paths, or (labelled) a mapping of labels to paths. */
static const struct request_key {
	const char *name;
	enum shape_use use;
	unsigned arg;
	uint8_t kinds;
	bool labelled;
} request_keys[] = {
	{"model", SHAPE_FACT, FACT_MODEL, STRING, false},
	{"stream", SHAPE_FACT, FACT_STREAM, PATH_KINDS_BOOL, false},
	{"user", SHAPE_FACT, FACT_USER, STRING, false},
	{"max_tokens", SHAPE_FACT, FACT_MAX_TOKENS, NUMBER, false},
	{"temperature", SHAPE_FACT, FACT_TEMPERATURE, NUMBER, false},
	{"tools", SHAPE_LIST, FACT_TOOLS, STRING, false},
	{"messages", SHAPE_MESSAGE, 0, 0, false},
	{"prompt", SHAPE_TEXT, SHAPE_PROMPT, STRING, false},
	{"system", SHAPE_TEXT, SHAPE_SYSTEM, STRING, false},
	{"assistant", SHAPE_TEXT, SHAPE_ASSISTANT, STRING, false},
	{"tool_results", SHAPE_TEXT, SHAPE_TOOL_RESULTS, STRING, false},
	{"attachments", SHAPE_ATTACHMENT, 0, PATH_KINDS_ANY, true},
	{"documents", SHAPE_DOCUMENT, 0, PATH_KINDS_ANY, true},
	{"unjudged", SHAPE_UNJUDGED, 0, PATH_KINDS_ANY, true},
	{"data", SHAPE_DATA, 0, STRING, false},
};

static const char *const total_keys[_SHAPE_TOTAL_COUNT] = {
	[SHAPE_INPUT] = "input_tokens",
	[SHAPE_OUTPUT] = "output_tokens",
	[SHAPE_CACHE_READ] = "cache_read_input_tokens",
	[SHAPE_CACHE_CREATION] = "cache_creation_input_tokens",
	[SHAPE_REASONING] = "reasoning_output_tokens",
};

/* Keys of `answer:` that are texts. */
static const struct {
	const char *name;
	enum shape_use use;
} answer_keys[] = {
	{"model", SHAPE_MODEL},
	{"finish_reason", SHAPE_FINISH},
	{"id", SHAPE_ID},
	{"tools", SHAPE_TOOL},
};

/* What one shape is loaded with. */
struct loader {
	const char *file;
	struct yaml_error *error;
	struct span under;
	struct shape *shape;
};

static int unknown(struct loader *l, const struct yaml_node *value, struct nearest near)
{
	return yaml_error_set(l->error, l->file, value->key->line, "unknown key `%.*s`" NEAREST_FMT,
			      YAML_SHOW(value->key->text), NEAREST_ARG(near));
}

static int expect(struct loader *l, const struct yaml_node *node, enum yaml_kind kind,
		  const char *what)
{
	if (node->kind == kind)
		return PARSE_DONE;
	return yaml_error_set(l->error, l->file, node->line, "%s is expected here", what);
}

/* Adds one path; base and path are joined by a dot where path begins with a key. */
static int add_path(struct loader *l, struct path_tree *tree, struct span base,
		    const struct yaml_node *path, const struct path_action *action)
{
	struct buf text = BUF_INIT(4096);
	const char *why = NULL;
	int r = expect(l, path, YAML_SCALAR, "a path (a string)");

	if (r)
		return r;
	buf_put(&text, base);
	if (base.n && path->text.n && path->text.p[0] != '[' && path->text.p[0] != '{')
		buf_put_byte(&text, '.');
	r = buf_put(&text, path->text);
	if (!r)
		r = path_tree_add(tree, buf_span(&text), action, &why);
	if (r == -E2BIG)
		r = yaml_error_set(l->error, l->file, path->line,
				   "the path is longer than 4096 bytes");
	if (r == PARSE_E_BAD && why)
		yaml_error_set(l->error, l->file, path->line, "bad path `%.*s`: %s",
			       YAML_SHOW(buf_span(&text)), why);
	buf_deinit(&text);
	return r;
}

/* A path, or a list of paths; each later one has a higher rank. */
static int add_paths(struct loader *l, struct path_tree *tree, struct span base,
		     const struct yaml_node *node, struct path_action action)
{
	int r;

	if (node->kind == YAML_SCALAR)
		return add_path(l, tree, base, node, &action);
	r = expect(l, node, YAML_SEQUENCE, "a path or a list of paths");
	yaml_foreach (path, node) {
		if (r)
			return r;
		r = add_path(l, tree, base, path, &action);
		action.rank++;
	}
	return r;
}

static int add_labelled(struct loader *l, const struct yaml_node *node, struct path_action action)
{
	int r = expect(l, node, YAML_MAPPING, "a mapping of names to paths");

	yaml_foreach (value, node) {
		if (r)
			return r;
		action.label = value->key->text;
		r = add_paths(l, l->shape->request, l->under, value, action);
	}
	return r;
}

static int load_labels(struct loader *l, const struct yaml_node *node)
{
	int r = expect(l, node, YAML_SEQUENCE, "a list of keys");

	yaml_foreach (key, node)
		if (!r)
			r = expect(l, key, YAML_SCALAR, "a key (a string)");
	if (!r)
		l->shape->labels = node;
	return r;
}

static int load_dialect(struct loader *l, const struct yaml_node *node)
{
	if (!node)
		return PARSE_DONE;
	if (node->kind != YAML_SCALAR || !span_eq_str(node->text, "protobuf"))
		return yaml_error_set(
			l->error, l->file, node->line,
			"`dialect` can only be protobuf; leave it out for other JSON");
	path_tree_protobuf(l->shape->request);
	return PARSE_DONE;
}

static int load_request_key(struct loader *l, const struct yaml_node *value)
{
	struct nearest near = {0};

	if (span_eq_str(value->key->text, "labels"))
		return load_labels(l, value);
	if (span_eq_str(value->key->text, "dialect"))
		return PARSE_DONE;
	for (size_t i = 0; i < sizeof(request_keys) / sizeof(*request_keys); i++) {
		const struct request_key *k = &request_keys[i];
		struct path_action action = {.what = (int)k->use, .arg = k->arg, .kinds = k->kinds};

		if (!span_eq_str(value->key->text, k->name)) {
			nearest_offer(&near, value->key->text, span_str(k->name));
			continue;
		}
		l->shape->has_messages |= k->use == SHAPE_MESSAGE;
		l->shape->has_prompt |= k->use == SHAPE_TEXT && k->arg == SHAPE_PROMPT;
		if (k->use == SHAPE_FACT)
			l->shape->has[k->arg] = true;
		if (k->labelled)
			return add_labelled(l, value, action);
		return add_paths(l, l->shape->request, l->under, value, action);
	}
	return unknown(l, value, near);
}

static int load_request(struct loader *l, const struct yaml_node *node)
{
	int r = expect(l, node, YAML_MAPPING, "a mapping of facts to paths");

	l->shape->request = path_tree_new();
	if (!l->shape->request)
		return -ENOMEM;
	if (!r)
		r = load_dialect(l, yaml_get(node, "dialect"));
	yaml_foreach (value, node)
		if (!r)
			r = load_request_key(l, value);
	if (!r && !path_tree_fits(l->shape->request))
		r = yaml_error_set(
			l->error, l->file, node->line,
			"more than 64 paths can meet in one value; join conditions with `|`");
	return r;
}

/* One number of a total: below each place where the usage object may stand. */
static int add_counter(struct loader *l, const struct yaml_node *places,
		       const struct yaml_node *path, enum shape_total total)
{
	struct path_action action = {.what = SHAPE_COUNTER, .kinds = NUMBER};
	int r = PARSE_DONE;

	if (l->shape->counters_n == AICP_PROVIDER_COUNTERS_MAX)
		return yaml_error_set(l->error, l->file, path->line,
				      "more than %u numbers are added up",
				      AICP_PROVIDER_COUNTERS_MAX);
	action.arg = l->shape->counters_n;
	l->shape->counter[l->shape->counters_n++] = total;
	if (places->kind == YAML_SCALAR)
		return add_path(l, l->shape->answer, places->text, path, &action);
	yaml_foreach (place, places) {
		if (!r)
			r = expect(l, place, YAML_SCALAR, "a path (a string)");
		if (!r)
			r = add_path(l, l->shape->answer, place->text, path, &action);
	}
	return r;
}

static int add_total(struct loader *l, const struct yaml_node *places,
		     const struct yaml_node *value, enum shape_total total)
{
	int r = PARSE_DONE;

	if (value->kind == YAML_SCALAR)
		return add_counter(l, places, value, total);
	r = expect(l, value, YAML_SEQUENCE, "a path or a list of paths");
	yaml_foreach (path, value)
		if (!r)
			r = add_counter(l, places, path, total);
	return r;
}

static int load_answer_key(struct loader *l, const struct yaml_node *places,
			   const struct yaml_node *value)
{
	static const struct span nowhere = {NULL, 0};
	struct span key = value->key->text;
	struct path_action action = {.kinds = STRING};
	struct nearest near = {0};

	if (span_eq_str(key, "usage"))
		return PARSE_DONE;
	for (size_t i = 0; i < sizeof(answer_keys) / sizeof(*answer_keys); i++) {
		action.what = (int)answer_keys[i].use;
		if (span_eq_str(key, answer_keys[i].name))
			return add_paths(l, l->shape->answer, nowhere, value, action);
		nearest_offer(&near, key, span_str(answer_keys[i].name));
	}
	for (int i = 0; i < _SHAPE_TOTAL_COUNT; i++) {
		if (span_eq_str(key, total_keys[i]))
			return add_total(l, places, value, (enum shape_total)i);
		nearest_offer(&near, key, span_str(total_keys[i]));
	}
	return unknown(l, value, near);
}

static int load_answer(struct loader *l, const struct yaml_node *node)
{
	const struct yaml_node *places = yaml_get(node, "usage");
	int r = expect(l, node, YAML_MAPPING, "a mapping of totals to paths");

	if (r)
		return r;
	if (!places)
		return yaml_error_set(l->error, l->file, node->line,
				      "`usage` is missing: say where the usage object stands");
	if (places->kind == YAML_MAPPING)
		return expect(l, places, YAML_SEQUENCE, "a path or a list of paths");
	l->shape->answer = path_tree_new();
	if (!l->shape->answer)
		return -ENOMEM;
	yaml_foreach (value, node)
		if (!r)
			r = load_answer_key(l, places, value);
	if (!r && !path_tree_fits(l->shape->answer))
		r = yaml_error_set(
			l->error, l->file, node->line,
			"more than 64 paths can meet in one value; join conditions with `|`");
	return r;
}

int shape_load(const struct yaml_node *node, struct span under, const char *file,
	       struct shape **ret_shape, struct yaml_error *error)
{
	struct shape *shape CLEANUP(shape_freep) = calloc(1, sizeof(*shape));
	struct loader l = {.file = file, .error = error, .under = under, .shape = shape};
	int r;

	if (!shape)
		return -ENOMEM;
	r = expect(&l, node, YAML_MAPPING, "a shape with `request` and `answer`");
	yaml_foreach (value, node) {
		struct nearest near = {0};

		if (r)
			return r;
		nearest_offer(&near, value->key->text, SPAN_LIT("request"));
		nearest_offer(&near, value->key->text, SPAN_LIT("answer"));
		if (span_eq_str(value->key->text, "request"))
			r = load_request(&l, value);
		else if (span_eq_str(value->key->text, "answer"))
			r = load_answer(&l, value);
		else
			r = unknown(&l, value, near);
	}
	if (!r)
		*ret_shape = TAKE(shape);
	return r;
}

void shape_free(struct shape *shape)
{
	if (!shape)
		return;
	path_tree_free(shape->request);
	path_tree_free(shape->answer);
	free(shape);
}
