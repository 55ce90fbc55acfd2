/* SPDX-License-Identifier: MIT */
/* /api/policies: what the engine judges by. */
#include "api/dry_run.h"
#include "api/request.h"
#include "record/record_type.h"

#include <errno.h>

/* 0 with a body, or 1 with the answer set: the engine is down. */
static int ask(struct api *api, struct request *r, struct span question, unsigned *ret_status,
	       struct span *ret_body)
{
	int err = api_ask(api, LINK_ENGINE, question, ret_status, ret_body);

	if (!err)
		return 0;
	answer_fault(&r->answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
		     "the engine does not answer (%s); see `aicp doctor`", strerror(-err));
	return 1;
}

/* The engine's word for what is wrong. */
static void refuse(struct api *api, struct request *r, enum api_fault fault, struct span body)
{
	struct buf text = BUF_INIT(4096);
	struct json j;
	uint32_t t = JSON_NONE;

	if (json_scan_all(api->scan, body) == PARSE_DONE) {
		j = json_scan_json(api->scan, body);
		t = json_get(&j, 0, "error");
	}
	if (t != JSON_NONE && j.token[t].kind == JSON_STRING)
		json_string_put(&j, t, &text);
	answer_fault(&r->answer, fault, NULL, SPAN_NULL, "%.*s",
		     SPAN_ARG(text.n ? buf_span(&text) : SPAN_LIT("the engine refused this")));
	buf_deinit(&text);
}

/* The engine calls a policy by its name; here it is its id, too. One policy is one rule. */
static void put_policy(struct json_write *w, const struct json *j, uint32_t policy,
		       struct span version)
{
	static const char *const member[] = {"name",	 "description", "enabled", "mode", "action",
					     "priority", "conditions",	"reason",  "file", "line"};
	uint32_t t = json_get(j, policy, "name");

	if (t != JSON_NONE)
		json_write_raw(w, "id", json_whole(j, t));
	for (size_t i = 0; i < sizeof(member) / sizeof(*member); i++) {
		t = json_get(j, policy, member[i]);
		if (t != JSON_NONE)
			json_write_raw(w, member[i], json_whole(j, t));
	}
	if (version.p)
		json_write_string(w, "version", version);
	json_write_int(w, "rules", 1);
}

static int put_policies(struct api *api, struct span body, struct buf *out)
{
	struct span version = SPAN_NULL;
	struct json_write w;
	struct json j;
	uint32_t t;
	int r = json_scan_all(api->scan, body);

	if (r)
		return r < 0 ? r : -EPROTO;
	j = json_scan_json(api->scan, body);
	t = json_get(&j, 0, "digest");
	if (t != JSON_NONE)
		version = json_raw(&j, t);
	t = json_get(&j, 0, "policies");
	if (t == JSON_NONE || j.token[t].kind != JSON_ARRAY)
		return -EPROTO;
	json_write_init(&w, out, false);
	json_write_object(&w, NULL);
	json_write_array(&w, "policies");
	json_foreach (policy, &j, t) {
		json_write_object(&w, NULL);
		put_policy(&w, &j, policy, version);
		json_write_end_object(&w);
	}
	json_write_end_array(&w);
	json_write_end_object(&w);
	return out->err;
}

/* The same of one policy, with its text. */
static int put_whole_policy(struct api *api, struct span body, struct buf *out)
{
	struct json_write w;
	struct json j;
	uint32_t t;
	int r = json_scan_all(api->scan, body);

	if (r)
		return r < 0 ? r : -EPROTO;
	j = json_scan_json(api->scan, body);
	t = json_get(&j, 0, "source");
	json_write_init(&w, out, false);
	json_write_object(&w, NULL);
	put_policy(&w, &j, 0, SPAN_NULL);
	if (t != JSON_NONE)
		json_write_raw(&w, "source", json_whole(&j, t));
	json_write_end_object(&w);
	return out->err;
}

int answer_POLICIES(struct api *api, struct request *r)
{
	struct span body;
	unsigned status;

	if (ask(api, r, SPAN_LIT("{\"op\":\"policies\"}"), &status, &body))
		return REQUEST_DONE;
	if (status != 200)
		return -EPROTO;
	return put_policies(api, body, &r->answer.body);
}

int answer_POLICY(struct api *api, struct request *r)
{
	struct buf question = BUF_INIT(AICP_API_TARGET_BYTES_MAX * 6 + 64);
	struct json_write w;
	struct span body;
	unsigned status;
	int err;

	json_write_init(&w, &question, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "op", "policy");
	json_write_string(&w, "name", r->parameter);
	json_write_end_object(&w);
	err = question.err ? question.err : ask(api, r, buf_span(&question), &status, &body);
	buf_deinit(&question);
	if (err)
		return err < 0 ? err : REQUEST_DONE;
	if (status == 404) {
		answer_fault(&r->answer, API_FAULT_POLICY_NOT_FOUND, "policy_id", r->parameter,
			     "no policy in force has this name; /api/policies lists all");
		return REQUEST_DONE;
	}
	return status == 200 ? put_whole_policy(api, body, &r->answer.body) : -EPROTO;
}

