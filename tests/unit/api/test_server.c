/* SPDX-License-Identifier: MIT */
/* Who is let in: the api role as a whole, over its sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/route.h"
#include "ledger/query.h"
#include "unit/api/api_rig.h"

static struct reply reply;

#define WRONG_KEY "aicp_00000000_0000000000000000000000000000000000000000000000000000000000000000"

/* A path as a client would write it. */
static const char *path_of(enum route_id id, char out[128])
{
	const char *p = route_row(id)->path, *brace = strchr(p, '{');

	if (!brace)
		return p;
	snprintf(out, 128, "%.*s%024x%s", (int)(brace - p), p, 3, strchr(p, '}') + 1);
	return out;
}

static struct ask ask_of(enum route_id id, char path[128])
{
	bool get = route_row(id)->method == METHOD_GET;

	return (struct ask){
		.method = route_method_name(route_row(id)->method),
		.path = path_of(id, path),
		.body = get ? NULL : "{}",
	};
}

static void has(const char *text)
{
	if (!strstr(reply.text, text))
		fail_msg("no \"%s\" in: %.2000s", text, reply.text);
}

static void test_no_key(void **state)
{
	struct rig *rig = *state;
	char path[128];

	for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
		struct ask a = ask_of((enum route_id)i, path);
		unsigned want =
			route_row((enum route_id)i)->permission == PERMISSION_PUBLIC ? 200 : 401;

		assert_int_equal(rig_ask(rig, &a, &reply), want);
		if (want == 401)
			has("WWW-Authenticate: Bearer");
	}
	assert_int_equal(rig_ask(rig, &(struct ask){.path = "/nowhere"}, &reply), 401);
}

static void test_wrong_key(void **state)
{
	static const char *const wrong[] = {
		WRONG_KEY,
		"",
		"x",
		"aicp_",
		"aicp_00000000_0000000000000000000000000000000000000000000000000000000000000000x",
		"aicp_0000000G_0000000000000000000000000000000000000000000000000000000000000000",
	};
	struct rig *rig = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct ask a = {.path = "/api/logs", .key = wrong[i]};
		unsigned status = rig_ask(rig, &a, &reply);

		assert_true(status == 401 || status == 429);
	}
	for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
		struct ask a = ask_of((enum route_id)i, path);
		unsigned status;

		a.key = WRONG_KEY;
		status = rig_ask(rig, &a, &reply);
		if (route_row((enum route_id)i)->permission == PERMISSION_PUBLIC)
			assert_int_equal(status, 200);
		else
			assert_true(status == 401 || status == 429);
	}
	/* Two keys are none, also when one is right. */
	char headers[256];

	snprintf(headers, sizeof(headers), "X-API-Key: %s\r\n", rig->key);
	assert_int_not_equal(
		rig_ask(rig,
			&(struct ask){.path = "/api/logs", .key = rig->key, .headers = headers},
			&reply),
		200);
	assert_int_equal(
		rig_ask(rig, &(struct ask){.path = "/api/logs", .headers = headers}, &reply), 200);
}

static void test_right_key(void **state)
{
	static const struct {
		enum route_id id;
		unsigned status;
	} other[] = {
		{ROUTE_POLICY, 404}, /* no policy has that name */
		{ROUTE_APPROVAL, 404}, /* and no approval */
		{ROUTE_APPROVAL_HISTORY, 404}, {ROUTE_APPROVAL_APPROVE, 400}, /* nothing says why */
		{ROUTE_APPROVAL_REJECT, 400},
	};
	struct rig *rig = *state;
	char path[128];

	for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
		struct ask a = ask_of((enum route_id)i, path);
		unsigned want = 200;

		for (size_t k = 0; k < sizeof(other) / sizeof(*other); k++)
			if (other[k].id == i)
				want = other[k].status;
		a.key = rig->key;
		if (rig_ask(rig, &a, &reply) != want)
			fail_msg("%s: %s", a.path, reply.text);
		has("X-Content-Type-Options: nosniff");
		has("Cache-Control: no-store");
		has("Content-Security-Policy: default-src 'none'");
		has("X-Frame-Options: DENY");
		has("X-Request-ID: ");
	}
}

