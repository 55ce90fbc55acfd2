/* SPDX-License-Identifier: MIT */
/*
 * One decision record as the API shows it, with the record of what came back. The record itself
 * holds no content and no credential (engine/record.c), so there is nothing to leave out here; of
 * the prompt it tells how long it was.
 */
#pragma once

#include "base/json.h"
#include "base/json_write.h"
#include "ledger/query.h"

/* A record taken apart; borrows from the row and the scan. */
struct log_entry {
	const struct query_row *row;
	struct json body;
	struct span response; /* body of the response's record, or SPAN_NULL while there is none */
};

/* PARSE_DONE, -EUCLEAN when the body is no JSON object (a damaged ledger), -ENOMEM. */
MUST_CHECK int log_entry_read(const struct query_row *row, struct json_scan *scan,
			      struct log_entry *ret_entry);

/* The JSON text of a member of the body (`outer` NULL) or of an object in it; SPAN_NULL when it is
 * not there. */
struct span log_entry_raw(const struct log_entry *entry, const char *outer, const char *key);

/* Writes that text under a name; null when it is not there. */
void log_entry_put(const struct log_entry *entry, const char *outer, const char *key,
		   struct json_write *w, const char *as);

/* Appends a string member as text; false (out untouched) when it is no string. */
bool log_entry_text(const struct log_entry *entry, const char *key, struct buf *out);

/* "success", "blocked" or "pending_approval". */
const char *log_entry_status(const struct log_entry *entry);

/* Writes "uid:N" of the process, or null. */
void log_entry_put_requester(const struct log_entry *entry, struct json_write *w, const char *as);

/* Why it was decided so: the policy's reason, else that of the reason code; appended, or written as
 * a string. */
int log_entry_reason(const struct log_entry *entry, struct buf *out);
void log_entry_put_reason(const struct log_entry *entry, struct json_write *w, const char *as);

/* Writes the moment as `2026-11-23T06:30:00.000000000Z`. */
void log_entry_put_time(int64_t at_ns, struct json_write *w, const char *as);

/* Writes milliseconds with three digits behind the point, from latency_us. */
void log_entry_put_latency(const struct log_entry *entry, struct json_write *w, const char *as);

/* One English sentence for auditors: who asked whom when, and what came of it. */
int log_entry_sentence(const struct log_entry *entry, struct buf *out);
void log_entry_put_sentence(const struct log_entry *entry, struct json_write *w, const char *as);

/* The object of /api/logs. */
void log_entry_write(const struct log_entry *entry, struct json_write *w);
