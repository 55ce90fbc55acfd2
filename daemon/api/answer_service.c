/* SPDX-License-Identifier: MIT */
/* What the service is and how it does: /, /health, /api/status. */
#include "api/request.h"
#include "ledger/query_approvals.h"

#include <errno.h>

/* Asks a role how it is; its answer is appended to out. */
static bool answers(struct api *api, enum link_role role, struct buf *out)
{
	struct span body;
	unsigned status;

	if (api_ask(api, role, SPAN_LIT("{\"op\":\"status\"}"), &status, &body) || status != 200)
		return false;
	return buf_put(out, body) == 0;
}

/* Takes requests, and can keep them. */
static bool well(struct api *api, struct span ledger)
{
	uint32_t t = JSON_NONE;
	struct json j;

	if (json_scan_all(api->scan, ledger) == PARSE_DONE) {
		j = json_scan_json(api->scan, ledger);
		t = json_get(&j, 0, "health");
	}
	return t != JSON_NONE && span_eq_str(json_raw(&j, t), "healthy");
}

int answer_ROOT(struct api *api, struct request *r)
{
	struct json_write w;

	(void)api;
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "service", "aicp");
	json_write_str(&w, "version", AICP_VERSION);
	json_write_str(&w, "status", "operational");
	json_write_str(&w, "description", "AI control plane of this host");
	json_write_object(&w, "endpoints");
	json_write_str(&w, "api_docs", "/api/openapi.json");
	json_write_str(&w, "health", "/health");
	json_write_end_object(&w);
	json_write_end_object(&w);
	return r->answer.body.err;
}

/* Open to anybody who can connect: says nothing but whether and which. */
int answer_HEALTH(struct api *api, struct request *r)
{
	struct buf engine = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	struct buf ledger = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	bool good = answers(api, LINK_ENGINE, &engine) && answers(api, LINK_LEDGER, &ledger) &&
		    well(api, buf_span(&ledger));
	struct json_write w;

	r->answer.status = good ? 200 : 503;
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "status", good ? "healthy" : "unhealthy");
	json_write_str(&w, "version", AICP_VERSION);
	json_write_end_object(&w);
	buf_deinit(&engine);
	buf_deinit(&ledger);
	return r->answer.body.err;
}

/* Those that wait for people, and those that wait to be used. Requests that are held right now are
 * the engine's to count (its `holds`). */
static void put_approvals(struct query *query, struct json_write *w)
{
	struct query_approval_stats stats;

	if (query_approval_stats(query, &stats))
		return;
	json_write_object(w, "approvals");
	json_write_int(w, "pending", (int64_t)stats.state[APPROVAL_PENDING]);
	json_write_int(w, "approved_unused", (int64_t)stats.state[APPROVAL_APPROVED]);
	json_write_end_object(w);
}

static void put_counts(struct api *api, struct json_write *w)
{
	struct query_stats s;
	struct query *query;
	int r = api_query(api, &query);

	if (!r)
		r = query_stats(query, &s);
	json_write_bool(w, "database_readable", r == 0);
	if (r)
		return;
	json_write_object(w, "decisions");
	json_write_int(w, "total", (int64_t)s.decisions);
	json_write_int(w, "success", (int64_t)s.success);
	json_write_int(w, "pending_approval", (int64_t)s.pending);
	json_write_int(w, "blocked", (int64_t)s.blocked);
	json_write_int(w, "would_block", (int64_t)s.would_block);
	json_write_end_object(w);
	put_approvals(query, w);
}

/* Members of the engine's answer under the names of the API. */
static void put_engine(struct api *api, struct json_write *w, struct span engine)
{
	struct json j;
	uint32_t t;

	if (json_scan_all(api->scan, engine) != PARSE_DONE)
		return;
	j = json_scan_json(api->scan, engine);
	t = json_get(&j, 0, "mode");
	if (t != JSON_NONE && j.token[t].kind == JSON_STRING)
		json_write_string(w, "mode", json_raw(&j, t));
	t = json_get(&j, 0, "policies");
	if (t != JSON_NONE && j.token[t].kind == JSON_NUMBER) {
		json_write_object(w, "policies");
		json_write_raw(w, "count", json_raw(&j, t));
		json_write_end_object(w);
	}
}

int answer_STATUS(struct api *api, struct request *r)
{
	struct buf engine = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	struct buf ledger = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	bool engine_well = answers(api, LINK_ENGINE, &engine);
	bool ledger_well = answers(api, LINK_LEDGER, &ledger);
	struct json_write w;

	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "gateway",
		       engine_well && ledger_well && well(api, buf_span(&ledger)) ? "operational"
										  : "degraded");
	json_write_str(&w, "version", AICP_VERSION);
	json_write_int(&w, "uptime_s", (api_wall_ns() - api->started_ns) / 1000000000);
	json_write_str(&w, "tier", api->start->rootless ? "cooperative" : "host");
	if (engine_well) {
		put_engine(api, &w, buf_span(&engine));
		json_write_raw(&w, "engine", buf_span(&engine));
	} else {
		json_write_null(&w, "engine");
	}
	if (ledger_well)
		json_write_raw(&w, "ledger", buf_span(&ledger));
	else
		json_write_null(&w, "ledger");
	put_counts(api, &w);
	json_write_end_object(&w);
	buf_deinit(&engine);
	buf_deinit(&ledger);
	return r->answer.body.err;
}
