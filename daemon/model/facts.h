/* SPDX-License-Identifier: MIT */
/*
 * What is known of one call: flat, typed, named values. facts.def is the table of the known names;
 * names below an open namespace (context., metadata., agent.) may be added by whoever declares
 * them.
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"
#include "base/span.h"

enum fact_id {
#define X(id, name, kind, trust, text) FACT_##id,
#include "model/facts.def"
#undef X
	_FACT_COUNT,
};

enum fact_kind { FACT_ABSENT, FACT_BOOL, FACT_NUMBER, FACT_TEXT, FACT_LIST };
enum fact_trust { FACT_ATTESTED, FACT_CLAIMED, FACT_OBSERVED, FACT_DECLARED };

struct fact_value {
	enum fact_kind kind;
	bool boolean; /* FACT_BOOL */
	double number; /* FACT_NUMBER */
	struct span text; /* FACT_TEXT */
	struct span *list; /* FACT_LIST */
	size_t list_n;
};

/* A row of facts.def. */
struct fact_info {
	const char *name;
	enum fact_kind kind;
	enum fact_trust trust;
	const char *text;
};

/* id < _FACT_COUNT */
const struct fact_info *fact_info(enum fact_id id);
const char *fact_kind_name(enum fact_kind kind);
const char *fact_trust_name(enum fact_trust trust);

/* Finds a name of the table: FACT id, or _FACT_COUNT. Synonyms of the seed project are known:
 * output → response, agent_id → agent.id, environment → agent.environment, input → prompt. */
enum fact_id fact_find(struct span name);

/* Is name inside an open namespace and well formed ([a-z0-9_.], at most 128 bytes)? */
bool fact_open(struct span name);

struct facts; /* owns its texts */

struct facts *facts_new(void); /* NULL when out of memory */
void facts_free(struct facts *facts);
/* Forgets all values, keeps the memory. */
void facts_reset(struct facts *facts);

/* Setters copy; bytes that are not UTF-8 become U+FFFD each, so that all texts of facts are UTF-8.
 * 0, -ENOMEM, -E2BIG (text over AICP_FACT_TEXT_BYTES_MAX, list over AICP_FACT_LIST_MAX). */
MUST_CHECK int facts_set_text(struct facts *facts, enum fact_id id, struct span text);
MUST_CHECK int facts_set_number(struct facts *facts, enum fact_id id, double number);
MUST_CHECK int facts_set_bool(struct facts *facts, enum fact_id id, bool value);
/* Appends to a list fact. */
MUST_CHECK int facts_add(struct facts *facts, enum fact_id id, struct span item);
/* Sets a name of an open namespace, or of the table: then a text is converted to the fact's kind (a
 * number or bool that it spells, a list of one). -EINVAL if that cannot be or the name is neither,
 * -E2BIG over 256 open names. */
MUST_CHECK int facts_set_open(struct facts *facts, struct span name,
			      const struct fact_value *value);

/* Values; kind FACT_ABSENT when unset. Borrowed until facts change. */
const struct fact_value *facts_get(const struct facts *facts, enum fact_id id);
const struct fact_value *facts_get_open(const struct facts *facts, struct span name);

/* A value as text for explanations and records, cut to bytes_max of UTF-8 with "…" when longer. */
int fact_value_put(const struct fact_value *value, size_t bytes_max, struct buf *out);
