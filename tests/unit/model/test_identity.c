/* SPDX-License-Identifier: MIT */
/* Who a process is, to canonical JSON and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/identity.h"

#include "support/oom.h"

#include <errno.h>
#include <stdio.h>

#define STORAGE_MAX (64u << 10)

static const struct identity nobody = {.pid = IDENTITY_NONE,
				       .start_ticks = IDENTITY_NONE,
				       .uid = IDENTITY_NONE,
				       .gid = IDENTITY_NONE,
				       .loginuid = IDENTITY_NONE};

static struct identity somebody(void)
{
	struct identity who = nobody;

	who.pid = 4242;
	who.start_ticks = 9007199254740991;
	who.uid = 0;
	who.gid = 1000;
	who.loginuid = 1000;
	who.exe_sha256 = SPAN_LIT("e3b0c44298fc1c14");
	who.exe_device = SPAN_LIT("8:1");
	who.exe_inode = SPAN_LIT("18446744073709551615");
	who.cgroup = SPAN_LIT("/system.slice/a.service");
	who.container_id = SPAN_LIT("0f1e");
	who.unit = SPAN_LIT("a.service");
	who.exe = SPAN_LIT("/usr/bin/python3");
	who.name = SPAN_LIT("python3");
	who.args = SPAN_LIT("python3 -c \"print('\xc3\xa9')\"\t\n");
	who.parents[0] = SPAN_LIT("bash");
	who.parents[1] = SPAN_LIT("sshd\\\"");
	who.parents_n = 2;
	return who;
}

static const char *const somebody_json =
	"{\"cgroup\":\"/system.slice/a.service\","
	"\"claimed\":{\"args\":\"python3 -c \\\"print('\xc3\xa9')\\\"\\t\\n\","
	"\"exe\":\"/usr/bin/"
	"python3\",\"name\":\"python3\",\"parents\":[\"bash\",\"sshd\\\\\\\"\"]},"
	"\"container_id\":\"0f1e\",\"exe_device\":\"8:1\",\"exe_inode\":\"18446744073709551615\","
	"\"exe_sha256\":\"e3b0c44298fc1c14\",\"gid\":1000,\"loginuid\":1000,\"pid\":4242,"
	"\"start_ticks\":9007199254740991,\"uid\":0,\"unit\":\"a.service\"}";

static void write_to(const struct identity *who, struct buf *out)
{
	struct json_write w;

	buf_clear(out);
	json_write_init(&w, out, true);
	identity_write(who, &w, NULL);
}

static void expect_json(const struct identity *who, const char *want)
{
	struct buf out = BUF_INIT(STORAGE_MAX);

	write_to(who, &out);
	assert_int_equal(out.err, 0);
	assert_string_equal(buf_str(&out), want);
	buf_deinit(&out);
}

static void test_write(void **state)
{
	struct identity who = somebody();

	(void)state;
	expect_json(&who, somebody_json);
	expect_json(&nobody, "{\"claimed\":{}}");
}

/* What a process chose may hold any bytes; the record stays JSON. */
static void test_write_hostile(void **state)
{
	struct identity who = nobody;

	(void)state;
	who.name = SPAN_LIT("a\xff\x01");
	expect_json(&who, "{\"claimed\":{\"name\":\"a\xef\xbf\xbd\\u0001\"}}");
}

static void test_round_trip(void **state)
{
	struct identity who = somebody(), back;
	struct buf json = BUF_INIT(STORAGE_MAX), storage = BUF_INIT(STORAGE_MAX);

	(void)state;
	write_to(&who, &json);
	assert_int_equal(identity_parse(buf_span(&json), &storage, &back), PARSE_DONE);
	/* The text it was read from is gone; what was read is not. */
	memset(json.p, 'x', json.n);
	assert_int_equal(back.pid, 4242);
	assert_int_equal(back.start_ticks, 9007199254740991);
	assert_int_equal(back.uid, 0);
	assert_int_equal(back.parents_n, 2);
	assert_true(span_eq(back.parents[1], who.parents[1]));
	assert_true(span_eq(back.args, who.args));
	expect_json(&back, somebody_json);

	assert_int_equal(identity_parse(SPAN_LIT("{\"claimed\":{}}"), &storage, &back), PARSE_DONE);
	assert_int_equal(back.pid, IDENTITY_NONE);
	assert_int_equal(back.loginuid, IDENTITY_NONE);
	assert_int_equal(back.parents_n, 0);
	expect_json(&back, "{\"claimed\":{}}");
	buf_deinit(&json);
	buf_deinit(&storage);
}

static void expect_bad(struct span json)
{
	struct buf storage = BUF_INIT(STORAGE_MAX);
	struct identity who = {.pid = 77};

	assert_int_equal(identity_parse(json, &storage, &who), PARSE_E_BAD);
	assert_int_equal(who.pid, 77);
	buf_deinit(&storage);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{\"uid\":\"0\"}",
		"{\"uid\":-1}",
		"{\"uid\":0.5}",
		"{\"uid\":9007199254740992}",
		"{\"uid\":null}",
		"{\"uid\":1,\"uid\":0}",
		"{\"uid\":1}x",
		"{\"UID\":0}",
		"{\"unit\":1}",
		"{\"exe\":\"claimed, not attested\"}",
		"{\"claimed\":[]}",
		"{\"claimed\":{\"uid\":0}}",
		"{\"claimed\":{\"parents\":\"bash\"}}",
		"{\"claimed\":{\"parents\":[1]}}",
		"{\"claimed\":{\"parents\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}"
		"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_bad(span_str(bad[i]));
	for (size_t n = 0; n < strlen(somebody_json); n++)
		expect_bad(span_of(somebody_json, n));
}

/* A byte changed anywhere: refused, or read as something that writes and reads the same again. */
static void test_mutations(void **state)
{
	static const char with[] = "\"\\{}[]:,0 \xff";
	struct buf json = BUF_INIT(STORAGE_MAX), storage = BUF_INIT(STORAGE_MAX);
	size_t n = strlen(somebody_json);
	char text[2048];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(with); k++) {
			struct identity who;
			int r;

			memcpy(text, somebody_json, n);
			text[i] = with[k];
			r = identity_parse(span_of(text, n), &storage, &who);
			assert_in_range(r, PARSE_DONE, PARSE_E_BAD);
			if (r == PARSE_DONE) {
				write_to(&who, &json);
				assert_int_equal(json.err, 0);
			}
		}
	}
	buf_deinit(&json);
	buf_deinit(&storage);
}

/* Storage too small for the text is an error of the environment, not of the text. */
static void test_storage_full(void **state)
{
	struct buf storage = BUF_INIT(16);
	struct identity who;

	(void)state;
	assert_int_equal(identity_parse(span_str(somebody_json), &storage, &who), -E2BIG);
	buf_deinit(&storage);
}

static void parse_without_memory(void *ctx)
{
	struct buf storage = BUF_INIT(STORAGE_MAX);
	struct identity who = {.pid = 77};
	int r = identity_parse(span_str(ctx), &storage, &who);

	assert_int_equal(r, oom_hit() ? -ENOMEM : PARSE_DONE);
	assert_int_equal(who.pid, oom_hit() ? 77 : 4242);
	buf_deinit(&storage);
}

static void test_without_memory(void **state)
{
	char text[2048];

	(void)state;
	snprintf(text, sizeof(text), "%s", somebody_json);
	assert_in_range(oom_each(parse_without_memory, text), 2, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),	       cmocka_unit_test(test_write_hostile),
		cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_bad),
		cmocka_unit_test(test_mutations),      cmocka_unit_test(test_storage_full),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
