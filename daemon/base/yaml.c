/* SPDX-License-Identifier: MIT */
#include "base/yaml.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

/* Nodes and their text live in blocks that are freed together. */
struct block {
	struct block *next;
	size_t used, cap;
	char bytes[] __attribute__((aligned(16)));
};

struct yaml {
	struct block *blocks;
	struct yaml_node *root;
	size_t nodes;
};

struct reader {
	struct yaml *yaml;
	yaml_parser_t parser;
	const char *file;
	struct yaml_error *error;
};

void yaml_error_deinit(struct yaml_error *error)
{
	buf_deinit(&error->text);
}

/* Names and values from a hostile file end up in messages: no control character of theirs reaches a
 * terminal or a log, and what is cut is cut between characters. */
static void put_printable(struct buf *out, struct span text)
{
	for (size_t i = 0, n; i < text.n; i += n) {
		n = utf8_length(span_sub(text, i, text.n));
		if (!n && text.n - i < 4)
			break;
		if (!n || text.p[i] < 0x20 || text.p[i] == 0x7f ||
		    (text.p[i] == 0xc2 && text.p[i + 1] < 0xa0))
			buf_put_byte(out, '?');
		else
			buf_put(out, span_sub(text, i, i + n));
		n = n ? n : 1;
	}
}

int yaml_error_set(struct yaml_error *error, const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (error->text.n)
		return PARSE_E_BAD;
	put_printable(&error->text, span_sub(span_str(file), 0, sizeof(text)));
	if (line > 0)
		buf_printf(&error->text, ":%d", line);
	buf_put_str(&error->text, ": ");
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_printable(&error->text, span_str(text));
	(void)buf_str(&error->text);
	return PARSE_E_BAD;
}

static void *take(struct yaml *yaml, size_t n)
{
	struct block *b = yaml->blocks;

	n = (n + 15) & ~(size_t)15;
	if (!b || b->cap - b->used < n) {
		size_t cap = n > 8192 ? n : 8192;

		b = calloc(1, sizeof(*b) + cap);
		if (!b)
			return NULL;
		b->cap = cap;
		b->next = yaml->blocks;
		yaml->blocks = b;
	}
	b->used += n;
	return b->bytes + b->used - n;
}

void yaml_release(struct yaml *yaml)
{
	if (!yaml)
		return;
	for (struct block *b = yaml->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(yaml);
}

DEFINE_FREEP(struct yaml, yaml_release)

static int event_line(const yaml_event_t *event)
{
	return (int)event->start_mark.line + 1;
}

static int next_event(struct reader *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event))
		return 0;
	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	return yaml_error_set(r->error, r->file, (int)r->parser.problem_mark.line + 1,
			      "not well-formed YAML: %s%s%s",
			      r->parser.problem ? r->parser.problem : "unreadable",
			      r->parser.context ? " " : "",
			      r->parser.context ? r->parser.context : "");
}

static int new_node(struct reader *r, const yaml_event_t *event, enum yaml_kind kind,
		    struct yaml_node **ret_node)
{
	struct yaml_node *node;

	if (++r->yaml->nodes > AICP_YAML_NODES_MAX) {
		yaml_error_set(r->error, r->file, event_line(event),
			       "more than %u values in one file", AICP_YAML_NODES_MAX);
		return PARSE_E_LIMIT;
	}
	node = take(r->yaml, sizeof(*node));
	if (!node)
		return -ENOMEM;
	*node = (struct yaml_node){.kind = kind, .line = event_line(event)};
	*ret_node = node;
	return 0;
}

static int read_scalar(struct reader *r, const yaml_event_t *event, struct yaml_node **ret_node)
{
	size_t n = event->data.scalar.length;
	struct yaml_node *node;
	char *text;
	int err;

	if (event->data.scalar.anchor || event->data.scalar.tag)
		return yaml_error_set(r->error, r->file, event_line(event),
				      "anchors and tags are not allowed here");
	if (memchr(event->data.scalar.value, 0, n))
		return yaml_error_set(r->error, r->file, event_line(event),
				      "a NUL byte in a value");
	err = new_node(r, event, YAML_SCALAR, &node);
	if (err)
		return err;
	text = take(r->yaml, n + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, event->data.scalar.value, n);
	text[n] = 0;
	node->text = span_of(text, n);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	*ret_node = node;
	return 0;
}

