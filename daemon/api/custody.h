/* SPDX-License-Identifier: MIT */
/* The records of one decision, each checked by its own bytes and by its links to both neighbours.
 */
#pragma once

#include "base/json.h"
#include "base/json_write.h"
#include "ledger/query.h"

enum custody_outcome { CUSTODY_E_NONE = 1 }; /* no record of that decision; nothing was written */

/* Writes execution_id, status, total_events, timeline[], integrity_check{}. 0, CUSTODY_E_NONE or
 * -errno. */
MUST_CHECK int custody_write(struct query *query, struct json_scan *scan, struct span execution_id,
			     struct json_write *w);
