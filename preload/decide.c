/* SPDX-License-Identifier: MIT */
/* What happens to a request, as a table. */
#include "decide.h"

enum decide_action decide(struct decide_mode mode, enum decide_reply reply)
{
	switch (reply) {
	case DECIDE_REPLY_PASS:
		return DECIDE_PASS;
	case DECIDE_REPLY_ANSWER:
		return DECIDE_ANSWER;
	case DECIDE_REPLY_REWRITE:
		return DECIDE_REWRITE;
	case DECIDE_REPLY_HOLD:
		return DECIDE_HOLD;
	case DECIDE_REPLY_ABSENT:
	case DECIDE_REPLY_REFUSED:
	case DECIDE_REPLY_STRANGER:
	case DECIDE_REPLY_HUNG:
	case DECIDE_REPLY_GONE:
	case DECIDE_REPLY_GARBAGE:
	case DECIDE_REPLY_NO_ROOM:
	case _DECIDE_REPLY_COUNT:
		break;
	}
	return mode.monitor || mode.fail_open ? DECIDE_PASS : DECIDE_LOCAL;
}

const char *decide_text(enum decide_reply reply)
{
	switch (reply) {
	case DECIDE_REPLY_PASS:
	case DECIDE_REPLY_ANSWER:
	case DECIDE_REPLY_REWRITE:
	case DECIDE_REPLY_HOLD:
		break;
	case DECIDE_REPLY_ABSENT:
		return "the aicp daemon is not running (nobody listens on its shim.sock); "
		       "start it with: systemctl start aicp";
	case DECIDE_REPLY_REFUSED:
		return "this program may not connect to the aicp daemon's shim.sock; "
		       "allow it in the program's sandbox, or see: aicp doctor";
	case DECIDE_REPLY_STRANGER:
		return "who listens at the aicp daemon's shim.sock is neither root nor the owner "
		       "of "
		       "its files, and was told nothing; see: aicp doctor";
	case DECIDE_REPLY_HUNG:
		return "the aicp daemon did not answer in time; see: aicp status";
	case DECIDE_REPLY_GONE:
		return "the aicp daemon closed the connection without a verdict; "
		       "see its log: journalctl -u aicp";
	case DECIDE_REPLY_GARBAGE:
		return "the aicp daemon gave a verdict that this program's shim cannot read; "
		       "restart the program if aicp was upgraded";
	case DECIDE_REPLY_NO_ROOM:
		return "this program has no memory or file descriptors left to ask the aicp "
		       "daemon, or may not write files of that size; raise its limits";
	case _DECIDE_REPLY_COUNT:
		break;
	}
	return "the aicp daemon could not be asked";
}
