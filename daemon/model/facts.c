/* SPDX-License-Identifier: MIT */
#include "model/facts.h"

#include "aicp/limits.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Texts live in blocks; a reset keeps the first one. */
#define BLOCK_BYTES (16u << 10)

struct block {
	struct block *next;
	size_t used, cap;
	uint8_t bytes[];
};

struct open_fact {
	struct span name;
	struct fact_value value;
};

#define OPEN_FACTS_MAX 256u

struct facts {
	struct fact_value value[_FACT_COUNT];
	struct open_fact *open;
	size_t open_n, open_cap;
	struct block *blocks;
};

static const struct fact_info table[_FACT_COUNT] = {
#define X(id, name, kind, trust, text) {name, FACT_##kind, FACT_##trust, text},
#include "model/facts.def"
#undef X
};

static const struct {
	const char *name;
	enum fact_id id;
} synonyms[] = {
	{"output", FACT_RESPONSE},
	{"input", FACT_PROMPT},
	{"agent_id", FACT_AGENT_ID},
	{"environment", FACT_AGENT_ENVIRONMENT},
};

static const struct fact_value absent = {.kind = FACT_ABSENT};

const struct fact_info *fact_info(enum fact_id id)
{
	return &table[id];
}

const char *fact_kind_name(enum fact_kind kind)
{
	switch (kind) {
	case FACT_ABSENT:
		return "absent";
	case FACT_BOOL:
		return "bool";
	case FACT_NUMBER:
		return "number";
	case FACT_TEXT:
		return "text";
	case FACT_LIST:
		return "list";
	}
	return "?";
}

const char *fact_trust_name(enum fact_trust trust)
{
	switch (trust) {
	case FACT_ATTESTED:
		return "attested";
	case FACT_CLAIMED:
		return "claimed";
	case FACT_OBSERVED:
		return "observed";
	case FACT_DECLARED:
		return "declared";
	}
	return "?";
}

enum fact_id fact_find(struct span name)
{
	for (int i = 0; i < _FACT_COUNT; i++)
		if (span_eq_str(name, table[i].name))
			return (enum fact_id)i;
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (span_eq_str(name, synonyms[i].name))
			return synonyms[i].id;
	return _FACT_COUNT;
}

bool fact_open(struct span name)
{
	static const char *const prefix[] = {"context.", "metadata.", "agent."};
	bool found = false;

	if (name.n > 128 || name.n == 0 || name.p[name.n - 1] == '.')
		return false;
	for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++)
		found |= span_starts(name, span_str(prefix[i])) && name.n > strlen(prefix[i]);
	for (size_t i = 0; i < name.n; i++)
		if (!((name.p[i] >= 'a' && name.p[i] <= 'z') ||
		      (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '_' ||
		      name.p[i] == '.'))
			return false;
	return found;
}

struct facts *facts_new(void)
{
	return calloc(1, sizeof(struct facts));
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	for (int i = 0; i < _FACT_COUNT; i++)
		free(facts->value[i].list);
	for (size_t i = 0; i < facts->open_n; i++)
		free(facts->open[i].value.list);
	free(facts->open);
	free_blocks(facts->blocks);
	free(facts);
}

void facts_reset(struct facts *facts)
{
	struct block *keep = NULL;

	for (int i = 0; i < _FACT_COUNT; i++) {
		free(facts->value[i].list);
		facts->value[i] = absent;
	}
	for (size_t i = 0; i < facts->open_n; i++)
		free(facts->open[i].value.list);
	facts->open_n = 0;
	for (struct block *b = facts->blocks, *next; b; b = next) {
		next = b->next;
		if (!keep && b->cap == BLOCK_BYTES)
			keep = b;
		else
			free(b);
	}
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
	facts->blocks = keep;
}

static int take_room(struct facts *facts, size_t n, uint8_t **ret_room)
{
	struct block *b = facts->blocks;

	if (n > AICP_FACT_TEXT_BYTES_MAX)
		return -E2BIG;
	if (!b || b->cap - b->used < n) {
		size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;

		b = malloc(sizeof(*b) + cap);
		if (!b)
			return -ENOMEM;
		b->cap = cap;
		b->used = 0;
		b->next = facts->blocks;
		facts->blocks = b;
	}
	*ret_room = b->bytes + b->used;
	b->used += n;
	return 0;
}