static int read_key(struct reader *r, const yaml_event_t *event, struct yaml_node *mapping,
		    struct yaml_node **ret_key)
{
	struct yaml_node *key;
	unsigned keys = 0;
	int err;

	if (event->type != YAML_SCALAR_EVENT)
		return yaml_error_set(r->error, r->file, event_line(event),
				      "a key must be plain text");
	err = read_scalar(r, event, &key);
	if (err)
		return err;
	if (span_eq_str(key->text, "<<"))
		return yaml_error_set(r->error, r->file, key->line,
				      "merge keys are not allowed here");
	yaml_foreach (other, mapping) {
		if (span_eq(other->key->text, key->text))
			return yaml_error_set(
				r->error, r->file, key->line,
				"key `%.*s` stands twice in one mapping (first in line %d)",
				YAML_SHOW(key->text), other->key->line);
		keys++;
	}
	if (keys == AICP_YAML_KEYS_MAX) {
		yaml_error_set(r->error, r->file, key->line, "more than %u keys in one mapping",
			       AICP_YAML_KEYS_MAX);
		return PARSE_E_LIMIT;
	}
	*ret_key = key;
	return 0;
}

/* Containers that are open while the events of one document come in. */
struct stack {
	struct yaml_node *open[AICP_YAML_DEPTH_MAX];
	struct yaml_node **tail[AICP_YAML_DEPTH_MAX];
	struct yaml_node *key[AICP_YAML_DEPTH_MAX];
	unsigned depth;
};

static void attach(struct stack *s, struct yaml_node *node, struct yaml_node **root)
{
	if (!s->depth) {
		*root = node;
		return;
	}
	node->key = s->key[s->depth - 1];
	s->key[s->depth - 1] = NULL;
	*s->tail[s->depth - 1] = node;
	s->tail[s->depth - 1] = &node->next;
}

static int read_event(struct reader *r, struct stack *s, const yaml_event_t *event,
		      struct yaml_node **root)
{
	struct yaml_node *top = s->depth ? s->open[s->depth - 1] : NULL;
	bool container =
		event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
	struct yaml_node *node;
	int err;

	if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT) {
		s->depth--;
		return 0;
	}
	if (event->type == YAML_ALIAS_EVENT)
		return yaml_error_set(r->error, r->file, event_line(event),
				      "aliases are not allowed here");
	if (top && top->kind == YAML_MAPPING && !s->key[s->depth - 1])
		return read_key(r, event, top, &s->key[s->depth - 1]);
	if (!container) {
		err = read_scalar(r, event, &node);
		if (!err)
			attach(s, node, root);
		return err;
	}
	if (event->type == YAML_MAPPING_START_EVENT
		    ? event->data.mapping_start.anchor || event->data.mapping_start.tag
		    : event->data.sequence_start.anchor || event->data.sequence_start.tag)
		return yaml_error_set(r->error, r->file, event_line(event),
				      "anchors and tags are not allowed here");
	if (s->depth == AICP_YAML_DEPTH_MAX) {
		yaml_error_set(r->error, r->file, event_line(event), "nested deeper than %u levels",
			       AICP_YAML_DEPTH_MAX);
		return PARSE_E_LIMIT;
	}
	err = new_node(r, event,
		       event->type == YAML_MAPPING_START_EVENT ? YAML_MAPPING : YAML_SEQUENCE,
		       &node);
	if (err)
		return err;
	attach(s, node, root);
	s->open[s->depth] = node;
	s->tail[s->depth] = &node->child;
	s->key[s->depth] = NULL;
	s->depth++;
	return 0;
}

