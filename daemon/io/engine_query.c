/* SPDX-License-Identifier: MIT */
/* What the api role may ask the engine: LINK_QUERY {"op": name, ...} → LINK_ANSWER {"status": HTTP
 * status, "body": {...}}. */
#include "io/engine_role.h"
#include "io/fields.h"
#include "io/log.h"

#include "base/json_write.h"

#include <errno.h>

#define POLICY_NAME_BYTES_MAX 512

static const char *const count_name[_BUDGET_COUNTS] = {
	[BUDGET_OVER] = "over_budget",
	[BUDGET_BAD_FRAME] = "malformed_frames",
	[BUDGET_NO_FRAME] = "no_frame",
	[BUDGET_CLOSED] = "closed",
	[BUDGET_FAIL_OPEN] = "failed_open",
	[BUDGET_UNJUDGED] = "unjudged",
	[BUDGET_UNRECORDED] = "unrecorded",
	[BUDGET_ABANDONED] = "abandoned",
	[BUDGET_UNWITNESSED] = "responses_unwitnessed",
	[BUDGET_RESPONSE_LOST] = "responses_unrecorded",
};

static void send_answer(struct engine_role *er, uint64_t id)
{
	int r = er->out.err;

	if (r < 0) {
		buf_clear(&er->out);
		buf_put_str(&er->out,
			    "{\"status\":500,\"body\":{\"error\":\"the answer is too large "
			    "for the engine to write\"}}");
	}
	r = peer_send(&er->api, LINK_ANSWER, id, buf_span(&er->out), -1);
	if (r < 0)
		log_limited(LOG_WARNING, "answer", "api cannot be answered: %s", strerror(-r));
}

static void begin(struct engine_role *er, struct json_write *w, int status)
{
	buf_clear(&er->out);
	json_write_init(w, &er->out, false);
	json_write_object(w, NULL);
	json_write_int(w, "status", status);
}

static void answer_error(struct engine_role *er, uint64_t id, int status, const char *error)
{
	struct json_write w;

	begin(er, &w, status);
	json_write_object(&w, "body");
	json_write_str(&w, "error", error);
	json_write_end_object(&w);
	json_write_end_object(&w);
	send_answer(er, id);
}

static void answer_status(struct engine_role *er, uint64_t id)
{
	struct json_write w;

	begin(er, &w, 200);
	json_write_object(&w, "body");
	json_write_str(&w, "mode", mode_name(er->mode));
	json_write_str(&w, "fail", er->fail == CONFIG_FAIL_OPEN ? "open" : "closed");
	json_write_str(&w, "tier", er->rootless ? "cooperative" : "host");
	json_write_int(&w, "policies", (int64_t)policy_set_count(er->policies));
	json_write_str(&w, "policy_digest", policy_set_digest(er->policies));
	json_write_int(&w, "providers", (int64_t)provider_set_count(er->providers));
	json_write_str(&w, "provider_digest", provider_set_digest(er->providers));
	json_write_int(&w, "in_judgement", conn_count(er));
	json_write_int(&w, "holds", budget_holds(er->budget));
	json_write_int(&w, "responses", budget_responses(er->budget));
	json_write_int(&w, "requests", (int64_t)er->counters.requests);
	json_write_int(&w, "passed", (int64_t)er->counters.passed);
	json_write_int(&w, "refused", (int64_t)er->counters.refused);
	for (unsigned i = 0; i < _BUDGET_COUNTS; i++)
		json_write_int(&w, count_name[i], (int64_t)er->counters.total[i]);
	json_write_bool(&w, "ledger", er->ledger.link != NULL);
	json_write_bool(&w, "identity", er->reader.link != NULL);
	json_write_end_object(&w);
	json_write_end_object(&w);
	send_answer(er, id);
}

