/* SPDX-License-Identifier: MIT */
#include "api/rows.h"

#include "model/verdict.h"

#include <errno.h>
#include <stdlib.h>

bool rows_failed(struct api *api, struct request *r, int err)
{
	query_free(api->query);
	api->query = NULL;
	answer_fault(&r->answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
		     "the ledger cannot be read (%s); see `aicp doctor` and `aicp ledger verify`",
		     strerror(-err));
	return false;
}

/* "uid:1000" is the kernel's word, anything else what the request claims. */
static bool read_user(struct request *r, const char *name, struct query_filter *f)
{
	struct span text = uri_get(&r->uri, name);
	int64_t uid = 0;

	if (!text.p)
		return true;
	if (!span_starts(text, SPAN_LIT("uid:"))) {
		f->user = text;
		return true;
	}
	text = span_sub(text, 4, text.n);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || uid > UINT32_MAX)
			goto bad;
		uid = uid * 10 + (text.p[i] - '0');
	}
	if (!text.n || uid > UINT32_MAX)
		goto bad;
	f->uid = uid;
	return true;
bad:
	answer_fault(&r->answer, API_FAULT_VALIDATION, "parameter", span_str(name),
		     "%s must be uid:NUMBER, or the end user that requests name", name);
	return false;
}

static bool read_status(struct request *r, struct query_filter *f)
{
	f->status = uri_get(&r->uri, "status");
	if (!f->status.p || span_eq_str(f->status, "success") ||
	    span_eq_str(f->status, "blocked") || span_eq_str(f->status, "pending_approval"))
		return true;
	answer_fault(&r->answer, API_FAULT_VALIDATION, "parameter", SPAN_LIT("status"),
		     "status must be success, blocked or pending_approval");
	return false;
}

static bool read_decision(struct request *r, struct query_filter *f)
{
	struct span text = uri_get(&r->uri, "decision");
	enum verdict_action action;

	if (!text.p)
		return true;
	if (!verdict_action_find(text, &action)) {
		answer_fault(&r->answer, API_FAULT_VALIDATION, "parameter", SPAN_LIT("decision"),
			     "decision must be allow, warn, redact, hold or block");
		return false;
	}
	f->action = span_str(verdict_action_name(action));
	return true;
}

bool rows_filter(struct request *r, struct query_filter *ret_filter)
{
	struct query_filter f = QUERY_FILTER_ALL;
	uint64_t limit;

	f.agent_id = uri_get(&r->uri, "agent_id");
	f.policy = uri_get(&r->uri, "policy_id");
	f.provider = uri_get(&r->uri, "provider");
	f.model = uri_get(&r->uri, "model");
	f.approver = uri_get(&r->uri, "approver_id");
	if (!read_user(r, "user", &f) || !read_user(r, "requester_id", &f) || !read_status(r, &f) ||
	    !read_decision(r, &f) || !request_time(r, "since", INT64_MIN, &f.since_ns) ||
	    !request_time(r, "start_time", f.since_ns, &f.since_ns) ||
	    !request_time(r, "until", INT64_MAX, &f.until_ns) ||
	    !request_time(r, "end_time", f.until_ns, &f.until_ns) ||
	    !request_number(r, "after", INT64_MAX, 0, &f.after_id) ||
	    !request_number(r, "limit", AICP_API_ROWS_MAX, 100, &limit))
		return false;
	f.limit = (unsigned)limit;
	*ret_filter = f;
	return true;
}

bool rows_id(struct request *r, struct span *ret_id)
{
	struct span id = r->parameter;
	bool good = id.n >= 8 && id.n <= 64;

	for (size_t i = 0; good && i < id.n; i++) {
		uint8_t c = span_ascii_lower(id.p[i]);

		good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
	}
	if (good) {
		*ret_id = id;
		return true;
	}
	answer_fault(&r->answer, API_FAULT_EXECUTION_NOT_FOUND, "execution_id", id,
		     "no decision has this id; `aicp log` (/api/logs) lists the latest");
	return false;
}

/* Rows as texts in one buffer, so that they can be turned round. */
struct collected {
	struct api *api;
	rows_write_fn write;
	struct buf text;
	size_t *end; /* of each row's text */
	size_t n;
};

static int collect(void *data, const struct query_row *row)
{
	struct collected *c = data;
	struct json_write w;
	struct log_entry entry;
	int r = log_entry_read(row, c->api->scan, &entry);

	if (r)
		return r;
	json_write_init(&w, &c->text, false);
	c->write(&entry, &w);
	if (c->text.err)
		return c->text.err;
	c->end[c->n++] = c->text.n;
	return 0;
}

static struct span collected_row(const struct collected *c, size_t i)
{
	return span_sub(buf_span(&c->text), i ? c->end[i - 1] : 0, c->end[i]);
}

bool rows_put(struct api *api, struct request *request, const struct rows *rows,
	      struct json_write *w, size_t *ret_n)
{
	struct collected c = {
		.api = api,
		.write = rows->write,
		.text = BUF_INIT(AICP_API_ANSWER_BYTES_MAX / 2),
		.end = calloc(rows->filter->limit + 1, sizeof(size_t)),
	};
	struct query *query;
	int r = c.end ? api_query(api, &query) : -ENOMEM;

	if (!r)
		r = query_decisions(query, rows->filter, collect, &c);
	if (!r) {
		json_write_array(w, rows->key);
		for (size_t i = 0; i < c.n; i++)
			json_write_raw(w, NULL,
				       collected_row(&c, rows->turn_round ? c.n - 1 - i : i));
		json_write_end_array(w);
		*ret_n = c.n;
	}
	buf_deinit(&c.text);
	free(c.end);
	return r ? rows_failed(api, request, r) : true;
}

struct single {
	struct api *api;
	struct request *request;
	rows_write_fn write;
	bool found;
};

static int take_single(void *data, const struct query_row *row)
{
	struct single *s = data;
	struct json_write w;
	struct log_entry entry;
	int r = log_entry_read(row, s->api->scan, &entry);

	if (r)
		return r;
	json_write_init(&w, &s->request->answer.body, false);
	s->write(&entry, &w);
	s->found = true;
	return s->request->answer.body.err;
}

bool rows_one(struct api *api, struct request *request, rows_write_fn write)
{
	struct query_filter f = QUERY_FILTER_ALL;
	struct single s = {api, request, write, false};
	struct query *query;
	int r;

	if (!rows_id(request, &f.execution_id))
		return false;
	f.limit = 1;
	r = api_query(api, &query);
	if (!r)
		r = query_decisions(query, &f, take_single, &s);
	if (r)
		return rows_failed(api, request, r);
	if (s.found)
		return true;
	answer_fault(&request->answer, API_FAULT_EXECUTION_NOT_FOUND, "execution_id",
		     f.execution_id,
		     "no decision has this id; `aicp log` (/api/logs) lists the latest");
	return false;
}
