/* SPDX-License-Identifier: MIT */
#include "record/record_type.h"

static const struct {
	const char *name, *text;
} type_row[_RECORD_TYPE_COUNT] = {
#define X(id, type_name, type_text) [RECORD_##id] = {.name = type_name, .text = type_text},
#include "record/record_type.def"
#undef X
};

const char *record_type_name(enum record_type type)
{
	return type_row[type].name;
}

const char *record_type_text(enum record_type type)
{
	return type_row[type].text;
}

enum record_type record_type_find(struct span name)
{
	for (unsigned i = 0; i < _RECORD_TYPE_COUNT; i++)
		if (span_eq_str(name, type_row[i].name))
			return (enum record_type)i;
	return _RECORD_TYPE_COUNT;
}

bool record_type_wellformed(struct span name)
{
	if (name.n < 1 || name.n > 32 || name.p[0] < 'a' || name.p[0] > 'z')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.'))
			return false;
	}
	return true;
}
