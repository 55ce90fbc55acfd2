/* SPDX-License-Identifier: MIT */
#include "policy/load.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "policy/entry.h"
#include "policy/matcher.h"
#include "policy/place.h"

#include <errno.h>

int load_go_on(struct load *load, int err)
{
	if (!load->all || (err != PARSE_E_BAD && err != PARSE_E_LIMIT))
		return err;
	buf_put(load->all, buf_span(&load->error->text));
	buf_clear(&load->error->text);
	load->errors_n++;
	return buf_put_byte(load->all, '\n');
}

/* A place between lines that only moves forward. */
struct cursor {
	struct span text;
	size_t at;
	int line;
};

static size_t seek_line(struct cursor *c, int line)
{
	while (c->line < line && c->at < c->text.n) {
		struct span rest = span_sub(c->text, c->at, c->text.n);
		size_t end = span_find(rest, '\n');

		c->at += end < rest.n ? end + 1 : end;
		c->line++;
	}
	return c->at;
}

/* Blank lines, comments, and marks between documents belong to nobody. */
static bool is_filler(struct span line)
{
	while (line.n && (line.p[0] == ' ' || line.p[0] == '\t' || line.p[0] == '\r'))
		line = span_sub(line, 1, line.n);
	return !line.n || line.p[0] == '#' || span_starts(line, span_str("---")) ||
	       span_starts(line, span_str("...")) || span_eq_str(line, "-");
}

static struct span without_filler(struct span text)
{
	while (text.n) {
		size_t end = text.p[text.n - 1] == '\n' ? text.n - 1 : text.n, begin = end;

		while (begin && text.p[begin - 1] != '\n')
			begin--;
		if (!is_filler(span_sub(text, begin, end)))
			break;
		text.n = begin;
	}
	return text;
}

/* The lines of an item: from its own to the next item's, or to the end of the file. */
static struct span item_text(struct cursor *c, const struct yaml_node *item, int next_line)
{
	size_t begin = seek_line(c, item->line);
	size_t end = next_line > item->line ? seek_line(c, next_line) : c->text.n;

	/* Several in one line: each has the whole line. */
	if (next_line == item->line) {
		struct cursor ahead = *c;

		end = seek_line(&ahead, next_line + 1);
	}
	return without_filler(span_sub(c->text, begin, end));
}

/* policy: {…}, policy: NAME with keys beside it, or bare keys. */
static int read_item(struct load *load, const struct yaml_node *item, struct span source)
{
	const struct yaml_node *inner = yaml_get(item, "policy");

	if (item->kind != YAML_MAPPING)
		return LOAD_FAIL(load, item->line,
				 "a policy is a mapping of keys: name, when, then, reason");
	if (yaml_get(item, "policies"))
		return LOAD_FAIL(
			load, yaml_get(item, "policies")->key->line,
			"the list of policies is the file itself: leave out `policies:` and begin "
			"each policy with `- ` at the margin");
	if (!inner || inner->kind != YAML_MAPPING)
		return entry_read(load, item, source);
	yaml_foreach (other, item)
		if (other != inner)
			return LOAD_FAIL(
				load, other->key->line,
				"`%.*s` stands beside `policy:`, whose keys are indented below it; "
				"indent this one too",
				YAML_SHOW(other->key->text));
	return entry_read(load, inner, source);
}

static int read_root(struct load *load, const struct yaml_node *root, struct cursor *cursor)
{
	int after = root->next ? root->next->line : 0;
	int err = 0;

	if (root->kind != YAML_SEQUENCE)
		return load_go_on(load, read_item(load, root, item_text(cursor, root, after)));
	for (const struct yaml_node *item = root->child; item && !err; item = item->next) {
		int next = item->next ? item->next->line : after;

		err = load_go_on(load, read_item(load, item, item_text(cursor, item, next)));
	}
	return err;
}

/* The seed project's own documents show `risk_score: >0.7`, which YAML takes for a block of text.
 */
static void add_comparison_hint(struct yaml_error *error, struct span text)
{
	int line = 1;

	for (size_t i = 0; i + 3 < text.n; i++) {
		size_t k = i + 3;

		line += text.p[i] == '\n';
		if (memcmp(text.p + i, ": >", 3) != 0)
			continue;
		if (k < text.n && text.p[k] == '=')
			k++;
		if (k < text.n && ((text.p[k] >= '0' && text.p[k] <= '9') || text.p[k] == '.')) {
			buf_printf(&error->text,
				   "; in line %d a comparison stands without quotes: write \">5\"",
				   line);
			(void)buf_str(&error->text);
			return;
		}
	}
}

static int read_source(struct load *load, struct source *source)
{
	struct span text = span_of(source->text, source->text_n);
	struct cursor cursor = {.text = text, .line = 1};
	int err;

	load->file = source->name;
	err = yaml_parse(text, source->name, &source->yaml, load->error);
	if (err == PARSE_E_BAD)
		add_comparison_hint(load->error, text);
	if (err)
		return load_go_on(load, err);
	for (const struct yaml_node *root = yaml_root(source->yaml); root; root = root->next) {
		err = read_root(load, root, &cursor);
		if (err)
			return err;
	}
	return 0;
}

