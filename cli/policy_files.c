/* SPDX-License-Identifier: MIT */
#include "policy_files.h"

#include "aicp/limits.h"
#include "base/cleanup.h"
#include "cmd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

void policy_files_deinit(struct policy_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free((void *)(uintptr_t)files->source[i].name);
		free((void *)(uintptr_t)files->source[i].text.p);
	}
	free(files->source);
	*files = (struct policy_files){0};
}

static int add_file(struct policy_files *files, const char *path)
{
	struct buf text = BUF_INIT(AICP_YAML_BYTES_MAX);
	int rc;

	if (files->n == files->cap) {
		size_t cap = files->cap ? files->cap * 2 : 8;
		void *p = realloc(files->source, cap * sizeof(*files->source));

		if (!p)
			return cmd_fail("out of memory");
		files->source = p;
		files->cap = cap;
	}
	rc = cmd_read_file(path, AICP_YAML_BYTES_MAX, &text);
	if (rc)
		return rc;
	files->source[files->n].name = strdup(path);
	if (!files->source[files->n].name) {
		buf_deinit(&text);
		return cmd_fail("out of memory");
	}
	files->source[files->n++].text = buf_span(&text);
	return 0;
}

static int is_yaml(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	if (entry->d_name[0] == '.')
		return 0;
	return (n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0) ||
	       (n > 4 && strcmp(entry->d_name + n - 4, ".yml") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct policy_files *files, const char *path)
{
	struct dirent **entry;
	int n = scandir(path, &entry, is_yaml, by_name), rc = 0;

	if (n < 0)
		return cmd_fail("%s: cannot be read: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		char *name = NULL;

		if (!rc && asprintf(&name, "%s/%s", path, entry[i]->d_name) < 0) {
			name = NULL;
			rc = cmd_fail("out of memory");
		}
		if (!rc)
			rc = add_file(files, name);
		free(name);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

int policy_files_add(struct policy_files *files, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return cmd_fail("%s: cannot be read: %s", path, strerror(errno));
	return S_ISDIR(st.st_mode) ? add_folder(files, path) : add_file(files, path);
}
