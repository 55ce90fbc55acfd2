/* SPDX-License-Identifier: MIT */
/* What the operations answer: the api role as a whole, over its socket, on a real ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/dry_run.h"
#include "api/export.h"
#include "api/permission.h"
#include "api/route.h"
#include "unit/api/api_rig.h"

#include <sqlite3.h>

static struct reply reply;
static struct json_scan *scan;
static struct json json;

/* Asks as admin; the answer must be JSON of that status. */
static void ask(const struct rig *rig, const char *path, unsigned status)
{
	struct ask a = {.path = path, .key = rig->key};

	if (rig_ask(rig, &a, &reply) != status)
		fail_msg("%s: %.2000s", path, reply.text);
	assert_int_equal(json_scan_all(scan, span_str(reply.body)), PARSE_DONE);
	json = json_scan_json(scan, span_str(reply.body));
}

static void post(const struct rig *rig, const char *path, const char *body, unsigned status)
{
	struct ask a = {.method = "POST", .path = path, .key = rig->key, .body = body};

	if (rig_ask(rig, &a, &reply) != status)
		fail_msg("%s: %.2000s", path, reply.text);
	assert_int_equal(json_scan_all(scan, span_str(reply.body)), PARSE_DONE);
	json = json_scan_json(scan, span_str(reply.body));
}

static void is(uint32_t object, const char *key, const char *want)
{
	uint32_t t = json_get(&json, object, key);

	if (t == JSON_NONE)
		fail_msg("no %s in %.2000s", key, reply.body);
	if (!span_eq_str(json_raw(&json, t), want))
		fail_msg("%s is %.*s", key, SPAN_ARG(json_raw(&json, t)));
}

static unsigned count(uint32_t array)
{
	unsigned n = 0;

	assert_int_not_equal(array, JSON_NONE);
	json_foreach (item, &json, array)
		n++;
	return n;
}

static void test_logs(void **state)
{
	struct rig *rig = *state;
	uint32_t last = 0;

	ask(rig, "/api/logs", 200);
	assert_int_equal(count(0), RIG_DECISIONS);
	ask(rig, "/api/logs?limit=3", 200);
	assert_int_equal(count(0), 3);
	json_foreach (e, &json, 0)
		last = e;
	/* the most recent, oldest first */
	is(last, "execution_id", "000000000000000000000018");
	is(1, "execution_id", "000000000000000000000016");
	is(last, "user", "uid:3");
	is(last, "status", "success");
	is(last, "latency_ms", "0.024");
	is(last, "gen_ai.request.model", "gpt-0");
	is(last, "end_user", "u0 \\\"x\\\"");
	is(last, "event_type", "decision");
}

static void test_filters(void **state)
{
	static const struct {
		const char *query;
		unsigned n;
	} row[] = {
		{"status=blocked", 5},
		{"status=success", 20},
		{"status=pending_approval", 0},
		{"user=uid:3", 4},
		{"user=u0%20%22x%22", 7},
		{"user=nobody", 0},
		{"user=%27%20OR%201=1--", 0},
		{"provider=openai", 25},
		{"provider=anthropic", 0},
		{"model=gpt-1", 8},
		{"agent_id=a1", 0},
		{"limit=0", 0},
		{"since=2030-01-01", 0},
		{"until=2030-01-01", 25},
		{"since=2020-01-01&until=2030-01-01&status=blocked", 5},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char path[256];

		snprintf(path, sizeof(path), "/api/logs?%s", row[i].query);
		ask(rig, path, 200);
		if (count(0) != row[i].n)
			fail_msg("%s: %u", row[i].query, count(0));
	}
}

