/* SPDX-License-Identifier: MIT */
/*
 * The request as it would be sent, for those who decide: what the engine put together
 * (docs/PROTOCOL.md, ASK), and the same made safe to look at.
 *
 * "content" is the engine's object; "shown" is its body in pieces, one after the other:
 * {"policies": [NAME, ...], "text": TEXT}. A piece with policies is what they found. Marks are
 * members, not text, so that no request can forge them; text is as base/visible.h makes it, with
 * its lines.
 */
#pragma once

#include "base/json.h"
#include "base/json_write.h"

/* Writes the members "content" and "shown" of an object that is open. text is the engine's object;
 * PARSE_E_BAD (nothing written) when it is not one. Uses scan. 0 or -ENOMEM. */
MUST_CHECK int approval_content_put(struct span text, struct json_scan *scan, struct json_write *w);
