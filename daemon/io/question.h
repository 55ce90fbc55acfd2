/* SPDX-License-Identifier: MIT */
/* The payload of LINK_ASK: 4 bytes n in host order, n bytes canonical JSON (the body of
 * approval.requested), and behind them what approvers are shown. Pure. */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

struct question {
	struct span body, content; /* borrowed */
};

/* Appends the payload. 0 or the buffer's error. */
int question_write(const struct question *question, struct buf *out);

/* PARSE_DONE; PARSE_E_BAD when the parts do not add up or one is empty, PARSE_E_LIMIT when the body
 * is over AICP_LEAF_BYTES_MAX or the content over AICP_APPROVAL_CONTENT_BYTES_MAX. */
MUST_CHECK int question_read(struct span payload, struct question *ret_question);