/* Every role against every operation. */
static void test_rights(void **state)
{
	struct rig *rig = *state;
	const struct {
		const char *role, *key;
	} who[] = {{"admin", rig->key}, {"auditor", rig->auditor}, {"user", rig->user}};
	char path[128];

	for (unsigned i = 0; i < _ROUTE_COUNT; i++)
		for (size_t k = 0; k < 3; k++) {
			struct ask a = ask_of((enum route_id)i, path);
			bool may = permission_held(route_row((enum route_id)i)->permission,
						   who[k].role);

			a.key = who[k].key;
			rig_ask(rig, &a, &reply);
			if (may == (reply.status == 403))
				fail_msg("%s as %s: %u", a.path, who[k].role, reply.status);
		}
	assert_false(permission_held(PERMISSION_ADMIN, "auditor"));
	assert_false(permission_held(PERMISSION_AUDIT_READ, "user"));
	assert_false(permission_held(PERMISSION_AUDIT_READ, ""));
	assert_true(permission_held(PERMISSION_AUDIT_EXPORT, "admin"));
}

/* The right is looked at before the body: a body that never comes is not waited for. */
static void test_forbidden_before_body(void **state)
{
	struct rig *rig = *state;
	struct ask a = {
		.method = "POST",
		.path = "/api/policies/reload",
		.key = rig->user,
		.headers = "Content-Type: application/json\r\nContent-Length: 1000000\r\n",
	};

	assert_int_equal(rig_ask(rig, &a, &reply), 403);
	has("\"permission\":\"admin\"");
}

static void test_foreign_host(void **state)
{
	static const char *const foreign[] = {
		"evil.example",
		"evil.example:%u",
		"127.0.0.1",
		"localhost",
		"127.0.0.1:%u.",
		"127.0.0.1.:%u",
		"localhost.:%u",
		"127.0.0.2:%u",
		"0.0.0.0:%u",
		"[::1]:%u",
		"::1:%u",
		"127.1:%u",
		"2130706433:%u",
		"0x7f000001:%u",
		"127.0.0.1:0%u",
		"127.0.0.1:1",
		"127.0.0.1:%u:1",
		"a@127.0.0.1:%u",
		"127.0.0.1:%u@evil.example",
		"localhost:%u ,evil.example",
		"localhost%%00:%u",
		"%%6cocalhost:%u",
		"localhost:%u/",
		"http://localhost:%u",
		"",
		"localhost.evil.example:%u",
		"evil-localhost:%u",
		"localhost:%u#",
		"localhost:-%u",
		"localhost:+%u",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		char host[128];
		struct ask a = {.path = "/api/status", .key = rig->key, .host = host};

		snprintf(host, sizeof(host), foreign[i], rig->port);
		if (rig_ask(rig, &a, &reply) != 421)
			fail_msg("Host %s: %.300s", host, reply.text);
		a.path = "/health";
		a.key = NULL;
		assert_int_equal(rig_ask(rig, &a, &reply), 421);
	}
}

static void test_own_host(void **state)
{
	static const char *const own[] = {"127.0.0.1:%u", "localhost:%u", "LocalHost:%u"};
	struct rig *rig = *state;
	char host[128], path[128], text[512];

	for (size_t i = 0; i < 3; i++) {
		struct ask a = {.path = "/api/status", .key = rig->key, .host = host};

		snprintf(host, sizeof(host), own[i], rig->port);
		assert_int_equal(rig_ask(rig, &a, &reply), 200);
	}
	/* An absolute target names its host, too. */
	snprintf(path, sizeof(path), "http://localhost:%u/health", rig->port);
	assert_int_equal(rig_ask(rig, &(struct ask){.path = path}, &reply), 200);
	snprintf(path, sizeof(path), "http://evil.example/health");
	assert_int_equal(rig_ask(rig, &(struct ask){.path = path}, &reply), 421);
	/* No Host, and two. */
	snprintf(text, sizeof(text), "GET /health HTTP/1.0\r\n\r\n");
	rig_raw(rig, true, span_str(text), &reply);
	assert_int_equal(reply.status, 421);
	snprintf(text, sizeof(text),
		 "GET /health HTTP/1.1\r\nHost: localhost:%u\r\nHost: localhost:%u\r\n"
		 "Connection: close\r\n\r\n",
		 rig->port, rig->port);
	rig_raw(rig, true, span_str(text), &reply);
	assert_int_equal(reply.status, 421);
}

