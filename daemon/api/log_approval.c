/* SPDX-License-Identifier: MIT */
#include "api/log_approval.h"

#include "model/approval.h"
#include "record/stamp.h"

static bool is(struct span text, const char *name)
{
	return span_eq_str(text, name);
}

const char *log_approval_status(const struct query_hold *hold)
{
	if (!hold->outcome.n)
		return "pending_approval";
	return is(hold->outcome, hold_outcome_name(HOLD_RELEASED)) ? "success" : "blocked";
}

bool log_approval_given(const struct query_hold *hold)
{
	enum approval_state state;

	if (!hold->by.n || !approval_state_find(hold->state, &state))
		return false;
	/* Also of one that was not used in time. */
	return state != APPROVAL_PENDING && state != APPROVAL_REJECTED;
}

static void put_decider(const struct query_hold *hold, struct buf *out)
{
	if (hold->by.n)
		buf_printf(out, " %s %.*s %s it", "after", SPAN_ARG(hold->by),
			   log_approval_given(hold) ? "approved" : "rejected");
}

void log_approval_sentence(const struct query_hold *hold, struct buf *out)
{
	if (!hold->outcome.n) {
		buf_put_str(out, " waits for approval");
		return;
	}
	buf_put_str(out, " was held, and");
	if (is(hold->outcome, hold_outcome_name(HOLD_RELEASED)))
		buf_put_str(out, " let pass");
	else if (is(hold->outcome, hold_outcome_name(HOLD_ABANDONED)))
		buf_put_str(out, " given up by its program");
	else
		buf_put_str(out, " refused");
	put_decider(hold, out);
}

static void put_text(struct span text, struct json_write *w, const char *as)
{
	if (text.n)
		json_write_string(w, as, text);
	else
		json_write_null(w, as);
}

static void put_time(int64_t at_ns, struct json_write *w, const char *as)
{
	char text[STAMP_BYTES + 1] = "";

	if (at_ns)
		stamp_write(at_ns, text);
	json_write_str(w, as, at_ns ? text : NULL);
}

void log_approval_write(const struct query_hold *hold, struct span approval_id,
			struct json_write *w)
{
	bool given = log_approval_given(hold);

	put_text(given ? hold->by : SPAN_NULL, w, "approver_id");
	put_time(given ? hold->decided_ns : 0, w, "approval_timestamp");
	if (!approval_id.n || approval_id.p[0] != '"') {
		json_write_null(w, "approval");
		return;
	}
	json_write_object(w, "approval");
	json_write_raw(w, "approval_id", approval_id);
	put_text(hold->state, w, "state");
	put_text(hold->by, w, "by");
	put_text(hold->role, w, "role");
	put_text(hold->rationale, w, "rationale");
	put_time(hold->by.n ? hold->decided_ns : 0, w, "decided_at");
	json_write_bool(w, "self_approved", hold->self_approved);
	put_text(hold->outcome, w, "hold_outcome");
	put_text(hold->reason, w, "hold_reason");
	put_time(hold->outcome.n ? hold->ended_ns : 0, w, "hold_ended_at");
	json_write_end_object(w);
}
