/* SPDX-License-Identifier: MIT */
/* Configuration and files from disk: which are taken, in which order, and what is said about the
 * others. */
#include "io/source.h"

#include "aicp/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/aicp-source-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, 256, "%s/%s", folder, name);
	return p;
}

static void put(const char *name, const void *text, size_t n, mode_t mode)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

static void put_str(const char *name, const char *text)
{
	put(name, text, strlen(text), 0644);
}

static const struct source_builtin builtin[] = {
	{"policies/providers/a.yaml", {(const uint8_t *)"one", 3}},
	{"policies/providers/b.yaml", {(const uint8_t *)"two!", 4}},
};

static int read_it(const char *config, struct role_bundle **ret_bundle, struct config **ret_config,
		   struct yaml_error *error)
{
	struct source source = {.config_path = config, .builtin = builtin, .builtin_n = 2};

	return source_read(&source, ret_bundle, ret_config, error);
}

static void expect_error(const char *config_text, const char *expected)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct role_bundle *b = NULL;
	struct config *c = NULL;

	put_str("aicp.yaml", config_text);
	assert_int_not_equal(read_it(path_of("aicp.yaml"), &b, &c, &error), 0);
	assert_null(b);
	assert_null(c);
	assert_non_null(buf_str(&error.text));
	if (!strstr((const char *)error.text.p, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, (const char *)error.text.p);
	yaml_error_deinit(&error);
}

static void without_a_file_there_are_built_ins(void **state)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct role_bundle *b = NULL;
	struct config *c = NULL;

	(void)state;
	assert_int_equal(read_it(NULL, &b, &c, &error), 0);
	assert_int_equal(b->files_n, 2);
	assert_int_equal(b->file[1].kind, ROLE_FILE_PROVIDER);
	assert_string_equal(b->file[1].name, "policies/providers/b.yaml");
	assert_true(span_eq_str(b->file[0].text, "one"));
	assert_true(span_eq_str(b->file[1].text, "two!"));
	assert_int_equal(b->config.n, 0);
	role_bundle_free(b);
	config_free(c);
	yaml_error_deinit(&error);
}

static void folders_give_their_files_in_order(void **state)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct role_bundle *b = NULL;
	struct config *c = NULL;

	(void)state;
	mkdir(path_of("p"), 0755);
	put_str("p/b.yaml", "bee");
	put_str("p/a.yml", "ay");
	put_str("p/.hidden.yaml", "no");
	put_str("p/a.yaml~", "no");
	put_str("p/notes.txt", "no");
	put_str("single", "cee");
	put_str("aicp.yaml", "policies: [p, single]\nproviders: []\n");
	assert_int_equal(read_it(path_of("aicp.yaml"), &b, &c, &error), 0);
	assert_int_equal(b->files_n, 3);
	assert_true(span_eq_str(b->file[0].text, "ay"));
	assert_true(span_eq_str(b->file[1].text, "bee"));
	assert_true(span_eq_str(b->file[2].text, "cee"));
	assert_string_equal(b->file[0].name, path_of("p/a.yml"));
	assert_true(span_eq_str(b->config, "policies: [p, single]\nproviders: []\n"));
	role_bundle_free(b);
	config_free(c);
	yaml_error_deinit(&error);
}

static void says_what_is_wrong_with_files(void **state)
{
	static char large[AICP_YAML_BYTES_MAX + 1];

	(void)state;
	expect_error("policies: [nowhere.yaml]\n", "nowhere.yaml: is named by the configuration");
	mkdir(path_of("empty"), 0755);
	put("latin1.yaml", "caf\xe9", 4, 0644);
	expect_error("policies: [latin1.yaml]\n", "latin1.yaml: is not UTF-8");
	memset(large, '#', sizeof(large));
	put("large.yaml", large, sizeof(large), 0644);
	expect_error("policies: [large.yaml]\n", "large.yaml: is larger than");
	mkfifo(path_of("pipe.yaml"), 0644);
	expect_error("policies: [pipe.yaml]\n", "pipe.yaml: is not a regular file");
	expect_error("policies: [/dev/null]\n", "/dev/null: is not a regular file");
	expect_error("nonsense: 1\n", "aicp.yaml:1: ");
}

static void files_that_others_can_change_decide_nothing(void **state)
{
	const mode_t modes[] = {0664, 0646, 0666};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		put("open.yaml", "x", 1, modes[i]);
		expect_error("policies: [open.yaml]\n", "`chmod go-w ");
	}
	put("mine.yaml", "x", 1, 0600);
	if (geteuid() == 0) {
		assert_int_equal(chown(path_of("mine.yaml"), 12345, 0), 0);
		expect_error("policies: [mine.yaml]\n", "belongs to uid 12345");
	}
	mkdir(path_of("open"), 0755);
	chmod(path_of("open"), 0777);
	expect_error("policies: [open]\n", "`chmod go-w ");
}

static void what_is_not_loaded_yet_must_be_empty(void **state)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct role_bundle *b = NULL;
	struct config *c = NULL;

	(void)state;
	mkdir(path_of("none"), 0755);
	put_str("none/.gitkeep", "x");
	put_str("void.yaml", "");
	put_str("aicp.yaml", "compliance: [none, void.yaml]\nplugins: [none]\n");
	assert_int_equal(read_it(path_of("aicp.yaml"), &b, &c, &error), 0);
	role_bundle_free(b);
	config_free(c);
	put_str("aicp.yaml", "compliance: []\nplugins: []\n");
	assert_int_equal(read_it(path_of("aicp.yaml"), &b, &c, &error), 0);
	role_bundle_free(b);
	config_free(c);
	yaml_error_deinit(&error);

	mkdir(path_of("held"), 0755);
	put_str("held/gdpr.yaml", "x");
	expect_error(
		"compliance: [none, held]\n",
		"held: holds gdpr.yaml, and this version loads no compliance packs yet; remove");
	expect_error("plugins: [held]\n", "this version loads no plugins yet; remove");
	expect_error("plugins: [held/gdpr.yaml]\n", "gdpr.yaml: this version loads no plugins yet");
	expect_error("compliance: [/dev/null]\n", "this version loads no compliance packs yet");
	expect_error("compliance: [nowhere]\n", "nowhere: is named by the configuration");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_there_are_built_ins),
		cmocka_unit_test(folders_give_their_files_in_order),
		cmocka_unit_test(says_what_is_wrong_with_files),
		cmocka_unit_test(files_that_others_can_change_decide_nothing),
		cmocka_unit_test(what_is_not_loaded_yet_must_be_empty),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
