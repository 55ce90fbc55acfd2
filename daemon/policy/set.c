/* SPDX-License-Identifier: MIT */
#include "policy/set.h"

#include "base/cleanup.h"

#include <errno.h>

int64_t set_append(void **array, size_t *n, size_t *cap, size_t bytes)
{
	if (*n == *cap) {
		size_t more = *cap ? *cap * 2 : 16;
		void *p = realloc(*array, more * bytes);

		if (!p)
			return -ENOMEM;
		*array = p;
		*cap = more;
	}
	memset((char *)*array + *n * bytes, 0, bytes);
	return (int64_t)(*n)++;
}

struct policy_set *set_new(void)
{
	struct policy_set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	atomic_init(&set->refs, 1);
	/* Index 0 is nobody. */
	if (SET_APPEND(set, condition, conditions_n, conditions_cap) < 0) {
		free(set);
		return NULL;
	}
	return set;
}

void set_free(struct policy_set *set)
{
	for (size_t i = 0; i < set->policies_n; i++) {
		free(set->policy[i].compliance);
		free(set->policy[i].replacement_made);
	}
	for (size_t i = 0; i < set->subjects_n; i++) {
		hs_free_database(set->subject[i].db);
		for (unsigned k = 0; k < _PLACE_KINDS; k++)
			hs_free_database(set->subject[i].where[k]);
	}
	for (size_t i = 0; i < set->sources_n; i++) {
		yaml_release(set->source[i].yaml);
		free(set->source[i].text);
		free(set->source[i].name);
	}
	free(set->source);
	free(set->policy);
	free(set->condition);
	free(set->operand);
	free(set->subject);
	free(set->place);
	free(set->by_name);
	free(set->order);
	free(set);
}

struct policy_set *policy_set_ref(struct policy_set *set)
{
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void policy_set_unref(struct policy_set *set)
{
	if (set && atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) == 1)
		set_free(set);
}

const char *policy_set_digest(const struct policy_set *set)
{
	return set->digest;
}

size_t policy_set_count(const struct policy_set *set)
{
	return set->policies_n;
}

void policy_set_info(const struct policy_set *set, size_t index, struct policy_info *ret_info)
{
	const struct policy *p = &set->policy[index];

	*ret_info = (struct policy_info){
		.name = p->name,
		.title = p->title,
		.description = p->description,
		.reason = p->reason,
		.replacement = p->replacement,
		.version = p->version,
		.source = p->source,
		.compliance = p->compliance,
		.compliance_n = p->compliance_n,
		.file = p->file,
		.line = p->line,
		.action = p->action,
		.enabled = p->enabled,
		.mode = p->mode,
		.priority = p->priority,
		.conditions = p->leaves,
	};
}

int set_compare_names(struct span a, struct span b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	if (c)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

size_t policy_set_find(const struct policy_set *set, struct span name)
{
	size_t low = 0, high = set->policies_n;

	while (name.n && low < high) {
		size_t mid = low + (high - low) / 2;
		int c = set_compare_names(name, set->policy[set->by_name[mid]].name);

		if (c == 0)
			return set->by_name[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return set->policies_n;
}