static int copy_source(struct policy_set *set, const struct policy_source *from)
{
	struct source *source = &set->source[set->sources_n++];

	source->name = strdup(from->name);
	source->text = malloc(from->text.n ? from->text.n : 1);
	if (!source->name || !source->text)
		return -ENOMEM;
	if (from->text.n)
		memcpy(source->text, from->text.p, from->text.n);
	source->text_n = from->text.n;
	return 0;
}

static int read_sources(struct load *load, const struct policy_source *sources, size_t n)
{
	struct policy_set *set = load->set;
	size_t bytes = 0;
	int err = 0;

	set->source = calloc(n ? n : 1, sizeof(*set->source));
	if (!set->source)
		return -ENOMEM;
	for (size_t i = 0; i < n && !err; i++) {
		bytes += sources[i].text.n;
		if (bytes > AICP_BUNDLE_BYTES_MAX) {
			yaml_error_set(load->error, sources[i].name, 0,
				       "all policy files together are larger than %u bytes",
				       AICP_BUNDLE_BYTES_MAX);
			return load_go_on(load, PARSE_E_LIMIT);
		}
		err = copy_source(set, &sources[i]);
		if (!err)
			err = read_source(load, &set->source[i]);
	}
	return err;
}

static int compare_by_name(const void *x, const void *y, void *policies)
{
	const struct policy *policy = policies;
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	int c = set_compare_names(policy[a].name, policy[b].name);

	if (c)
		return c;
	return a < b ? -1 : a > b;
}

static int compare_by_rank(const void *x, const void *y, void *policies)
{
	const struct policy *policy = policies;
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	if (policy[a].action != policy[b].action)
		return policy[a].action > policy[b].action ? -1 : 1;
	if (policy[a].priority != policy[b].priority)
		return policy[a].priority > policy[b].priority ? -1 : 1;
	return a < b ? -1 : a > b;
}

static int check_names(struct load *load)
{
	const struct policy_set *set = load->set;
	int err = 0;

	for (size_t i = 1; i < set->policies_n && !err; i++) {
		const struct policy *a = &set->policy[set->by_name[i - 1]];
		const struct policy *b = &set->policy[set->by_name[i]];

		if (!span_eq(a->name, b->name))
			continue;
		load->file = b->file;
		err = load_go_on(load,
				 LOAD_FAIL(load, b->line,
					   "a second policy called `%.*s` (the first is in %s:%d); "
					   "rename one",
					   YAML_SHOW(b->name), a->file, a->line));
	}
	return err;
}

static int make_indexes(struct load *load)
{
	struct policy_set *set = load->set;
	size_t n = set->policies_n ? set->policies_n : 1;

	set->by_name = calloc(n, sizeof(*set->by_name));
	set->order = calloc(n, sizeof(*set->order));
	if (!set->by_name || !set->order)
		return -ENOMEM;
	for (size_t i = 0; i < set->policies_n; i++) {
		set->by_name[i] = (uint32_t)i;
		if (set->policy[i].enabled)
			set->order[set->order_n++] = (uint32_t)i;
	}
	qsort_r(set->by_name, set->policies_n, sizeof(*set->by_name), compare_by_name, set->policy);
	qsort_r(set->order, set->order_n, sizeof(*set->order), compare_by_rank, set->policy);
	return check_names(load);
}

static int make_digest(struct policy_set *set)
{
	struct hash_ctx *ctx = hash_ctx_new();
	struct hash hash;
	int r;

	if (!ctx)
		return -ENOMEM;
	r = hash_begin(ctx);
	for (size_t i = 0; i < set->sources_n && !r; i++) {
		r = hash_once(span_of(set->source[i].text, set->source[i].text_n), &hash);
		if (!r)
			r = hash_put(ctx, hash_span(&hash));
	}
	if (!r)
		r = hash_end(ctx, &hash);
	hash_ctx_free(ctx);
	if (r)
		return r;
	hex_encode(hash_span(&hash), set->digest);
	return 0;
}

static int load_all(struct load *load, const struct policy_source *sources, size_t n)
{
	int err = read_sources(load, sources, n);

	if (!err)
		err = make_indexes(load);
	if (!err)
		err = matcher_build(load);
	/* What cannot be found at all has been refused; where it is, is asked of the rest. */
	if (!err && !load->errors_n)
		err = place_build(load);
	if (!err)
		err = make_digest(load->set);
	return err;
}

int policy_load(const struct policy_source *sources, size_t n, struct policy_set **ret_set,
		struct yaml_error *error)
{
	struct load load = {.set = set_new(), .error = error};
	int err;

	if (!load.set)
		return -ENOMEM;
	err = load_all(&load, sources, n);
	if (err)
		set_free(load.set);
	else
		*ret_set = load.set;
	return err;
}

int policy_check(const struct policy_source *sources, size_t n, struct buf *errors,
		 size_t *ret_errors)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct load load = {.set = set_new(), .error = &error, .all = errors};
	int err;

	if (!load.set)
		return -ENOMEM;
	err = load_all(&load, sources, n);
	set_free(load.set);
	yaml_error_deinit(&error);
	if (err)
		return err;
	*ret_errors = load.errors_n;
	return 0;
}
