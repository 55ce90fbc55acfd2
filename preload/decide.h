/* SPDX-License-Identifier: MIT */
/* What happens to a request, given what the engine said or that it said nothing: the one place of
 * the fail mode. */
#pragma once

#include <stdbool.h>

/* How asking the engine ended. */
enum decide_reply {
	DECIDE_REPLY_PASS,
	DECIDE_REPLY_ANSWER,
	DECIDE_REPLY_REWRITE,
	DECIDE_REPLY_HOLD, /* people are asked; a second verdict follows */
	DECIDE_REPLY_ABSENT, /* no socket, or nobody listens */
	DECIDE_REPLY_REFUSED, /* the socket may not be reached: permissions, a sandbox */
	DECIDE_REPLY_STRANGER, /* somebody listens there who has no business to */
	DECIDE_REPLY_HUNG, /* no verdict within AICP_SHIM_WAIT_MS */
	DECIDE_REPLY_GONE, /* closed without a verdict */
	DECIDE_REPLY_GARBAGE, /* a verdict that breaks the protocol */
	DECIDE_REPLY_NO_ROOM, /* this process has no memory or descriptors left to ask */
	_DECIDE_REPLY_COUNT,
};

enum decide_action {
	DECIDE_PASS, /* send the judged bytes */
	DECIDE_ANSWER, /* serve the engine's answer */
	DECIDE_HOLD, /* wait for the second verdict */
	DECIDE_REWRITE, /* send the engine's body under the program's head */
	DECIDE_LOCAL, /* serve an answer of our own that says what is wrong with the engine */
};

struct decide_mode {
	bool monitor; /* nothing is stopped by a fault of ours; the engine's own answers still are
			 obeyed */
	bool fail_open;
};

enum decide_action decide(struct decide_mode mode, enum decide_reply reply);

/* Did the engine decide, or was there nobody to? */
static inline bool decide_is_verdict(enum decide_reply reply)
{
	return reply == DECIDE_REPLY_PASS || reply == DECIDE_REPLY_ANSWER ||
	       reply == DECIDE_REPLY_REWRITE || reply == DECIDE_REPLY_HOLD;
}

/* What a person has to know, in plain ASCII without quotes; reply is no verdict. */
const char *decide_text(enum decide_reply reply);
