/* SPDX-License-Identifier: MIT */
#include "api/tally.h"

#include "api/log_entry.h"

#include <errno.h>
#include <stdlib.h>

/* Some 20 ms. */
#define SLICE_ROWS 1000

/* Names in the order of their bytes, so that looking one up takes few comparisons. */
struct names {
	struct name {
		char *text;
		size_t n;
		uint64_t count;
	} * name;
	size_t n;
	uint64_t others;
};

struct tally {
	uint64_t last_id, total;
	struct names action, policy, requester;
	struct json_scan *scan; /* borrowed, in a step */
	unsigned rows; /* in a step */
};

struct tally *tally_new(void)
{
	struct tally *t = calloc(1, sizeof(*t));
	struct names *all[3];

	if (!t)
		return NULL;
	all[0] = &t->action;
	all[1] = &t->policy;
	all[2] = &t->requester;
	for (unsigned i = 0; i < 3; i++) {
		all[i]->name = calloc(TALLY_NAMES_MAX, sizeof(*all[i]->name));
		if (!all[i]->name) {
			tally_free(t);
			return NULL;
		}
	}
	return t;
}

static void names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->name[i].text);
	free(names->name);
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	names_deinit(&t->action);
	names_deinit(&t->policy);
	names_deinit(&t->requester);
	free(t);
}

static int compare(const struct name *name, struct span text)
{
	size_t n = name->n < text.n ? name->n : text.n;
	int r = n ? memcmp(name->text, text.p, n) : 0;

	return r ? r : (name->n > text.n) - (name->n < text.n);
}

static int names_add(struct names *names, struct span text)
{
	size_t lo = 0, hi = names->n;
	char *copy;

	while (lo < hi) {
		size_t middle = (lo + hi) / 2;
		int r = compare(&names->name[middle], text);

		if (r == 0) {
			names->name[middle].count++;
			return 0;
		}
		if (r < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	if (names->n == TALLY_NAMES_MAX) {
		names->others++;
		return 0;
	}
	copy = malloc(text.n + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text.p ? text.p : (const uint8_t *)"", text.n);
	copy[text.n] = 0;
	memmove(&names->name[lo + 1], &names->name[lo], (names->n - lo) * sizeof(*names->name));
	names->name[lo] = (struct name){copy, text.n, 1};
	names->n++;
	return 0;
}

static int count(void *data, const struct query_row *row)
{
	struct tally *t = data;
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);
	struct log_entry entry;
	int r = log_entry_read(row, t->scan, &entry);

	if (!r && log_entry_text(&entry, "action", &text))
		r = names_add(&t->action, buf_span(&text));
	buf_clear(&text);
	if (!r && log_entry_text(&entry, "policy", &text))
		r = names_add(&t->policy, buf_span(&text));
	if (!r)
		r = names_add(&t->requester, log_entry_raw(&entry, "process", "uid"));
	buf_deinit(&text);
	if (r)
		return r;
	t->total++;
	t->rows++;
	t->last_id = row->id;
	return 0;
}

int tally_step(struct tally *t, struct query *query, struct json_scan *scan)
{
	struct query_filter f = QUERY_FILTER_ALL;
	int r;

	f.after_id = t->last_id;
	f.limit = SLICE_ROWS;
	t->scan = scan;
	t->rows = 0;
	r = query_decisions(query, &f, count, t);
	return r ? r : t->rows == SLICE_ROWS;
}

static void put_names(const struct names *names, struct json_write *w, const char *key)
{
	json_write_object(w, key);
	for (size_t i = 0; i < names->n; i++)
		json_write_int(w, names->name[i].text, (int64_t)names->name[i].count);
	if (names->others)
		json_write_int(w, "(others)", (int64_t)names->others);
	json_write_end_object(w);
}

void tally_write(const struct tally *t, struct json_write *w)
{
	json_write_int(w, "total_decisions", (int64_t)t->total);
	put_names(&t->action, w, "by_decision");
	put_names(&t->policy, w, "by_policy");
	json_write_int(w, "unique_requesters", (int64_t)t->requester.n);
}