/* A whole body as one JSON object; none is none. False: the answer says what is wrong. */
static bool read_body(struct api *api, struct request *r, struct json *storage,
		      const struct json **ret_json)
{
	int err;

	*ret_json = NULL;
	if (!r->body.n)
		return true;
	err = json_scan_all(api->scan, r->body);
	if (err) {
		answer_fault(&r->answer, API_FAULT_BAD_REQUEST, NULL, SPAN_NULL,
			     "the body is not well-formed JSON: %s at byte %zu",
			     json_error_text(json_scan_error(api->scan)),
			     json_scan_error_at(api->scan));
		return false;
	}
	*storage = json_scan_json(api->scan, r->body);
	if (storage->token[0].kind != JSON_OBJECT) {
		answer_fault(&r->answer, API_FAULT_VALIDATION, NULL, SPAN_NULL,
			     "the body must be a JSON object");
		return false;
	}
	*ret_json = storage;
	return true;
}

int answer_POLICY_DRY_RUN(struct api *api, struct request *r)
{
	struct buf question = BUF_INIT(AICP_API_BODY_BYTES_MAX * 2);
	struct buf error = BUF_INIT(512);
	struct json storage;
	const struct json *json;
	struct span body;
	unsigned status;
	int err;

	if (!read_body(api, r, &storage, &json))
		return REQUEST_DONE;
	err = dry_run_facts(uri_get(&r->uri, "agent_id"), uri_get(&r->uri, "prompt"), json,
			    &question, &error);
	if (err == PARSE_E_BAD)
		answer_fault(&r->answer, API_FAULT_VALIDATION, NULL, SPAN_NULL, "%.*s",
			     SPAN_ARG(buf_span(&error)));
	if (!err && ask(api, r, buf_span(&question), &status, &body) == 0) {
		if (status == 200)
			err = dry_run_answer(api->scan, body, &r->answer.body);
		else
			refuse(api, r, API_FAULT_VALIDATION, body);
	}
	buf_deinit(&question);
	buf_deinit(&error);
	return err < 0 ? err : REQUEST_DONE;
}

/* Who asked for what, durable before it is done. False: the answer says that it is not done. */
static bool record_command(struct api *api, struct request *r, const char *what)
{
	struct buf body = BUF_INIT(1024);
	struct json_write w;
	int err;

	json_write_init(&w, &body, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "key_id", r->who.id[0] ? r->who.id : NULL);
	json_write_str(&w, "what", what);
	json_write_str(&w, "who", r->who.owner);
	json_write_end_object(&w);
	err = body.err ? body.err
		       : api_record(api, record_type_name(RECORD_ADMIN), buf_span(&body));
	buf_deinit(&body);
	if (!err)
		return true;
	answer_fault(&r->answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
		     "nothing was done: the command could not be recorded (%s); see `aicp doctor`",
		     strerror(-err));
	return false;
}

static int put_reloaded(struct api *api, struct request *r, struct span result)
{
	struct json_write w;
	struct json j;
	uint32_t ok, t;

	if (json_scan_all(api->scan, result))
		return -EPROTO;
	j = json_scan_json(api->scan, result);
	ok = json_get(&j, 0, "ok");
	if (ok == JSON_NONE || j.token[ok].kind != JSON_TRUE) {
		refuse(api, r, API_FAULT_POLICY_REFUSED, result);
		return REQUEST_DONE;
	}
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "status", "reloaded");
	t = json_get(&j, 0, "policies");
	if (t != JSON_NONE)
		json_write_raw(&w, "policies", json_raw(&j, t));
	t = json_get(&j, 0, "digest");
	if (t != JSON_NONE && j.token[t].kind == JSON_STRING)
		json_write_string(&w, "policy_set", json_raw(&j, t));
	json_write_end_object(&w);
	return r->answer.body.err;
}

int answer_POLICY_RELOAD(struct api *api, struct request *r)
{
	struct span result;
	int err;

	if (!record_command(api, r, "policies.reload"))
		return REQUEST_DONE;
	err = api_ask_reload(api, &result);
	if (!err)
		return put_reloaded(api, r, result);
	answer_fault(&r->answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
		     "the policies in force stay: reading them again failed (%s)", strerror(-err));
	return REQUEST_DONE;
}
