/* SPDX-License-Identifier: MIT */
/* /api/decisions: questions about single decisions, and all of them counted. */
#include "api/log_approval.h"
#include "api/rows.h"
#include "api/tally.h"
#include "ledger/query_approvals.h"

#include <errno.h>

static void write_why_blocked(const struct log_entry *e, struct json_write *w)
{
	bool blocked = strcmp(log_entry_status(e), "blocked") == 0;

	json_write_object(w, NULL);
	json_write_bool(w, "found", true);
	json_write_bool(w, "blocked", blocked);
	log_entry_put(e, NULL, "execution_id", w, "execution_id");
	log_entry_put_reason(e, w, "reason");
	log_entry_put(e, NULL, "reason", w, "reason_code");
	log_entry_put(e, NULL, "policy", w, "policy_id");
	log_entry_put(e, NULL, "policy", w, "policy_name");
	log_entry_put(e, NULL, "matched", w, "policies_matched");
	log_entry_put(e, NULL, "action", w, "decision");
	log_entry_put(e, NULL, "would", w, "would");
	log_approval_write(&e->row->hold, log_entry_raw(e, NULL, "approval_id"), w);
	if (blocked) {
		log_entry_put_time(e->row->hold.outcome.n ? e->row->hold.ended_ns
							  : e->row->leaf.at_ns,
				   w, "blocked_at");
		log_entry_put_requester(e, w, "blocked_for");
	} else {
		json_write_str(w, "message", "this request was not blocked");
	}
	log_entry_put_sentence(e, w, "summary");
	log_entry_put_sentence(e, w, "audit_sentence");
	json_write_end_object(w);
}

int answer_DECISION_WHY_BLOCKED(struct api *api, struct request *r)
{
	rows_one(api, r, write_why_blocked);
	return REQUEST_DONE;
}

static void write_who_approved(const struct log_entry *e, struct json_write *w)
{
	const struct query_hold *hold = &e->row->hold;
	bool approved = log_approval_given(hold);

	json_write_object(w, NULL);
	json_write_bool(w, "found", true);
	json_write_bool(w, "approved", approved);
	log_entry_put(e, NULL, "execution_id", w, "execution_id");
	log_entry_put(e, NULL, "action", w, "decision");
	json_write_str(w, "status", log_entry_status(e));
	log_entry_put(e, NULL, "policy", w, "policy");
	log_approval_write(hold, log_entry_raw(e, NULL, "approval_id"), w);
	if (approved) {
		json_write_string(w, "approver_name", hold->by);
		json_write_string(w, "approver_role", hold->role);
		json_write_string(w, "rationale", hold->rationale);
		log_entry_put_time(hold->decided_ns, w, "approved_at");
	} else {
		json_write_str(w, "message",
			       log_entry_raw(e, NULL, "approval_id").n &&
					       log_entry_raw(e, NULL, "approval_id").p[0] == '"'
				       ? "nobody approved this request"
				       : "nobody had to approve this request");
	}
	log_entry_put_sentence(e, w, "summary");
	log_entry_put_sentence(e, w, "audit_sentence");
	json_write_end_object(w);
}

int answer_DECISION_WHO_APPROVED(struct api *api, struct request *r)
{
	rows_one(api, r, write_who_approved);
	return REQUEST_DONE;
}

static void write_which_policy(const struct log_entry *e, struct json_write *w)
{
	json_write_object(w, NULL);
	json_write_bool(w, "found", true);
	log_entry_put(e, NULL, "execution_id", w, "execution_id");
	log_entry_put(e, NULL, "policy", w, "policy_id");
	log_entry_put(e, NULL, "policy", w, "policy_name");
	log_entry_put(e, NULL, "action", w, "decision");
	log_entry_put_reason(e, w, "reason");
	log_entry_put(e, NULL, "matched", w, "policies_matched");
	log_entry_put(e, NULL, "policy_set", w, "policy_set");
	log_entry_put_time(e->row->leaf.at_ns, w, "decided_at");
	log_entry_put_sentence(e, w, "summary");
	json_write_end_object(w);
}

/* Which policies were looked at is known while the set that decided is still in force: all of its
 * enabled ones. */
static void put_evaluated(struct api *api, struct span decided_by, struct json_write *w)
{
	struct span body;
	struct json j;
	unsigned status;
	uint32_t digest, policies;

	if (api_ask(api, LINK_ENGINE, SPAN_LIT("{\"op\":\"policies\"}"), &status, &body) ||
	    status != 200 || json_scan_all(api->scan, body))
		return;
	j = json_scan_json(api->scan, body);
	digest = json_get(&j, 0, "digest");
	policies = json_get(&j, 0, "policies");
	if (digest == JSON_NONE || policies == JSON_NONE ||
	    !span_eq(json_raw(&j, digest), decided_by))
		return;
	json_write_array(w, "policies_evaluated");
	json_foreach (p, &j, policies) {
		uint32_t enabled = json_get(&j, p, "enabled"), name = json_get(&j, p, "name");

		if (name != JSON_NONE && enabled != JSON_NONE && j.token[enabled].kind == JSON_TRUE)
			json_write_raw(w, NULL, json_whole(&j, name));
	}
	json_write_end_array(w);
}

int answer_DECISION_WHICH_POLICY(struct api *api, struct request *r)
{
	struct buf *out = &r->answer.body, decided_by = BUF_INIT(256);
	struct json_write w;
	uint32_t t;

	if (!rows_one(api, r, write_which_policy))
		return REQUEST_DONE;
	if (json_scan_all(api->scan, buf_span(out)) == PARSE_DONE) {
		struct json j = json_scan_json(api->scan, buf_span(out));

		t = json_get(&j, 0, "policy_set");
		if (t != JSON_NONE && j.token[t].kind == JSON_STRING)
			json_string_put(&j, t, &decided_by);
	}
	/* Goes on in the object that the row made. */
	out->n--;
	json_write_init(&w, out, false);
	w.depth = 1;
	put_evaluated(api, buf_span(&decided_by), &w);
	buf_put_byte(out, '}');
	buf_deinit(&decided_by);
	return out->err;
}

