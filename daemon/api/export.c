/* SPDX-License-Identifier: MIT */
#include "api/export.h"

#include "api/log_entry.h"
#include "base/hex.h"
#include "record/stamp.h"

#include <inttypes.h>

#define SLICE_ROWS 1000

int export_cell(struct buf *out, struct span text)
{
	buf_put_byte(out, '"');
	if (text.n && strchr("=+-@\t\r\n", text.p[0]) && text.p[0])
		buf_put_byte(out, '\'');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			buf_put_byte(out, '"');
		buf_put_byte(out, text.p[i]);
	}
	return buf_put_byte(out, '"');
}

static void put_json(struct export_job *job, const struct query_row *row)
{
	struct json_write w;
	char hash[HASH_HEX_BYTES + 1] = "";

	hex_encode(hash_span(&row->hash), hash);
	if (job->total)
		buf_put_byte(&job->text, ',');
	json_write_init(&w, &job->text, false);
	json_write_object(&w, NULL);
	json_write_int(&w, "event_id", (int64_t)row->id);
	json_write_str(&w, "entry_hash", hash);
	json_write_raw(&w, "record", row->bytes);
	json_write_end_object(&w);
}

static void put_member(struct export_job *job, const struct log_entry *e, const char *key)
{
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);

	log_entry_text(e, key, &text);
	buf_put_byte(&job->text, ',');
	export_cell(&job->text, buf_span(&text));
	buf_deinit(&text);
}

static int put_csv(struct export_job *job, const struct query_row *row)
{
	static const char *const member[] = {"execution_id", "agent_id", "action", "policy",
					     "reason"};
	struct log_entry e;
	char text[HASH_HEX_BYTES + 1] = "";
	int r = log_entry_read(row, job->scan, &e);

	if (r)
		return r;
	buf_printf(&job->text, "%" PRIu64 ",%" PRIu64 ",", row->id, row->leaf.seq);
	stamp_write(row->leaf.at_ns, text);
	export_cell(&job->text, span_str(text));
	buf_put_byte(&job->text, ',');
	export_cell(&job->text, row->leaf.type);
	for (size_t i = 0; i < sizeof(member) / sizeof(*member); i++)
		put_member(job, &e, member[i]);
	buf_put_byte(&job->text, ',');
	export_cell(&job->text, row->leaf.body);
	memset(text, 0, sizeof(text));
	hex_encode(hash_span(&row->hash), text);
	buf_printf(&job->text, ",%s\r\n", text);
	return 0;
}

static int put(void *data, const struct query_row *row)
{
	struct export_job *job = data;
	int r = 0;

	if (job->csv)
		r = put_csv(job, row);
	else
		put_json(job, row);
	if (r)
		return r;
	job->total++;
	job->rows++;
	job->last_id = row->id;
	return job->text.err;
}

int export_step(struct export_job *job, struct query *query, struct json_scan *scan)
{
	struct query_filter f = QUERY_FILTER_ALL;
	int r;

	if (!job->text.n && job->csv)
		buf_put_str(&job->text,
			    "event_id,seq,timestamp,event_type,execution_id,agent_id,action,"
			    "policy_id,reason,details,entry_hash\r\n");
	else if (!job->text.n)
		buf_put_byte(&job->text, '[');
	f.after_id = job->last_id;
	f.since_ns = job->since_ns;
	f.until_ns = job->until_ns;
	f.limit = SLICE_ROWS;
	job->scan = scan;
	job->rows = 0;
	r = query_records(query, &f, SPAN_NULL, put, job);
	if (r)
		return r;
	if (job->rows == SLICE_ROWS)
		return 1;
	if (!job->csv)
		buf_put_byte(&job->text, ']');
	return job->text.err;
}
