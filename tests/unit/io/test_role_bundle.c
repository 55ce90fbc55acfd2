/* SPDX-License-Identifier: MIT */
/* Bundles arrive as they were sent, or not at all. */
#include "io/role_bundle.h"

#include "support/oom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char config_name[] = "/etc/aicp/aicp.yaml", state_dir[] = "/var/lib/aicp";
static char file_a[] = "/p/a.yaml", file_b[] = "/p/\xc3\xa9.yaml";

static struct role_file files[] = {
	{ROLE_FILE_POLICY, file_a, {(const uint8_t *)"policy:\n\t\"x\"\\\n", 14}},
	{ROLE_FILE_PROVIDER, file_b, {(const uint8_t *)"\xe2\x82\xac\x01\x7f", 5}},
	{ROLE_FILE_PROVIDER, file_a, {NULL, 0}},
};

static struct role_bundle sample(void)
{
	struct role_bundle b = {
		.config_name = config_name,
		.state_dir = state_dir,
		.config = SPAN_LIT("mode: monitor\n"),
		.rootless = true,
		.has_key = true,
		.file = files,
		.files_n = 3,
	};

	for (size_t i = 0; i < sizeof(b.key); i++)
		b.key[i] = (uint8_t)(i * 9);
	return b;
}

static void round_trip(void *ctx)
{
	struct role_bundle b = sample(), *got = NULL;
	struct buf out = BUF_INIT(65536);
	int r = role_bundle_write(&b, &out);

	(void)ctx;
	if (!r)
		r = role_bundle_read(buf_span(&out), &got);
	if (r) {
		assert_true(oom_hit());
		assert_int_equal(r, -ENOMEM);
		assert_null(got);
		buf_deinit(&out);
		return;
	}
	assert_string_equal(got->config_name, config_name);
	assert_string_equal(got->state_dir, state_dir);
	assert_true(span_eq(got->config, b.config));
	assert_true(got->rootless && got->has_key);
	assert_memory_equal(got->key, b.key, sizeof(b.key));
	assert_int_equal(got->files_n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(got->file[i].kind, files[i].kind);
		assert_string_equal(got->file[i].name, files[i].name);
		assert_true(span_eq(got->file[i].text, files[i].text));
	}
	role_bundle_free(got);
	buf_deinit(&out);
}

static void arrives_as_sent(void **state)
{
	(void)state;
	round_trip(NULL);
}

static void survives_failing_allocations(void **state)
{
	(void)state;
	assert_true(oom_each(round_trip, NULL) > 5);
}

static void refuses_what_json_would_change(void **state)
{
	struct role_file bad = {ROLE_FILE_POLICY, file_a, SPAN_LIT("caf\xe9")};
	struct role_bundle b = sample();
	struct buf out = BUF_INIT(65536);

	(void)state;
	b.file = &bad;
	b.files_n = 1;
	assert_int_equal(role_bundle_write(&b, &out), -EILSEQ);
	buf_deinit(&out);
}

static void refuses_other_texts(void **state)
{
	static const char *const rows[] = {
		"",
		"{}",
		"[]",
		"null",
		"{\"config\":\"\",\"config_name\":\"\",\"files\":[],\"key\":\"\",\"rootless\":"
		"false}",
		"{\"config\":1,\"config_name\":\"\",\"files\":[],\"key\":\"\",\"rootless\":false,"
		"\"state_dir\":\"\"}",
		"{\"config\":\"\",\"config_name\":\"a\\u0000b\",\"files\":[],\"key\":\"\","
		"\"rootless\":false,\"state_dir\":\"\"}",
		"{\"config\":\"\",\"config_name\":\"\",\"files\":{},\"key\":\"\",\"rootless\":"
		"false,\"state_dir\":\"\"}",
		"{\"config\":\"\",\"config_name\":\"\",\"files\":[1],\"key\":\"\",\"rootless\":"
		"false,\"state_dir\":\"\"}",
		"{\"config\":\"\",\"config_name\":\"\",\"files\":[{\"kind\":\"other\",\"name\":"
		"\"\",\"text\":\"\"}],"
		"\"key\":\"\",\"rootless\":false,\"state_dir\":\"\"}",
		"{\"config\":\"\",\"config_name\":\"\",\"files\":[{\"kind\":\"policy\",\"name\":"
		"\"\"}],\"key\":\"\","
		"\"rootless\":false,\"state_dir\":\"\"}",
		"{\"config\":\"\",\"config_name\":\"\",\"files\":[],\"key\":\"00\",\"rootless\":"
		"false,\"state_dir\":\"\"}",
		"{\"config\":\"\",\"config_name\":\"\",\"files\":[],\"key\":\"\",\"state_dir\":"
		"\"\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct role_bundle *got = NULL;

		assert_int_equal(role_bundle_read(span_str(rows[i]), &got), PARSE_E_BAD);
		assert_null(got);
	}
}

static void without_key_there_is_none(void **state)
{
	struct role_bundle b = sample(), *got = NULL;
	struct buf out = BUF_INIT(65536);

	(void)state;
	b.has_key = false;
	b.files_n = 0;
	assert_int_equal(role_bundle_write(&b, &out), 0);
	assert_int_equal(role_bundle_read(buf_span(&out), &got), PARSE_DONE);
	assert_false(got->has_key);
	for (size_t i = 0; i < sizeof(got->key); i++)
		assert_int_equal(got->key[i], 0);
	role_bundle_free(got);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrives_as_sent),
		cmocka_unit_test(survives_failing_allocations),
		cmocka_unit_test(refuses_what_json_would_change),
		cmocka_unit_test(refuses_other_texts),
		cmocka_unit_test(without_key_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
