/* SPDX-License-Identifier: MIT */
/*
 * Strict YAML for everything that operators write: configuration, policies, providers.
 *
 * libyaml events become a tree of nodes with line numbers. Refused, each with file:line: aliases
 * and anchors, tags, merge keys, duplicate keys, keys that are not plain text, files over the
 * limits of limits.h. Scalars stay text; yaml_int() and friends convert on demand, so that `no` is
 * never silently false.
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"
#include "base/span.h"

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
	enum yaml_kind kind;
	bool quoted; /* scalar written in quotes or as a block: always a string */
	int line; /* from 1 */
	struct span text; /* scalar; NUL-terminated behind its end */
	struct yaml_node *key; /* in a mapping: this value's key (a scalar), else NULL */
	struct yaml_node *child; /* first item or value */
	struct yaml_node *next; /* next sibling, or next document for a root */
};

struct yaml; /* owns all nodes */

/* What is wrong, ready to print: "FILE:LINE: message". */
struct yaml_error {
	struct buf text;
};
#define YAML_ERROR_INIT ((struct yaml_error){.text = BUF_INIT(4096)})
void yaml_error_deinit(struct yaml_error *error);

/* Sets (the first call wins) "file:line: message"; line 0 leaves the number out. Control characters
 * become `?`, and what is over 1 KiB is cut: show values of a file with YAML_SHOW(). Returns
 * PARSE_E_BAD. */
int yaml_error_set(struct yaml_error *error, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* For "%.*s" in messages: the beginning of a value that may be a megabyte. */
#define YAML_SHOW(_s)                                                                              \
	(int)((_s).n > 80 ? 80 : (_s).n), (const char *)((_s).n ? (const char *)(_s).p : "")

/* Reads all documents of text. file is used in messages only. PARSE_DONE, PARSE_E_BAD or
 * PARSE_E_LIMIT with error set, -ENOMEM. An empty text has no documents. */
MUST_CHECK int yaml_parse(struct span text, const char *file, struct yaml **ret_yaml,
			  struct yaml_error *error);
/* Not called yaml_free: libyaml has that symbol too, and would call ours. */
void yaml_release(struct yaml *yaml);

/* First document's root, or NULL; the others hang on ->next. */
struct yaml_node *yaml_root(const struct yaml *yaml);

#define yaml_foreach(_child, _node)                                                                \
	for (struct yaml_node *_child = (_node) ? (_node)->child : NULL; _child;                   \
	     _child = _child->next)

/* The value of key in a mapping, or NULL (also when node is NULL or no mapping). */
struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* Is the scalar plain `null`, `~` or empty? */
bool yaml_is_null(const struct yaml_node *node);
/* Plain `true` / `false` only. */
bool yaml_bool(const struct yaml_node *node, bool *ret_value);
/* A plain decimal integer of at most 18 digits, all of it, without leading zeros. */
bool yaml_int(const struct yaml_node *node, int64_t *ret_value);
/* A plain decimal number, all of it, finite. */
bool yaml_number(const struct yaml_node *node, double *ret_value);
