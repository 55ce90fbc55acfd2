/* SPDX-License-Identifier: MIT */
/* /api/approvals: what people are asked. */
#include "api/approval_content.h"
#include "api/approval_entry.h"
#include "api/log_entry.h"
#include "api/rows.h"
#include "record/canonical.h"

#include <errno.h>

int approval_unknown(struct request *r)
{
	answer_fault(&r->answer, API_FAULT_APPROVAL_NOT_FOUND, "approval_id", r->parameter,
		     "no approval has this id; `aicp approval list` (/api/approvals/pending) lists "
		     "those that wait");
	return REQUEST_DONE;
}

/* Its object is left open. */
static int open_entry(void *data, const struct query_approval *a)
{
	struct json_write *w = data;

	json_write_object(w, NULL);
	approval_entry_put(a, w);
	return w->out->err;
}

static int write_entry(void *data, const struct query_approval *a)
{
	int r = open_entry(data, a);

	json_write_end_object(data);
	return r;
}

int answer_APPROVALS_PENDING(struct api *api, struct request *r)
{
	struct buf list = BUF_INIT(AICP_API_ANSWER_BYTES_MAX / 2);
	struct query_approval_stats stats;
	struct json_write w;
	struct query *query;
	uint64_t limit;
	int err;

	if (!request_number(r, "limit", AICP_APPROVALS_MAX, 100, &limit))
		return REQUEST_DONE;
	json_write_init(&w, &list, false);
	json_write_array(&w, NULL);
	err = api_query(api, &query);
	if (!err)
		err = query_approvals_pending(query, api_wall_ns() / 1000000, (unsigned)limit,
					      write_entry, &w);
	if (!err)
		err = query_approval_stats(query, &stats);
	json_write_end_array(&w);
	if (err) {
		rows_failed(api, r, err);
	} else {
		json_write_init(&w, &r->answer.body, false);
		json_write_object(&w, NULL);
		json_write_raw(&w, "pending", buf_span(&list));
		json_write_int(&w, "count", (int64_t)stats.state[APPROVAL_PENDING]);
		json_write_end_object(&w);
	}
	buf_deinit(&list);
	return r->answer.body.err;
}

int answer_APPROVALS_WORKFLOWS(struct api *api, struct request *r)
{
	const struct config *config = api->start->config;
	struct json_write w;

	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_object(&w, "workflows");
	json_write_object(&w, APPROVAL_WORKFLOW);
	json_write_str(&w, "workflow_id", APPROVAL_WORKFLOW);
	json_write_str(&w, "name", "One approver");
	json_write_str(&w, "description",
		       "One person other than who asks decides; the approval lets one identical "
		       "request pass");
	json_write_array(&w, "required_approver_roles");
	json_write_str(&w, NULL, "approver");
	json_write_str(&w, NULL, "admin");
	json_write_end_array(&w);
	json_write_int(&w, "required_approvals", 1);
	json_write_int(&w, "timeout_seconds", config->approvals_expiry_seconds);
	json_write_str(&w, "timeout_action", "reject");
	json_write_int(&w, "hold_seconds", config->approvals_hold_seconds);
	json_write_bool(&w, "strict", config->approvals_strict);
	json_write_int(&w, "escalation_rules_count", 0);
	json_write_end_object(&w);
	json_write_end_object(&w);
	json_write_int(&w, "count", 1);
	json_write_end_object(&w);
	return r->answer.body.err;
}

int answer_APPROVALS_STATS(struct api *api, struct request *r)
{
	struct query_approval_stats s;
	uint64_t total = 0;
	struct json_write w;
	struct query *query;
	int err = api_query(api, &query);

	if (!err)
		err = query_approval_stats(query, &s);
	if (err) {
		rows_failed(api, r, err);
		return REQUEST_DONE;
	}
	for (unsigned i = 0; i < _APPROVAL_STATE_COUNT; i++)
		total += s.state[i];
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_int(&w, "total", (int64_t)total);
	json_write_int(&w, "pending", (int64_t)s.state[APPROVAL_PENDING]);
	json_write_int(&w, "approved",
		       (int64_t)(s.state[APPROVAL_APPROVED] + s.state[APPROVAL_USED]));
	json_write_int(&w, "used", (int64_t)s.state[APPROVAL_USED]);
	json_write_int(&w, "rejected", (int64_t)s.state[APPROVAL_REJECTED]);
	json_write_int(&w, "timeout", (int64_t)s.state[APPROVAL_EXPIRED]);
	json_write_array(&w, "workflows");
	json_write_str(&w, NULL, APPROVAL_WORKFLOW);
	json_write_end_array(&w);
	json_write_int(&w, "decision_records", (int64_t)s.decisions);
	json_write_int(&w, "unique_approvers", (int64_t)s.approvers);
	json_write_end_object(&w);
	return r->answer.body.err;
}