static void write_policy(struct engine_role *er, struct json_write *w, const char *key,
			 size_t index)
{
	struct policy_info p;

	policy_set_info(er->policies, index, &p);
	json_write_object(w, key);
	json_write_string(w, "name", p.name);
	json_write_string(w, "description", p.description);
	json_write_string(w, "reason", p.reason);
	json_write_str(w, "action", verdict_action_name(p.action));
	json_write_bool(w, "enabled", p.enabled);
	json_write_str(w, "mode", mode_name(p.mode));
	json_write_int(w, "priority", p.priority);
	json_write_int(w, "conditions", (int64_t)p.conditions);
	json_write_str(w, "file", p.file);
	json_write_int(w, "line", p.line);
	json_write_string(w, "source", p.source);
	json_write_end_object(w);
}

static void answer_policies(struct engine_role *er, uint64_t id)
{
	struct json_write w;

	begin(er, &w, 200);
	json_write_object(&w, "body");
	json_write_str(&w, "digest", policy_set_digest(er->policies));
	json_write_array(&w, "policies");
	for (size_t i = 0; i < policy_set_count(er->policies); i++)
		write_policy(er, &w, NULL, i);
	json_write_end_array(&w);
	json_write_end_object(&w);
	json_write_end_object(&w);
	send_answer(er, id);
}

static void answer_policy(struct engine_role *er, uint64_t id, const struct fields *f)
{
	char name[POLICY_NAME_BYTES_MAX];
	struct json_write w;
	size_t index;

	if (!fields_text(f, "name", name, sizeof(name))) {
		answer_error(er, id, 400, "name is missing");
		return;
	}
	index = policy_set_find(er->policies, span_str(name));
	if (index == policy_set_count(er->policies)) {
		answer_error(er, id, 404, "no such policy");
		return;
	}
	begin(er, &w, 200);
	write_policy(er, &w, "body", index);
	json_write_end_object(&w);
	send_answer(er, id);
}

static void answer_dry_run(struct engine_role *er, uint64_t id, const struct fields *f)
{
	struct span facts = fields_raw(f, "facts");
	struct json_write w;
	int r;

	if (!facts.p || facts.p[0] != '{') {
		answer_error(er, id, 400, "facts must be an object of names and values");
		return;
	}
	buf_clear(&er->record);
	r = engine_dry_run(er->light.engine, facts, &er->record);
	if (r < 0 || er->record.err) {
		answer_error(er, id, 500, "the engine is out of memory");
		return;
	}
	begin(er, &w, r == PARSE_DONE ? 200 : 400);
	json_write_raw(&w, "body", buf_span(&er->record));
	json_write_end_object(&w);
	send_answer(er, id);
}

static void ask_reload(struct engine_role *er, uint64_t id)
{
	if (er->reload_asker) {
		answer_error(er, id, 409, "a reload is under way");
		return;
	}
	if (peer_send(&er->warden, LINK_RELOAD, id, SPAN_LIT("{}"), -1) < 0) {
		answer_error(er, id, 503, "the warden cannot be asked");
		return;
	}
	er->reload_asker = id;
}

void query_reload_result(struct engine_role *er, struct span result)
{
	uint64_t id = er->reload_asker;
	struct json_write w;
	struct fields f;
	bool ok = false;

	if (!id)
		return;
	er->reload_asker = 0;
	if (fields_open(&f, result) != PARSE_DONE || !fields_bool(&f, "ok", &ok))
		ok = false;
	fields_close(&f);
	begin(er, &w, ok ? 200 : 422);
	json_write_raw(&w, "body", result);
	json_write_end_object(&w);
	send_answer(er, id);
}

void query_take(struct engine_role *er, const struct link_message *message)
{
	struct fields f;
	char op[32] = "";

	if (fields_open(&f, message->payload) != PARSE_DONE ||
	    !fields_text(&f, "op", op, sizeof(op)))
		answer_error(er, message->id, 400, "op is missing");
	else if (strcmp(op, "status") == 0)
		answer_status(er, message->id);
	else if (strcmp(op, "policies") == 0)
		answer_policies(er, message->id);
	else if (strcmp(op, "policy") == 0)
		answer_policy(er, message->id, &f);
	else if (strcmp(op, "dry_run") == 0)
		answer_dry_run(er, message->id, &f);
	else if (strcmp(op, "reload") == 0)
		ask_reload(er, message->id);
	else
		answer_error(er, message->id, 404, "no such operation of the engine");
	fields_close(&f);
}
