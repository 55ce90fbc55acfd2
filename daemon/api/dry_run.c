/* SPDX-License-Identifier: MIT */
#include "api/dry_run.h"

#include "base/json_write.h"
#include "model/facts.h"

#include <errno.h>

static bool is_open_object(const struct json *j, uint32_t key)
{
	return j->token[key + 1].kind == JSON_OBJECT &&
	       (json_string_eq(j, key, SPAN_LIT("context")) ||
		json_string_eq(j, key, SPAN_LIT("metadata")) ||
		json_string_eq(j, key, SPAN_LIT("agent")));
}

static void put_member(struct buf *out, const struct json *j, uint32_t key, struct span name)
{
	if (out->p[out->n - 1] != '{')
		buf_put_byte(out, ',');
	if (is_open_object(j, key) || fact_find(name) != _FACT_COUNT || fact_open(name)) {
		json_write_quoted(out, name);
	} else {
		struct buf full = BUF_INIT(512);

		buf_put_str(&full, "context.");
		buf_put(&full, name);
		json_write_quoted(out, buf_span(&full));
		buf_deinit(&full);
	}
	buf_put_byte(out, ':');
	buf_put(out, json_whole(j, key + 1));
}

static int put_body(struct span agent_id, struct span prompt, const struct json *j, struct buf *out,
		    struct buf *error)
{
	json_foreach (key, j, 0) {
		struct buf name = BUF_INIT(256);
		int r = json_string_put(j, key, &name);
		enum fact_id id = fact_find(buf_span(&name));

		if (r) {
			buf_printf(error, "a name in the body is longer than 256 bytes");
			r = PARSE_E_BAD;
		} else if ((id == FACT_AGENT_ID && agent_id.p) || (id == FACT_PROMPT && prompt.p)) {
			buf_printf(error, "%.*s is in the query and in the body; give it once",
				   SPAN_ARG(buf_span(&name)));
			r = PARSE_E_BAD;
		} else {
			put_member(out, j, key, buf_span(&name));
		}
		buf_deinit(&name);
		if (r)
			return r;
	}
	return out->err;
}

int dry_run_facts(struct span agent_id, struct span prompt, const struct json *body,
		  struct buf *out, struct buf *error)
{
	int r;

	buf_put_str(out, "{\"op\":\"dry_run\",\"facts\":{");
	if (agent_id.p) {
		buf_put_str(out, "\"agent.id\":");
		json_write_quoted(out, agent_id);
	}
	if (prompt.p) {
		buf_put_str(out, agent_id.p ? ",\"prompt\":" : "\"prompt\":");
		json_write_quoted(out, prompt);
	}
	if (out->err)
		return out->err;
	if (body) {
		r = put_body(agent_id, prompt, body, out, error);
		if (r)
			return r;
	}
	return buf_put_str(out, "}}");
}

/* ---- the answer ---- */

static void put(struct json_write *w, const char *as, const struct json *j, uint32_t t)
{
	if (t == JSON_NONE)
		json_write_null(w, as);
	else
		json_write_raw(w, as, json_whole(j, t));
}

static void put_result(struct json_write *w, const struct json *j, uint32_t policy)
{
	json_write_object(w, NULL);
	put(w, "policy_id", j, json_get(j, policy, "name"));
	put(w, "policy_name", j, json_get(j, policy, "name"));
	put(w, "matched", j, json_get(j, policy, "matched"));
	put(w, "action", j, json_get(j, policy, "action"));
	put(w, "reason", j, json_get(j, policy, "reason"));
	json_write_end_object(w);
}

static void put_report(struct json_write *w, const struct json *j, uint32_t decision,
		       uint32_t explanation)
{
	uint32_t details = json_get(j, explanation, "technical_details");
	uint32_t policies = json_get(j, explanation, "policies");

	json_write_object(w, "report");
	json_write_bool(w, "dry_run", true);
	put(w, "final_decision", j, json_get(j, decision, "action"));
	put(w, "policies_evaluated", j, json_get(j, details, "total_policies_evaluated"));
	put(w, "policies_matched", j, json_get(j, details, "policies_matched"));
	json_write_array(w, "results");
	if (policies != JSON_NONE && j->token[policies].kind == JSON_ARRAY)
		json_foreach (policy, j, policies)
			put_result(w, j, policy);
	json_write_end_array(w);
	put(w, "explanation", j, explanation);
	json_write_end_object(w);
}

int dry_run_answer(struct json_scan *scan, struct span engine, struct buf *out)
{
	struct json_write w;
	struct json j;
	uint32_t decision;
	int r = json_scan_all(scan, engine);

	if (r)
		return r < 0 ? r : -EPROTO;
	j = json_scan_json(scan, engine);
	decision = json_get(&j, 0, "decision");
	if (decision == JSON_NONE || j.token[decision].kind != JSON_OBJECT)
		return -EPROTO;
	json_write_init(&w, out, false);
	json_write_object(&w, NULL);
	json_write_bool(&w, "dry_run", true);
	put(&w, "decision", &j, decision);
	put_report(&w, &j, decision, json_get(&j, 0, "explanation"));
	json_write_end_object(&w);
	return out->err;
}
