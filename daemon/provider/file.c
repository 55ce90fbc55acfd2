/* SPDX-License-Identifier: MIT */
#include "provider/file.h"

#include "base/cleanup.h"
#include "base/nearest.h"
#include "provider/hosts.h"

#include <errno.h>

DEFINE_FREEP(struct provider, file_free)
DEFINE_FREEP(struct json_scan, json_scan_free)

static int wrong(const struct provider *p, struct yaml_error *error, const struct yaml_node *node,
		 const char *what)
{
	return yaml_error_set(error, p->file, node->line, "%s", what);
}

int file_fill(struct buf *out, struct span text, struct span message, struct span decision)
{
	for (size_t i = 0; i < text.n;) {
		struct span rest = span_sub(text, i, text.n);

		if (span_starts(rest, SPAN_LIT(FILE_MESSAGE))) {
			buf_put(out, message);
			i += sizeof(FILE_MESSAGE) - 1;
		} else if (span_starts(rest, SPAN_LIT(FILE_DECISION))) {
			buf_put(out, decision);
			i += sizeof(FILE_DECISION) - 1;
		} else {
			size_t plain = span_find(span_sub(rest, 1, rest.n), '%') + 1;

			buf_put(out, span_sub(rest, 0, plain));
			i += plain;
		}
	}
	return out->err;
}

/* A name of OpenTelemetry's list or one like it: letters, digits, dots and underscores. */
static int load_name(struct provider *p, const struct yaml_node *node, struct yaml_error *error)
{
	bool good = node->kind == YAML_SCALAR && node->text.n && node->text.n <= 64;

	for (size_t i = 0; good && i < node->text.n; i++) {
		uint8_t c = node->text.p[i];

		good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
	}
	if (!good)
		return wrong(p, error, node,
			     "`name` has to be 1 to 64 of a-z, 0-9, `.` and `_`, like gcp.gemini");
	p->name = node->text;
	return PARSE_DONE;
}

static int load_hosts(struct provider *p, const struct yaml_node *node, struct yaml_error *error)
{
	size_t n = 0;

	if (node->kind != YAML_SEQUENCE || !node->child)
		return wrong(p, error, node, "`hosts` has to be a list of at least one host name");
	yaml_foreach (host, node)
		n++;
	p->hosts = calloc(n, sizeof(*p->hosts));
	if (!p->hosts)
		return -ENOMEM;
	yaml_foreach (host, node) {
		if (host->kind != YAML_SCALAR || !host_valid(host->text))
			return wrong(
				p, error, host,
				"a host is a lower-case name, \"*.\" and a name, or a name and "
				"a port, like localhost:11434");
		p->hosts[p->hosts_n++] = host->text;
	}
	return PARSE_DONE;
}

static int load_operations(struct provider *p, const struct yaml_node *node,
			   const struct yaml_node *shapes, struct yaml_error *error)
{
	int r = PARSE_DONE;

	if (node->kind != YAML_SEQUENCE)
		return wrong(p, error, node, "`operations` has to be a list");
	yaml_foreach (entry, node)
		if (!r)
			r = operation_load(entry, shapes, p->file, &p->operations, error);
	return r;
}

/* Every shape has to be right, used or not. */
static int load_shapes(struct provider *p, const struct yaml_node *node, struct yaml_error *error)
{
	if (node->kind != YAML_MAPPING)
		return wrong(p, error, node, "`shapes` has to be a mapping of names to shapes");
	yaml_foreach (value, node) {
		struct shape *shape = NULL;
		int r = shape_load(value, SPAN_NULL, p->file, &shape, error);

		shape_free(shape);
		if (r)
			return r;
	}
	return PARSE_DONE;
}

static size_t count(struct span text, const char *word)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += span_starts(span_sub(text, i, text.n), span_str(word));
	return n;
}

/* Is it one line of JSON whatever the message says? A message that stands outside of a string is
 * found out by its escaped quote. */
static int check_body(const struct provider *p, const struct yaml_node *node,
		      struct yaml_error *error)
{
	struct json_scan *scan CLEANUP(json_scan_freep) = json_scan_new(1024);
	struct buf filled = BUF_INIT(2 * AICP_PROVIDER_ERROR_BYTES_MAX);
	int r;

	if (!scan)
		return -ENOMEM;
	if (node->text.n > AICP_PROVIDER_ERROR_BYTES_MAX || count(node->text, FILE_MESSAGE) != 1 ||
	    span_find(node->text, '\n') != node->text.n ||
	    span_find(node->text, '\t') != node->text.n)
		return wrong(p, error, node,
			     "`body` has to be one line of at most 2048 bytes, without tabs, with "
			     "%MESSAGE% once");
	r = file_fill(&filled, node->text, SPAN_LIT("a\\\"b"), SPAN_LIT("a"));
	if (!r)
		r = json_scan_all(scan, buf_span(&filled));
	buf_deinit(&filled);
	if (r > 0)
		return wrong(p, error, node, "`body` is not JSON with %MESSAGE% inside a string");
	return r;
}

