/* SPDX-License-Identifier: MIT */
/*
 * Which string of a body stands where in the texts of its call: a second reading, for those who are
 * to change the body. Nothing of it is done while facts are read.
 */
#pragma once

#include "provider/provider.h"

/* One string of the body in one text. A string can be in several; prompt.last is the end of prompt
 * and has no segments of its own. */
struct provider_segment {
	enum fact_id fact; /* prompt, system, assistant, tool_results or text.all */
	uint32_t token; /* of the body's tape */
	uint32_t begin, end; /* in the body, between the quotes: still escaped */
	size_t at, n; /* in the fact's text: unescaped */
	bool escaped; /* there is a backslash */
	bool fixed; /* may be bytes as base64: must not be changed */
};

struct provider_segments { /* {0} is empty */
	struct provider_segment *segment; /* by token; those of one fact in the order of its text */
	size_t n, cap;
	bool unplaced; /* set by the caller: at and n are not needed, and mean nothing */
};
void provider_segments_free(struct provider_segments *segments);

/*
 * To be asked right after provider_request() of the same arguments was PARSE_DONE, while scan still
 * holds the tape of body. The texts that the segments speak of are those facts, joined by newlines.
 * *segments is emptied first and keeps its memory. PARSE_DONE; PARSE_E_BAD when the body is not
 * said to be JSON, or is none; -ENOMEM.
 */
MUST_CHECK int provider_segments(const struct provider *provider, const struct message *head,
				 struct span body, struct json_scan *scan,
				 struct provider_segments *segments);