static void test_other_sites(void **state)
{
	static const struct {
		const char *headers;
		unsigned read, write;
	} row[] = {
		{"Origin: http://evil.example\r\n", 403, 403},
		{"Origin: null\r\n", 403, 403},
		{"Origin: https://127.0.0.1:%u\r\n", 403, 403},
		{"Origin: http://127.0.0.1\r\n", 403, 403},
		{"Origin: http://127.0.0.1:%u\r\n", 200, 200},
		{"Sec-Fetch-Site: cross-site\r\n", 403, 403},
		{"Sec-Fetch-Site: same-site\r\n", 200, 403},
		{"Sec-Fetch-Site: same-origin\r\n", 200, 200},
		{"Sec-Fetch-Site: none\r\n", 200, 200},
		{"Sec-Fetch-Site: whatever\r\n", 403, 403},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char headers[128];
		struct ask a = {.path = "/api/policies", .key = rig->key, .headers = headers};

		snprintf(headers, sizeof(headers), row[i].headers, rig->port);
		assert_int_equal(rig_ask(rig, &a, &reply), row[i].read);
		a.method = "POST";
		a.path = "/api/policies/dry-run";
		a.body = "{}";
		assert_int_equal(rig_ask(rig, &a, &reply), row[i].write);
	}
}

static void test_not_json(void **state)
{
	static const char *const type[] = {
		"",
		"Content-Type: text/plain\r\n",
		"Content-Type: application/x-www-form-urlencoded\r\n",
		"Content-Type: multipart/form-data; boundary=x\r\n",
		"Content-Type: application/jsonx\r\n",
		"Content-Type: application/json; charset=utf-16\r\n",
		"Content-Type: text/plain; application/json\r\n",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(type) / sizeof(*type); i++) {
		char headers[128];
		struct ask a = {
			.method = "POST",
			.path = "/api/policies/reload",
			.key = rig->key,
			.headers = headers,
		};

		snprintf(headers, sizeof(headers), "%sContent-Length: 0\r\n", type[i]);
		assert_int_equal(rig_ask(rig, &a, &reply), 415);
	}
}