/* A cursor sees every decision once, in order. */
static void test_follow(void **state)
{
	struct rig *rig = *state;
	char path[128] = "/api/logs?after=0&limit=7";
	unsigned seen = 0;

	for (;;) {
		char want[32], id[32];
		uint32_t last = JSON_NONE;

		ask(rig, path, 200);
		if (count(0) == 0)
			break;
		json_foreach (e, &json, 0) {
			snprintf(want, sizeof(want), "%024x", seen++);
			is(e, "execution_id", want);
			last = e;
		}
		snprintf(id, sizeof(id), "%.*s",
			 SPAN_ARG(json_raw(&json, json_get(&json, last, "event_id"))));
		snprintf(path, sizeof(path), "/api/logs?after=%s&limit=7", id);
	}
	assert_int_equal(seen, RIG_DECISIONS);
}

static void test_one(void **state)
{
	struct rig *rig = *state;

	ask(rig, "/api/logs/000000000000000000000005", 200);
	is(0, "status", "blocked");
	is(0, "response", "null");
	ask(rig, "/api/logs/000000000000000000000005/replay", 200);
	is(0, "count", "1");
	ask(rig, "/api/logs/nonononono/replay", 404);
	is(0, "error", "execution_not_found");
	ask(rig, "/api/decisions/000000000000000000000005/why-blocked", 200);
	is(0, "blocked", "true");
	is(0, "found", "true");
	is(0, "blocked_for", "uid:5");
	is(0, "reason", "no policy matched");
	ask(rig, "/api/decisions/000000000000000000000006/why-blocked", 200);
	is(0, "blocked", "false");
	ask(rig, "/api/decisions/000000000000000000000005/which-policy", 200);
	is(0, "decision", "block");
	ask(rig, "/api/decisions/000000000000000000000005/timeline", 200);
	assert_int_equal(count(json_get(&json, 0, "timeline")), 2);
	ask(rig, "/api/audit/chain-of-custody/000000000000000000000005", 200);
	is(0, "status", "verified");
	is(0, "total_events", "1");
}

static void test_decisions(void **state)
{
	struct rig *rig = *state;
	uint32_t by;

	ask(rig, "/api/decisions/query?decision=deny&limit=2", 200);
	is(0, "total", "2");
	is(json_get(&json, 0, "records") + 1, "execution_id", "000000000000000000000014");
	ask(rig, "/api/decisions/query?requester_id=uid:5&decision=block", 200);
	is(0, "total", "1");
	ask(rig, "/api/decisions/query?decision=perhaps", 400);
	ask(rig, "/api/decisions/statistics", 200);
	is(0, "total_decisions", "25");
	is(0, "unique_requesters", "7");
	by = json_get(&json, 0, "by_decision");
	is(by, "block", "5");
	is(by, "allow", "20");
	/* Again: nothing is counted twice. */
	ask(rig, "/api/decisions/statistics", 200);
	is(0, "total_decisions", "25");
}

static void test_policies(void **state)
{
	struct rig *rig = *state;
	uint32_t t;

	ask(rig, "/api/policies", 200);
	t = json_get(&json, 0, "policies") + 1;
	is(t, "id", "no-pii");
	is(t, "rules", "1");
	is(t, "version", "d0");
	ask(rig, "/api/policies/no-pii", 200);
	is(0, "source", "policy: no-pii");
	ask(rig, "/api/policies/other", 404);
	is(0, "error", "policy_not_found");
	post(rig, "/api/policies/reload", "{}", 200);
	is(0, "status", "reloaded");
	is(0, "policies", "2");
}

static void test_dry_run(void **state)
{
	struct rig *rig = *state;
	uint32_t report;

	post(rig, "/api/policies/dry-run?agent_id=a1&prompt=hello+you", "{\"hour\":3}", 200);
	is(0, "dry_run", "true");
	is(json_get(&json, 0, "decision"), "action", "block");
	report = json_get(&json, 0, "report");
	is(report, "final_decision", "block");
	is(report, "policies_evaluated", "1");
	is(json_get(&json, report, "results") + 1, "policy_id", "no-pii");
	post(rig, "/api/policies/dry-run?prompt=a", "{\"prompt\":\"b\"}", 400);
	post(rig, "/api/policies/dry-run", "{\"bad\":1}", 400);
	is(0, "message", "bad.fact: is no fact");
	post(rig, "/api/policies/dry-run", "[1]", 400);
	post(rig, "/api/policies/dry-run", "{\"a\":1,\"a\":2}", 400);
	post(rig, "/api/policies/dry-run", "{", 400);
	post(rig, "/api/policies/dry-run", "{}", 200);
}

