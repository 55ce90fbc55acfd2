/* SPDX-License-Identifier: MIT */
/* /api/logs: decisions as log entries. */
#include "api/rows.h"

int answer_LOGS(struct api *api, struct request *r)
{
	struct query_filter f;
	struct rows rows = {.filter = &f, .write = log_entry_write};
	struct json_write w;
	size_t n;

	if (!rows_filter(r, &f))
		return REQUEST_DONE;
	/* The latest, oldest first; behind a cursor, what comes next. */
	f.newest_first = !uri_get(&r->uri, "after").p;
	json_write_init(&w, &r->answer.body, false);
	rows.turn_round = f.newest_first;
	rows_put(api, r, &rows, &w, &n);
	return REQUEST_DONE;
}

int answer_LOG(struct api *api, struct request *r)
{
	rows_one(api, r, log_entry_write);
	return REQUEST_DONE;
}

/* The records as they were hashed, and the decision's place. */
static void write_event(const struct log_entry *e, struct json_write *w)
{
	json_write_object(w, NULL);
	json_write_int(w, "event_id", (int64_t)e->row->id);
	json_write_string(w, "event_type", e->row->leaf.type);
	log_entry_put_time(e->row->leaf.at_ns, w, "iso_timestamp");
	json_write_raw(w, "record", e->row->bytes);
	if (e->row->response.p)
		json_write_raw(w, "response", e->row->response);
	else
		json_write_null(w, "response");
	json_write_end_object(w);
}

int answer_LOG_REPLAY(struct api *api, struct request *r)
{
	struct query_filter f = QUERY_FILTER_ALL;
	struct rows rows = {.filter = &f, .write = write_event, .key = "events"};
	struct json_write w;
	size_t n;

	if (!rows_id(r, &f.execution_id))
		return REQUEST_DONE;
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_string(&w, "execution_id", f.execution_id);
	if (!rows_put(api, r, &rows, &w, &n))
		return REQUEST_DONE;
	json_write_int(&w, "count", (int64_t)n);
	json_write_end_object(&w);
	if (!n)
		answer_fault(&r->answer, API_FAULT_EXECUTION_NOT_FOUND, "execution_id",
			     f.execution_id,
			     "no decision has this id; `aicp log` (/api/logs) lists the latest");
	return REQUEST_DONE;
}