static void test_body_limit(void **state)
{
	struct rig *rig = *state;
	struct buf out = BUF_INIT(4u << 20);
	char headers[128];
	struct ask a = {
		.method = "POST",
		.path = "/api/policies/dry-run",
		.key = rig->key,
		.headers = headers,
	};

	/* Said in advance: the answer does not wait for it. */
	snprintf(headers, sizeof(headers),
		 "Content-Type: application/json\r\nContent-Length: %u\r\n",
		 AICP_API_BODY_BYTES_MAX + 1);
	assert_int_equal(rig_ask(rig, &a, &reply), 413);
	/* In chunks: not said in advance. */
	buf_printf(
		&out,
		"POST /api/policies/dry-run HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n"
		"Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
		"Transfer-Encoding: chunked\r\n\r\n%x\r\n",
		rig->port, rig->key, AICP_API_BODY_BYTES_MAX + 1);
	for (unsigned i = 0; i <= AICP_API_BODY_BYTES_MAX; i++)
		buf_put_byte(&out, 'a');
	buf_put_str(&out, "\r\n0\r\n\r\n");
	rig_raw(rig, true, buf_span(&out), &reply);
	assert_int_equal(reply.status, 413);
	/* Both ways of saying it. */
	buf_clear(&out);
	buf_printf(
		&out,
		"POST /api/policies/dry-run HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n"
		"Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
		"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		rig->port, rig->key);
	rig_raw(rig, true, buf_span(&out), &reply);
	assert_int_equal(reply.status, 400);
	buf_deinit(&out);
}

static void test_paths_and_methods(void **state)
{
	static const struct {
		const char *method, *path, *allow;
		unsigned status;
	} row[] = {
		{"GET", "/nowhere", NULL, 404},
		{"GET", "/api", NULL, 404},
		{"GET", "/api/logs/", NULL, 404},
		{"GET", "//api/logs", NULL, 404},
		{"GET", "/api/./logs", NULL, 404},
		{"GET", "/api/x/../logs", NULL, 404},
		{"GET", "/api%2flogs", NULL, 404},
		{"GET", "/api/l%6fgs", NULL, 200},
		{"GET", "/api/logs?limit=1&limit=2", NULL, 400},
		{"GET", "/api/logs?usr=x", NULL, 400},
		{"GET", "/api/logs?limit=-1", NULL, 400},
		{"GET", "/api/logs?limit=99999999999999999999", NULL, 400},
		{"GET", "/api/logs?since=yesterday", NULL, 400},
		{"GET", "/api/logs?status=maybe", NULL, 400},
		{"GET", "/api/logs?user=uid:99999999999", NULL, 400},
		{"GET", "/api/logs/%zz", NULL, 400},
		{"GET", "/api/logs/%00", NULL, 400},
		{"GET", "/api/logs/%ff", NULL, 400},
		{"GET", "/api/logs/short", NULL, 404},
		{"GET", "/api/logs/000000000000000000ffffff", NULL, 404},
		{"GET", "/api/decisions/000000000000000000ffffff/why-blocked", NULL, 404},
		{"GET", "/api/audit/chain-of-custody/000000000000000000ffffff", NULL, 404},
		{"HEAD", "/api/logs", NULL, 200},
		{"PUT", "/api/logs", "GET, HEAD", 405},
		{"DELETE", "/health", "GET, HEAD", 405},
		{"GET", "/api/policies/dry-run", "POST", 405},
		{"PATCH", "/api/policies/no-pii", "GET, HEAD", 405},
		{"OPTIONS", "/api/policies/reload", "POST", 405},
		{"BREW", "/api/logs", "GET, HEAD", 405},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		bool write = row[i].status == 405 && row[i].method[0] != 'G';
		struct ask a = {
			.method = row[i].method,
			.path = row[i].path,
			.key = rig->key,
			.headers = write ? "Content-Type: application/json\r\n" : NULL,
		};
		char allow[64];

		if (rig_ask(rig, &a, &reply) != row[i].status)
			fail_msg("%s %s: %.500s", a.method, a.path, reply.text);
		if (row[i].allow) {
			snprintf(allow, sizeof(allow), "Allow: %s\r\n", row[i].allow);
			has(allow);
		}
		if (row[i].method[0] == 'H')
			assert_string_equal(reply.body, "");
	}
}

/* ---- the socket ---- */

static void test_socket_of_root(void **state)
{
	struct rig *rig = *state;

	if (getuid() != 0)
		skip();
	assert_int_equal(
		rig_ask(rig, &(struct ask){.path = "/api/status", .host = "aicp", .local = true},
			&reply),
		200);
}

static void test_socket_of_others(void **state)
{
	struct rig *rig = *state;
	int status = 0;
	pid_t pid;

	if (getuid() != 0)
		skip();
	pid = fork();
	if (pid == 0) {
		struct ask a = {.path = "/api/status", .local = true};
		unsigned no_role, health, with_key;

		if (setgid(65534) || setuid(65534))
			_exit(1);
		no_role = rig_ask(rig, &a, &reply);
		a.path = "/health";
		health = rig_ask(rig, &a, &reply);
		a.path = "/api/status";
		a.key = rig->key;
		with_key = rig_ask(rig, &a, &reply);
		_exit(no_role == 403 && health == 200 && with_key == 200 ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- guessing ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 200 connections that all guess, and one that need not. */
static void test_guesses(void **state)
{
	enum { N = 200 };
	struct rig *rig = *state;
	char guess[256];
	int fd[N];
	unsigned refused = 0, throttled = 0;
	int64_t began;

	for (int i = 0; i < N; i++) {
		fd[i] = rig_connect(rig, true);
		assert_true(fd[i] >= 0);
		snprintf(guess, sizeof(guess),
			 "GET /api/status HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n"
			 "X-API-Key: aicp_%08x_%064x\r\n\r\n",
			 rig->port, (unsigned)i, (unsigned)i);
		assert_int_equal(write(fd[i], guess, strlen(guess)), strlen(guess));
	}
	began = now_ms();
	assert_int_equal(
		rig_ask(rig, &(struct ask){.path = "/api/status", .key = rig->auditor}, &reply),
		200);
	assert_true(now_ms() - began < 5000);
	for (int i = 0; i < N; i++) {
		rig_read(fd[i], &reply);
		close(fd[i]);
		refused += reply.status == 401;
		throttled += reply.status == 429;
	}
	assert_int_equal(refused + throttled, N);
	assert_true(throttled > N / 2);
	/* Also one that was never seen before. */
	assert_int_equal(
		rig_ask(rig, &(struct ask){.path = "/api/status", .key = rig->key}, &reply), 200);
}

static int count_row(void *data, const struct query_row *row)
{
	(void)row;
	++*(unsigned *)data;
	return 0;
}

/* However many fail (here: all that the tests before had refused, and a hundred more), the ledger
 * grows by a few records. */
static void test_failures_collapse(void **state)
{
	struct rig *rig = *state;
	struct query_filter f = QUERY_FILTER_ALL;
	struct timespec nap = {.tv_nsec = 200000000};
	struct query *query;
	unsigned n = 0;

	for (int i = 0; i < 100; i++)
		rig_ask(rig, &(struct ask){.path = "/api/logs", .key = WRONG_KEY}, &reply);
	nanosleep(&nap, NULL);
	assert_int_equal(query_open(rig->f.dir, &query), 0);
	assert_int_equal(query_records(query, &f, SPAN_LIT("auth.failed"), count_row, &n), 0);
	query_free(query);
	assert_in_range(n, 3, 10);
}

/* A client that says nothing is let go; one that asks is answered meanwhile. */
static void test_slow_clients(void **state)
{
	enum { N = 100 };
	struct rig *rig = *state;
	int64_t began = now_ms();
	int fd[N];

	for (int i = 0; i < N; i++) {
		fd[i] = rig_connect(rig, true);
		assert_true(fd[i] >= 0);
		assert_int_equal(write(fd[i], "GET ", 4), 4);
	}
	assert_int_equal(
		rig_ask(rig, &(struct ask){.path = "/api/status", .key = rig->key}, &reply), 200);
	assert_true(now_ms() - began < 10000);
	for (int i = 0; i < N; i++)
		close(fd[i]);
}

static void test_large_head(void **state)
{
	struct rig *rig = *state;
	struct buf out = BUF_INIT(1u << 20);

	buf_printf(&out, "GET /health HTTP/1.1\r\nHost: localhost:%u\r\nX: ", rig->port);
	for (int i = 0; i < 100000; i++)
		buf_put_byte(&out, 'a');
	buf_put_str(&out, "\r\n\r\n");
	rig_raw(rig, true, buf_span(&out), &reply);
	assert_true(reply.status == 431 || reply.status == 0);
	buf_clear(&out);
	buf_put_str(&out, "GET /");
	for (int i = 0; i < 10000; i++)
		buf_put_byte(&out, 'a');
	buf_printf(&out,
		   " HTTP/1.1\r\nHost: localhost:%u\r\nX-API-Key: %s\r\nConnection: close\r\n\r\n",
		   rig->port, rig->key);
	rig_raw(rig, true, buf_span(&out), &reply);
	assert_int_equal(reply.status, 400);
	buf_deinit(&out);
	assert_int_equal(rig_ask(rig, &(struct ask){.path = "/health"}, &reply), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_key),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_right_key),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_forbidden_before_body),
		cmocka_unit_test(test_foreign_host),
		cmocka_unit_test(test_own_host),
		cmocka_unit_test(test_other_sites),
		cmocka_unit_test(test_not_json),
		cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_paths_and_methods),
		cmocka_unit_test(test_socket_of_root),
		cmocka_unit_test(test_socket_of_others),
		cmocka_unit_test(test_guesses),
		cmocka_unit_test(test_failures_collapse),
		cmocka_unit_test(test_slow_clients),
		cmocka_unit_test(test_large_head),
	};

	return cmocka_run_group_tests_name("api/server", tests, rig_setup, rig_teardown);
}
