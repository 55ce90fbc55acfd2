/* SPDX-License-Identifier: MIT */
#include "show.h"

#include "base/utf8.h"
#include "cmd.h"

static uint32_t code_point(struct span c)
{
	static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t value = c.p[0] & mask[c.n];

	for (size_t i = 1; i < c.n; i++)
		value = value << 6 | (c.p[i] & 0x3f);
	return value;
}

/* Marks that change how what stands around them is shown. */
static bool turns(uint32_t c)
{
	return (c >= 0x80 && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
	       c == 0x061c;
}

void show_text(FILE *out, struct span text)
{
	while (text.n) {
		size_t n = utf8_length(text);
		struct span c = span_sub(text, 0, n ? n : 1);

		if (n > 1 && turns(code_point(c)))
			fprintf(out, "\\u{%x}", code_point(c));
		else if (n == 0 || (n == 1 && (c.p[0] < ' ' || c.p[0] == 0x7f)))
			fprintf(out, "\\x%02x", c.p[0]);
		else
			fwrite(c.p, 1, c.n, out);
		text = span_sub(text, c.n, text.n);
	}
}

void show_member(FILE *out, const struct json *j, uint32_t t, const char *key)
{
	uint32_t value = json_get(j, t, key);
	struct buf text = BUF_INIT(1u << 20);

	if (value == JSON_NONE || j->token[value].kind == JSON_NULL) {
		fputc('-', out);
		return;
	}
	if (j->token[value].kind == JSON_STRING)
		json_string_put(j, value, &text);
	else
		buf_put(&text, json_raw(j, value));
	show_text(out, buf_span(&text));
	buf_deinit(&text);
}

void show_line(FILE *out, const struct json *j, uint32_t t, const char *key, const char *name)
{
	uint32_t value = json_get(j, t, key);

	if (value == JSON_NONE || j->token[value].kind == JSON_NULL)
		return;
	fprintf(out, "%-16s ", name);
	show_member(out, j, t, key);
	fputc('\n', out);
}

int show_json(struct span json)
{
	fwrite(json.p, 1, json.n, stdout);
	fputc('\n', stdout);
	if (fflush(stdout) || ferror(stdout))
		return cmd_fail("the answer could not be written");
	return CMD_OK;
}
