/* SPDX-License-Identifier: MIT */
/* The facts of a dry run, put together from a request's query and body. Pure. */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "base/parse.h"

/*
 * Appends {"op":"dry_run","facts":{…}} to out. body is the parsed body (an object), or NULL for
 * none. Its members that are facts (docs/FACTS.md), their synonyms, or objects of an open namespace
 * (context, metadata, agent) stand for themselves; all others are facts below context. agent_id and
 * prompt (p NULL: not given) come from the query and may not be in the body as well.
 *
 * PARSE_DONE; PARSE_E_BAD with what is wrong in error; the buffer's error.
 */
MUST_CHECK int dry_run_facts(struct span agent_id, struct span prompt, const struct json *body,
			     struct buf *out, struct buf *error);

/*
 * Appends the API's answer, made from the engine's ({"decision": {...}, "explanation": {...}}):
 * decision stands as it is, report says the same of each policy, and holds the whole explanation.
 * 0, -EPROTO when the engine's makes no sense, -ENOMEM or the buffer's error.
 */
MUST_CHECK int dry_run_answer(struct json_scan *scan, struct span engine, struct buf *out);
