/* SPDX-License-Identifier: MIT */
/* What the files of the engine share: its state. Nobody outside this folder includes this. */
#pragma once

#include "engine/engine.h"

#include "base/json.h"

struct engine {
	struct engine_rules rules;
	bool has_rules;
	bool evaluated; /* the last request got as far as the policies */
	struct facts *facts;
	struct json_scan *scan;
	struct policy_eval *eval;
	struct buf body; /* decoded body of the request in hand */
};

/* Holding and redacting act as block with a reason that says so; monitor mode stops nothing. */
struct verdict judge_effective(struct verdict verdict, enum mode mode);

/* Sets the facts of time (UTC). 0 or -ENOMEM. */
MUST_CHECK int judge_time(struct facts *facts, int64_t now_ns);
