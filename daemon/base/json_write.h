/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON in the canonical form that the ledger hashes: RFC 8785 with its hard part forbidden.
 * No fractions, integers within ±(2^53 - 1), ASCII keys in ascending order (checked), no spaces,
 * shortest escapes. Larger integers and times travel as decimal strings.
 *
 * Bytes that are not UTF-8 are written as U+FFFD each, so that any input can be recorded.
 */
#pragma once

#include "base/buf.h"

#define JSON_WRITE_DEPTH_MAX 16

struct json_write {
	struct buf *out;
	int depth;
	bool first[JSON_WRITE_DEPTH_MAX];
	bool canonical; /* when false, keys may come in any order (API answers) */
	const char *last_key[JSON_WRITE_DEPTH_MAX];
};

/* keys handed to these functions must live until their object is closed. Errors stick in out->err;
 * keys out of order in canonical mode set -EINVAL. */
void json_write_init(struct json_write *w, struct buf *out, bool canonical);

void json_write_object(struct json_write *w, const char *key); /* key NULL inside arrays */
void json_write_array(struct json_write *w, const char *key);
void json_write_end_object(struct json_write *w);
void json_write_end_array(struct json_write *w);
void json_write_string(struct json_write *w, const char *key, struct span value);
void json_write_str(struct json_write *w, const char *key, const char *value); /* NULL: null */
void json_write_int(struct json_write *w, const char *key, int64_t value);
void json_write_bool(struct json_write *w, const char *key, bool value);
void json_write_null(struct json_write *w, const char *key);
/* A finished JSON value, taken as it is. */
void json_write_raw(struct json_write *w, const char *key, struct span json);

/* Appends s as a JSON string with its quotes. */
int json_write_quoted(struct buf *out, struct span s);