/* Arguments and paths are any bytes; what reads facts counts on UTF-8. */
static size_t put_valid(struct span text, uint8_t *to)
{
	size_t n = 0;

	for (size_t i = 0, len; i < text.n; i += len ? len : 1) {
		len = utf8_length(span_sub(text, i, text.n));
		if (to)
			memcpy(to + n, len ? text.p + i : (const uint8_t *)"\xef\xbf\xbd",
			       len ? len : 3);
		n += len ? len : 3;
	}
	return n;
}

static int dup_text(struct facts *facts, struct span text, struct span *ret_text)
{
	bool valid = utf8_valid(text);
	size_t n = valid ? text.n : put_valid(text, NULL);
	uint8_t *room;
	int r = take_room(facts, n, &room);

	if (r < 0)
		return r;
	if (!valid)
		put_valid(text, room);
	else if (n)
		memcpy(room, text.p, n);
	*ret_text = span_of(room, n);
	return 0;
}

static int set_text(struct facts *facts, struct fact_value *value, struct span text)
{
	struct span copy;
	int r = dup_text(facts, text, &copy);

	if (r < 0)
		return r;
	value->kind = FACT_TEXT;
	value->text = copy;
	return 0;
}

static int add_item(struct facts *facts, struct fact_value *value, struct span item)
{
	struct span copy;
	int r;

	if (value->list_n >= AICP_FACT_LIST_MAX)
		return -E2BIG;
	/* Room grows by powers of two: when n is one, the list is full. */
	if ((value->list_n & (value->list_n - 1)) == 0) {
		size_t cap = value->list_n ? value->list_n * 2 : 1;
		struct span *list = realloc(value->list, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		value->list = list;
	}
	r = dup_text(facts, item, &copy);
	if (r < 0)
		return r;
	value->kind = FACT_LIST;
	value->list[value->list_n++] = copy;
	return 0;
}

int facts_set_text(struct facts *facts, enum fact_id id, struct span text)
{
	return set_text(facts, &facts->value[id], text);
}

int facts_set_number(struct facts *facts, enum fact_id id, double number)
{
	if (!isfinite(number))
		return -E2BIG;
	facts->value[id].kind = FACT_NUMBER;
	facts->value[id].number = number;
	return 0;
}

int facts_set_bool(struct facts *facts, enum fact_id id, bool value)
{
	facts->value[id].kind = FACT_BOOL;
	facts->value[id].boolean = value;
	return 0;
}

int facts_add(struct facts *facts, enum fact_id id, struct span item)
{
	return add_item(facts, &facts->value[id], item);
}

static int copy_value(struct facts *facts, struct fact_value *to, const struct fact_value *from)
{
	struct fact_value copy = {
		.kind = from->kind, .boolean = from->boolean, .number = from->number};
	int r = 0;

	if (from->kind == FACT_NUMBER && !isfinite(from->number))
		return -E2BIG;
	if (from->kind == FACT_TEXT)
		r = set_text(facts, &copy, from->text);
	for (size_t i = 0; from->kind == FACT_LIST && i < from->list_n && !r; i++)
		r = add_item(facts, &copy, from->list[i]);
	if (r < 0) {
		free(copy.list);
		return r;
	}
	free(to->list);
	*to = copy;
	return 0;
}

/* Text as a number or bool where all of it is one. */
static bool convert_text(struct span text, enum fact_kind kind, struct fact_value *ret_value)
{
	char digits[64], *end;

	if (kind == FACT_BOOL && (span_eq_str(text, "true") || span_eq_str(text, "false"))) {
		*ret_value = (struct fact_value){.kind = kind, .boolean = text.n == 4};
		return true;
	}
	if (kind != FACT_NUMBER || !text.n || text.n >= sizeof(digits))
		return false;
	/* strtod() would take "inf", "0x1p3" and leading spaces too. */
	for (size_t i = 0; i < text.n; i++)
		if (!strchr("0123456789+-.eE", text.p[i]) || !text.p[i])
			return false;
	memcpy(digits, text.p, text.n);
	digits[text.n] = 0;
	*ret_value = (struct fact_value){.kind = kind, .number = strtod(digits, &end)};
	return !*end && isfinite(ret_value->number);
}

/* Sets a fact of the table from a value that may be the text of one. */
static int set_converted(struct facts *facts, enum fact_id id, const struct fact_value *from)
{
	enum fact_kind kind = table[id].kind;
	struct fact_value value;

	if (from->kind == kind || from->kind == FACT_ABSENT)
		return copy_value(facts, &facts->value[id], from);
	if (from->kind != FACT_TEXT)
		return -EINVAL;
	if (kind == FACT_LIST) {
		struct span item = from->text;

		value = (struct fact_value){.kind = FACT_LIST, .list = &item, .list_n = 1};
		return copy_value(facts, &facts->value[id], &value);
	}
	if (!convert_text(from->text, kind, &value))
		return -EINVAL;
	facts->value[id] = value;
	return 0;
}

static int new_open(struct facts *facts, struct span name, struct open_fact **ret_open)
{
	struct open_fact *o;
	int r;

	if (facts->open_n >= OPEN_FACTS_MAX)
		return -E2BIG;
	if (facts->open_n == facts->open_cap) {
		size_t cap = facts->open_cap ? facts->open_cap * 2 : 8;

		o = realloc(facts->open, cap * sizeof(*o));
		if (!o)
			return -ENOMEM;
		facts->open = o;
		facts->open_cap = cap;
	}
	o = &facts->open[facts->open_n];
	*o = (struct open_fact){0};
	r = dup_text(facts, name, &o->name);
	if (r < 0)
		return r;
	facts->open_n++;
	*ret_open = o;
	return 0;
}

int facts_set_open(struct facts *facts, struct span name, const struct fact_value *value)
{
	enum fact_id id = fact_find(name);
	struct open_fact *o = NULL;
	int r;

	if (id != _FACT_COUNT)
		return set_converted(facts, id, value);
	if (!fact_open(name))
		return -EINVAL;
	for (size_t i = 0; i < facts->open_n; i++)
		if (span_eq(facts->open[i].name, name))
			o = &facts->open[i];
	if (!o) {
		r = new_open(facts, name, &o);
		if (r < 0)
			return r;
	}
	return copy_value(facts, &o->value, value);
}

const struct fact_value *facts_get(const struct facts *facts, enum fact_id id)
{
	return &facts->value[id];
}

const struct fact_value *facts_get_open(const struct facts *facts, struct span name)
{
	for (size_t i = 0; i < facts->open_n; i++)
		if (span_eq(facts->open[i].name, name))
			return &facts->open[i].value;
	return &absent;
}

/* As much of text as fits into n bytes without cutting a character. */
static int put_cut(struct span text, size_t n, struct buf *out)
{
	if (text.n <= n)
		return buf_put(out, text);
	while (n > 0 && (text.p[n] & 0xc0) == 0x80)
		n--;
	buf_put(out, span_sub(text, 0, n));
	return buf_put_str(out, "…");
}

int fact_value_put(const struct fact_value *value, size_t bytes_max, struct buf *out)
{
	size_t begin = out->n;

	switch (value->kind) {
	case FACT_ABSENT:
		return buf_put_str(out, "absent");
	case FACT_BOOL:
		return buf_put_str(out, value->boolean ? "true" : "false");
	case FACT_NUMBER:
		return buf_printf(out, "%.15g", value->number);
	case FACT_TEXT:
		return put_cut(value->text, bytes_max, out);
	case FACT_LIST:
		break;
	}
	buf_put_byte(out, '[');
	for (size_t i = 0; i < value->list_n; i++) {
		if (i)
			buf_put_str(out, ", ");
		if (out->n - begin > bytes_max) {
			buf_put_str(out, "…");
			break;
		}
		put_cut(value->list[i], bytes_max, out);
	}
	return buf_put_byte(out, ']');
}