static void put_moment(struct json_write *w, int64_t at_ns, const char *event, struct span detail)
{
	json_write_object(w, NULL);
	log_entry_put_time(at_ns, w, "timestamp");
	json_write_str(w, "event", event);
	json_write_string(w, "details", detail);
	json_write_end_object(w);
}

static void put_decided(const struct query_hold *hold, struct json_write *w)
{
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);

	buf_put(&text, hold->by);
	buf_put_str(&text, ": ");
	buf_put(&text, hold->rationale);
	put_moment(w, hold->decided_ns, log_approval_given(hold) ? "approved" : "rejected",
		   buf_span(&text));
	buf_deinit(&text);
}

/* An approval that this request joined may be older or younger than its hold. */
static void put_hold(const struct query_hold *hold, struct json_write *w)
{
	bool decided = hold->by.n > 0, ended = hold->outcome.n > 0;
	bool first = decided && (!ended || hold->decided_ns <= hold->ended_ns);
	struct buf text = BUF_INIT(64);

	if (first)
		put_decided(hold, w);
	if (ended) {
		buf_printf(&text, "hold %.*s", SPAN_ARG(hold->outcome));
		put_moment(w, hold->ended_ns, buf_str(&text) ? buf_str(&text) : "hold ended",
			   hold->reason);
	}
	if (decided && !first)
		put_decided(hold, w);
	buf_deinit(&text);
}

static void write_timeline(const struct log_entry *e, struct json_write *w)
{
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);
	struct span raw = log_entry_raw(e, NULL, "latency_us");
	int64_t us = 0;

	for (size_t i = 0; i < raw.n && raw.p[i] >= '0' && raw.p[i] <= '9' && us < 1000000000; i++)
		us = us * 10 + (raw.p[i] - '0');
	json_write_object(w, NULL);
	json_write_bool(w, "found", true);
	log_entry_put(e, NULL, "execution_id", w, "execution_id");
	json_write_array(w, "timeline");
	if (!log_entry_text(e, "server.address", &text))
		buf_put_str(&text, "unknown host");
	put_moment(w, e->row->leaf.at_ns - us * 1000, "request seen", buf_span(&text));
	buf_clear(&text);
	log_entry_text(e, "action", &text);
	buf_put_str(&text, ": ");
	log_entry_reason(e, &text);
	put_moment(w, e->row->leaf.at_ns, "decided and recorded", buf_span(&text));
	put_hold(&e->row->hold, w);
	json_write_end_array(w);
	log_entry_put_sentence(e, w, "audit_sentence");
	json_write_end_object(w);
	buf_deinit(&text);
}

int answer_DECISION_TIMELINE(struct api *api, struct request *r)
{
	rows_one(api, r, write_timeline);
	return REQUEST_DONE;
}

static void write_record(const struct log_entry *e, struct json_write *w)
{
	json_write_object(w, NULL);
	log_entry_put(e, NULL, "execution_id", w, "execution_id");
	log_entry_put_time(e->row->leaf.at_ns, w, "decision_timestamp");
	log_entry_put_requester(e, w, "requester_id");
	log_approval_write(&e->row->hold, log_entry_raw(e, NULL, "approval_id"), w);
	log_entry_put(e, NULL, "user", w, "end_user");
	log_entry_put(e, NULL, "agent_id", w, "agent_id");
	json_write_str(w, "status", log_entry_status(e));
	log_entry_put(e, NULL, "action", w, "decision");
	log_entry_put(e, NULL, "would", w, "would");
	log_entry_put_reason(e, w, "reason");
	log_entry_put(e, NULL, "reason", w, "reason_code");
	log_entry_put(e, NULL, "policy", w, "policy_id");
	log_entry_put(e, NULL, "policy", w, "policy_name");
	log_entry_put(e, NULL, "matched", w, "policies_matched");
	log_entry_put_latency(e, w, "latency_ms");
	json_write_end_object(w);
}

int answer_DECISIONS_QUERY(struct api *api, struct request *r)
{
	struct query_filter f;
	struct rows rows = {.filter = &f, .write = write_record, .key = "records"};
	struct json_write w;
	size_t n;

	if (!rows_filter(r, &f))
		return REQUEST_DONE;
	f.newest_first = true;
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	if (!rows_put(api, r, &rows, &w, &n))
		return REQUEST_DONE;
	json_write_int(&w, "total", (int64_t)n);
	json_write_end_object(&w);
	return REQUEST_DONE;
}

static int count_step(struct api *api, struct request *r)
{
	struct query_approval_stats stats;
	struct query *query;
	struct json_write w;
	int err = api_query(api, &query);

	if (!err)
		err = query_approval_stats(query, &stats);
	if (!err)
		err = tally_step(api->tally, query, api->scan);
	if (err > 0)
		return REQUEST_LATER;
	if (err < 0) {
		rows_failed(api, r, err);
		return REQUEST_DONE;
	}
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	tally_write(api->tally, &w);
	json_write_int(&w, "unique_approvers", (int64_t)stats.approvers);
	json_write_end_object(&w);
	return r->answer.body.err;
}

int answer_DECISIONS_STATISTICS(struct api *api, struct request *r)
{
	if (!api->tally)
		api->tally = tally_new();
	if (!api->tally)
		return -ENOMEM;
	r->step = count_step;
	return count_step(api, r);
}
