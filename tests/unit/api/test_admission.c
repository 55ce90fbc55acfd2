/* SPDX-License-Identifier: MIT */
/* The pure parts of letting in: names of ourselves, keys, rights, limits, and how refusals are
 * told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/admission.h"
#include "api/bucket.h"
#include "api/keyring.h"
#include "api/notice.h"
#include "api/permission.h"
#include "record/canonical.h"

#include <stdio.h>

#define SECOND INT64_C(1000000000)

static void test_host(void **state)
{
	static const struct admission_self four = {"127.0.0.1", 8642}, six = {"::1", 8642},
					   bracket = {"[::1]", 8642}, plain = {"127.0.0.1", 80};
	static const struct {
		const struct admission_self *self;
		const char *host;
		bool ours;
	} row[] = {
		{&four, "127.0.0.1:8642", true}, {&four, "localhost:8642", true},
		{&four, "LOCALHOST:8642", true}, {&four, "127.0.0.1", false},
		{&four, "localhost", false},	 {&four, "127.0.0.1:80", false},
		{&four, "[::1]:8642", false},	 {&four, "", false},
		{&four, ":8642", false},	 {&four, "127.0.0.1:8642 ", false},
		{&six, "[::1]:8642", true},	 {&six, "::1:8642", false},
		{&six, "localhost:8642", true},	 {&bracket, "[::1]:8642", true},
		{&plain, "127.0.0.1", true},	 {&plain, "127.0.0.1:80", true},
		{&plain, "localhost", true},	 {&plain, "127.0.0.1:8642", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char origin[64];

		assert_int_equal(admission_host(row[i].self, span_str(row[i].host)), row[i].ours);
		snprintf(origin, sizeof(origin), "http://%s", row[i].host);
		assert_int_equal(admission_origin(row[i].self, span_str(origin)), row[i].ours);
		snprintf(origin, sizeof(origin), "https://%s", row[i].host);
		assert_false(admission_origin(row[i].self, span_str(origin)));
	}
	assert_false(admission_host(&four, SPAN_NULL));
	assert_false(admission_origin(&four, SPAN_LIT("null")));
}

static void test_json(void **state)
{
	static const struct {
		const char *type;
		bool json;
	} row[] = {
		{"application/json", true},
		{"Application/JSON", true},
		{"application/json; charset=utf-8", true},
		{"application/json;charset=UTF-8", true},
		{"application/json; charset=\"utf-8\"", true},
		{"application/json;", false},
		{"application/json; charset=latin1", false},
		{"application/json; x=y", false},
		{"application/json, text/plain", false},
		{"text/json", false},
		{"", false},
	};
	struct span secret = SPAN_NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		assert_int_equal(admission_json(span_str(row[i].type)), row[i].json);
	assert_true(admission_bearer(SPAN_LIT("Bearer abc"), &secret));
	assert_true(span_eq_str(secret, "abc"));
	assert_true(admission_bearer(SPAN_LIT("bearer  abc "), &secret));
	assert_true(span_eq_str(secret, "abc"));
	assert_false(admission_bearer(SPAN_LIT("Basic abc"), &secret));
	assert_false(admission_bearer(SPAN_LIT("Bearer"), &secret));
}

static void test_permissions(void **state)
{
	static const struct {
		enum permission permission;
		const char *role;
		bool held;
	} row[] = {
		{PERMISSION_ADMIN, "admin", true},
		{PERMISSION_ADMIN, "operator", false},
		{PERMISSION_ADMIN, "", false},
		{PERMISSION_AUDIT_READ, "operator", true},
		{PERMISSION_AUDIT_READ, "developer", true},
		{PERMISSION_AUDIT_READ, "auditor", true},
		{PERMISSION_AUDIT_READ, "approver", true},
		{PERMISSION_AUDIT_READ, "user", false},
		{PERMISSION_AUDIT_EXPORT, "auditor", true},
		{PERMISSION_AUDIT_EXPORT, "operator", false},
		{PERMISSION_APPROVAL_READ, "auditor", true},
		{PERMISSION_APPROVAL_READ, "approver", true},
		{PERMISSION_APPROVAL_READ, "operator", false},
		{PERMISSION_APPROVAL_APPROVE, "approver", true},
		{PERMISSION_APPROVAL_APPROVE, "auditor", false},
		{PERMISSION_APPROVAL_APPROVE, "user", false},
		{PERMISSION_POLICY_READ, "user", false},
		{PERMISSION_POLICY_READ, "auditor", true},
		{PERMISSION_AUTHENTICATED, "unheard-of", true},
		{PERMISSION_POLICY_READ, "unheard-of", false},
		{PERMISSION_POLICY_READ, "Admin", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		assert_int_equal(permission_held(row[i].permission, row[i].role), row[i].held);
}

static void test_key_form(void **state)
{
	static const char good[] =
		"aicp_0123abcd_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char bad[sizeof(good)];

	(void)state;
	assert_int_equal(sizeof(good) - 1, KEYRING_KEY_BYTES);
	assert_true(keyring_wellformed(span_str(good)));
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		assert_false(keyring_wellformed(span_of(good, i)));
		memcpy(bad, good, sizeof(good));
		bad[i] = 'G';
		assert_false(keyring_wellformed(span_str(bad)));
	}
	assert_false(keyring_wellformed(span_of(good, sizeof(good)))); /* with its NUL */
	assert_false(keyring_wellformed(SPAN_NULL));
}

