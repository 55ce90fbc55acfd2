/* SPDX-License-Identifier: MIT */
/*
 * What a loaded policy set is made of. Inside daemon/policy only.
 *
 * Conditions of all policies stand in one array and point at each other by index; index 0 is
 * nobody. Texts are borrowed from the YAML trees, which the set keeps. Nothing here changes once
 * loading is done, but for the count of references.
 */
#pragma once

#include "base/hash.h"
#include "model/facts.h"
#include "policy/operator.h"
#include "policy/policy.h"

#include <hs/hs.h>
#include <stdatomic.h>

/* What the places are for at which something was found. */
enum place_kind {
	PLACE_REDACTED, /* a redacting policy replaces them */
	PLACE_SHOWN, /* a holding policy shows them to people */
	_PLACE_KINDS,
};

/* A fact that some condition asks about. */
struct subject {
	struct span name;
	enum fact_id id; /* _FACT_COUNT: of an open namespace, and of any kind */
	enum fact_kind kind; /* FACT_ABSENT: any */
	uint32_t patterns_n; /* literals and patterns looked for in it */
	hs_database_t *db; /* all of them; NULL when there are none */
	/* Those whose places matter, with where they begin; NULL when there are none. */
	hs_database_t *where[_PLACE_KINDS];
};

/* What stands behind an operator. */
struct operand {
	enum fact_kind kind; /* FACT_BOOL, FACT_NUMBER or FACT_TEXT */
	bool boolean;
	double number;
	struct span text;
	int line;
	uint32_t hit; /* of a literal or pattern: the bit that says it was found */
};

enum condition_kind {
	CONDITION_ALWAYS,
	CONDITION_AND,
	CONDITION_OR,
	CONDITION_NOT,
	CONDITION_LEAF,
};

struct condition {
	enum condition_kind kind;
	enum operator op; /* of a leaf; test and negated are what its row says */
	enum operator_test test;
	bool negated;
	int line;
	uint32_t child; /* first of AND, OR, NOT */
	uint32_t next; /* sibling */
	uint32_t subject; /* of a leaf */
	uint32_t operand; /* first of a leaf's */
	uint32_t operands_n;
};

/* One thing that a redacting or holding policy looks for, and wants to know where. */
struct place {
	uint32_t policy;
	uint32_t condition; /* the test */
	uint32_t operand;
	bool inverted; /* the test is false where it was found */
};

struct policy {
	struct span name, title, description, reason, version;
	struct span replacement; /* of a redacting policy */
	char *replacement_made; /* its bytes, when the policy does not say; owned */
	uint32_t place; /* first of what it wants to know the places of */
	uint32_t places_n;
	struct span source;
	struct span *compliance;
	size_t compliance_n;
	const char *file;
	int line;
	enum verdict_action action;
	enum mode mode;
	bool enabled;
	int64_t priority;
	uint32_t scope; /* condition that says whether the policy applies; 0: to all */
	uint32_t when;
	size_t leaves;
};

/* One file: its name, a copy of its bytes, and the tree made of them. */
struct source {
	char *name;
	uint8_t *text;
	size_t text_n;
	struct yaml *yaml;
};

/* Arrays of struct policy_set grow as the loader appends. */
struct policy_set {
	atomic_uint refs;
	char digest[HASH_HEX_BYTES + 1];
	struct source *source;
	size_t sources_n;
	struct policy *policy;
	size_t policies_n, policies_cap;
	struct condition *condition;
	size_t conditions_n, conditions_cap;
	struct operand *operand;
	size_t operands_n, operands_cap;
	struct subject *subject;
	size_t subjects_n, subjects_cap;
	struct place *place;
	size_t places_n, places_cap;
	uint32_t hits_n;
	uint32_t *by_name; /* indexes of policies, in order of their names */
	uint32_t *
		order; /* enabled ones: most restrictive first, then by priority, then as written */
	size_t order_n;
};

/* Appends a zeroed element to one of the arrays: its index, or -ENOMEM. */
#define SET_APPEND(_set, _array, _n, _cap)                                                         \
	set_append((void **)&(_set)->_array, &(_set)->_n, &(_set)->_cap, sizeof(*(_set)->_array))
int64_t set_append(void **array, size_t *n, size_t *cap, size_t bytes);

/* By bytes; names are never empty. */
int set_compare_names(struct span a, struct span b);

struct policy_set *set_new(void);
void set_free(struct policy_set *set);
