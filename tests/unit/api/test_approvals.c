/* SPDX-License-Identifier: MIT */
/* /api/approvals over its socket, on a real ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/approval_content.h"
#include "unit/api/api_rig.h"
#include "unit/ledger/approval_fixture.h"

#include <sys/syscall.h>

static struct reply reply;
static struct json_scan *scan;
static struct json json;

static void parse(void)
{
	assert_int_equal(json_scan_all(scan, span_str(reply.body)), PARSE_DONE);
	json = json_scan_json(scan, span_str(reply.body));
}

static void ask(const struct rig *rig, const char *path, unsigned status)
{
	struct ask a = {.path = path, .key = rig->key};

	if (rig_ask(rig, &a, &reply) != status)
		fail_msg("%s: %.2000s", path, reply.text);
	parse();
}

/* Over the local socket as that user. Only this thread is: SO_PEERCRED looks at it. */
static void say_as(const struct rig *rig, unsigned uid, const char *path, const char *body,
		   unsigned status)
{
	struct ask a = {.method = body ? "POST" : "GET", .path = path, .body = body, .local = true};
	unsigned got;

	if (uid)
		assert_int_equal(syscall(SYS_setresuid, -1, uid, 0), 0);
	got = rig_ask(rig, &a, &reply);
	if (uid)
		assert_int_equal(syscall(SYS_setresuid, -1, 0, 0), 0);
	if (got != status)
		fail_msg("%s: %.2000s", path, reply.text);
	parse();
}

static void is(uint32_t object, const char *key, const char *want)
{
	uint32_t t = json_get(&json, object, key);

	if (t == JSON_NONE)
		fail_msg("no %s in %.2000s", key, reply.body);
	if (!span_eq_str(json_raw(&json, t), want))
		fail_msg("%s is %.*s", key, SPAN_ARG(json_raw(&json, t)));
}

static const char *path_of(unsigned n, const char *behind)
{
	static char path[128];

	snprintf(path, sizeof(path), "/api/approvals/%024x%s", n, behind);
	return path;
}

/* The api goes by the real clock; the ledger by the one it is given. */
static void set_clock(struct rig *rig)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	rig->f.now.wall_ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void question(struct rig *rig, unsigned n, unsigned uid)
{
	pthread_mutex_lock(&rig->lock);
	set_clock(rig);
	assert_int_equal(fixture_ask(&rig->f, n, uid, uid), 0);
	assert_int_equal(fixture_hold(&rig->f, n, 0, n), 0);
	pthread_mutex_unlock(&rig->lock);
}

static void end(struct rig *rig, unsigned n, const char *outcome)
{
	pthread_mutex_lock(&rig->lock);
	assert_int_equal(fixture_end(&rig->f, n, 0, outcome), 0);
	pthread_mutex_unlock(&rig->lock);
}

static void lists_what_waits(void **state)
{
	struct rig *rig = *state;
	uint32_t first;

	ask(rig, "/api/approvals/pending", 200);
	is(0, "count", "0");
	question(rig, 1, 1500);
	question(rig, 2, 1500);
	ask(rig, "/api/approvals/pending", 200);
	is(0, "count", "2");
	first = json_get(&json, 0, "pending") + 1;
	is(first, "approval_id", "000000000000000000000001");
	is(first, "status", "pending");
	is(first, "user", "uid:1500");
	is(first, "policy_id", "ask-first");
	is(first, "reason", "please look");
	is(first, "gen_ai.request.model", "gpt \\\"4\\\"");
	is(first, "reviewer", "null");
	is(first, "hold_seconds", "600");
	/* No content here. */
	assert_null(strstr(reply.body, "secret text"));
	ask(rig, "/api/approvals/pending?limit=1", 200);
	is(0, "count", "2");
	assert_null(strstr(reply.body, "000000000000000000000002"));
	ask(rig, "/api/approvals/pending?limit=99999", 400);
	ask(rig, "/api/status", 200);
	is(json_get(&json, 0, "approvals"), "pending", "2");
}

