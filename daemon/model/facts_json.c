/* SPDX-License-Identifier: MIT */
#include "model/facts_json.h"

#include "aicp/limits.h"
#include "base/utf8.h"

#include <errno.h>

#define NAME_BYTES_MAX 128u
#define NESTING_MAX    4u

struct reader {
	struct facts *facts;
	const struct json *json;
	struct buf *error; /* what is wrong, as plain text */
};

static int wrong(struct reader *r, struct span name, const char *what)
{
	buf_clear(r->error);
	buf_printf(r->error, "%.*s: %s", SPAN_ARG(span_sub(name, 0, NAME_BYTES_MAX)), what);
	return PARSE_E_BAD;
}

static int read_list(struct reader *r, struct span name, uint32_t t)
{
	enum fact_id id = fact_find(name);

	if (id == _FACT_COUNT || fact_info(id)->kind != FACT_LIST)
		return wrong(r, name, "is not a fact that holds a list");
	json_foreach (item, r->json, t) {
		struct buf text = BUF_INIT(AICP_API_BODY_BYTES_MAX);
		int err;

		if (r->json->token[item].kind != JSON_STRING)
			return wrong(r, name, "a list holds strings only");
		err = json_string_put(r->json, item, &text);
		if (!err)
			err = facts_add(r->facts, id, buf_span(&text));
		buf_deinit(&text);
		if (err == -E2BIG)
			return wrong(r, name, "is too large");
		if (err)
			return err;
	}
	return PARSE_DONE;
}

static int set(struct reader *r, struct span name, const struct fact_value *value)
{
	int err = facts_set_open(r->facts, name, value);

	if (err == -EINVAL && fact_find(name) != _FACT_COUNT)
		return wrong(r, name, "is of another kind (see docs/FACTS.md)");
	if (err == -EINVAL)
		return wrong(
			r, name,
			"is no fact; see docs/FACTS.md, or declare it below context. or metadata.");
	if (err == -E2BIG)
		return wrong(r, name, "is too large");
	return err;
}

static int read_scalar(struct reader *r, struct span name, uint32_t t)
{
	struct fact_value value = {.kind = FACT_ABSENT};
	struct buf text = BUF_INIT(AICP_API_BODY_BYTES_MAX);
	int err = 0;

	switch ((enum json_kind)r->json->token[t].kind) {
	case JSON_NULL:
		return PARSE_DONE;
	case JSON_FALSE:
	case JSON_TRUE:
		value.kind = FACT_BOOL;
		value.boolean = r->json->token[t].kind == JSON_TRUE;
		break;
	case JSON_NUMBER:
		value.kind = FACT_NUMBER;
		if (!json_number(r->json, t, &value.number))
			return wrong(r, name, "is a number that cannot be kept exactly");
		break;
	case JSON_STRING:
		err = json_string_put(r->json, t, &text);
		value.kind = FACT_TEXT;
		value.text = buf_span(&text);
		break;
	case JSON_ARRAY:
		return read_list(r, name, t);
	case JSON_OBJECT:
		return PARSE_E_BAD; /* read_object() does not come here with one */
	}
	if (!err)
		err = set(r, name, &value);
	buf_deinit(&text);
	return err;
}

/* Names below an object are joined with dots: {"context": {"hour": 3}} is context.hour. */
static int read_object(struct reader *r, struct span prefix, uint32_t t, unsigned depth)
{
	json_foreach (key, r->json, t) {
		struct buf name = BUF_INIT(1024);
		int err;

		if (prefix.n) {
			buf_put(&name, prefix);
			buf_put_byte(&name, '.');
		}
		err = json_string_put(r->json, key, &name);
		if (err == -E2BIG || name.n > NAME_BYTES_MAX)
			err = wrong(r, buf_span(&name), "is too long for a name");
		else if (!err && r->json->token[key + 1].kind != JSON_OBJECT)
			err = read_scalar(r, buf_span(&name), key + 1);
		else if (!err && depth == NESTING_MAX)
			err = wrong(r, buf_span(&name), "is nested too deep");
		else if (!err)
			err = read_object(r, buf_span(&name), key + 1, depth + 1);
		buf_deinit(&name);
		if (err)
			return err;
	}
	return PARSE_DONE;
}

int facts_json_read(struct facts *facts, struct json_scan *scan, struct span text,
		    struct buf *error)
{
	struct reader r = {.facts = facts, .error = error};
	struct json json;
	int err = json_scan_all(scan, text);

	if (err < 0)
		return err;
	if (err > 0) {
		buf_printf(error, "not well-formed JSON: %s at byte %zu",
			   json_error_text(json_scan_error(scan)), json_scan_error_at(scan));
		return PARSE_E_BAD;
	}
	json = json_scan_json(scan, text);
	if (json.token[0].kind != JSON_OBJECT) {
		buf_put_str(error, "facts must be a JSON object of names and values");
		return PARSE_E_BAD;
	}
	r.json = &json;
	return read_object(&r, SPAN_NULL, 0, 0);
}

/* What a real request with this prompt would have brought along. */
int facts_json_complete(struct facts *facts)
{
	const struct fact_value *prompt = facts_get(facts, FACT_PROMPT);
	int r = 0;

	if (prompt->kind != FACT_TEXT)
		return 0;
	if (facts_get(facts, FACT_PROMPT_CHARS)->kind == FACT_ABSENT)
		r = facts_set_number(facts, FACT_PROMPT_CHARS, (double)utf8_count(prompt->text));
	if (!r && facts_get(facts, FACT_PROMPT_LAST)->kind == FACT_ABSENT)
		r = facts_set_text(facts, FACT_PROMPT_LAST, prompt->text);
	if (!r && facts_get(facts, FACT_TEXT_ALL)->kind == FACT_ABSENT)
		r = facts_set_text(facts, FACT_TEXT_ALL, prompt->text);
	if (!r && facts_get(facts, FACT_PARSE)->kind == FACT_ABSENT)
		r = facts_set_text(facts, FACT_PARSE, SPAN_LIT("ok"));
	return r;
}
