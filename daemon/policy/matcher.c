/* SPDX-License-Identifier: MIT */
#include "policy/matcher.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "policy/pattern.h"

#include <errno.h>

/* Case is folded by Unicode's simple rules, a character is a code point, and one report of each is
 * enough. */
#define FLAGS (HS_FLAG_CASELESS | HS_FLAG_UTF8 | HS_FLAG_SINGLEMATCH)

/* One literal or pattern of one condition. */
struct ref {
	uint32_t subject;
	bool pattern;
	struct span text;
	struct operand *operand;
	const char *file;
};

struct build {
	struct load *load;
	struct ref *ref;
	size_t refs_n;
	/* of the subject at hand, in the library's form */
	char **expression;
	unsigned *flags, *id;
	const struct ref **origin;
	unsigned n;
};

static void free_expressions(struct build *b)
{
	for (unsigned i = 0; i < b->n; i++)
		free(b->expression[i]);
	b->n = 0;
}

static void free_build(struct build *b)
{
	free_expressions(b);
	free(b->expression);
	free(b->flags);
	free(b->id);
	free(b->origin);
	free(b->ref);
}

static int compare_refs(const void *x, const void *y)
{
	const struct ref *a = x, *b = y;
	int c = a->text.n ? memcmp(a->text.p, b->text.p,
				   a->text.n < b->text.n ? a->text.n : b->text.n)
			  : 0;

	if (a->subject != b->subject)
		return a->subject < b->subject ? -1 : 1;
	if (a->pattern != b->pattern)
		return a->pattern ? 1 : -1;
	if (c)
		return c;
	if (a->text.n != b->text.n)
		return a->text.n < b->text.n ? -1 : 1;
	/* The one written first speaks for all when it is refused. */
	return a->operand < b->operand ? -1 : a->operand > b->operand;
}

static bool looks_into_text(const struct condition *c)
{
	enum operator_test test;

	if (c->kind != CONDITION_LEAF)
		return false;
	test = operator_info(c->op)->test;
	return test == TEST_HIT_ANY || test == TEST_HIT_ALL;
}

/* File of the policy that a condition belongs to: conditions of one policy end with their root. */
static const char *file_of(const struct policy_set *set, size_t condition)
{
	size_t low = 0, high = set->policies_n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (set->policy[mid].when < condition)
			low = mid + 1;
		else
			high = mid;
	}
	return low < set->policies_n ? set->policy[low].file : "?";
}

static int collect(struct build *b)
{
	struct policy_set *set = b->load->set;
	size_t bytes = 0;

	b->ref = calloc(set->operands_n ? set->operands_n : 1, sizeof(*b->ref));
	if (!b->ref)
		return -ENOMEM;
	for (size_t i = 1; i < set->conditions_n; i++) {
		const struct condition *c = &set->condition[i];

		for (uint32_t k = 0; looks_into_text(c) && k < c->operands_n; k++) {
			struct operand *o = &set->operand[c->operand + k];

			b->ref[b->refs_n++] = (struct ref){
				.subject = c->subject,
				.pattern = operator_info(c->op)->operand == OPERAND_PATTERN,
				.text = o->text,
				.operand = o,
				.file = file_of(set, i),
			};
			bytes += o->text.n;
			b->load->file = file_of(set, i);
			if (bytes > AICP_PATTERNS_BYTES_MAX) {
				LOAD_FAIL(b->load, o->line,
					  "texts and patterns of the whole set come to more than "
					  "%u bytes",
					  AICP_PATTERNS_BYTES_MAX);
				return PARSE_E_LIMIT;
			}
		}
	}
	qsort(b->ref, b->refs_n, sizeof(*b->ref), compare_refs);
	return 0;
}

static int add_expression(struct build *b, const struct ref *ref, uint32_t hit)
{
	struct buf text = BUF_INIT(AICP_PATTERN_BYTES_MAX * 4 + 1);

	if (ref->pattern)
		buf_put(&text, ref->text);
	else
		pattern_put_literal(&text, ref->text);
	if (!buf_str(&text)) {
		buf_deinit(&text);
		return -ENOMEM;
	}
	b->expression[b->n] = (char *)text.p;
	b->flags[b->n] = FLAGS;
	b->id[b->n] = hit;
	b->origin[b->n] = ref;
	b->n++;
	return 0;
}

static int refuse(struct build *b, unsigned expression, const char *why, const char *mend)
{
	const struct ref *ref = b->origin[expression];

	b->load->file = ref->file;
	return LOAD_FAIL(b->load, ref->operand->line, "the %s `%.*s` is refused: %s%s%s",
			 ref->pattern ? "pattern" : "text", YAML_SHOW(ref->text), why,
			 *mend ? " " : "", mend);
}

static int refuse_empty(struct build *b, unsigned expression)
{
	return refuse(b, expression, "it matches the empty text, and so every text.",
		      "For a policy that always matches write `when: always`");
}

static int refuse_as_library(struct build *b, unsigned expression, const char *why)
{
	if (strstr(why, "empty buffer"))
		return refuse_empty(b, expression);
	return refuse(
		b, expression, why,
		strstr(why, "supported")
			? "Patterns are the part of PCRE that is matched in linear time: no "
			  "back-references, look-around, atomic groups or possessive quantifiers"
			: "");
}

