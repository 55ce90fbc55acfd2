/* SPDX-License-Identifier: MIT */
/*
 * Where in a JSON text something stands, as provider files write it (docs/PROVIDERS.md), and what
 * to do there.
 *
 *   path  = step { "." key | bracket } [ ".**" ]     key = letters, digits, "_" and "-"
 *   [ ]            every item of an array            [COND] items for which COND holds
 *   {COND}         the object itself, if COND holds
 *   COND  = test { "," test } | "else"     else: an object for which no COND beside it holds
 *   test  = key "=" value { "|" value } | key "!=" value { "|" value }
 *         | key | "!" key                  it has the key (null is none), or has it not
 *         | ":" kind { "|" kind }
 *   **             every string here and below, whatever its place
 *
 * All paths of one purpose become one tree, so that a body is walked once, in its own order,
 * whatever the order of keys in it.
 */
#pragma once

#include "aicp/limits.h"
#include "base/json.h"

/* Sets of enum json_kind. */
#define PATH_KIND(_kind) ((uint8_t)(1u << (_kind)))
#define PATH_KINDS_BOOL	 (PATH_KIND(JSON_FALSE) | PATH_KIND(JSON_TRUE))
#define PATH_KINDS_ANY	 ((uint8_t)0x7f)

enum path_step { PATH_ROOT, PATH_KEY, PATH_ITEM, PATH_IF, PATH_ELSE, PATH_DEEP };

/* A key as paths write it. */
struct path_key {
	struct span text; /* text.p: NUL-terminated; NULL when there is none */
	struct span snake; /* another spelling that is the same key, or SPAN_NULL; NUL-terminated */
};

struct path_test {
	struct path_test *next; /* that have to hold too */
	struct path_key key; /* none: a test of kinds */
	uint8_t kinds;
	bool negate;
	size_t values_n; /* 0: a test whether the key is there */
	struct span *values;
};

/* What the owner of the tree wants done with a value; all but kinds is the owner's alone. */
struct path_action {
	struct path_action *next;
	uint8_t kinds; /* that it can read; 0 asks for nothing. null is always allowed and never
			  taken */
	int what;
	unsigned arg, rank;
	struct span label; /* has to outlive the tree */
};

struct path_node {
	enum path_step step;
	struct span text; /* the step as written */
	struct span path; /* all steps up to this one as first written */
	struct path_key key; /* PATH_KEY */
	struct path_test *test; /* PATH_IF */
	uint8_t kinds; /* that a value here may have */
	struct path_node *child, *next;
	struct path_action *action;
};

struct path_tree;

struct path_tree *path_tree_new(void); /* NULL when out of memory */
void path_tree_free(struct path_tree *tree);
/* To be called before the first path: bodies are protobuf messages as JSON, whose readers take a
 * key in snake_case for its lowerCamelCase, and a value for a list of that one value. */
void path_tree_protobuf(struct path_tree *tree);
bool path_tree_is_protobuf(const struct path_tree *tree);

/* Adds an action at a path; both are copied but for the label. PARSE_DONE; PARSE_E_BAD with why
 * (static text); -ENOMEM. */
MUST_CHECK int path_tree_add(struct path_tree *tree, struct span path,
			     const struct path_action *action, const char **ret_why);
/* Does a walk have room for all paths of the tree (AICP_PROVIDER_PATHS_ACTIVE_MAX)? To be asked
 * before the first one. */
bool path_tree_fits(const struct path_tree *tree);
const struct path_node *path_tree_root(const struct path_tree *tree);

/* What does not fit the tree. */
enum path_fault {
	PATH_FAULT_NONE,
	PATH_FAULT_KIND, /* a value of a kind that no path expects there */
	PATH_FAULT_KEY_CASE, /* a key that is a known one but for case: some decoders take it for
				that one */
	PATH_FAULT_VALUE, /* right kind, but take() refused it */
};

struct path_walk {
	const struct json *json;
	bool strict; /* false: what does not fit is passed over */
	/* Called for each action in the order of the text; deep: for the token and all inside it.
	 * PARSE_DONE, PARSE_E_BAD, -errno. */
	int (*take)(struct path_walk *walk, const struct path_action *action, uint32_t token,
		    bool deep);
	void *context;
	bool protobuf; /* set by path_walk() */
	enum path_fault fault; /* set with PARSE_E_BAD */
	const struct path_node *node; /* whose path was being followed */
	uint32_t token;
};

/* Follows all paths through walk->json. PARSE_DONE; PARSE_E_BAD with fault, node and token set;
 * -errno of take(). */
MUST_CHECK int path_walk(struct path_walk *walk, const struct path_tree *tree);

/* Says what does not fit, with path and byte. */
int path_fault_put(const struct path_walk *walk, struct buf *out);
