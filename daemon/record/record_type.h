/* SPDX-License-Identifier: MIT */
/* The types a record can have. */
#pragma once

#include "base/span.h"

enum record_type {
#define X(id, name, text) RECORD_##id,
#include "record/record_type.def"
#undef X
	_RECORD_TYPE_COUNT, /* a type this version does not know: a newer aicp wrote it */
};

const char *record_type_name(enum record_type type);
const char *record_type_text(enum record_type type);

/* _RECORD_TYPE_COUNT when no such type is known. */
enum record_type record_type_find(struct span name);

/* Could it be a type, known or not: 1 to 32 of [a-z0-9.], beginning with a letter. */
bool record_type_wellformed(struct span name);