static void drop_expression(struct build *b, unsigned at)
{
	free(b->expression[at]);
	b->n--;
	for (unsigned i = at; i < b->n; i++) {
		b->expression[i] = b->expression[i + 1];
		b->id[i] = b->id[i + 1];
		b->origin[i] = b->origin[i + 1];
	}
}

static int compile_once(struct build *b, struct subject *subject)
{
	hs_compile_error_t *why = NULL;
	int err;

	if (hs_compile_multi((const char *const *)b->expression, b->flags, b->id, b->n,
			     HS_MODE_BLOCK, NULL, &subject->db, &why) == HS_SUCCESS)
		return 0;
	/* The library has one code for a bad pattern and for no memory. */
	if (strstr(why->message, "allocate memory")) {
		err = -ENOMEM;
	} else if (why->expression >= 0 && (unsigned)why->expression < b->n) {
		err = refuse_as_library(b, (unsigned)why->expression, why->message);
		drop_expression(b, (unsigned)why->expression);
	} else {
		err = LOAD_FAIL(b->load, 0, "the patterns over `%.*s` together: %s",
				YAML_SHOW(subject->name), why->message);
		free_expressions(b);
	}
	hs_free_compile_error(why);
	return err;
}

/* Without what was refused, when loading goes on to look for more errors. */
static int compile(struct build *b, struct subject *subject)
{
	int err = 0;

	while (b->n && !subject->db && !err)
		err = load_go_on(b->load, compile_once(b, subject));
	return err;
}

static int note_first(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		      void *first)
{
	(void)from;
	(void)to;
	(void)flags;
	*(unsigned *)first = id;
	return 1;
}

/* ^ or \z alone: what is found in nothing is found in everything. */
static int check_empty(struct build *b, const struct subject *subject)
{
	hs_scratch_t *scratch = NULL;
	unsigned found = UINT32_MAX;
	int r;

	if (hs_alloc_scratch(subject->db, &scratch) != HS_SUCCESS)
		return -ENOMEM;
	r = hs_scan(subject->db, "", 0, 0, scratch, note_first, &found);
	hs_free_scratch(scratch);
	if (r != HS_SUCCESS && r != HS_SCAN_TERMINATED)
		return -ENOMEM;
	for (unsigned i = 0; i < b->n; i++)
		if (b->id[i] == found)
			return refuse_empty(b, i);
	return 0;
}

static int build_subject(struct build *b, size_t *next)
{
	struct policy_set *set = b->load->set;
	struct subject *subject = &set->subject[b->ref[*next].subject];
	size_t i = *next;
	int err = 0;

	for (; i < b->refs_n && b->ref[i].subject == b->ref[*next].subject && !err; i++) {
		const struct ref *ref = &b->ref[i], *last = i > *next ? ref - 1 : NULL;

		if (last && last->pattern == ref->pattern && span_eq(last->text, ref->text)) {
			ref->operand->hit = last->operand->hit;
			continue;
		}
		ref->operand->hit = set->hits_n++;
		err = add_expression(b, ref, ref->operand->hit);
	}
	*next = i;
	subject->patterns_n = b->n;
	if (!err)
		err = compile(b, subject);
	if (!err && subject->db)
		err = load_go_on(b->load, check_empty(b, subject));
	free_expressions(b);
	return err;
}

int matcher_build(struct load *load)
{
	struct build b = {.load = load};
	size_t next = 0, n;
	int err = collect(&b);

	n = b.refs_n + 1;
	if (!err) {
		b.expression = calloc(n, sizeof(*b.expression));
		b.flags = calloc(n, sizeof(*b.flags));
		b.id = calloc(n, sizeof(*b.id));
		b.origin = calloc(n, sizeof(*b.origin));
		if (!b.expression || !b.flags || !b.id || !b.origin)
			err = -ENOMEM;
	}
	while (!err && next < b.refs_n)
		err = build_subject(&b, &next);
	free_build(&b);
	return err;
}

int matcher_put(struct buf *out, const struct condition *condition, const struct operand *operand)
{
	if (operator_info(condition->op)->operand == OPERAND_PATTERN)
		return buf_put(out, operand->text);
	return pattern_put_literal(out, operand->text);
}

int matcher_scratch(const struct policy_set *set, hs_scratch_t **scratch)
{
	for (size_t i = 0; i < set->subjects_n; i++) {
		const struct subject *s = &set->subject[i];

		if (s->db && hs_alloc_scratch(s->db, scratch) != HS_SUCCESS)
			return -ENOMEM;
		for (unsigned k = 0; k < _PLACE_KINDS; k++)
			if (s->where[k] && hs_alloc_scratch(s->where[k], scratch) != HS_SUCCESS)
				return -ENOMEM;
	}
	return 0;
}

static int set_bit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		   void *hits)
{
	(void)from;
	(void)to;
	(void)flags;
	((uint64_t *)hits)[id / 64] |= UINT64_C(1) << (id % 64);
	return 0;
}

int matcher_scan(const struct subject *subject, struct span text, hs_scratch_t *scratch,
		 uint64_t *hits)
{
	if (hs_scan(subject->db, text.n ? (const char *)text.p : "", (unsigned)text.n, 0, scratch,
		    set_bit, hits) != HS_SUCCESS)
		return -ENOMEM;
	return 0;
}
