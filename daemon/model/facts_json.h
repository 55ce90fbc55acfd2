/* SPDX-License-Identifier: MIT */
/* Facts that somebody types in, as JSON: for dry runs and `aicp policy eval`. */
#pragma once

#include "base/json.h"
#include "model/facts.h"

/*
 * Adds the members of a JSON object to facts. Names below an object are joined with dots:
 * {"context": {"cost": 3}} is context.cost. null leaves a fact out. PARSE_DONE; PARSE_E_BAD or
 * PARSE_E_LIMIT with error holding what is wrong as plain text; -ENOMEM. scan is scratch memory.
 */
MUST_CHECK int facts_json_read(struct facts *facts, struct json_scan *scan, struct span text,
			       struct buf *error);

/* Adds what a real request with this prompt would have brought along: its length, prompt.last,
 * text.all, parse. 0 or -ENOMEM. */
MUST_CHECK int facts_json_complete(struct facts *facts);
