/* SPDX-License-Identifier: MIT */
/* layer: base */
/* Strict YAML: a tree that is well formed and within its limits, or a message that begins with the
 * file's name. */
#include "base/yaml.h"
#include "aicp/limits.h"
#include "base/utf8.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_node(const struct yaml_node *node, unsigned depth, int line)
{
	int64_t i;
	double d;
	bool b;

	CHECK(depth <= AICP_YAML_DEPTH_MAX && node->line >= line);
	if (node->kind == YAML_SCALAR) {
		CHECK(!node->child);
		CHECK(node->text.p[node->text.n] == 0 && utf8_valid(node->text));
		CHECK(span_find(node->text, 0) == node->text.n);
		if (yaml_int(node, &i))
			CHECK(yaml_number(node, &d) && (double)i == d && !yaml_bool(node, &b));
		return;
	}
	yaml_foreach (child, node) {
		CHECK((child->key != NULL) == (node->kind == YAML_MAPPING));
		check_node(child, depth + 1, node->line);
		if (child->key && !memchr(child->key->text.p, 0, child->key->text.n))
			CHECK(yaml_get(node, (const char *)child->key->text.p) == child);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct yaml *yaml = NULL;
	int r = yaml_parse(span_of(data, size), "f.yaml", &yaml, &error);

	CHECK(r >= PARSE_DONE && r <= PARSE_E_LIMIT && r != PARSE_E_MORE);
	if (r == PARSE_DONE) {
		for (const struct yaml_node *n = yaml_root(yaml); n; n = n->next)
			check_node(n, 0, 1);
	} else {
		CHECK(span_starts(buf_span(&error.text), SPAN_LIT("f.yaml:")));
		CHECK(utf8_valid(buf_span(&error.text)));
	}
	yaml_release(yaml);
	yaml_error_deinit(&error);
	return 0;
}
