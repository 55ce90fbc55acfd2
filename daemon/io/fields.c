/* SPDX-License-Identifier: MIT */
#include "io/fields.h"

#include <errno.h>

/* Far more than any message between roles has; dry runs carry facts. */
#define TOKENS_MAX 65536u

int fields_open(struct fields *fields, struct span text)
{
	int r;

	*fields = (struct fields){.scan = json_scan_new(TOKENS_MAX)};
	if (!fields->scan)
		return -ENOMEM;
	r = json_scan_all(fields->scan, text);
	if (r < 0)
		return r;
	if (r != PARSE_DONE)
		return PARSE_E_BAD;
	fields->json = json_scan_json(fields->scan, text);
	return fields->json.token[0].kind == JSON_OBJECT ? PARSE_DONE : PARSE_E_BAD;
}

void fields_close(struct fields *fields)
{
	if (fields->scan)
		json_scan_free(fields->scan);
	fields->scan = NULL;
}

bool fields_int(const struct fields *fields, const char *key, int64_t *ret_value)
{
	uint32_t t = json_get(&fields->json, 0, key);

	return t != JSON_NONE && json_int(&fields->json, t, ret_value);
}

bool fields_bool(const struct fields *fields, const char *key, bool *ret_value)
{
	uint32_t t = json_get(&fields->json, 0, key);
	enum json_kind kind;

	if (t == JSON_NONE)
		return false;
	kind = fields->json.token[t].kind;
	if (kind != JSON_TRUE && kind != JSON_FALSE)
		return false;
	*ret_value = kind == JSON_TRUE;
	return true;
}

bool fields_text(const struct fields *fields, const char *key, char *ret_text, size_t n)
{
	uint32_t t = json_get(&fields->json, 0, key);
	struct buf text = BUF_INIT(n);
	bool ok;

	if (t == JSON_NONE || fields->json.token[t].kind != JSON_STRING)
		return false;
	ok = json_string_put(&fields->json, t, &text) == 0 && text.n < n &&
	     span_find(buf_span(&text), 0) == text.n;
	if (ok) {
		if (text.n)
			memcpy(ret_text, text.p, text.n);
		ret_text[text.n] = 0;
	}
	buf_deinit(&text);
	return ok;
}

bool fields_put_text(const struct fields *fields, const char *key, struct buf *out)
{
	uint32_t t = json_get(&fields->json, 0, key);

	return t != JSON_NONE && fields->json.token[t].kind == JSON_STRING &&
	       json_string_put(&fields->json, t, out) == 0;
}

struct span fields_raw(const struct fields *fields, const char *key)
{
	uint32_t t = json_get(&fields->json, 0, key);

	return t == JSON_NONE ? SPAN_NULL : json_raw(&fields->json, t);
}
