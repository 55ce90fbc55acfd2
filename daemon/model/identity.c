/* SPDX-License-Identifier: MIT */
#include "model/identity.h"

#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>

DEFINE_FREEP(struct json_scan, json_scan_free)

/* More than identity_write() can make: 12 keys, 4 claimed ones, their values and the parents. */
#define TOKENS_MAX 64u
/* What json_write_int() takes. */
#define NUMBER_MAX ((INT64_C(1) << 53) - 1)

enum field_kind { FIELD_TEXT, FIELD_NUMBER, FIELD_PARENTS, FIELD_CLAIMED };

struct field {
	const char *key;
	enum field_kind kind;
	size_t offset; /* in struct identity */
};

/* Ascending by key, as canonical JSON has it; writer and reader both go by these tables. */
static const struct field claimed[] = {
	{"args", FIELD_TEXT, offsetof(struct identity, args)},
	{"exe", FIELD_TEXT, offsetof(struct identity, exe)},
	{"name", FIELD_TEXT, offsetof(struct identity, name)},
	{"parents", FIELD_PARENTS, 0},
	{NULL, FIELD_TEXT, 0},
};

static const struct field attested[] = {
	{"cgroup", FIELD_TEXT, offsetof(struct identity, cgroup)},
	{"claimed", FIELD_CLAIMED, 0},
	{"container_id", FIELD_TEXT, offsetof(struct identity, container_id)},
	{"exe_device", FIELD_TEXT, offsetof(struct identity, exe_device)},
	{"exe_inode", FIELD_TEXT, offsetof(struct identity, exe_inode)},
	{"exe_sha256", FIELD_TEXT, offsetof(struct identity, exe_sha256)},
	{"gid", FIELD_NUMBER, offsetof(struct identity, gid)},
	{"loginuid", FIELD_NUMBER, offsetof(struct identity, loginuid)},
	{"pid", FIELD_NUMBER, offsetof(struct identity, pid)},
	{"start_ticks", FIELD_NUMBER, offsetof(struct identity, start_ticks)},
	{"uid", FIELD_NUMBER, offsetof(struct identity, uid)},
	{"unit", FIELD_TEXT, offsetof(struct identity, unit)},
	{NULL, FIELD_TEXT, 0},
};

static void write_parents(const struct identity *who, struct json_write *w, const char *key)
{
	if (!who->parents_n)
		return;
	json_write_array(w, key);
	for (size_t i = 0; i < who->parents_n && i < AICP_PARENTS_MAX; i++)
		json_write_string(w, NULL, who->parents[i]);
	json_write_end_array(w);
}

static void write_fields(const struct identity *who, struct json_write *w,
			 const struct field *fields)
{
	for (const struct field *f = fields; f->key; f++) {
		const char *at = (const char *)who + f->offset;
		struct span text;
		int64_t number;

		switch (f->kind) {
		case FIELD_TEXT:
			memcpy(&text, at, sizeof(text));
			if (text.n)
				json_write_string(w, f->key, text);
			break;
		case FIELD_NUMBER:
			memcpy(&number, at, sizeof(number));
			if (number != IDENTITY_NONE)
				json_write_int(w, f->key, number);
			break;
		case FIELD_PARENTS:
			write_parents(who, w, f->key);
			break;
		case FIELD_CLAIMED:
			json_write_object(w, f->key);
			write_fields(who, w, claimed);
			json_write_end_object(w);
			break;
		}
	}
}

void identity_write(const struct identity *who, struct json_write *w, const char *key)
{
	json_write_object(w, key);
	write_fields(who, w, attested);
	json_write_end_object(w);
}

/* storage has room for all of the text, so that no append moves what earlier spans point to. */
static int read_text(const struct json *j, uint32_t t, struct buf *storage, struct span *ret_text)
{
	size_t begin = storage->n;
	int r;

	if (j->token[t].kind != JSON_STRING)
		return PARSE_E_BAD;
	r = json_string_put(j, t, storage);
	if (r < 0)
		return r;
	*ret_text = span_sub(buf_span(storage), begin, storage->n);
	return PARSE_DONE;
}

static int read_parents(const struct json *j, uint32_t t, struct buf *storage, struct identity *who)
{
	if (j->token[t].kind != JSON_ARRAY)
		return PARSE_E_BAD;
	json_foreach (item, j, t) {
		int r;

		if (who->parents_n == AICP_PARENTS_MAX)
			return PARSE_E_BAD;
		r = read_text(j, item, storage, &who->parents[who->parents_n]);
		if (r)
			return r;
		who->parents_n++;
	}
	return PARSE_DONE;
}

static int read_fields(const struct json *j, uint32_t t, const struct field *fields,
		       struct buf *storage, struct identity *who);

static int read_field(const struct json *j, uint32_t t, const struct field *f, struct buf *storage,
		      struct identity *who)
{
	char *at = (char *)who + f->offset;
	struct span text;
	int64_t number;
	int r = PARSE_DONE;

	switch (f->kind) {
	case FIELD_TEXT:
		r = read_text(j, t, storage, &text);
		if (!r)
			memcpy(at, &text, sizeof(text));
		break;
	case FIELD_NUMBER:
		if (!json_int(j, t, &number) || number < 0 || number > NUMBER_MAX)
			return PARSE_E_BAD;
		memcpy(at, &number, sizeof(number));
		break;
	case FIELD_PARENTS:
		r = read_parents(j, t, storage, who);
		break;
	case FIELD_CLAIMED:
		r = read_fields(j, t, claimed, storage, who);
		break;
	}
	return r;
}

static int read_fields(const struct json *j, uint32_t t, const struct field *fields,
		       struct buf *storage, struct identity *who)
{
	if (j->token[t].kind != JSON_OBJECT)
		return PARSE_E_BAD;
	json_foreach (key, j, t) {
		const struct field *f = fields;
		int r;

		while (f->key && !json_string_eq(j, key, span_str(f->key)))
			f++;
		if (!f->key)
			return PARSE_E_BAD;
		r = read_field(j, key + 1, f, storage, who);
		if (r)
			return r;
	}
	return PARSE_DONE;
}

int identity_parse(struct span json, struct buf *storage, struct identity *ret_who)
{
	struct json_scan *scan CLEANUP(json_scan_freep) = json_scan_new(TOKENS_MAX);
	struct identity who = {.pid = IDENTITY_NONE,
			       .start_ticks = IDENTITY_NONE,
			       .uid = IDENTITY_NONE,
			       .gid = IDENTITY_NONE,
			       .loginuid = IDENTITY_NONE};
	struct json j;
	int r;

	buf_clear(storage);
	if (!scan)
		return -ENOMEM;
	r = json_scan_all(scan, json);
	if (r < 0)
		return r;
	if (r != PARSE_DONE)
		return PARSE_E_BAD;
	r = buf_reserve(storage, json.n);
	if (r < 0)
		return r;
	j = json_scan_json(scan, json);
	r = read_fields(&j, 0, attested, storage, &who);
	if (r)
		return r;
	*ret_who = who;
	return PARSE_DONE;
}
