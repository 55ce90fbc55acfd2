/* SPDX-License-Identifier: MIT */
/* What a log entry tells of the approval that its request waited for. */
#pragma once

#include "base/json_write.h"
#include "ledger/query.h"

/* "success", "blocked" or "pending_approval": of a decision whose action is hold. */
const char *log_approval_status(const struct query_hold *hold);

/* Did somebody approve? */
bool log_approval_given(const struct query_hold *hold);

/* " waits for approval", " was held, and let pass after uid:0 approved it", ...: appended. */
void log_approval_sentence(const struct query_hold *hold, struct buf *out);

/* The members approver_id and approval_timestamp of a log entry, and `approval` with the rest:
 * null where nobody was asked. approval_id is the JSON text of the decision's, or SPAN_NULL. */
void log_approval_write(const struct query_hold *hold, struct span approval_id,
			struct json_write *w);
