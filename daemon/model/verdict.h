/* SPDX-License-Identifier: MIT */
/* What aicp decides about a call, and why. */
#pragma once

#include "base/span.h"

/* In ascending order of restriction: the largest of all matching rules wins. */
enum verdict_action {
	VERDICT_ALLOW,
	VERDICT_WARN,
	VERDICT_REDACT,
	VERDICT_HOLD,
	VERDICT_BLOCK,
	_VERDICT_COUNT,
};

enum reason {
#define X(id, code, text) REASON_##id,
#include "model/reason.def"
#undef X
	_REASON_COUNT,
};

enum mode { MODE_ENFORCE, MODE_MONITOR };

struct verdict {
	enum verdict_action action; /* what takes effect */
	enum verdict_action
		would; /* what enforcing everything would have done; never below action */
	enum reason reason; /* of `would` when it is above allow, else of action */
	struct span
		policy; /* name of the deciding policy, or empty; borrowed from the policy set */
	struct span text; /* its reason, for people; borrowed from the policy set */
};

/* Where nothing has been decided, the answer is no. */
#define VERDICT_DENY_DEFAULT                                                                       \
	((struct verdict){                                                                         \
		.action = VERDICT_BLOCK, .would = VERDICT_BLOCK, .reason = REASON_NO_POLICIES})

const char *verdict_action_name(enum verdict_action action); /* "allow", "warn", ... */
/* Our words and the seed project's synonyms; false when unknown. */
bool verdict_action_find(struct span name, enum verdict_action *ret_action);
const char *reason_code(enum reason reason);
const char *reason_text(enum reason reason);
const char *mode_name(enum mode mode);
