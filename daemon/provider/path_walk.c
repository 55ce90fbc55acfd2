/* SPDX-License-Identifier: MIT */
/* Following all paths of a tree through one JSON text. */
#include "provider/path.h"

#include "base/json_unescape.h"

/* The nodes of the tree that the value in hand stands at. */
struct set {
	unsigned n;
	const struct path_node *node[AICP_PROVIDER_PATHS_ACTIVE_MAX];
};

static int fault(struct path_walk *walk, enum path_fault what, const struct path_node *node,
		 uint32_t token)
{
	if (!walk->strict)
		return PARSE_DONE;
	walk->fault = what;
	walk->node = node;
	walk->token = token;
	return PARSE_E_BAD;
}

/* path_tree_add() has made sure that there is room. */
static void set_add(struct set *set, const struct path_node *node)
{
	if (set->n < AICP_PROVIDER_PATHS_ACTIVE_MAX)
		set->node[set->n++] = node;
}

static uint8_t kind_bit(const struct path_walk *walk, uint32_t t)
{
	return PATH_KIND(walk->json->token[t].kind);
}

static bool is_value(const struct path_walk *walk, uint32_t t, const struct path_test *test)
{
	for (size_t i = 0; i < test->values_n; i++) {
		if (walk->json->token[t].kind == JSON_NUMBER
			    ? span_eq(json_raw(walk->json, t), test->values[i])
			    : json_string_eq(walk->json, t, test->values[i]))
			return true;
	}
	return false;
}

static int holds_one(struct path_walk *walk, uint32_t t, const struct path_node *node,
		     const struct path_test *test, bool *ret_holds)
{
	uint8_t readable = PATH_KIND(JSON_STRING) | PATH_KIND(JSON_NULL);
	uint32_t value;

	*ret_holds = !test->key && (test->kinds & kind_bit(walk, t));
	if (!test->key || walk->json->token[t].kind != JSON_OBJECT)
		return PARSE_DONE;
	value = json_get(walk->json, t, test->key);
	/* Answers are told apart by numbers too; in a request a number is no role and no type. */
	if (!walk->strict)
		readable |= PATH_KIND(JSON_NUMBER);
	if (value != JSON_NONE && !(kind_bit(walk, value) & readable))
		return fault(walk, PATH_FAULT_KIND, node, value);
	*ret_holds = (value != JSON_NONE && is_value(walk, value, test)) != test->negate;
	return PARSE_DONE;
}

static int holds(struct path_walk *walk, uint32_t t, const struct path_node *node, bool *ret_holds)
{
	bool all = true;

	for (const struct path_test *test = node->test; test && all; test = test->next) {
		int r = holds_one(walk, t, node, test, &all);

		if (r)
			return r;
	}
	*ret_holds = all;
	return PARSE_DONE;
}

/* Adds the branches whose conditions hold, and their branches. */
static int expand(struct path_walk *walk, uint32_t t, struct set *set)
{
	for (unsigned i = 0; i < set->n; i++) {
		const struct path_node *otherwise = NULL;
		bool any = false;

		for (const struct path_node *c = set->node[i]->child; c; c = c->next) {
			bool yes = false;
			int r;

			if (c->step == PATH_ELSE)
				otherwise = c;
			if (c->step != PATH_IF)
				continue;
			r = holds(walk, t, c, &yes);
			if (r)
				return r;
			if (yes)
				set_add(set, c);
			any |= yes;
		}
		if (otherwise && !any && walk->json->token[t].kind == JSON_OBJECT)
			set_add(set, otherwise);
	}
	return PARSE_DONE;
}

static int take_all(struct path_walk *walk, const struct path_node *node, uint32_t t, bool deep)
{
	for (const struct path_action *a = node->action; a; a = a->next) {
		int r;

		if (!deep && a->kinds && !(a->kinds & kind_bit(walk, t)))
			continue;
		r = walk->take(walk, a, t, deep);
		if (r == PARSE_E_BAD) {
			walk->fault = PATH_FAULT_VALUE;
			walk->node = node;
			walk->token = t;
		}
		if (r)
			return r;
	}
	return PARSE_DONE;
}