static void facts(const char *agent_id, const char *prompt, const char *body, int want_outcome,
		  const char *want)
{
	struct buf out = BUF_INIT(4096), error = BUF_INIT(512);
	struct json j;
	int r;

	assert_int_equal(json_scan_all(scan, span_str(body)), PARSE_DONE);
	j = json_scan_json(scan, span_str(body));
	r = dry_run_facts(agent_id ? span_str(agent_id) : SPAN_NULL,
			  prompt ? span_str(prompt) : SPAN_NULL, &j, &out, &error);
	assert_int_equal(r, want_outcome);
	if (r == PARSE_DONE) {
		char text[512];

		snprintf(text, sizeof(text), "{\"op\":\"dry_run\",\"facts\":%s}", want);
		if (!span_eq_str(buf_span(&out), text))
			fail_msg("%.*s", SPAN_ARG(buf_span(&out)));
	} else {
		assert_true(error.n > 0);
	}
	buf_deinit(&out);
	buf_deinit(&error);
}

static void test_dry_run_facts(void **state)
{
	(void)state;
	facts(NULL, NULL, "{}", PARSE_DONE, "{}");
	facts("a", NULL, "{}", PARSE_DONE, "{\"agent.id\":\"a\"}");
	facts("a", "p\"", "{\"model\":\"m\"}", PARSE_DONE,
	      "{\"agent.id\":\"a\",\"prompt\":\"p\\\"\",\"model\":\"m\"}");
	facts(NULL, NULL, "{\"hour\":3,\"context\":{\"x\":1},\"context.y\":\"z\"}", PARSE_DONE,
	      "{\"context.hour\":3,\"context\":{\"x\":1},\"context.y\":\"z\"}");
	facts(NULL, NULL, "{\"context\":1}", PARSE_DONE, "{\"context.context\":1}");
	facts(NULL, NULL, "{\"tools\":[\"a\"]}", PARSE_DONE, "{\"tools\":[\"a\"]}");
	facts("a", NULL, "{\"agent_id\":\"b\"}", PARSE_E_BAD, NULL);
	facts("a", NULL, "{\"agent.id\":\"b\"}", PARSE_E_BAD, NULL);
	facts(NULL, "p", "{\"input\":\"b\"}", PARSE_E_BAD, NULL);
}

static void test_export(void **state)
{
	struct rig *rig = *state;
	struct buf cell = BUF_INIT(64);
	static const char *const cells[][2] = {
		{"a", "\"a\""},	       {"", "\"\""},	    {"a\"b", "\"a\"\"b\""},
		{"=1+1", "\"'=1+1\""}, {"+1", "\"'+1\""},   {"-1", "\"'-1\""},
		{"@x", "\"'@x\""},     {"\tx", "\"'\tx\""}, {"a,b\n", "\"a,b\n\""},
	};

	ask(rig, "/api/audit/export?format=json", 200);
	assert_true(strstr(reply.body, "\\\"execution_id\\\":\\\"000000000000000000000018\\\"") !=
		    NULL);
	rig_ask(rig, &(struct ask){.path = "/api/audit/export?format=csv", .key = rig->key},
		&reply);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(reply.text, "Content-Type: text/csv"));
	assert_non_null(strstr(reply.text, "filename=\"audit_trail.csv\""));
	assert_true(strncmp(reply.body, "event_id,seq,timestamp,", 23) == 0);
	ask(rig, "/api/audit/export?format=xml", 400);
	ask(rig, "/api/audit/export?start_date=2030-01-01", 200);
	is(0, "total_entries", "0");
	is(0, "export", "[]");
	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
		buf_clear(&cell);
		assert_int_equal(export_cell(&cell, span_str(cells[i][0])), 0);
		assert_true(span_eq_str(buf_span(&cell), cells[i][1]));
	}
	buf_deinit(&cell);
}