static bool is_header(const struct yaml_node *value)
{
	static const char *const ours[] = {"content-type", "content-length", "connection",
					   "x-should-retry", "x-aicp-decision-id"};
	struct span name = value->key->text;

	if (value->kind != YAML_SCALAR || !name.n)
		return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (span_eq_str(name, ours[i]))
			return false;
	for (size_t i = 0; i < name.n; i++)
		if (!(name.p[i] >= 'a' && name.p[i] <= 'z') && name.p[i] != '-')
			return false;
	for (size_t i = 0; i < value->text.n; i++)
		if (value->text.p[i] < 0x20 || value->text.p[i] > 0x7e)
			return false;
	return count(value->text, FILE_MESSAGE) == 0;
}

static int load_headers(struct provider *p, const struct yaml_node *node, struct yaml_error *error)
{
	if (node->kind != YAML_MAPPING)
		return wrong(p, error, node, "`headers` has to be a mapping of names to values");
	yaml_foreach (value, node)
		if (!is_header(value))
			return wrong(p, error, value,
				     "a header is a lower-case name that aicp does not set itself, "
				     "and visible ASCII");
	p->error_headers = node;
	return PARSE_DONE;
}

static int load_refusal(struct provider *p, const struct yaml_node *node, struct yaml_error *error)
{
	const struct yaml_node *body = yaml_get(node, "body"), *headers = yaml_get(node, "headers");
	int r;

	if (node->kind != YAML_MAPPING || !body || body->kind != YAML_SCALAR)
		return wrong(p, error, node, "`refusal` has to be a mapping with `body`, a string");
	yaml_foreach (value, node)
		if (value != body && value != headers)
			return yaml_error_set(error, p->file, value->key->line,
					      "unknown key `%.*s`; `refusal` has body and headers",
					      YAML_SHOW(value->key->text));
	r = check_body(p, body, error);
	if (!r && headers)
		r = load_headers(p, headers, error);
	if (r)
		return r;
	p->error_body = body->text;
	return file_fill(&p->error_template, body->text, SPAN_LIT(FILE_MESSAGE), SPAN_LIT("none"));
}

static int load(struct provider *p, const struct yaml_node *root, struct yaml_error *error)
{
	static const char *const keys[] = {"name", "hosts", "operations", "shapes", "refusal"};
	const struct yaml_node *value[5], *shapes = yaml_get(root, "shapes");
	int r = PARSE_DONE;

	if (root->kind != YAML_MAPPING || root->next)
		return wrong(p, error, root->next ? root->next : root,
			     "a provider file is one mapping with name, hosts, operations, shapes, "
			     "refusal");
	yaml_foreach (any, root) {
		struct nearest near = {0};
		bool known = false;

		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			known |= span_eq_str(any->key->text, keys[i]);
			nearest_offer(&near, any->key->text, span_str(keys[i]));
		}
		if (!known)
			return yaml_error_set(error, p->file, any->key->line,
					      "unknown key `%.*s`" NEAREST_FMT,
					      YAML_SHOW(any->key->text), NEAREST_ARG(near));
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		value[i] = yaml_get(root, keys[i]);
		if (!value[i] && strcmp(keys[i], "shapes") != 0)
			return yaml_error_set(error, p->file, root->line, "`%s` is missing",
					      keys[i]);
	}
	r = load_name(p, value[0], error);
	if (!r)
		r = load_hosts(p, value[1], error);
	if (!r && shapes)
		r = load_shapes(p, shapes, error);
	if (!r)
		r = load_operations(p, value[2], shapes, error);
	if (!r)
		r = load_refusal(p, value[4], error);
	return r;
}

int file_load(const struct provider_source *source, struct provider **ret_provider,
	      struct yaml_error *error)
{
	struct provider *p CLEANUP(file_freep) = calloc(1, sizeof(*p));
	struct yaml_node *root;
	int r;

	if (!p)
		return -ENOMEM;
	p->file = source->name;
	p->error_template = BUF_INIT(2 * AICP_PROVIDER_ERROR_BYTES_MAX);
	r = yaml_parse(source->text, source->name, &p->yaml, error);
	if (r)
		return r;
	root = yaml_root(p->yaml);
	if (!root)
		return yaml_error_set(
			error, source->name, 0,
			"the file is empty; docs/PROVIDERS.md says what a provider needs");
	r = load(p, root, error);
	if (r)
		return r;
	/* The name belongs to the caller. */
	p->file = NULL;
	*ret_provider = TAKE(p);
	return PARSE_DONE;
}

void file_free(struct provider *provider)
{
	if (!provider)
		return;
	operation_free(provider->operations);
	free(provider->hosts);
	buf_deinit(&provider->error_template);
	yaml_release(provider->yaml);
	free(provider);
}
