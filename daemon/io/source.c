/* SPDX-License-Identifier: MIT */
#include "io/source.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

DEFINE_FREEP(struct role_bundle, role_bundle_free)
DEFINE_FREEP(struct config, config_free)

static int check_owner(const char *path, const struct stat *st, struct yaml_error *error)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return yaml_error_set(error, path, 0,
				      "belongs to uid %u, who could change what is governed; "
				      "`chown root %s` if it is right",
				      (unsigned)st->st_uid, path);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return yaml_error_set(error, path, 0,
				      "others than its owner can write it and so change what is "
				      "governed; `chmod go-w %s` if it is right",
				      path);
	return PARSE_DONE;
}

static int read_all(int fd, size_t limit, struct buf *out)
{
	size_t begin = out->n;

	for (;;) {
		ssize_t n;
		int r = buf_reserve(out, 4096);

		if (r < 0)
			return r;
		n = read(fd, out->p + out->n, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return PARSE_DONE;
		out->n += (size_t)n;
		if (out->n - begin > limit)
			return PARSE_E_LIMIT;
	}
}

int source_file(const char *path, struct buf *out, struct yaml_error *error)
{
	/* O_NONBLOCK: opening a pipe by mistake must not wait for its other end. */
	int fd CLEANUP(cleanup_closep) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t begin = out->n;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return yaml_error_set(error, path, 0, "cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return yaml_error_set(error, path, 0, "is not a regular file");
	r = check_owner(path, &st, error);
	if (r)
		return r;
	r = read_all(fd, AICP_YAML_BYTES_MAX, out);
	if (r == -ENOMEM)
		return r;
	if (r == PARSE_E_LIMIT || r == -E2BIG) {
		yaml_error_set(error, path, 0, "is larger than %u bytes, or all files together are",
			       AICP_YAML_BYTES_MAX);
		return PARSE_E_LIMIT;
	}
	if (r < 0)
		return yaml_error_set(error, path, 0, "cannot be read: %s", strerror(-r));
	/* Roles get the text as JSON, where other bytes would turn into something else. */
	if (!utf8_valid(span_sub(buf_span(out), begin, out->n)))
		return yaml_error_set(error, path, 0, "is not UTF-8; save it as UTF-8");
	return PARSE_DONE;
}

/* Spans into a growing buffer would move: files are noted by offset until all are read. */
struct reader {
	struct role_bundle *bundle;
	struct yaml_error *error;
	size_t room;
	size_t *begin;
};

static int grow(struct reader *rd)
{
	size_t room = rd->room ? 2 * rd->room : 64;
	struct role_file *file;
	size_t *begin;

	if (rd->bundle->files_n < rd->room)
		return 0;
	file = realloc(rd->bundle->file, room * sizeof(*file));
	if (!file)
		return -ENOMEM;
	rd->bundle->file = file;
	begin = realloc(rd->begin, room * sizeof(*begin));
	if (!begin)
		return -ENOMEM;
	rd->begin = begin;
	rd->room = room;
	return 0;
}

static int add_file(struct reader *rd, enum role_file_kind kind, const char *path)
{
	struct role_bundle *b = rd->bundle;
	size_t begin = b->texts.n;
	int r;

	if (b->files_n == AICP_BUNDLE_FILES_MAX) {
		yaml_error_set(rd->error, path, 0, "there are more than %u files",
			       AICP_BUNDLE_FILES_MAX);
		return PARSE_E_LIMIT;
	}
	r = grow(rd);
	if (!r)
		r = source_file(path, &b->texts, rd->error);
	if (r)
		return r;
	b->file[b->files_n] = (struct role_file){
		.kind = kind,
		.name = strdup(path),
		.text = span_of(NULL, b->texts.n - begin),
	};
	if (!b->file[b->files_n].name)
		return -ENOMEM;
	rd->begin[b->files_n++] = begin;
	return PARSE_DONE;
}

static int is_yaml(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	/* Editors' backups and hidden files are nobody's policy. */
	if (entry->d_name[0] == '.')
		return 0;
	return (n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0) ||
	       (n > 4 && strcmp(entry->d_name + n - 4, ".yml") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct reader *rd, enum role_file_kind kind, const char *path)
{
	struct dirent **entry = NULL;
	int n = scandir(path, &entry, is_yaml, by_name), r = PARSE_DONE;

	if (n < 0)
		return yaml_error_set(rd->error, path, 0, "cannot be read: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		char *file CLEANUP(cleanup_freep) = NULL;

		if (!r && asprintf(&file, "%s/%s", path, entry[i]->d_name) < 0)
			r = -ENOMEM;
		if (!r)
			r = add_file(rd, kind, file);
		free(entry[i]);
	}
	free(entry);
	return r;
}

static int add_path(struct reader *rd, enum role_file_kind kind, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return yaml_error_set(rd->error, path, 0,
				      "is named by the configuration and cannot be read: %s",
				      strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return add_file(rd, kind, path);
	if (check_owner(path, &st, rd->error))
		return PARSE_E_BAD;
	return add_folder(rd, kind, path);
}

static int add_list(struct reader *rd, enum role_file_kind kind, const struct config_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		int r = add_path(rd, kind, list->item[i]);

		if (r)
			return r;
	}
	return PARSE_DONE;
}

static int add_builtin(struct reader *rd, const struct source_builtin *builtin, size_t n)
{
	struct role_bundle *b = rd->bundle;

	for (size_t i = 0; i < n; i++) {
		size_t begin = b->texts.n;
		int r = grow(rd);

		if (!r)
			r = buf_put(&b->texts, builtin[i].text);
		if (r < 0)
			return r;
		b->file[b->files_n] = (struct role_file){
			.kind = ROLE_FILE_PROVIDER,
			.name = strdup(builtin[i].name),
			.text = span_of(NULL, builtin[i].text.n),
		};
		if (!b->file[b->files_n].name)
			return -ENOMEM;
		rd->begin[b->files_n++] = begin;
	}
	return PARSE_DONE;
}

/* What a folder holds, hidden files apart. NULL: nothing. A name is good until closedir(). */
static const char *first_entry(DIR *folder)
{
	const struct dirent *entry;

	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			return entry->d_name;
	return NULL;
}

/* Who lists rules believes them in force: what this version does not load must hold nothing. */
static int refuse_content(const char *path, const char *what, struct yaml_error *error)
{
	const char *held = NULL;
	struct stat st;
	DIR *folder;
	int r = PARSE_DONE;

	if (stat(path, &st) < 0)
		return yaml_error_set(error, path, 0,
				      "is named by the configuration and cannot be read: %s",
				      strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return st.st_size == 0 && S_ISREG(st.st_mode)
			       ? PARSE_DONE
			       : yaml_error_set(error, path, 0,
						"this version loads no %s yet; remove it from "
						"the configuration",
						what);
	folder = opendir(path);
	if (!folder)
		return yaml_error_set(error, path, 0, "cannot be read: %s", strerror(errno));
	held = first_entry(folder);
	if (held)
		r = yaml_error_set(error, path, 0,
				   "holds %s, and this version loads no %s yet; remove the folder "
				   "from the configuration, or empty it",
				   held, what);
	closedir(folder);
	return r;
}

static int refuse_unloaded(const struct config_list *list, const char *what,
			   struct yaml_error *error)
{
	for (size_t i = 0; i < list->n; i++) {
		int r = refuse_content(list->item[i], what, error);

		if (r)
			return r;
	}
	return PARSE_DONE;
}

static int read_lists(struct reader *rd, const struct config *config, const struct source *source)
{
	int r = refuse_unloaded(&config->compliance, "compliance packs", rd->error);

	if (!r)
		r = refuse_unloaded(&config->plugins, "plugins", rd->error);
	if (!r)
		r = add_list(rd, ROLE_FILE_POLICY, &config->policies);
	if (!r && config->providers.set)
		r = add_list(rd, ROLE_FILE_PROVIDER, &config->providers);
	else if (!r)
		r = add_builtin(rd, source->builtin, source->builtin_n);
	return r;
}

int source_read(const struct source *source, struct role_bundle **ret_bundle,
		struct config **ret_config, struct yaml_error *error)
{
	struct role_bundle *b CLEANUP(role_bundle_freep) = calloc(1, sizeof(*b));
	struct config *config CLEANUP(config_freep) = NULL;
	struct reader rd = {.bundle = b, .error = error};
	const char *path = source->config_path;
	const char *name = path ? path : "built-in configuration";
	int r = PARSE_DONE;

	if (!b)
		return -ENOMEM;
	b->texts = BUF_INIT(AICP_BUNDLE_BYTES_MAX);
	b->config_name = strdup(name);
	if (!b->config_name)
		return -ENOMEM;
	if (path)
		r = source_file(path, &b->texts, error);
	b->config.n = b->texts.n;
	if (!r)
		r = config_parse(buf_span(&b->texts), name, &config, error);
	if (!r)
		r = read_lists(&rd, config, source);
	if (!r) {
		b->config.p = b->texts.p;
		for (size_t i = 0; i < b->files_n; i++)
			b->file[i].text.p = b->texts.p + rd.begin[i];
	}
	free(rd.begin);
	if (r)
		return r;
	*ret_bundle = TAKE(b);
	*ret_config = TAKE(config);
	return PARSE_DONE;
}