/* An export and a reload stand in the ledger before they happen. */
static void test_commands_are_recorded(void **state)
{
	struct rig *rig = *state;
	unsigned exports, admins;

	ask(rig, "/api/audit/export", 200);
	post(rig, "/api/policies/reload", "{}", 200);
	ask(rig, "/api/audit/export", 200);
	exports = strstr(reply.body, "\\\"type\\\":\\\"export\\\"") != NULL;
	admins = strstr(reply.body, "\\\"what\\\":\\\"policies.reload\\\"") != NULL;
	assert_true(exports && admins);
	assert_non_null(strstr(reply.body, "\\\"who\\\":\\\"admin\\\""));
	assert_null(strstr(reply.body, rig->key));
	assert_null(strstr(reply.body, rig->key + 14)); /* the secret half */
}

static void test_openapi(void **state)
{
	struct rig *rig = *state;
	unsigned operations = 0;
	uint32_t paths;

	ask(rig, "/api/openapi.json", 200);
	is(0, "openapi", "3.1.0");
	paths = json_get(&json, 0, "paths");
	assert_int_not_equal(paths, JSON_NONE);
	json_foreach (path, &json, paths) {
		json_foreach (method, &json, path + 1) {
			bool found = false;

			operations++;
			for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
				const struct route *r = route_row((enum route_id)i);

				if (json_string_eq(&json, path, span_str(r->path)) &&
				    span_ieq(json_raw(&json, method),
					     span_str(route_method_name(r->method)))) {
					found = true;
					is(method + 1, "x-permission",
					   permission_name(r->permission));
				}
			}
			assert_true(found);
		}
	}
	assert_int_equal(operations, _ROUTE_COUNT);
}

static void test_status(void **state)
{
	struct timespec nap = {.tv_sec = 1, .tv_nsec = 100000000}, began, now;
	struct rig *rig = *state;

	ask(rig, "/api/status", 200);
	is(0, "gateway", "operational");
	is(0, "mode", "enforce");
	is(json_get(&json, 0, "decisions"), "total", "25");
	ask(rig, "/health", 200);
	is(0, "status", "healthy");
	/* An engine that says nothing. */
	pthread_mutex_lock(&rig->lock);
	rig->engine_silent = true;
	pthread_mutex_unlock(&rig->lock);
	ask(rig, "/health", 503);
	is(0, "status", "unhealthy");
	/* Who asks next does not wait for it again. */
	clock_gettime(CLOCK_MONOTONIC, &began);
	ask(rig, "/health", 503);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec - began.tv_sec < 2);
	ask(rig, "/api/status", 200);
	is(0, "gateway", "degraded");
	ask(rig, "/api/policies", 503);
	pthread_mutex_lock(&rig->lock);
	rig->engine_silent = false;
	pthread_mutex_unlock(&rig->lock);
	nanosleep(&nap, NULL);
	ask(rig, "/health", 200);
}