static void decides_once(void **state)
{
	struct rig *rig = *state;

	question(rig, 1, 1500);
	question(rig, 2, 1500);
	say_as(rig, 0, path_of(1, "/approve"),
	       "{\"rationale\":\"fine\",\"reviewer\":\"boss\",\"reviewer_role\":\"ceo\"}", 200);
	is(0, "status", "approved");
	is(0, "reviewer", "uid:0");
	is(0, "reviewer_role", "admin");
	is(0, "self_approved", "false");
	say_as(rig, 0, path_of(1, "/reject"), "{\"rationale\":\"no\"}", 409);
	is(0, "error", "already_decided");
	assert_non_null(strstr(reply.body, "approved"));
	say_as(rig, 2000, path_of(2, "/reject"), "{\"rationale\":\"no\",\"comment\":null}", 200);
	is(0, "status", "rejected");
	is(0, "reviewer", "uid:2000");
	is(0, "reviewer_role", "approver");
	ask(rig, "/api/approvals/stats", 200);
	is(0, "total", "2");
	is(0, "approved", "1");
	is(0, "rejected", "1");
	is(0, "decision_records", "2");
	ask(rig, path_of(1, "/history"), 200);
	is(0, "count", "3"); /* asked, held, decided */
	ask(rig, path_of(2, ""), 200);
	is(0, "content", "null");
	is(0, "content_state", "erased");
	is(0, "rationale", "no");
}

static void who_may(void **state)
{
	struct rig *rig = *state;
	struct ask auditor = {.path = path_of(1, ""), .key = rig->auditor};

	question(rig, 1, 1000);
	/* No role on the socket. */
	say_as(rig, 3000, path_of(1, "/approve"), "{\"rationale\":\"x\"}", 403);
	is(0, "error", "forbidden");
	/* An approver, but it is their own. */
	say_as(rig, 1000, path_of(1, "/approve"), "{\"rationale\":\"x\"}", 403);
	is(0, "error", "own_request");
	/* An approver decides and reads, and no more. */
	say_as(rig, 2000, path_of(1, ""), NULL, 200);
	say_as(rig, 2000, "/api/policies/reload", "{}", 403);
	/* An auditor reads. */
	assert_int_equal(rig_ask(rig, &auditor, &reply), 200);
	auditor.path = path_of(1, "/approve");
	auditor.method = "POST";
	auditor.body = "{\"rationale\":\"x\"}";
	assert_int_equal(rig_ask(rig, &auditor, &reply), 403);
	say_as(rig, 2000, path_of(1, "/approve"), "{\"rationale\":\"x\"}", 200);
}

static void refuses_bad_decisions(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *body;
		const char *says;
	} row[] = {
		{"{}", "rationale"},
		{"[]", "object"},
		{"{\"rationale\":\"\"}", "rationale"},
		{"{\"rationale\":\" \\n\\t\"}", "rationale"},
		{"{\"rationale\":7}", "rationale"},
		{"{\"rationale\":\"a\\u0000b\"}", "rationale"},
		{"{\"rationale\":\"x\",\"comment\":[]}", "comment"},
		{"{\"rationale\":\"x\",\"force\":true}", "force"},
		{"{\"rationale\":\"x\",\"rationale\":\"y\"}", "object"},
		{"not json", "object"},
	};
	char *full = calloc(1, 3 * 2049 + 64);
	size_t n;

	question(rig, 1, 1500);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		say_as(rig, 0, path_of(1, "/approve"), row[i].body, 400);
		if (!strstr(reply.body, row[i].says))
			fail_msg("%s: %s", row[i].body, reply.body);
	}
	/* 2,049 characters, then 2,048 of three bytes each. */
	n = (size_t)snprintf(full, 64, "{\"rationale\":\"");
	for (unsigned i = 0; i < 2049; i++)
		n += (size_t)snprintf(full + n, 8, "\xe2\x82\xac");
	memcpy(full + n, "\"}", 3);
	say_as(rig, 0, path_of(1, "/approve"), full, 400);
	memcpy(full + n - 3, "\"}", 3);
	say_as(rig, 0, path_of(9, "/approve"), full, 404);
	is(0, "error", "approval_not_found");
	say_as(rig, 0, "/api/approvals/nosuch/approve", "{\"rationale\":\"x\"}", 404);
	say_as(rig, 0, path_of(1, "/approve"), full, 200);
	ask(rig, path_of(9, ""), 404);
	ask(rig, path_of(9, "/history"), 404);
	ask(rig, "/api/approvals/nosuch", 404);
	free(full);
}

