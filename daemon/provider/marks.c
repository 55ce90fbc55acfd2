/* SPDX-License-Identifier: MIT */
#include "provider/marks.h"

#include <errno.h>
#include <stdlib.h>

/* Shorter ones may be words as well as bytes, and stay in text.all. */
#define DATA_BYTES_MIN 64

int marks_init(struct marks *marks, const struct json *json, const struct shape *shape)
{
	*marks = (struct marks){.json = json, .labels = shape->labels, .mark = calloc(json->n, 1)};
	return marks->mark ? 0 : -ENOMEM;
}

void marks_deinit(struct marks *marks)
{
	free(marks->mark);
	marks->mark = NULL;
}

/* Is everything in raw of the alphabets of base64 (RFC 4648 sections 4 and 5), as it stands in JSON
 * (where some write a slash as "\\/")? */
static bool is_base64(struct span raw)
{
	for (size_t i = 0; i < raw.n; i++) {
		uint8_t c = raw.p[i];

		if (c == '\\' && i + 1 < raw.n && raw.p[i + 1] == '/')
			continue;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '+' || c == '/' || c == '-' || c == '_' || c == '='))
			return false;
	}
	return true;
}

/* Bytes as base64, bare or in a data URL (RFC 2397): nothing that a pattern could find a word in.
 */
static bool is_data(struct span raw)
{
	size_t comma;

	if (span_starts(raw, SPAN_LIT("data:"))) {
		comma = span_find(span_sub(raw, 0, 256), ',');
		if (comma < 7 || !span_eq_str(span_sub(raw, comma - 7, comma), ";base64"))
			return false;
		raw = span_sub(raw, comma + 1, raw.n);
	}
	return is_base64(raw);
}

static bool is_label(const struct marks *m, uint32_t key)
{
	yaml_foreach (label, m->labels)
		if (json_string_eq(m->json, key, label->text))
			return true;
	return false;
}

/* Marks every string in t and below, but for keys and labels. */
static void mark_all(struct marks *m, uint32_t t, uint8_t mark)
{
	const struct json_token *token = m->json->token;

	for (uint32_t i = t; i < token[t].next;) {
		if (token[i].flags & JSON_KEY) {
			i = is_label(m, i) ? token[i + 1].next : i + 1;
			continue;
		}
		if (token[i].kind == JSON_STRING)
			m->mark[i] |= mark;
		i++;
	}
}

bool marks_take(struct marks *m, const struct path_action *a, uint32_t t, bool deep)
{
	struct span raw;

	switch ((enum shape_use)a->what) {
	case SHAPE_TEXT:
		if (deep)
			mark_all(m, t, (uint8_t)a->arg);
		else
			m->mark[t] |= (uint8_t)a->arg;
		return true;
	case SHAPE_MESSAGE:
		if (m->json->token[t].kind != JSON_ARRAY) {
			m->mark[t] |= SHAPE_IS_MESSAGE;
			m->messages++;
		}
		return true;
	case SHAPE_DATA:
		raw = json_raw(m->json, t);
		if (is_data(raw))
			m->mark[t] |= raw.n < DATA_BYTES_MIN ? SHAPE_MAY_BE_DATA : SHAPE_IS_DATA;
		return true;
	case SHAPE_FACT:
	case SHAPE_LIST:
	case SHAPE_ATTACHMENT:
	case SHAPE_DOCUMENT:
	case SHAPE_UNJUDGED:
	case SHAPE_COUNTER:
	case SHAPE_MODEL:
	case SHAPE_FINISH:
	case SHAPE_ID:
	case SHAPE_TOOL:
		break;
	}
	return false;
}

/* Parameters of a media type that would make other characters of the same bytes. */
static bool is_utf8_charset(struct span parameters)
{
	for (size_t i = 0; i < parameters.n; i++) {
		struct span rest = span_sub(parameters, i, parameters.n);

		if (!span_ieq(span_sub(rest, 0, 7), SPAN_LIT("charset")))
			continue;
		rest = span_sub(rest, 7, rest.n);
		while (rest.n && strchr(" \t=\"'", rest.p[0]))
			rest = span_sub(rest, 1, rest.n);
		if (!span_ieq(span_sub(rest, 0, 5), SPAN_LIT("utf-8")) &&
		    !span_ieq(span_sub(rest, 0, 4), SPAN_LIT("utf8")) &&
		    !span_ieq(span_sub(rest, 0, 8), SPAN_LIT("us-ascii")))
			return false;
	}
	return true;
}

bool marks_is_json_type(struct span content_type)
{
	size_t n = span_find(content_type, ';');
	struct span type = span_sub(content_type, 0, n);

	while (type.n && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
		type.n--;
	if (!is_utf8_charset(span_sub(content_type, n, content_type.n)))
		return false;
	return !content_type.n || span_ieq(type, SPAN_LIT("application/json")) ||
	       (type.n > 5 && span_ieq(span_sub(type, type.n - 5, type.n), SPAN_LIT("+json")));
}
