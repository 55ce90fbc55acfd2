/* SPDX-License-Identifier: MIT */
/* /api/audit: the ledger verified, exported, and the custody of one decision. */
#include "api/custody.h"
#include "api/export.h"
#include "api/integrity.h"
#include "api/rows.h"
#include "record/record_type.h"
#include "record/stamp.h"

#include <errno.h>
#include <stdlib.h>

#define DAY_NS (86400 * INT64_C(1000000000))

/* ---- integrity ---- */

static void free_integrity(void *job)
{
	integrity_free(job);
}

static int step_integrity(struct api *api, struct request *r)
{
	struct query *query;
	struct json_write w;
	int err = api_query(api, &query);

	if (!err)
		err = integrity_step(r->job, query);
	if (err > 0)
		return REQUEST_LATER;
	if (err < 0) {
		rows_failed(api, r, err);
		return REQUEST_DONE;
	}
	json_write_init(&w, &r->answer.body, false);
	integrity_write(r->job, &w);
	return r->answer.body.err;
}

int answer_AUDIT_INTEGRITY(struct api *api, struct request *r)
{
	struct integrity *job;
	struct query *query;
	int err = api_query(api, &query);

	if (!err)
		err = integrity_new(api->start->state_dir, query, &job);
	if (err) {
		rows_failed(api, r, err);
		return REQUEST_DONE;
	}
	r->job = job;
	r->job_free = free_integrity;
	r->step = step_integrity;
	return REQUEST_LATER;
}

/* ---- export ---- */

static void free_export(void *data)
{
	struct export_job *job = data;

	buf_deinit(&job->text);
	free(job);
}

static int finish_export(struct request *r, struct export_job *job)
{
	struct json_write w;

	if (job->csv) {
		r->answer.type = "text/csv; charset=utf-8";
		r->answer.file_name = "audit_trail.csv";
		return buf_put(&r->answer.body, buf_span(&job->text));
	}
	/* The contract has the array as a text inside the answer. */
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "format", "json");
	json_write_int(&w, "total_entries", (int64_t)job->total);
	json_write_string(&w, "export", buf_span(&job->text));
	json_write_end_object(&w);
	return r->answer.body.err;
}

static int step_export(struct api *api, struct request *r)
{
	struct export_job *job = r->job;
	struct query *query;
	int err = api_query(api, &query);

	if (!err)
		err = export_step(job, query, api->scan);
	if (!err)
		err = finish_export(r, job);
	if (err > 0)
		return REQUEST_LATER;
	if (err == -E2BIG)
		answer_fault(&r->answer, API_FAULT_VALIDATION, NULL, SPAN_NULL,
			     "there is more than one answer can hold; narrow start_date and "
			     "end_date, or "
			     "use `aicp ledger export`");
	else if (err)
		rows_failed(api, r, err);
	return REQUEST_DONE;
}

static bool read_export(struct request *r, struct export_job *job)
{
	struct span format = uri_get(&r->uri, "format");

	if (format.p && !span_eq_str(format, "json") && !span_eq_str(format, "csv")) {
		answer_fault(&r->answer, API_FAULT_VALIDATION, "parameter", SPAN_LIT("format"),
			     "format must be json or csv");
		return false;
	}
	job->csv = span_eq_str(format, "csv");
	if (!request_time(r, "start_date", INT64_MIN, &job->since_ns) ||
	    !request_time(r, "end_date", INT64_MAX, &job->until_ns))
		return false;
	/* A day named as the end is exported, too. */
	if (uri_get(&r->uri, "end_date").n == 10 && job->until_ns % DAY_NS == 0)
		job->until_ns += DAY_NS;
	return true;
}

/* What left, to whom: durable before it leaves. */
static int record_export(struct api *api, struct request *r, const struct export_job *job)
{
	struct buf body = BUF_INIT(2048);
	char since[STAMP_BYTES + 1], until[STAMP_BYTES + 1];
	struct json_write w;
	int err;

	stamp_write(job->since_ns, since);
	stamp_write(job->until_ns, until);
	json_write_init(&w, &body, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "form", job->csv ? "csv" : "json");
	json_write_str(&w, "from", job->since_ns == INT64_MIN ? NULL : since);
	json_write_str(&w, "key_id", r->who.id[0] ? r->who.id : NULL);
	json_write_str(&w, "to", job->until_ns == INT64_MAX ? NULL : until);
	json_write_str(&w, "who", r->who.owner);
	json_write_end_object(&w);
	err = body.err ? body.err
		       : api_record(api, record_type_name(RECORD_EXPORT), buf_span(&body));
	buf_deinit(&body);
	return err;
}

int answer_AUDIT_EXPORT(struct api *api, struct request *r)
{
	struct export_job *job = calloc(1, sizeof(*job));
	int err;

	if (!job)
		return -ENOMEM;
	job->text = BUF_INIT(AICP_API_ANSWER_BYTES_MAX / 2);
	r->job = job;
	r->job_free = free_export;
	r->step = step_export;
	if (!read_export(r, job))
		return REQUEST_DONE;
	err = record_export(api, r, job);
	if (!err)
		return REQUEST_LATER;
	answer_fault(
		&r->answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
		"nothing was exported: the export could not be recorded (%s); see `aicp doctor`",
		strerror(-err));
	return REQUEST_DONE;
}

/* ---- custody ---- */

int answer_AUDIT_CUSTODY(struct api *api, struct request *r)
{
	struct query *query;
	struct json_write w;
	struct span id;
	int err;

	if (!rows_id(r, &id))
		return REQUEST_DONE;
	json_write_init(&w, &r->answer.body, false);
	err = api_query(api, &query);
	if (!err)
		err = custody_write(query, api->scan, id, &w);
	if (err == CUSTODY_E_NONE)
		answer_fault(&r->answer, API_FAULT_EXECUTION_NOT_FOUND, "execution_id", id,
			     "no decision has this id; `aicp log` (/api/logs) lists the latest");
	else if (err < 0)
		rows_failed(api, r, err);
	return REQUEST_DONE;
}