static void test_keyring(void **state)
{
	static struct keyring ring;
	struct principal who = {.id = "0123abcd", .role = "auditor", .owner = "ann"}, found = {0};
	struct hash digest = {.b = {1}};

	(void)state;
	assert_false(keyring_find(&ring, &digest, 5, &found));
	keyring_add(&ring, &digest, 5, &who);
	assert_true(keyring_find(&ring, &digest, 5 + KEYRING_LIFE_NS - 1, &found));
	assert_string_equal(found.role, "auditor");
	assert_false(keyring_find(&ring, &digest, 5 + KEYRING_LIFE_NS, &found));
	/* A full ring forgets its oldest. */
	for (unsigned i = 0; i < KEYRING_ENTRIES; i++) {
		struct hash other = {.b = {2, (uint8_t)i}};

		keyring_add(&ring, &other, 10 + (int64_t)i, &who);
	}
	assert_false(keyring_find(&ring, &digest, 10, &found));
	digest.b[0] = 2;
	assert_true(keyring_find(&ring, &digest, 10, &found));
	keyring_clear(&ring);
	assert_false(keyring_find(&ring, &digest, 10, &found));
}

static void test_bucket_source(void **state)
{
	struct buckets b = {0};

	(void)state;
	for (int i = 0; i < BUCKET_SOURCE_BURST; i++)
		assert_true(bucket_reserve(&b, 1, SECOND));
	assert_false(bucket_reserve(&b, 1, SECOND));
	assert_true(bucket_reserve(&b, 2, SECOND)); /* another is not hurt */
	bucket_refund(&b, 1);
	assert_true(bucket_reserve(&b, 1, SECOND));
	assert_false(bucket_reserve(&b, 1, SECOND));
	/* One token each 6 s. */
	assert_false(
		bucket_reserve(&b, 1, SECOND + 60 * SECOND / BUCKET_SOURCE_PER_MINUTE - SECOND));
	assert_true(bucket_reserve(&b, 1, 2 * SECOND + 60 * SECOND / BUCKET_SOURCE_PER_MINUTE));
	assert_false(bucket_reserve(&b, 1, 2 * SECOND + 60 * SECOND / BUCKET_SOURCE_PER_MINUTE));
	/* Never more than full, however long it was quiet. */
	for (int i = 0; i < BUCKET_SOURCE_BURST; i++)
		assert_true(bucket_reserve(&b, 1, INT64_MAX / 2));
	assert_false(bucket_reserve(&b, 1, INT64_MAX / 2));
	for (int i = 0; i < 100; i++)
		bucket_refund(&b, 1);
	for (int i = 0; i < BUCKET_SOURCE_BURST; i++)
		assert_true(bucket_reserve(&b, 1, INT64_MAX / 2));
	assert_false(bucket_reserve(&b, 1, INT64_MAX / 2));
}

static void test_bucket_global(void **state)
{
	struct buckets b = {0};
	unsigned passed = 0;

	(void)state;
	/* A new source each time does not get round the limit for all. */
	for (uint64_t i = 0; i < 1000; i++)
		passed += bucket_reserve(&b, i, SECOND);
	assert_int_equal(passed, BUCKET_GLOBAL_BURST);
}

static void test_notices(void **state)
{
	struct notices n = {0};
	struct principal who = {.id = "0123abcd"};
	struct buf out = BUF_INIT(1024);

	(void)state;
	assert_int_equal(notice_due(&n, 0), _NOTICE_COUNT);
	assert_int_equal(notice_next_ns(&n), INT64_MAX);
	notice_count(&n, NOTICE_WRONG_KEY, "127.0.0.1", "GET /api/logs", NULL);
	assert_int_equal(notice_due(&n, SECOND), NOTICE_WRONG_KEY);
	assert_int_equal(notice_take(&n, NOTICE_WRONG_KEY, SECOND, &out), 0);
	assert_true(canonical_object(buf_span(&out), 4));
	assert_true(span_eq_str(buf_span(&out),
				"{\"count\":1,\"key_id\":null,\"outcome\":\"wrong-key\","
				"\"peer\":\"127.0.0.1\",\"what\":\"GET /api/logs\"}"));
	/* The next thousand are one record, a window later. */
	for (int i = 0; i < 1000; i++)
		notice_count(&n, NOTICE_WRONG_KEY, "127.0.0.1", "x", &who);
	assert_int_equal(notice_due(&n, SECOND + NOTICE_WINDOW_NS - 1), _NOTICE_COUNT);
	assert_int_equal(notice_next_ns(&n), SECOND + NOTICE_WINDOW_NS);
	assert_int_equal(notice_due(&n, SECOND + NOTICE_WINDOW_NS), NOTICE_WRONG_KEY);
	buf_clear(&out);
	assert_int_equal(notice_take(&n, NOTICE_WRONG_KEY, SECOND, &out), 0);
	assert_true(
		span_starts(buf_span(&out), SPAN_LIT("{\"count\":1000,\"key_id\":\"0123abcd\"")));
	/* Other kinds do not wait for it. */
	notice_count(&n, NOTICE_FOREIGN, "peer \"\x01\xff", "", NULL);
	assert_int_equal(notice_due(&n, SECOND), NOTICE_FOREIGN);
	buf_clear(&out);
	assert_int_equal(notice_take(&n, NOTICE_FOREIGN, SECOND, &out), 0);
	assert_true(canonical_object(buf_span(&out), 4));
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),	      cmocka_unit_test(test_json),
		cmocka_unit_test(test_permissions),   cmocka_unit_test(test_key_form),
		cmocka_unit_test(test_keyring),	      cmocka_unit_test(test_bucket_source),
		cmocka_unit_test(test_bucket_global), cmocka_unit_test(test_notices),
	};

	return cmocka_run_group_tests_name("api/admission", tests, NULL, NULL);
}
