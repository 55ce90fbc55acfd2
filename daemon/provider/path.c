/* SPDX-License-Identifier: MIT */
/* From the text of paths to a tree. */
#include "provider/path.h"

#include <errno.h>
#include <stdlib.h>

struct block {
	struct block *next;
	max_align_t bytes[];
};

struct path_tree {
	struct block *blocks; /* own all nodes, actions and texts */
	struct path_node root;
	bool protobuf;
};

/* Reading position in one path. */
struct reader {
	struct path_tree *tree;
	struct span text;
	size_t at;
	const char *why;
};

struct path_tree *path_tree_new(void)
{
	struct path_tree *tree = calloc(1, sizeof(*tree));

	if (tree)
		tree->root.path = SPAN_LIT("the body");
	return tree;
}

void path_tree_free(struct path_tree *tree)
{
	if (!tree)
		return;
	for (struct block *b = tree->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(tree);
}

void path_tree_protobuf(struct path_tree *tree)
{
	tree->protobuf = true;
}

bool path_tree_is_protobuf(const struct path_tree *tree)
{
	return tree->protobuf;
}

const struct path_node *path_tree_root(const struct path_tree *tree)
{
	return &tree->root;
}

static void *tree_alloc(struct path_tree *tree, size_t n)
{
	struct block *b = calloc(1, sizeof(*b) + n);

	if (!b)
		return NULL;
	b->next = tree->blocks;
	tree->blocks = b;
	return b->bytes;
}

/* A NUL-terminated copy. */
static char *tree_text(struct path_tree *tree, struct span text)
{
	char *copy = tree_alloc(tree, text.n + 1);

	if (copy)
		memcpy(copy, text.p, text.n);
	return copy;
}

static int bad(struct reader *r, const char *why)
{
	r->why = why;
	return PARSE_E_BAD;
}

static uint8_t peek(const struct reader *r)
{
	return r->at < r->text.n ? r->text.p[r->at] : 0;
}

static bool eat(struct reader *r, const char *word)
{
	if (!span_starts(span_sub(r->text, r->at, r->text.n), span_str(word)))
		return false;
	r->at += strlen(word);
	return true;
}

static bool is_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* The word, unless it only begins a longer one. */
static bool eat_word(struct reader *r, const char *word)
{
	size_t end = r->at + strlen(word);

	return !(end < r->text.n && is_word(r->text.p[end])) && eat(r, word);
}

/* What a value may hold and a key may not. */
static bool is_value_byte(uint8_t c)
{
	return c && strchr(".:/+", c);
}

/* A key, or a value. */
static struct span read_word(struct reader *r, bool value)
{
	size_t begin = r->at;

	while (is_word(peek(r)) || (value && is_value_byte(peek(r))))
		r->at++;
	return span_sub(r->text, begin, r->at);
}

/* "fooBar" as "foo_bar", when there is a difference. */
static int make_snake(struct path_tree *tree, struct path_key *key)
{
	char *to = tree_alloc(tree, 2 * key->text.n + 1);
	size_t n = 0;

	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < key->text.n; i++) {
		uint8_t c = key->text.p[i];

		if (c >= 'A' && c <= 'Z')
			to[n++] = '_';
		to[n++] = (char)span_ascii_lower(c);
	}
	if (n != key->text.n)
		key->snake = span_of(to, n);
	return PARSE_DONE;
}

static int read_key(struct reader *r, struct path_key *ret_key)
{
	struct span word = read_word(r, false);
	struct path_key key = {.text = SPAN_NULL};
	const char *copy;

	if (!word.n || word.n > AICP_PROVIDER_KEY_BYTES_MAX)
		return bad(r, "a key of 1 to 64 letters, digits, `_` or `-` is expected");
	copy = tree_text(r->tree, word);
	if (!copy)
		return -ENOMEM;
	key.text = span_of(copy, word.n);
	*ret_key = key;
	return r->tree->protobuf ? make_snake(r->tree, ret_key) : PARSE_DONE;
}

