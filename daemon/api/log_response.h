/* SPDX-License-Identifier: MIT */
/* What a log entry tells of the response. */
#pragma once

#include "base/json_write.h"

/* body is that of a response record, or SPAN_NULL: then all of this is null. */

/* The response's content is recorded nowhere: says how long it was. */
void log_response_put_masked(struct span body, struct json_write *w, const char *as);

/* The members of a log entry that are read from it: gen_ai.response.*, gen_ai.usage.*,
 * http.response.*, and response_facts with the rest. */
void log_response_write(struct span body, struct json_write *w);
