/* SPDX-License-Identifier: MIT */
#include "model/verdict.h"

static const struct {
	const char *name;
	enum verdict_action action;
} actions[] = {
	{"allow", VERDICT_ALLOW},
	{"warn", VERDICT_WARN},
	{"redact", VERDICT_REDACT},
	{"hold", VERDICT_HOLD},
	{"block", VERDICT_BLOCK},
	/* the seed project's words */
	{"deny", VERDICT_BLOCK},
	{"escalate", VERDICT_HOLD},
	{"review", VERDICT_HOLD},
	{"require_approval", VERDICT_HOLD},
	{"log_only", VERDICT_ALLOW},
	{"log", VERDICT_ALLOW},
	{"audit", VERDICT_ALLOW},
};

static const struct {
	const char *code, *text;
} reasons[_REASON_COUNT] = {
#define X(id, code, text) {code, text},
#include "model/reason.def"
#undef X
};

const char *verdict_action_name(enum verdict_action action)
{
	return actions[action].name;
}

bool verdict_action_find(struct span name, enum verdict_action *ret_action)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (span_eq_str(name, actions[i].name)) {
			*ret_action = actions[i].action;
			return true;
		}
	return false;
}

const char *reason_code(enum reason reason)
{
	return reasons[reason].code;
}

const char *reason_text(enum reason reason)
{
	return reasons[reason].text;
}

const char *mode_name(enum mode mode)
{
	return mode == MODE_MONITOR ? "monitor" : "enforce";
}
