/* SPDX-License-Identifier: MIT */
#include "base/json_keys.h"
#include "base/json_unescape.h"

#include <errno.h>
#include <stdlib.h>

/* Below this, comparing each with each is cheaper than sorting. */
#define PAIRWISE_MAX 16
/* Memory above these is given back after each text, so that one huge text leaves no mark. */
#define KEPT_ENTRIES_MAX     4096
#define KEPT_PLAIN_BYTES_MAX (64u << 10)

struct json_key_entry {
	uint64_t prefix; /* first 8 bytes, big-endian: most comparisons end here */
	const uint8_t *p;
	uint32_t n;
	uint32_t at; /* offset of the key in the text */
};

void json_keys_deinit(struct json_keys *keys)
{
	free(keys->entry);
	free(keys->spare);
	free(keys->plain);
	*keys = (struct json_keys){0};
}

static void give_back(struct json_keys *keys)
{
	if (keys->entries_max > KEPT_ENTRIES_MAX || keys->plain_max > KEPT_PLAIN_BYTES_MAX)
		json_keys_deinit(keys);
}

static int reserve_entries(struct json_keys *keys, size_t n)
{
	if (n <= keys->entries_max)
		return 0;
	free(keys->entry);
	free(keys->spare);
	keys->entries_max = 0;
	keys->entry = malloc(n * sizeof(*keys->entry));
	keys->spare = malloc(n * sizeof(*keys->spare));
	if (!keys->entry || !keys->spare)
		return -ENOMEM;
	keys->entries_max = n;
	return 0;
}

static int reserve_plain(struct json_keys *keys, size_t n)
{
	if (n <= keys->plain_max)
		return 0;
	free(keys->plain);
	keys->plain_max = 0;
	keys->plain = malloc(n);
	if (!keys->plain)
		return -ENOMEM;
	keys->plain_max = n;
	return 0;
}

static uint64_t prefix_of(const uint8_t *p, size_t n)
{
	uint64_t prefix = 0;

	for (size_t i = 0; i < 8; i++)
		prefix = prefix << 8 | (i < n ? p[i] : 0);
	return prefix;
}

static int compare(const struct json_key_entry *a, const struct json_key_entry *b)
{
	uint32_t n = a->n < b->n ? a->n : b->n;
	int r;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	r = memcmp(a->p, b->p, n);
	if (r)
		return r;
	return (a->n > b->n) - (a->n < b->n);
}

/* Stable: equal keys stay in the order of the text. */
static struct json_key_entry *sort(struct json_keys *keys, size_t n)
{
	struct json_key_entry *from = keys->entry, *to = keys->spare;

	for (size_t width = 1; width < n; width *= 2) {
		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n;
			size_t hi = lo + 2 * width < n ? lo + 2 * width : n;
			size_t i = lo, j = mid, k = lo;

			while (i < mid && j < hi)
				to[k++] = compare(&from[i], &from[j]) <= 0 ? from[i++] : from[j++];
			while (i < mid)
				to[k++] = from[i++];
			while (j < hi)
				to[k++] = from[j++];
		}
		struct json_key_entry *swap = from;
		from = to;
		to = swap;
	}
	return from;
}

/* Offset of the first repeated key among n, or SIZE_MAX. */
static size_t repeated(struct json_keys *keys, size_t n)
{
	struct json_key_entry *e = keys->entry;
	size_t at = SIZE_MAX;

	if (n <= PAIRWISE_MAX) {
		for (size_t j = 1; j < n; j++)
			for (size_t i = 0; i < j; i++)
				if (e[i].n == e[j].n && e[i].prefix == e[j].prefix &&
				    !compare(&e[i], &e[j]))
					return e[j].at;
		return SIZE_MAX;
	}
	e = sort(keys, n);
	for (size_t i = 1; i < n; i++)
		if (e[i].at < at && !compare(&e[i - 1], &e[i]))
			at = e[i].at;
	return at;
}

static int check_object(struct json_keys *keys, const struct json *j, uint32_t t, size_t *ret_at)
{
	size_t n = 0, plain = 0, at;
	int r;

	json_foreach (key, j, t) {
		n++;
		if (j->token[key].flags & JSON_ESCAPED)
			plain += j->token[key].end - j->token[key].begin;
	}
	if (n < 2)
		return PARSE_DONE;
	r = reserve_entries(keys, n > PAIRWISE_MAX ? n : PAIRWISE_MAX);
	if (r >= 0)
		r = reserve_plain(keys, plain);
	if (r < 0)
		return r;

	n = plain = 0;
	json_foreach (key, j, t) {
		struct span s = json_raw(j, key);

		if (j->token[key].flags & JSON_ESCAPED) {
			s = span_of(keys->plain + plain, json_unescape(s, keys->plain + plain));
			plain += s.n;
		}
		keys->entry[n++] = (struct json_key_entry){prefix_of(s.p, s.n), s.p, (uint32_t)s.n,
							   j->token[key].begin};
	}
	at = repeated(keys, n);
	if (at == SIZE_MAX)
		return PARSE_DONE;
	*ret_at = at;
	return PARSE_E_BAD;
}

int json_keys_check(struct json_keys *keys, const struct json *j, size_t *ret_at)
{
	int r = PARSE_DONE;

	for (uint32_t t = 0; t < j->n && r == PARSE_DONE; t++)
		if (j->token[t].kind == JSON_OBJECT)
			r = check_object(keys, j, t, ret_at);
	give_back(keys);
	return r;
}