static int take_here(struct path_walk *walk, const struct set *set, uint32_t t)
{
	for (unsigned i = 0; i < set->n; i++) {
		int r = take_all(walk, set->node[i], t, false);

		for (const struct path_node *c = set->node[i]->child; c && !r; c = c->next)
			if (c->step == PATH_DEEP)
				r = take_all(walk, c, t, true);
		if (r)
			return r;
	}
	return PARSE_DONE;
}

/* Characters outside ASCII that some decoder takes for an ASCII letter when it ignores case: by
 * simple folding (Go's encoding/json) or by mapping to upper or lower case (Java's
 * equalsIgnoreCase). */
static const struct {
	struct span bytes;
	uint8_t letter;
} foreign[] = {
	{SPAN_LIT("\xc5\xbf"), 's'}, /* U+017F long s */
	{SPAN_LIT("\xe2\x84\xaa"), 'k'}, /* U+212A Kelvin sign */
	{SPAN_LIT("\xc4\xb0"), 'i'}, /* U+0130 I with a dot */
	{SPAN_LIT("\xc4\xb1"), 'i'}, /* U+0131 i without a dot */
};

/* The lower-case letter that s begins with, to the most generous decoder; *ret_n: its bytes. */
static uint8_t fold(struct span s, size_t *ret_n)
{
	for (size_t i = 0; s.p[0] >= 0x80 && i < sizeof(foreign) / sizeof(*foreign); i++) {
		if (span_starts(s, foreign[i].bytes)) {
			*ret_n = foreign[i].bytes.n;
			return foreign[i].letter;
		}
	}
	*ret_n = 1;
	return span_ascii_lower(s.p[0]);
}

static bool folds_to(struct span s, const char *key, size_t key_n)
{
	size_t at = 0, n;

	for (size_t i = 0; i < s.n; i += n, at++)
		if (at == key_n ||
		    fold(span_sub(s, i, s.n), &n) != span_ascii_lower((uint8_t)key[at]))
			return false;
	return at == key_n;
}

/* An escape makes six bytes of one at most, so a longer key is no known one. */
#define KEY_RAW_MAX (6 * AICP_PROVIDER_KEY_BYTES_MAX)

/* Is the key in hand this one? A fault when it is but for case. */
static int key_is(struct path_walk *walk, const struct path_node *node, struct span key,
		  uint32_t token, const char *known, size_t known_n, bool *ret_is)
{
	*ret_is = key.n == known_n && memcmp(key.p, known, known_n) == 0;
	/* A folded character has at most three bytes. */
	if (*ret_is || key.n < known_n || key.n > 3 * known_n || !folds_to(key, known, known_n))
		return PARSE_DONE;
	return fault(walk, PATH_FAULT_KEY_CASE, node, token);
}

/* The nodes that a key of the object leads to. */
static int follow_key(struct path_walk *walk, const struct set *set, uint32_t token,
		      struct set *ret_below)
{
	struct span raw = json_raw(walk->json, token);
	uint8_t plain[KEY_RAW_MAX];
	struct span key = raw;
	bool is;
	int r;

	ret_below->n = 0;
	if (raw.n > KEY_RAW_MAX)
		return PARSE_DONE;
	if (walk->json->token[token].flags & JSON_ESCAPED)
		key = span_of(plain, json_unescape(raw, plain));
	for (unsigned i = 0; i < set->n; i++) {
		for (const struct path_node *c = set->node[i]->child; c; c = c->next) {
			if (c->step == PATH_KEY) {
				r = key_is(walk, c, key, token, c->key, c->key_n, &is);
				if (r)
					return r;
				if (is)
					set_add(ret_below, c);
			}
			for (const struct path_test *q = c->test; q; q = q->next) {
				if (!q->key)
					continue;
				r = key_is(walk, c, key, token, q->key, strlen(q->key), &is);
				if (r)
					return r;
			}
		}
	}
	return PARSE_DONE;
}

