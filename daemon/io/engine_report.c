/* SPDX-License-Identifier: MIT */
/* What was refused or lost without a record of its own becomes counted records: one at a time, each
 * kept until it is durable. */
#include "io/append.h"
#include "io/engine_role.h"

#include "base/json_write.h"

#define REPORT_ID_BIT	(UINT64_C(1) << 62)
#define REPORT_PAUSE_NS INT64_C(1000000000)

static const struct {
	enum record_type type;
	const char *reason;
} report_of[_BUDGET_COUNTS] = {
	[BUDGET_OVER] = {RECORD_THROTTLED, "over-budget"},
	[BUDGET_BAD_FRAME] = {RECORD_COVERAGE_GAP, "malformed-frame"},
	[BUDGET_NO_FRAME] = {RECORD_COVERAGE_GAP, "no-frame"},
	[BUDGET_CLOSED] = {RECORD_THROTTLED, "too-many-connections"},
	[BUDGET_FAIL_OPEN] = {RECORD_FAIL_OPEN, "no-record"},
	[BUDGET_UNJUDGED] = {RECORD_FAIL_OPEN, "no-engine"},
	[BUDGET_UNRECORDED] = {RECORD_LOSS, "no-record"},
	[BUDGET_ABANDONED] = {RECORD_COVERAGE_GAP, "abandoned"},
	[BUDGET_UNWITNESSED] = {RECORD_COVERAGE_GAP, "response-over-budget"},
	[BUDGET_RESPONSE_LOST] = {RECORD_LOSS, "response-not-recorded"},
};

static int write_report(struct engine_role *er, const struct budget_user *user,
			enum budget_count count)
{
	enum record_type type = report_of[count].type;
	struct json_write w;

	buf_clear(&er->record);
	append_begin(&er->record, type, true);
	json_write_init(&w, &er->record, true);
	json_write_object(&w, NULL);
	/* record_type.def: `loss` counts in "lost", the others in "count". */
	json_write_int(&w, type == RECORD_LOSS ? "lost" : "count", (int64_t)user->count[count]);
	json_write_str(&w, "reason", report_of[count].reason);
	json_write_int(&w, "uid", user->uid);
	json_write_end_object(&w);
	return er->record.err;
}

static void again(struct engine_role *er)
{
	loop_timer_set(er->loop, &er->report, loop_mono_ns() + REPORT_PAUSE_NS);
}

static void send_next(struct engine_role *er)
{
	struct budget_user *user;
	enum budget_count count;

	if (er->report_id || !budget_unreported(er->budget, &user, &count))
		return;
	if (write_report(er, user, count) < 0) {
		again(er);
		return;
	}
	er->generation++;
	er->report_id = er->generation | REPORT_ID_BIT;
	er->report_uid = user->uid;
	er->report_count = count;
	er->report_value = user->count[count];
	if (peer_send(&er->ledger, LINK_APPEND, er->report_id, buf_span(&er->record), -1) < 0) {
		er->report_id = 0;
		again(er);
	}
}

void report_tick(struct loop_timer *timer)
{
	send_next(timer->data);
}

bool report_answered(struct engine_role *er, uint64_t id, bool durable)
{
	struct budget_user *user;

	if (!(id & REPORT_ID_BIT))
		return false;
	if (id != er->report_id)
		return true;
	er->report_id = 0;
	if (!durable) {
		again(er);
		return true;
	}
	user = budget_user(er->budget, er->report_uid);
	if (user)
		user->count[er->report_count] -= er->report_value;
	send_next(er);
	return true;
}
