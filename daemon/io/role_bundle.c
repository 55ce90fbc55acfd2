/* SPDX-License-Identifier: MIT */
#include "io/role_bundle.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/json_write.h"
#include "base/utf8.h"

#include <errno.h>

DEFINE_FREEP(struct json_scan, json_scan_free)
DEFINE_FREEP(struct role_bundle, role_bundle_free)

/* A handful of keys, and four tokens for every file's three keys and values. */
#define TOKENS_MAX (32u + 8u * AICP_BUNDLE_FILES_MAX)

static const char *const kind_name[_ROLE_FILE_KIND_COUNT] = {
	[ROLE_FILE_POLICY] = "policy",
	[ROLE_FILE_PROVIDER] = "provider",
};

static void write_files(const struct role_bundle *bundle, struct json_write *w)
{
	json_write_array(w, "files");
	for (size_t i = 0; i < bundle->files_n; i++) {
		const struct role_file *f = &bundle->file[i];

		json_write_object(w, NULL);
		json_write_str(w, "kind", kind_name[f->kind]);
		json_write_str(w, "name", f->name);
		json_write_string(w, "text", f->text);
		json_write_end_object(w);
	}
	json_write_end_array(w);
}

int role_bundle_write(const struct role_bundle *bundle, struct buf *out)
{
	char key[2 * ROLE_KEY_BYTES];
	struct json_write w;

	if (!utf8_valid(bundle->config) || !utf8_valid(span_str(bundle->config_name)) ||
	    !utf8_valid(span_str(bundle->state_dir)))
		return -EILSEQ;
	for (size_t i = 0; i < bundle->files_n; i++)
		if (!utf8_valid(bundle->file[i].text) ||
		    !utf8_valid(span_str(bundle->file[i].name)))
			return -EILSEQ;
	json_write_init(&w, out, true);
	json_write_object(&w, NULL);
	json_write_string(&w, "config", bundle->config);
	json_write_str(&w, "config_name", bundle->config_name);
	write_files(bundle, &w);
	hex_encode(span_of(bundle->key, sizeof(bundle->key)), key);
	json_write_string(&w, "key", span_of(key, bundle->has_key ? sizeof(key) : 0));
	json_write_bool(&w, "rootless", bundle->rootless);
	json_write_str(&w, "state_dir", bundle->state_dir);
	json_write_end_object(&w);
	explicit_bzero(key, sizeof(key));
	return out->err;
}

void role_bundle_free(struct role_bundle *bundle)
{
	if (!bundle)
		return;
	for (size_t i = 0; i < bundle->files_n; i++)
		free(bundle->file[i].name);
	free(bundle->file);
	free(bundle->config_name);
	free(bundle->state_dir);
	buf_deinit(&bundle->texts);
	explicit_bzero(bundle->key, sizeof(bundle->key));
	free(bundle);
}

/* A string of object t, unescaped into texts, which has room for all of them. */
static int read_text(const struct json *j, uint32_t t, const char *key, struct buf *texts,
		     struct span *ret_text)
{
	uint32_t at = json_get(j, t, key);
	size_t begin = texts->n;
	int r;

	if (at == JSON_NONE || j->token[at].kind != JSON_STRING)
		return PARSE_E_BAD;
	r = json_string_put(j, at, texts);
	if (r < 0)
		return r;
	*ret_text = span_sub(buf_span(texts), begin, texts->n);
	return PARSE_DONE;
}

/* The same as a string in C's sense; a NUL inside is an error. */
static int read_name(const struct json *j, uint32_t t, const char *key, struct buf *texts,
		     char **ret_name)
{
	struct span text = SPAN_NULL;
	char *name;
	int r = read_text(j, t, key, texts, &text);

	if (r)
		return r;
	if (span_find(text, 0) != text.n)
		return PARSE_E_BAD;
	name = strndup(text.n ? (const char *)text.p : "", text.n);
	if (!name)
		return -ENOMEM;
	*ret_name = name;
	return PARSE_DONE;
}

static int read_file(const struct json *j, uint32_t t, struct buf *texts, struct role_file *f)
{
	struct span kind = SPAN_NULL;
	int r = read_text(j, t, "kind", texts, &kind);

	for (unsigned i = 0; !r && i < _ROLE_FILE_KIND_COUNT; i++) {
		if (!span_eq_str(kind, kind_name[i]))
			continue;
		f->kind = (enum role_file_kind)i;
		r = read_text(j, t, "text", texts, &f->text);
		return r ? r : read_name(j, t, "name", texts, &f->name);
	}
	return r ? r : PARSE_E_BAD;
}

static int read_files(const struct json *j, struct role_bundle *b)
{
	uint32_t files = json_get(j, 0, "files");
	size_t n = 0;

	if (files == JSON_NONE || j->token[files].kind != JSON_ARRAY)
		return PARSE_E_BAD;
	json_foreach (count, j, files)
		n++;
	if (n > AICP_BUNDLE_FILES_MAX)
		return PARSE_E_LIMIT;
	b->file = calloc(n ? n : 1, sizeof(*b->file));
	if (!b->file)
		return -ENOMEM;
	json_foreach (t, j, files) {
		int r = read_file(j, t, &b->texts, &b->file[b->files_n]);

		if (r)
			return r;
		b->files_n++;
	}
	return PARSE_DONE;
}

static int read_flags(const struct json *j, struct role_bundle *b)
{
	uint32_t rootless = json_get(j, 0, "rootless"), key = json_get(j, 0, "key");

	if (rootless == JSON_NONE || key == JSON_NONE || j->token[key].kind != JSON_STRING)
		return PARSE_E_BAD;
	b->rootless = j->token[rootless].kind == JSON_TRUE;
	b->has_key = json_raw(j, key).n > 0;
	if (b->has_key && !hex_decode(json_raw(j, key), b->key, sizeof(b->key)))
		return PARSE_E_BAD;
	return PARSE_DONE;
}

int role_bundle_read(struct span json, struct role_bundle **ret_bundle)
{
	struct json_scan *scan CLEANUP(json_scan_freep) = json_scan_new(TOKENS_MAX);
	struct role_bundle *b CLEANUP(role_bundle_freep) = calloc(1, sizeof(*b));
	struct json j;
	int r;

	if (!scan || !b)
		return -ENOMEM;
	r = json_scan_all(scan, json);
	if (r)
		return r == PARSE_E_MORE ? PARSE_E_BAD : r;
	j = json_scan_json(scan, json);
	/* Reserved once, so that no append moves what earlier spans point to. */
	b->texts = BUF_INIT(json.n);
	r = buf_reserve(&b->texts, json.n);
	if (!r)
		r = read_text(&j, 0, "config", &b->texts, &b->config);
	if (!r)
		r = read_name(&j, 0, "config_name", &b->texts, &b->config_name);
	if (!r)
		r = read_name(&j, 0, "state_dir", &b->texts, &b->state_dir);
	if (!r)
		r = read_files(&j, b);
	if (!r)
		r = read_flags(&j, b);
	if (r)
		return r;
	*ret_bundle = TAKE(b);
	return PARSE_DONE;
}
