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

/* The value that an object has at a key, in whichever spelling, or JSON_NONE. */
static uint32_t get(const struct path_walk *walk, uint32_t object, const struct path_key *key)
{
	uint32_t t = json_get(walk->json, object, (const char *)key->text.p);

	if (t == JSON_NONE && key->snake.n)
		t = json_get(walk->json, object, (const char *)key->snake.p);
	return t;
}

static int holds_one(struct path_walk *walk, uint32_t t, const struct path_node *node,
		     const struct path_test *test, bool *ret_holds)
{
	uint8_t readable = PATH_KIND(JSON_STRING) | PATH_KIND(JSON_NULL);
	uint32_t value;
	bool is;

	*ret_holds = !test->key.text.n && (test->kinds & kind_bit(walk, t));
	if (!test->key.text.n || walk->json->token[t].kind != JSON_OBJECT)
		return PARSE_DONE;
	value = get(walk, t, &test->key);
	if (!test->values_n) {
		is = value != JSON_NONE && walk->json->token[value].kind != JSON_NULL;
		*ret_holds = is != test->negate;
		return PARSE_DONE;
	}
	/* Answers are told apart by numbers too; in a request a number is no role and no type. */
	if (!walk->strict)
		readable |= PATH_KIND(JSON_NUMBER);
	if (value != JSON_NONE && !(kind_bit(walk, value) & readable))
		return fault(walk, PATH_FAULT_KIND, node, value);
	is = value != JSON_NONE && is_value(walk, value, test);
	*ret_holds = is != test->negate;
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
	bool single = walk->protobuf && walk->json->token[t].kind != JSON_ARRAY;

	for (unsigned i = 0; i < set->n; i++) {
		const struct path_node *otherwise = NULL;
		bool any = false;

		for (const struct path_node *c = set->node[i]->child; c; c = c->next) {
			bool yes = false;
			int r;

			if (c->step == PATH_ELSE)
				otherwise = c;
			if (c->step == PATH_ITEM && single)
				set_add(set, c);
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

/* Is s the key but for case? loose: and but for underscores. */
static bool folds_to(struct span s, struct span key, bool loose)
{
	size_t at = 0, n;

	for (size_t i = 0; i < s.n; i += n) {
		n = 1;
		if (loose && s.p[i] == '_')
			continue;
		while (loose && at < key.n && key.p[at] == '_')
			at++;
		if (at == key.n || fold(span_sub(s, i, s.n), &n) != span_ascii_lower(key.p[at]))
			return false;
		at++;
	}
	return at == key.n;
}

/* An escape makes six bytes of one at most, so a longer key is no known one. */
#define KEY_RAW_MAX (6 * 2 * AICP_PROVIDER_KEY_BYTES_MAX)

/* A key of the body while it is compared. */
struct met {
	struct span key; /* unescaped */
	uint32_t token;
};

/* Is the key in hand this one? A fault when it is but for case. */
static int key_is(struct path_walk *walk, const struct path_node *node, const struct met *met,
		  const struct path_key *known, bool *ret_is)
{
	*ret_is = span_eq(met->key, known->text) ||
		  (known->snake.n && span_eq(met->key, known->snake));
	/* A folded character has at most three bytes. */
	if (*ret_is ||
	    (!walk->protobuf && (met->key.n < known->text.n || met->key.n > 3 * known->text.n)))
		return PARSE_DONE;
	if (!folds_to(met->key, known->text, walk->protobuf))
		return PARSE_DONE;
	return fault(walk, PATH_FAULT_KEY_CASE, node, met->token);
}

/* The nodes that a key of the object leads to. */
static int follow_key(struct path_walk *walk, const struct set *set, uint32_t token,
		      struct set *ret_below)
{
	struct span raw = json_raw(walk->json, token);
	struct met met = {.key = raw, .token = token};
	uint8_t plain[KEY_RAW_MAX];
	bool is;
	int r;

	ret_below->n = 0;
	if (raw.n > KEY_RAW_MAX)
		return PARSE_DONE;
	if (walk->json->token[token].flags & JSON_ESCAPED)
		met.key = span_of(plain, json_unescape(raw, plain));
	for (unsigned i = 0; i < set->n; i++) {
		for (const struct path_node *c = set->node[i]->child; c; c = c->next) {
			if (c->step == PATH_KEY) {
				r = key_is(walk, c, &met, &c->key, &is);
				if (r)
					return r;
				if (is)
					set_add(ret_below, c);
			}
			for (const struct path_test *q = c->test; q; q = q->next) {
				if (!q->key.text.n)
					continue;
				r = key_is(walk, c, &met, &q->key, &is);
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
	for (unsigned i = 0; i < set->n; i++) {
		kinds |= set->node[i]->kinds;
		for (const struct path_node *c = set->node[i]->child; c && walk->protobuf;
		     c = c->next)
			if (c->step == PATH_ITEM)
				kinds |= c->kinds;
	}
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
	walk->protobuf = path_tree_is_protobuf(tree);
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
