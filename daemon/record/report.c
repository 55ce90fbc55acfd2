/* SPDX-License-Identifier: MIT */
#include "record/report.h"

#include "base/json_write.h"
#include "record/stamp.h"

#include <inttypes.h>
#include <stdio.h>

static int invalid(struct report *report, const char *fmt, va_list ap)
{
	if (report->reason[0])
		return PARSE_E_BAD;
	report->outcome = REPORT_INVALID;
	vsnprintf(report->reason, sizeof(report->reason), fmt, ap);
	return PARSE_E_BAD;
}

int report_invalid(struct report *report, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	invalid(report, fmt, ap);
	va_end(ap);
	return PARSE_E_BAD;
}

int report_invalid_at(struct report *report, uint64_t seq, const char *fmt, ...)
{
	va_list ap;

	if (!report->reason[0]) {
		report->at_seq = true;
		report->seq = seq;
	}
	va_start(ap, fmt);
	invalid(report, fmt, ap);
	va_end(ap);
	return PARSE_E_BAD;
}

void report_take(struct report *report, const struct audit *audit)
{
	report->first_seq = audit->tree.size - audit->records;
	report->records = audit->records;
	report->first_ns = audit->first_ns;
	report->last_ns = audit->last_ns;
	report->counts.loss_records += audit->counts.loss_records;
	report->counts.lost += audit->counts.lost;
	report->counts.throttled += audit->counts.throttled;
	report->counts.open += audit->counts.open;
	report->counts.degraded += audit->counts.degraded;
	report->counts.rollbacks += audit->counts.rollbacks;
	report->counts.unknown += audit->counts.unknown;
}

int report_exit(const struct report *report)
{
	switch (report->outcome) {
	case REPORT_INVALID:
		return 1;
	case REPORT_INTACT:
		return 3;
	case REPORT_ANCHORED:
		return 0;
	}
	return 1;
}

const char *report_outcome_name(enum report_outcome outcome)
{
	switch (outcome) {
	case REPORT_INVALID:
		return "invalid";
	case REPORT_INTACT:
		return "intact";
	case REPORT_ANCHORED:
		return "anchored";
	}
	return "invalid";
}

/* Records that no outsider's head covers. */
static uint64_t behind_anchor(const struct report *report)
{
	uint64_t end = report->first_seq + report->records;
	uint64_t from = report->first_seq;

	if (report->outcome == REPORT_ANCHORED && report->anchor_size > from)
		from = report->anchor_size;
	return end > from ? end - from : 0;
}

static void put_headline(const struct report *report, struct buf *out)
{
	switch (report->outcome) {
	case REPORT_INVALID:
		if (report->at_seq)
			buf_printf(out, "INVALID at seq %" PRIu64 ": %s\n", report->seq,
				   report->reason);
		else
			buf_printf(out, "INVALID: %s\n", report->reason);
		return;
	case REPORT_INTACT:
		buf_put_str(out, "INTACT, NOT ANCHORED\n");
		return;
	case REPORT_ANCHORED:
		buf_printf(out, "ANCHORED: records below seq %" PRIu64 "\n", report->anchor_size);
		return;
	}
}

static void put_proven(const struct report *report, struct buf *out)
{
	static const char insider[] = "by whoever held the log's key (root on its host), the "
				      "records could have been rewritten,\n"
				      "                 or the newest ones cut off, and signed "
				      "anew; this check would not see it\n";

	switch (report->outcome) {
	case REPORT_INVALID:
		buf_put_str(out, "  proven:        nothing beyond this failure; counts below are "
				 "of what was read until then\n");
		return;
	case REPORT_INTACT:
		buf_put_str(out, "  proven:        without the log's key nobody changed, added, "
				 "removed or reordered a signed record\n");
		buf_printf(out, "  not proven:    %s", insider);
		buf_put_str(out, "  to mend:       keep a checkpoint away from this host, and give "
				 "it with --anchor next time\n");
		return;
	case REPORT_ANCHORED:
		buf_printf(out,
			   "  proven:        records below seq %" PRIu64
			   " are those of the head that was kept outside, whoever\n"
			   "                 controlled the host or the key since then\n",
			   report->anchor_size);
		buf_printf(out, "  not proven:    of records behind it: %s", insider);
		return;
	}
}

