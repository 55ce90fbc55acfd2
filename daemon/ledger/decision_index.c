/* SPDX-License-Identifier: MIT */
#include "ledger/decision_index.h"

#include "record/canonical.h"

struct column {
	struct span outer, inner;
	bool integer;
};

#define TEXT	false
#define INTEGER true
static const struct column column_row[_DECISION_COLUMN_COUNT] = {
#define X(column, type, outer_key, inner_key)                                                      \
	[DECISION_##column] = {SPAN_LIT(outer_key), SPAN_LIT(inner_key), type},
#include "ledger/decision_column.def"
#undef X
};

static void member(struct decision_index *index, struct span outer, struct span inner,
		   struct span value)
{
	for (unsigned i = 0; i < _DECISION_COLUMN_COUNT; i++)
		if (span_eq(column_row[i].outer, outer) && span_eq(column_row[i].inner, inner))
			index->value[i] = span_eq_str(value, "null") ? SPAN_NULL : value;
}

static bool any_inside(struct span outer)
{
	for (unsigned i = 0; i < _DECISION_COLUMN_COUNT; i++)
		if (column_row[i].inner.n && span_eq(column_row[i].outer, outer))
			return true;
	return false;
}

void decision_index_read(struct span body, struct decision_index *ret_index)
{
	struct span key, value, inner, inner_value;

	*ret_index = (struct decision_index){0};
	while (canonical_next(&body, &key, &value)) {
		struct span inside = value;

		member(ret_index, key, SPAN_LIT(""), value);
		if (value.p[0] != '{' || !any_inside(key))
			continue;
		while (canonical_next(&inside, &inner, &inner_value))
			member(ret_index, key, inner, inner_value);
	}
}

bool decision_column_is_integer(enum decision_column column)
{
	return column_row[column].integer;
}

enum decision_status decision_status(struct span action)
{
	static const struct {
		struct span action;
		enum decision_status status;
	} row[] = {
		{SPAN_LIT("allow"), DECISION_SUCCESS},	{SPAN_LIT("warn"), DECISION_SUCCESS},
		{SPAN_LIT("redact"), DECISION_SUCCESS}, {SPAN_LIT("hold"), DECISION_PENDING},
		{SPAN_LIT("block"), DECISION_BLOCKED},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (span_eq(action, row[i].action))
			return row[i].status;
	return _DECISION_STATUS_COUNT;
}
