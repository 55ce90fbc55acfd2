/* SPDX-License-Identifier: MIT */
/* Reads the small JSON objects that links carry. */
#pragma once

#include "base/json.h"

struct fields {
	struct json_scan *scan;
	struct json json;
};

/* Opens text, which must outlive the fields, as one object. PARSE_DONE, PARSE_E_BAD, -ENOMEM;
 * fields_close() in any case. */
MUST_CHECK int fields_open(struct fields *fields, struct span text);
void fields_close(struct fields *fields);

/* False when there is no such key or its value is of another kind. */
bool fields_int(const struct fields *fields, const char *key, int64_t *ret_value);
bool fields_bool(const struct fields *fields, const char *key, bool *ret_value);
/* Also false when the text is longer than n - 1 bytes or holds a NUL. */
bool fields_text(const struct fields *fields, const char *key, char *ret_text, size_t n);
/* Appends a text of any length. False as above, and when out is full. */
bool fields_put_text(const struct fields *fields, const char *key, struct buf *out);
/* The JSON of a value, borrowed from text; SPAN_NULL when there is no such key. */
struct span fields_raw(const struct fields *fields, const char *key);