static void put_key(const struct report *report, struct buf *out)
{
	switch (report->key) {
	case REPORT_KEY_GIVEN:
		buf_put_str(out, "  key:           given by you\n");
		return;
	case REPORT_KEY_BESIDE:
		buf_put_str(out, "  key:           read beside the log: it proves nothing against "
				 "whoever could replace both\n");
		return;
	}
}

int report_text(const struct report *report, struct buf *out)
{
	char first[STAMP_BYTES + 1] = "-", last[STAMP_BYTES + 1] = "-";
	const struct audit_counts *c = &report->counts;

	if (report->records) {
		stamp_write(report->first_ns, first);
		stamp_write(report->last_ns, last);
	}
	put_headline(report, out);
	put_proven(report, out);
	buf_printf(out, "  log:           %s\n", report->origin[0] ? report->origin : "-");
	put_key(report, out);
	buf_printf(out,
		   "  records:       %" PRIu64 " from seq %" PRIu64
		   ", %s to %s by the host's clock\n",
		   report->records, report->first_seq, first, last);
	buf_printf(out, "  behind anchor: %" PRIu64 "\n", behind_anchor(report));
	if (report->anchor_unused)
		buf_put_str(out, "  anchor:        not used: its head is not one that these "
				 "records can be held against\n");
	buf_printf(out, "  not signed:    %" PRIu64 "\n", report->unsigned_records);
	if (report->older_logs)
		buf_printf(out, "  older logs:    %" PRIu64 " in the same database, checked too\n",
			   report->older_logs);
	buf_printf(out,
		   "  losses:        %" PRIu64 " in %" PRIu64 " loss records, %" PRIu64
		   " throttled, %" PRIu64 " passed unjudged\n",
		   c->lost, c->loss_records, c->throttled, c->open);
	return buf_printf(out,
			  "  told:          %" PRIu64 " degraded, %" PRIu64 " rollbacks, %" PRIu64
			  " records of unknown type\n",
			  c->degraded, c->rollbacks, c->unknown);
}

static void put_counts(const struct report *report, struct json_write *w)
{
	const struct audit_counts *c = &report->counts;

	json_write_int(w, "degraded", (int64_t)c->degraded);
	json_write_int(w, "fail_open", (int64_t)c->open);
	json_write_int(w, "loss_records", (int64_t)c->loss_records);
	json_write_int(w, "lost", (int64_t)c->lost);
	json_write_int(w, "rollbacks", (int64_t)c->rollbacks);
	json_write_int(w, "throttled", (int64_t)c->throttled);
	json_write_int(w, "unknown_types", (int64_t)c->unknown);
}

int report_json(const struct report *report, struct buf *out)
{
	char first[STAMP_BYTES + 1], last[STAMP_BYTES + 1];
	struct json_write w;

	stamp_write(report->first_ns, first);
	stamp_write(report->last_ns, last);
	json_write_init(&w, out, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "outcome", report_outcome_name(report->outcome));
	json_write_str(&w, "reason", report->reason[0] ? report->reason : NULL);
	if (report->at_seq)
		json_write_int(&w, "seq", (int64_t)report->seq);
	else
		json_write_null(&w, "seq");
	json_write_str(&w, "log", report->origin[0] ? report->origin : NULL);
	json_write_str(&w, "key", report->key == REPORT_KEY_GIVEN ? "given" : "beside-the-log");
	json_write_int(&w, "first_seq", (int64_t)report->first_seq);
	json_write_int(&w, "records", (int64_t)report->records);
	json_write_str(&w, "first_at", report->records ? first : NULL);
	json_write_str(&w, "last_at", report->records ? last : NULL);
	json_write_int(&w, "size", (int64_t)report->size);
	json_write_int(&w, "not_signed", (int64_t)report->unsigned_records);
	if (report->outcome == REPORT_ANCHORED)
		json_write_int(&w, "anchor_size", (int64_t)report->anchor_size);
	else
		json_write_null(&w, "anchor_size");
	json_write_bool(&w, "anchor_unused", report->anchor_unused);
	json_write_int(&w, "behind_anchor", (int64_t)behind_anchor(report));
	json_write_int(&w, "older_logs", (int64_t)report->older_logs);
	put_counts(report, &w);
	json_write_end_object(&w);
	return buf_put_byte(out, '\n');
}
