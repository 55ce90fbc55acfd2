/* SPDX-License-Identifier: MIT */
/* The inside of a JSON string, byte after byte: what the scanner keeps between two pieces of one
 * string. */
#pragma once

#include "base/json.h"

enum json_string_state {
	JSON_STRING_PLAIN,
	JSON_STRING_UTF8, /* inside a character of several bytes */
	JSON_STRING_ESCAPE, /* behind a backslash */
	JSON_STRING_HEX, /* inside \uXXXX */
	JSON_STRING_LOW_SLASH, /* behind a high surrogate: its other half has to follow */
	JSON_STRING_LOW_U,
};

/* {0} stands behind the opening quote. */
struct json_string {
	enum json_string_state state;
	uint8_t utf8_left, utf8_lo,
		utf8_hi; /* continuation bytes to come; bounds of the next one */
	uint8_t hex_left;
	bool high; /* the \u escape before this one was a high surrogate */
	bool escaped; /* there was a backslash */
	uint32_t hex;
};

/* Reads up to the closing quote or to end. JSON_ERROR_NONE leaves *p at the quote or at end; an
 * error leaves it at the byte that is wrong. */
enum json_error json_string_scan(struct json_string *s, const uint8_t **p, const uint8_t *end);
