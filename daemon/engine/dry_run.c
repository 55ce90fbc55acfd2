/* SPDX-License-Identifier: MIT */
/* Judging facts that somebody types in: the same evaluation, with an explanation in place of a
 * record. */
#include "engine/judge.h"

#include "base/json_write.h"
#include "model/facts_json.h"

static int read_facts(struct engine *e, struct span text, struct buf *error)
{
	int err = facts_json_read(e->facts, e->scan, text, error);

	return err ? err : facts_json_complete(e->facts);
}

static int put_result(struct engine *e, struct buf *out)
{
	struct buf explanation = BUF_INIT(4u << 20);
	struct verdict v = VERDICT_DENY_DEFAULT;
	struct json_write w;
	int r = 0;

	if (e->rules.policies) {
		v = policy_evaluate(e->rules.policies, e->eval, e->facts, e->rules.mode);
		r = policy_explain(e->rules.policies, e->eval, e->facts, e->rules.mode,
				   &explanation);
	}
	/* There is no body here that could be signed. */
	v = judge_effective(v, e->rules.mode, true);
	json_write_init(&w, out, false);
	json_write_object(&w, NULL);
	json_write_object(&w, "decision");
	json_write_str(&w, "action", verdict_action_name(v.action));
	json_write_str(&w, "would", verdict_action_name(v.would));
	json_write_str(&w, "reason_code", reason_code(v.reason));
	json_write_string(&w, "reason", v.text.n ? v.text : span_str(reason_text(v.reason)));
	if (v.policy.n)
		json_write_string(&w, "policy_id", v.policy);
	else
		json_write_null(&w, "policy_id");
	json_write_str(&w, "mode", mode_name(e->rules.mode));
	json_write_end_object(&w);
	if (!r && explanation.n)
		json_write_raw(&w, "explanation", buf_span(&explanation));
	json_write_end_object(&w);
	buf_deinit(&explanation);
	return r ? r : out->err;
}

int engine_dry_run(struct engine *e, struct span facts_json, struct buf *out)
{
	struct buf error = BUF_INIT(1024);
	struct json_write w;
	int r;

	buf_clear(out);
	facts_reset(e->facts);
	e->evaluated = false;
	r = read_facts(e, facts_json, &error);
	if (!r) {
		r = put_result(e, out);
	} else if (r > 0) {
		json_write_init(&w, out, false);
		json_write_object(&w, NULL);
		json_write_string(&w, "error", buf_span(&error));
		json_write_end_object(&w);
		r = out->err ? out->err : PARSE_E_BAD;
	}
	buf_deinit(&error);
	return r;
}