static int walk_value(struct path_walk *walk, uint32_t t, struct set *set);

static int walk_keys(struct path_walk *walk, uint32_t t, const struct set *set)
{
	struct set below;

	json_foreach (key, walk->json, t) {
		int r = follow_key(walk, set, key, &below);

		if (!r && below.n)
			r = walk_value(walk, key + 1, &below);
		if (r)
			return r;
	}
	return PARSE_DONE;
}

static int walk_items(struct path_walk *walk, uint32_t t, const struct set *set)
{
	struct set items = {.n = 0}, each;

	for (unsigned i = 0; i < set->n; i++)
		for (const struct path_node *c = set->node[i]->child; c; c = c->next)
			if (c->step == PATH_ITEM)
				set_add(&items, c);
	if (!items.n)
		return PARSE_DONE;
	json_foreach (item, walk->json, t) {
		int r;

		each.n = items.n;
		memcpy(each.node, items.node, items.n * sizeof(*items.node));
		r = walk_value(walk, item, &each);
		if (r)
			return r;
	}
	return PARSE_DONE;
}

/* Recursion ends with the tree, which has at most AICP_PROVIDER_PATH_STEPS_MAX levels. */
static int walk_value(struct path_walk *walk, uint32_t t, struct set *set)
{
	uint8_t kinds = 0;
	int r;

	if (walk->json->token[t].kind == JSON_NULL)
		return PARSE_DONE;
	for (unsigned i = 0; i < set->n; i++)
		kinds |= set->node[i]->kinds;
	if (!(kinds & kind_bit(walk, t)) && kinds)
		return fault(walk, PATH_FAULT_KIND, set->node[0], t);
	r = expand(walk, t, set);
	if (!r)
		r = take_here(walk, set, t);
	if (r)
		return r;
	switch ((enum json_kind)walk->json->token[t].kind) {
	case JSON_ARRAY:
		return walk_items(walk, t, set);
	case JSON_OBJECT:
		return walk_keys(walk, t, set);
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
	case JSON_NUMBER:
	case JSON_STRING:
		break;
	}
	return PARSE_DONE;
}

int path_walk(struct path_walk *walk, const struct path_tree *tree)
{
	struct set set = {.n = 1, .node = {path_tree_root(tree)}};

	walk->fault = PATH_FAULT_NONE;
	/* null is no body of a call; everywhere else it is an absent value. */
	if (walk->json->token[0].kind == JSON_NULL)
		return fault(walk, PATH_FAULT_KIND, set.node[0], 0);
	return walk_value(walk, 0, &set);
}

static const char *kind_name(enum json_kind kind)
{
	switch (kind) {
	case JSON_NULL:
		return "null";
	case JSON_FALSE:
	case JSON_TRUE:
		return "a boolean";
	case JSON_NUMBER:
		return "a number";
	case JSON_STRING:
		return "a string";
	case JSON_ARRAY:
		return "an array";
	case JSON_OBJECT:
		return "an object";
	}
	return "?";
}

int path_fault_put(const struct path_walk *walk, struct buf *out)
{
	size_t at = walk->json->token[walk->token].begin;
	struct span path = walk->node->path;

	switch (walk->fault) {
	case PATH_FAULT_NONE:
		break;
	case PATH_FAULT_KIND:
		return buf_printf(
			out, "`%.*s` is %s, which this call does not have there (byte %zu)",
			SPAN_ARG(path),
			kind_name((enum json_kind)walk->json->token[walk->token].kind), at);
	case PATH_FAULT_KEY_CASE:
		return buf_printf(out, "a key is one of `%.*s` but for case (byte %zu)",
				  SPAN_ARG(path), at);
	case PATH_FAULT_VALUE:
		return buf_printf(out, "`%.*s` cannot be read (byte %zu)", SPAN_ARG(path), at);
	}
	return 0;
}