static bool kind_of(struct span word, uint8_t *ret_kinds)
{
	static const struct {
		const char *name;
		uint8_t kinds;
	} row[] = {
		{"string", PATH_KIND(JSON_STRING)}, {"number", PATH_KIND(JSON_NUMBER)},
		{"array", PATH_KIND(JSON_ARRAY)},   {"object", PATH_KIND(JSON_OBJECT)},
		{"bool", PATH_KINDS_BOOL},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (span_eq_str(word, row[i].name)) {
			*ret_kinds |= row[i].kinds;
			return true;
		}
	}
	return false;
}

static int read_kinds(struct reader *r, struct path_test *test)
{
	do {
		if (!kind_of(read_word(r, false), &test->kinds))
			return bad(r, "a kind is string, number, array, object or bool");
	} while (eat(r, "|"));
	return PARSE_DONE;
}

static int read_values(struct reader *r, struct path_test *test)
{
	size_t n = 1;

	for (size_t i = r->at;
	     i < r->text.n &&
	     (is_word(r->text.p[i]) || is_value_byte(r->text.p[i]) || r->text.p[i] == '|');
	     i++)
		n += r->text.p[i] == '|';
	test->values = tree_alloc(r->tree, n * sizeof(*test->values));
	if (!test->values)
		return -ENOMEM;
	do {
		struct span word = read_word(r, true);
		char *copy;

		if (!word.n)
			return bad(r, "a value is expected behind `=`, `!=` and `|`");
		copy = tree_text(r->tree, word);
		if (!copy)
			return -ENOMEM;
		test->values[test->values_n++] = span_of(copy, word.n);
	} while (eat(r, "|"));
	return PARSE_DONE;
}

static int read_test(struct reader *r, struct path_test **ret_test)
{
	struct path_test *test = tree_alloc(r->tree, sizeof(*test));
	int e;

	if (!test)
		return -ENOMEM;
	*ret_test = test;
	if (eat(r, ":"))
		return read_kinds(r, test);
	test->negate = eat(r, "!");
	e = read_key(r, &test->key);
	if (e || test->negate)
		return e;
	test->negate = eat(r, "!=");
	if (!test->negate && !eat(r, "="))
		return PARSE_DONE;
	return read_values(r, test);
}

/* The child of node that this step leads to, made if need be. */
static int step_to(struct reader *r, struct path_node **node, struct path_node step)
{
	struct path_node **at = &(*node)->child;
	struct path_node *made;

	while (*at && !((*at)->step == step.step && span_eq((*at)->text, step.text)))
		at = &(*at)->next;
	if (!*at) {
		/* Room for the "]" that an item's step is shown with, whatever follows it here. */
		char *path = tree_alloc(r->tree, r->at + 2);
		size_t begin = (size_t)(step.text.p - r->text.p);

		made = tree_alloc(r->tree, sizeof(*made));
		if (!made || !path)
			return -ENOMEM;
		memcpy(path, r->text.p, r->at);
		if (step.step == PATH_ITEM)
			path[r->at] = ']';
		*made = step;
		made->path = span_str(path);
		made->text = span_sub(made->path, begin, begin + step.text.n);
		*at = made;
	}
	*node = *at;
	return PARSE_DONE;
}

/* COND, of an item or of the object itself; close ends it. */
static int read_condition(struct reader *r, const char *close, struct path_node **node)
{
	struct path_node step = {.step = PATH_IF};
	struct path_test **tail = &step.test;
	size_t begin = r->at;
	uint8_t kinds = 0;
	int e;

	if (eat_word(r, "else")) {
		step.step = PATH_ELSE;
	} else {
		do {
			e = read_test(r, tail);
			if (e)
				return e;
			kinds |= (*tail)->kinds;
			tail = &(*tail)->next;
		} while (eat(r, ","));
	}
	step.text = span_sub(r->text, begin, r->at);
	if (!eat(r, close))
		return bad(r, "a condition does not end with its bracket");
	(*node)->kinds |= kinds ? kinds : PATH_KIND(JSON_OBJECT);
	return step_to(r, node, step);
}

