/* SPDX-License-Identifier: MIT */
/* The table of operations: which one a request means, and that the table keeps its own rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/route.h"

#include <stdio.h>

static enum route_outcome find(const char *method, const char *path, enum route_id *ret_id,
			       char parameter[64])
{
	struct buf storage = BUF_INIT(4096);
	struct span p = SPAN_NULL;
	enum route_outcome outcome;
	struct uri uri;

	assert_int_equal(uri_parse(span_str(path), &storage, &uri), PARSE_DONE);
	outcome = route_find(span_str(method), &uri, ret_id, &p);
	snprintf(parameter, 64, "%.*s", SPAN_ARG(p));
	buf_deinit(&storage);
	return outcome;
}

static void test_find(void **state)
{
	static const struct {
		const char *method, *path;
		enum route_outcome outcome;
		enum route_id id;
		const char *parameter;
	} row[] = {
		{"GET", "/", ROUTE_FOUND, ROUTE_ROOT, ""},
		{"GET", "/health", ROUTE_FOUND, ROUTE_HEALTH, ""},
		{"HEAD", "/health", ROUTE_FOUND, ROUTE_HEALTH, ""},
		{"GET", "/api/logs/x1", ROUTE_FOUND, ROUTE_LOG, "x1"},
		{"GET", "/api/logs/x1/replay", ROUTE_FOUND, ROUTE_LOG_REPLAY, "x1"},
		{"GET", "/api/logs/a%2Fb", ROUTE_FOUND, ROUTE_LOG, "a/b"},
		{"GET", "/api/policies/p", ROUTE_FOUND, ROUTE_POLICY, "p"},
		/* static paths win */
		{"POST", "/api/policies/dry-run", ROUTE_FOUND, ROUTE_POLICY_DRY_RUN, ""},
		{"GET", "/api/policies/dry-run", ROUTE_NO_METHOD, ROUTE_POLICY_DRY_RUN, ""},
		{"GET", "/api/decisions/query", ROUTE_FOUND, ROUTE_DECISIONS_QUERY, ""},
		{"GET", "/api/decisions/query/timeline", ROUTE_FOUND, ROUTE_DECISION_TIMELINE,
		 "query"},
		{"POST", "/health", ROUTE_NO_METHOD, ROUTE_HEALTH, ""},
		{"get", "/health", ROUTE_NO_METHOD, ROUTE_HEALTH, ""},
		{"", "/health", ROUTE_NO_METHOD, ROUTE_HEALTH, ""},
		{"GET", "/Health", ROUTE_NO_PATH, 0, ""},
		{"GET", "/health/", ROUTE_NO_PATH, 0, ""},
		{"GET", "/api/logs/", ROUTE_NO_PATH, 0, ""},
		{"GET", "/api/logs//replay", ROUTE_NO_PATH, 0, ""},
		{"GET", "/api", ROUTE_NO_PATH, 0, ""},
		{"GET", "/api/logs/x/replay/y", ROUTE_NO_PATH, 0, ""},
		{"GET", "/api/api/decisions/x/timeline", ROUTE_NO_PATH, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		enum route_id id = ROUTE_ROOT;
		char parameter[64];

		assert_int_equal(find(row[i].method, row[i].path, &id, parameter), row[i].outcome);
		if (row[i].outcome == ROUTE_NO_PATH)
			continue;
		assert_int_equal(id, row[i].id);
		if (row[i].outcome == ROUTE_FOUND)
			assert_string_equal(parameter, row[i].parameter);
	}
}

/* What other files rely on. */
static void test_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
		const struct route *r = route_row((enum route_id)i);
		const char *brace = strchr(r->path, '{');

		assert_int_equal(r->path[0], '/');
		if (brace) /* one parameter at most */
			assert_null(strchr(brace + 1, '{'));
		assert_true(r->summary[0] != 0);
		/* only reading what is open to everybody */
		assert_true(r->permission != PERMISSION_PUBLIC || i == ROUTE_HEALTH);
		/* what changes something is for those who may */
		if (i == ROUTE_APPROVAL_APPROVE || i == ROUTE_APPROVAL_REJECT)
			assert_int_equal(r->permission, PERMISSION_APPROVAL_APPROVE);
		else if (r->method != METHOD_GET && i != ROUTE_POLICY_DRY_RUN)
			assert_int_equal(r->permission, PERMISSION_ADMIN);
		for (unsigned k = 0; k < i; k++) {
			const struct route *other = route_row((enum route_id)k);

			assert_false(strcmp(other->path, r->path) == 0 &&
				     other->method == r->method);
		}
	}
}

static void test_allow(void **state)
{
	struct buf out = BUF_INIT(64);

	(void)state;
	assert_int_equal(route_allow(ROUTE_LOGS, &out), 0);
	assert_true(span_eq_str(buf_span(&out), "GET, HEAD"));
	buf_clear(&out);
	assert_int_equal(route_allow(ROUTE_POLICY_RELOAD, &out), 0);
	assert_true(span_eq_str(buf_span(&out), "POST"));
	buf_deinit(&out);
	assert_true(route_takes(ROUTE_LOGS, SPAN_LIT("user")));
	assert_true(route_takes(ROUTE_LOGS, SPAN_LIT("limit")));
	assert_false(route_takes(ROUTE_LOGS, SPAN_LIT("use")));
	assert_false(route_takes(ROUTE_LOGS, SPAN_LIT("")));
	assert_false(route_takes(ROUTE_LOGS, SPAN_LIT("user agent_id")));
	assert_false(route_takes(ROUTE_HEALTH, SPAN_LIT("user")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_allow),
	};

	return cmocka_run_group_tests_name("api/route", tests, NULL, NULL);
}