static int read_stream(struct reader *r)
{
	struct yaml_node **tail = &r->yaml->root;

	for (;;) {
		struct stack s = {0};
		struct yaml_node *root = NULL;
		yaml_event_t event;
		yaml_event_type_t type;
		int err = next_event(r, &event);

		if (err)
			return err;
		type = event.type;
		yaml_event_delete(&event);
		if (type == YAML_STREAM_END_EVENT)
			return 0;
		if (type != YAML_DOCUMENT_START_EVENT)
			continue;
		do {
			err = next_event(r, &event);
			if (err)
				return err;
			type = event.type;
			if (type != YAML_DOCUMENT_END_EVENT)
				err = read_event(r, &s, &event, &root);
			yaml_event_delete(&event);
			if (err)
				return err;
		} while (type != YAML_DOCUMENT_END_EVENT);
		/* A document of nothing but comments is no document. */
		if (root && yaml_is_null(root))
			continue;
		*tail = root;
		if (root)
			tail = &root->next;
	}
}

int yaml_parse(struct span text, const char *file, struct yaml **ret_yaml, struct yaml_error *error)
{
	struct yaml *yaml CLEANUP(yaml_releasep) = NULL;
	struct reader r = {.file = file, .error = error};
	int err;

	if (text.n > AICP_YAML_BYTES_MAX) {
		yaml_error_set(error, file, 0, "larger than %u bytes", AICP_YAML_BYTES_MAX);
		return PARSE_E_LIMIT;
	}
	yaml = calloc(1, sizeof(*yaml));
	if (!yaml || !yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	r.yaml = yaml;
	/* libyaml would take UTF-16 as well, which no other reader of these files does. */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, text.p ? text.p : (const uint8_t *)"", text.n);
	err = read_stream(&r);
	yaml_parser_delete(&r.parser);
	if (err)
		return err;
	*ret_yaml = TAKE(yaml);
	return 0;
}

struct yaml_node *yaml_root(const struct yaml *yaml)
{
	return yaml->root;
}

struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
	if (!node || node->kind != YAML_MAPPING)
		return NULL;
	yaml_foreach (child, node)
		if (span_eq_str(child->key->text, key))
			return child;
	return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && !node->quoted &&
	       (node->text.n == 0 || span_eq_str(node->text, "~") ||
		span_eq_str(node->text, "null"));
}

bool yaml_bool(const struct yaml_node *node, bool *ret_value)
{
	if (node->kind != YAML_SCALAR || node->quoted)
		return false;
	if (span_eq_str(node->text, "true"))
		*ret_value = true;
	else if (span_eq_str(node->text, "false"))
		*ret_value = false;
	else
		return false;
	return true;
}

bool yaml_int(const struct yaml_node *node, int64_t *ret_value)
{
	bool minus = false;
	int64_t value = 0;
	size_t i = 0;

	if (node->kind != YAML_SCALAR || node->quoted)
		return false;
	if (node->text.n && node->text.p[0] == '-') {
		minus = true;
		i = 1;
	}
	if (i == node->text.n || node->text.n - i > 18)
		return false;
	/* 010 is eight to some readers of YAML and ten to others. */
	if (node->text.p[i] == '0' && node->text.n - i > 1)
		return false;
	for (; i < node->text.n; i++) {
		if (node->text.p[i] < '0' || node->text.p[i] > '9')
			return false;
		value = value * 10 + (node->text.p[i] - '0');
	}
	*ret_value = minus ? -value : value;
	return true;
}

bool yaml_number(const struct yaml_node *node, double *ret_value)
{
	char *end;
	double value;

	if (node->kind != YAML_SCALAR || node->quoted || !node->text.n)
		return false;
	/* strtod() would take "inf", "0x1p3" and leading spaces too. */
	for (size_t i = 0; i < node->text.n; i++)
		if (!strchr("0123456789+-.eE", node->text.p[i]))
			return false;
	value = strtod((const char *)node->text.p, &end);
	if (*end || !isfinite(value))
		return false;
	*ret_value = value;
	return true;
}