static void says_when_it_is_too_late(void **state)
{
	struct rig *rig = *state;

	question(rig, 1, 1500);
	pthread_mutex_lock(&rig->lock);
	rig->f.now.wall_ns += INT64_C(3600) * 1000000000;
	pthread_mutex_unlock(&rig->lock);
	say_as(rig, 0, path_of(1, "/approve"), "{\"rationale\":\"x\"}", 410);
	is(0, "error", "approval_expired");
}

/* ---- what is shown
 * ---------------------------------------------------------------------------------- */

static void shows_the_request(void **state)
{
	struct rig *rig = *state;
	uint32_t shown;

	question(rig, 1, 1500);
	ask(rig, path_of(1, ""), 200);
	is(0, "content_state", "available");
	is(0, "server.address", "api.openai.com");
	shown = json_get(&json, 0, "shown");
	is(shown + 1, "text", "secret text 1");
	is(json_get(&json, 0, "content"), "body", "secret text 1");
}

static void shown_text(const char *content, struct buf *out)
{
	struct json_write w;

	buf_clear(out);
	json_write_init(&w, out, false);
	json_write_object(&w, NULL);
	assert_int_equal(approval_content_put(span_str(content), scan, &w), 0);
	json_write_end_object(&w);
	assert_int_equal(json_scan_all(scan, buf_span(out)), PARSE_DONE);
	json = json_scan_json(scan, buf_span(out));
}

static void piece(uint32_t t, const char *text, const char *policies)
{
	is(t, "text", text);
	if (!span_eq_str(json_raw(&json, json_get(&json, t, "policies")), policies))
		fail_msg("%s: %.*s", text,
			 SPAN_ARG(json_raw(&json, json_get(&json, t, "policies"))));
}

static void marks_what_was_found(void **state)
{
	struct buf out = BUF_INIT(1u << 20);
	uint32_t t;

	(void)state;
	snprintf(reply.text, 10, "-");
	reply.body = reply.text;
	/* Two that overlap, one behind the end, one that is none. */
	shown_text("{\"body\":\"my ssn is 1234 ok\",\"body_encoding\":\"utf8\",\"findings\":["
		   "{\"end\":14,\"policy\":\"ssn\",\"start\":10},"
		   "{\"end\":17,\"policy\":\"digits\",\"start\":12},"
		   "{\"end\":99,\"policy\":\"far\",\"start\":50},"
		   "{\"end\":1,\"policy\":\"none\",\"start\":1}]}",
		   &out);
	t = json_get(&json, 0, "shown") + 1;
	piece(t, "my ssn is ", "[]");
	t = json.token[t].next;
	piece(t, "12", "[\"ssn\"]");
	t = json.token[t].next;
	piece(t, "34", "[\"ssn\",\"digits\"]");
	t = json.token[t].next;
	piece(t, " ok", "[\"digits\"]");
	assert_int_equal(json.token[t].next, json.token[json_get(&json, 0, "shown")].next);
	buf_deinit(&out);
}

/* Nothing in a request acts on who looks at it, and none of it can look like a mark. */
static void shows_what_hides(void **state)
{
	struct buf out = BUF_INIT(1u << 20);

	(void)state;
	shown_text("{\"body\":\"a\\u001b[2J\\u202eb\\nc\\ud83d\\ude42\",\"body_encoding\":\"utf8\","
		   "\"findings\":[]}",
		   &out);
	piece(json_get(&json, 0, "shown") + 1, "a\\\\x1b[2J\\\\u{202e}b\\nc\xf0\x9f\x99\x82", "[]");
	shown_text("{\"body\":\"AP8b\",\"body_encoding\":\"base64\",\"findings\":[]}", &out);
	piece(json_get(&json, 0, "shown") + 1, "\\\\x00\\\\xff\\\\x1b", "[]");
	shown_text("{\"body\":\"\",\"body_encoding\":\"utf8\",\"findings\":[]}", &out);
	assert_true(span_eq_str(json_raw(&json, json_get(&json, 0, "shown")), "[]"));
	buf_deinit(&out);
}

static void content_that_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"body\":\"x\"}",
		"{\"body\":7,\"body_encoding\":\"utf8\"}",
		"{\"body\":\"x\",\"body_encoding\":\"latin1\"}",
		"{\"body\":\"%\",\"body_encoding\":\"base64\"}",
		"{\"body\":\"x\",\"body_encoding\":\"utf8\"",
	};
	struct buf out = BUF_INIT(4096);
	struct json_write w;

	(void)state;
	json_write_init(&w, &out, false);
	json_write_object(&w, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(approval_content_put(span_str(bad[i]), scan, &w), PARSE_E_BAD);
	assert_int_equal(out.n, 1);
	buf_deinit(&out);
}