static int read_item(struct reader *r, struct path_node **node)
{
	size_t begin = r->at - 1;
	int e;

	(*node)->kinds |= PATH_KIND(JSON_ARRAY);
	e = step_to(
		r, node,
		(struct path_node){.step = PATH_ITEM, .text = span_sub(r->text, begin, begin + 1)});
	if (e || eat(r, "]"))
		return e;
	return read_condition(r, "]", node);
}

static int read_step(struct reader *r, struct path_node **node)
{
	struct path_node step = {.step = PATH_KEY};
	size_t begin;
	int e;

	if (eat(r, "["))
		return read_item(r, node);
	if (eat(r, "{"))
		return read_condition(r, "}", node);
	if (r->at && !eat(r, "."))
		return bad(r, "`.`, `[` or `{` is expected between two steps");
	begin = r->at;
	if (eat(r, "**")) {
		(*node)->kinds |= PATH_KINDS_ANY;
		if (r->at != r->text.n)
			return bad(r, "`**` can only be the last step");
		step.step = PATH_DEEP;
	} else {
		e = read_key(r, &step.key);
		if (e)
			return e;
		(*node)->kinds |= PATH_KIND(JSON_OBJECT);
	}
	step.text = span_sub(r->text, begin, r->at);
	return step_to(r, node, step);
}

/* Can a walk hold all nodes that stand at one value, here and below, if all conditions hold?
 * single: the value may be the only item of a list, too. */
static bool fits(const struct path_node *const *nodes, size_t n, bool single)
{
	const struct path_node *all[AICP_PROVIDER_PATHS_ACTIVE_MAX];
	const struct path_node *below[AICP_PROVIDER_PATHS_ACTIVE_MAX];
	size_t all_n = n;

	memcpy(all, nodes, n * sizeof(*all));
	for (size_t i = 0; i < all_n; i++) {
		for (const struct path_node *c = all[i]->child; c; c = c->next) {
			if (c->step != PATH_IF && c->step != PATH_ELSE &&
			    !(single && c->step == PATH_ITEM))
				continue;
			if (all_n == AICP_PROVIDER_PATHS_ACTIVE_MAX)
				return false;
			all[all_n++] = c;
		}
	}
	/* Each step of another name begins a set of its own; the first node that has it begins it.
	 */
	for (size_t i = 0; i < all_n; i++) {
		for (const struct path_node *c = all[i]->child; c; c = c->next) {
			size_t below_n = 0;
			bool seen = false;

			if (c->step != PATH_KEY && c->step != PATH_ITEM)
				continue;
			for (size_t k = 0; k < all_n; k++) {
				for (const struct path_node *d = all[k]->child; d; d = d->next) {
					if (d->step != c->step || !span_eq(d->text, c->text))
						continue;
					seen |= k < i;
					below[below_n++] = d;
				}
			}
			if (!seen && !fits(below, below_n, single))
				return false;
		}
	}
	return true;
}

int path_tree_add(struct path_tree *tree, struct span path, const struct path_action *action,
		  const char **ret_why)
{
	struct reader r = {.tree = tree, .text = path};
	struct path_node *node = &tree->root;
	struct path_action **at, *copy;
	int e = PARSE_DONE;

	for (unsigned steps = 0; !e && r.at < path.n; steps++)
		e = steps < AICP_PROVIDER_PATH_STEPS_MAX
			    ? read_step(&r, &node)
			    : bad(&r, "the path has more than 16 steps");
	if (!e && node == &tree->root)
		e = bad(&r, "the path is empty");
	if (!e) {
		copy = tree_alloc(tree, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		*copy = *action;
		copy->next = NULL;
		node->kinds |= action->kinds;
		for (at = &node->action; *at; at = &(*at)->next)
			;
		*at = copy;
	}
	if (e == PARSE_E_BAD)
		*ret_why = r.why;
	return e;
}

bool path_tree_fits(const struct path_tree *tree)
{
	const struct path_node *root = &tree->root;

	return fits(&root, 1, tree->protobuf);
}
