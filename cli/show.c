/* SPDX-License-Identifier: MIT */
#include "show.h"

#include "base/visible.h"
#include "cmd.h"

void show_text(FILE *out, struct span text)
{
	struct buf visible = BUF_INIT(64u << 20);

	if (visible_put(text, false, &visible) == 0)
		fwrite(visible.p, 1, visible.n, out);
	buf_deinit(&visible);
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