/* ---- decisions
 * -------------------------------------------------------------------------------------- */

static const char *decision_of(unsigned n, const char *behind)
{
	static char path[128];

	snprintf(path, sizeof(path), "/api/decisions/%024x%s", 0x1000 + n, behind);
	return path;
}

static void decisions_tell_what_became_of_them(void **state)
{
	struct rig *rig = *state;
	uint32_t t;

	for (unsigned n = 1; n <= 3; n++)
		question(rig, n, 1500);
	say_as(rig, 2000, path_of(1, "/approve"), "{\"rationale\":\"all right\"}", 200);
	end(rig, 1, "released");
	say_as(rig, 2000, path_of(2, "/reject"), "{\"rationale\":\"never\"}", 200);
	end(rig, 2, "refused");
	ask(rig, "/api/logs?status=pending_approval", 200);
	assert_int_equal(json.token[0].next, json.n);
	is(1, "execution_id", "000000000000000000001003");
	is(1, "status", "pending_approval");
	is(1, "approver_id", "null");
	is(json_get(&json, 1, "approval"), "state", "pending");
	ask(rig, "/api/logs?status=success&limit=1", 200);
	is(1, "execution_id", "000000000000000000001001");
	is(1, "approver_id", "uid:2000");
	t = json_get(&json, 1, "approval");
	is(t, "state", "used");
	is(t, "rationale", "all right");
	is(t, "hold_outcome", "released");
	ask(rig, "/api/logs?status=blocked&limit=1", 200);
	is(1, "execution_id", "000000000000000000001002");
	is(1, "approver_id", "null");
	ask(rig, decision_of(1, "/who-approved"), 200);
	is(0, "approved", "true");
	is(0, "approver_id", "uid:2000");
	is(0, "approver_role", "approver");
	assert_non_null(strstr(reply.body, "let pass after uid:2000 approved it"));
	ask(rig, decision_of(2, "/who-approved"), 200);
	is(0, "approved", "false");
	ask(rig, decision_of(2, "/why-blocked"), 200);
	is(0, "blocked", "true");
	assert_non_null(strstr(reply.body, "refused after uid:2000 rejected it"));
	ask(rig, "/api/decisions/000000000000000000000005/who-approved", 200);
	is(0, "message", "nobody had to approve this request");
	ask(rig, decision_of(1, "/timeline"), 200);
	assert_non_null(strstr(reply.body, "\"approved\""));
	assert_non_null(strstr(reply.body, "\"hold released\""));
	ask(rig, "/api/decisions/query?approver_id=uid:2000", 200);
	is(0, "total", "2");
	ask(rig, "/api/decisions/statistics", 200);
	is(0, "unique_approvers", "1");
	ask(rig, "/api/status", 200);
	t = json_get(&json, 0, "decisions");
	is(t, "pending_approval", "1");
	is(t, "success", "21");
	is(t, "blocked", "6");
}

static void workflows_are_what_is_done(void **state)
{
	struct rig *rig = *state;
	uint32_t t;

	ask(rig, "/api/approvals/workflows", 200);
	is(0, "count", "1");
	t = json_get(&json, json_get(&json, 0, "workflows"), "single-approver");
	is(t, "required_approvals", "1");
	is(t, "timeout_seconds", "3600");
	is(t, "hold_seconds", "600");
}

static int group_setup(void **state)
{
	(void)state;
	scan = json_scan_new(100000);
	return scan ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	json_scan_free(scan);
	return 0;
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(lists_what_waits),
		RIG_TEST(decides_once),
		RIG_TEST(who_may),
		RIG_TEST(refuses_bad_decisions),
		RIG_TEST(says_when_it_is_too_late),
		RIG_TEST(shows_the_request),
		cmocka_unit_test(marks_what_was_found),
		cmocka_unit_test(shows_what_hides),
		cmocka_unit_test(content_that_is_none),
		RIG_TEST(decisions_tell_what_became_of_them),
		RIG_TEST(workflows_are_what_is_done),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