/* ---- one
 * -------------------------------------------------------------------------------------------- */

struct history {
	struct json_write *w;
	size_t n;
};

/* A record about an approval, as it was hashed. */
static int write_record(void *data, const struct query_row *row)
{
	/* What happened, without looking into the body. */
	static const char *const same[] = {
		"execution_id",	 "decision", "by",	"role",	  "rationale", "comment",
		"self_approved", "was",	     "outcome", "reason", "held_ms",
	};
	struct history *history = data;
	struct json_write *w = history->w;

	json_write_object(w, NULL);
	json_write_int(w, "event_id", (int64_t)row->id);
	json_write_string(w, "event_type", row->leaf.type);
	json_write_int(w, "seq", (int64_t)row->leaf.seq);
	log_entry_put_time(row->leaf.at_ns, w, "iso_timestamp");
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct span value = canonical_get(row->leaf.body, same[i]);

		if (value.p)
			json_write_raw(w, same[i], value);
	}
	json_write_raw(w, "body", row->leaf.body);
	json_write_end_object(w);
	history->n++;
	return w->out->err;
}

static int put_history(struct query *query, struct span id, struct json_write *w, size_t *ret_n)
{
	struct history history = {.w = w};
	int err;

	json_write_array(w, "decision_history");
	err = query_approval_history(query, id, AICP_API_ROWS_MAX, write_record, &history);
	json_write_end_array(w);
	*ret_n = history.n;
	return err;
}

int answer_APPROVAL_HISTORY(struct api *api, struct request *r)
{
	struct json_write w;
	struct query *query;
	size_t n = 0;
	int err = api_query(api, &query);

	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_string(&w, "approval_id", r->parameter);
	if (!err)
		err = put_history(query, r->parameter, &w, &n);
	if (err) {
		rows_failed(api, r, err);
		return REQUEST_DONE;
	}
	json_write_int(&w, "count", (int64_t)n);
	json_write_end_object(&w);
	return n ? r->answer.body.err : approval_unknown(r);
}

/* Writes content, shown and content_state; null where there is nothing to be shown. */
static void put_content(struct api *api, struct span id, struct json_write *w)
{
	struct buf question = BUF_INIT(256), text = BUF_INIT(AICP_APPROVAL_CONTENT_BYTES_MAX);
	const char *state = "unavailable";
	struct json_write q;
	struct span body;
	unsigned status;
	int r;

	json_write_init(&q, &question, true);
	json_write_object(&q, NULL);
	json_write_string(&q, "approval_id", id);
	json_write_str(&q, "op", "content");
	json_write_end_object(&q);
	r = question.err ? question.err
			 : api_ask(api, LINK_LEDGER, buf_span(&question), &status, &body);
	if (!r && status == 404)
		state = "erased";
	if (!r && status != 200)
		r = -ENOENT;
	if (!r)
		r = json_scan_all(api->scan, body);
	if (!r) {
		struct json j = json_scan_json(api->scan, body);
		uint32_t t = json_get(&j, 0, "content");

		r = t == JSON_NONE ? -EPROTO : json_string_put(&j, t, &text);
	}
	if (!r)
		r = approval_content_put(buf_span(&text), api->scan, w);
	if (r) {
		json_write_null(w, "content");
		json_write_null(w, "shown");
	}
	json_write_str(w, "content_state", r ? state : "available");
	if (text.p)
		explicit_bzero(text.p, text.n);
	buf_deinit(&text);
	buf_deinit(&question);
}

int answer_APPROVAL(struct api *api, struct request *r)
{
	struct json_write w;
	struct query *query;
	size_t n;
	int err = api_query(api, &query);

	json_write_init(&w, &r->answer.body, false);
	if (!err)
		err = query_approval(query, r->parameter, open_entry, &w);
	if (err == 1)
		return approval_unknown(r);
	if (!err)
		err = put_history(query, r->parameter, &w, &n);
	if (err) {
		rows_failed(api, r, err);
		return REQUEST_DONE;
	}
	put_content(api, r->parameter, &w);
	json_write_end_object(&w);
	return r->answer.body.err;
}