/* Names of tables and columns are those of ledger/store_schema.c. */
static void sql(const struct rig *rig, const char *text)
{
	char path[128];
	sqlite3 *db;

	fixture_path(&rig->f, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void test_integrity(void **state)
{
	struct rig *rig = *state;

	ask(rig, "/api/audit/integrity", 200);
	is(0, "valid", "true");
	is(0, "invalid_count", "0");
	is(0, "anchored", "false");
	assert_non_null(strstr(reply.body, "NOT ANCHORED"));
}

/* Last: whoever can write the file changes one word of one record, and of it alone. */
static void test_tampered(void **state)
{
	struct rig *rig = *state;
	uint32_t t;

	sql(rig, "DROP TRIGGER leaf_is; DROP TRIGGER leaf_stays;"
		 "UPDATE leaf SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"action\":\"block\"',"
		 " '\"action\":\"allow\"') AS BLOB) WHERE id ="
		 " (SELECT id FROM decision WHERE execution_id = '000000000000000000000005')");
	ask(rig, "/api/audit/integrity", 200);
	is(0, "valid", "false");
	is(0, "invalid_count", "1"); /* its bytes */
	is(0, "broken_count", "2"); /* the next one's link, and the signed tree */
	t = json_get(&json, 0, "invalid_entries");
	is(t + 1, "event_id", "8");
	ask(rig, "/api/audit/chain-of-custody/000000000000000000000005", 200);
	is(0, "status", "compromised");
	ask(rig, "/api/audit/chain-of-custody/000000000000000000000006", 200);
	is(0, "status", "compromised"); /* its neighbour was changed */
	ask(rig, "/api/audit/chain-of-custody/000000000000000000000009", 200);
	is(0, "status", "verified");
}

/* And then takes one away. */
static void test_removed(void **state)
{
	struct rig *rig = *state;

	sql(rig, "UPDATE leaf SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"action\":\"allow\"',"
		 " '\"action\":\"block\"') AS BLOB) WHERE id ="
		 " (SELECT id FROM decision WHERE execution_id = '000000000000000000000005')");
	ask(rig, "/api/audit/integrity", 200);
	is(0, "valid", "true"); /* what was changed is as it was */
	sql(rig, "DELETE FROM leaf WHERE id = 9");
	ask(rig, "/api/audit/integrity", 200);
	is(0, "valid", "false");
}

/* What came back stands beside the decision, without its content. */
static void test_response(void **state)
{
	struct rig *rig = *state;
	struct ledger_item item = {
		.type = RECORD_RESPONSE,
		.body = SPAN_LIT(
			"{\"bytes\":512,\"complete\":true,\"execution_id\":"
			"\"000000000000000000000006\",\"first_byte_ms\":3,"
			"\"gen_ai.response.finish_reasons\":[\"stop\"],"
			"\"gen_ai.response.model\":\"gpt-0-mini\",\"gen_ai.usage.input_tokens\":7,"
			"\"gen_ai.usage.output_tokens\":null,\"http\":{\"content_type\":\"a/b\","
			"\"status\":201},\"parse\":\"ok\",\"tools\":[\"f\"],\"total_ms\":9}"),
	};
	uint32_t facts;

	pthread_mutex_lock(&rig->lock);
	assert_int_equal(ledger_append(rig->f.ledger, rig->f.now, &item, 1), 0);
	pthread_mutex_unlock(&rig->lock);
	assert_int_equal(item.outcome, 0);
	ask(rig, "/api/logs/000000000000000000000006", 200);
	is(0, "response", "[MASKED 512 bytes]");
	is(0, "gen_ai.response.model", "gpt-0-mini");
	is(0, "gen_ai.usage.input_tokens", "7");
	is(0, "gen_ai.usage.output_tokens", "null");
	is(0, "gen_ai.response.id", "null");
	is(0, "http.response.status_code", "201");
	facts = json_get(&json, 0, "response_facts");
	is(facts, "parse", "ok");
	is(facts, "complete", "true");
	is(facts, "total_ms", "9");
	is(facts, "content_type", "a/b");
	assert_int_equal(count(json_get(&json, facts, "tools")), 1);
	ask(rig, "/api/logs/000000000000000000000006/replay", 200);
	is(0, "count", "1");
	facts = json_get(&json, json_get(&json, 0, "events") + 1, "response");
	is(facts, "type", "response");
	/* The others have none. */
	ask(rig, "/api/logs/000000000000000000000005", 200);
	is(0, "response_facts", "null");
	is(0, "gen_ai.usage.input_tokens", "null");
}

static int setup(void **state)
{
	scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	return rig_setup(state);
}

static int teardown(void **state)
{
	json_scan_free(scan);
	return rig_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_dry_run),
		cmocka_unit_test(test_dry_run_facts),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_commands_are_recorded),
		cmocka_unit_test(test_openapi),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_integrity),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_removed),
	};

	return cmocka_run_group_tests_name("api/answers", tests, setup, teardown);
}
