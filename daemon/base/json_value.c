/* SPDX-License-Identifier: MIT */
/* Reading values off a finished tape. */
#include "base/json.h"
#include "base/json_unescape.h"

bool json_string_eq(const struct json *j, uint32_t t, struct span s)
{
	struct span raw = json_raw(j, t);
	size_t n = 0;

	if (j->token[t].kind != JSON_STRING)
		return false;
	if (!(j->token[t].flags & JSON_ESCAPED))
		return span_eq(raw, s);
	for (size_t i = 0; i < raw.n;) {
		uint8_t step[JSON_UNESCAPE_STEP_BYTES];
		size_t step_n = json_unescape_step(raw, &i, step);

		if (s.n - n < step_n || memcmp(s.p + n, step, step_n) != 0)
			return false;
		n += step_n;
	}
	return n == s.n;
}

uint32_t json_get(const struct json *j, uint32_t t, const char *key)
{
	struct span s = span_str(key);

	if (t == JSON_NONE || j->token[t].kind != JSON_OBJECT)
		return JSON_NONE;
	json_foreach (child, j, t)
		if (json_string_eq(j, child, s))
			return child + 1;
	return JSON_NONE;
}

int json_string_put(const struct json *j, uint32_t t, struct buf *out)
{
	struct span raw = json_raw(j, t);
	size_t plain;
	int r;

	if (!(j->token[t].flags & JSON_ESCAPED))
		return buf_put(out, raw);
	plain = 0;
	while (plain < raw.n) {
		size_t n = span_find(span_sub(raw, plain, raw.n), '\\');
		uint8_t step[JSON_UNESCAPE_STEP_BYTES];

		r = buf_put(out, span_sub(raw, plain, plain + n));
		plain += n;
		if (r >= 0 && plain < raw.n)
			r = buf_put(out, span_of(step, json_unescape_step(raw, &plain, step)));
		if (r < 0)
			return r;
	}
	return out->err;
}
