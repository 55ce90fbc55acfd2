/* SPDX-License-Identifier: MIT */
#include "api/log_entry.h"

#include "api/log_approval.h"
#include "api/log_response.h"
#include "base/hex.h"
#include "model/verdict.h"
#include "record/stamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int log_entry_read(const struct query_row *row, struct json_scan *scan, struct log_entry *ret_entry)
{
	struct leaf response = {.body = SPAN_NULL};
	int r = json_scan_all(scan, row->leaf.body);

	if (r)
		return r < 0 ? r : -EUCLEAN;
	if (row->response.p && leaf_parse(row->response, &response) != PARSE_DONE)
		return -EUCLEAN;
	*ret_entry = (struct log_entry){row, json_scan_json(scan, row->leaf.body), response.body};
	return ret_entry->body.token[0].kind == JSON_OBJECT ? PARSE_DONE : -EUCLEAN;
}

static uint32_t find(const struct log_entry *e, const char *outer, const char *key)
{
	uint32_t t = outer ? json_get(&e->body, 0, outer) : 0;

	return json_get(&e->body, t, key);
}

struct span log_entry_raw(const struct log_entry *e, const char *outer, const char *key)
{
	uint32_t t = find(e, outer, key);

	return t == JSON_NONE ? SPAN_NULL : json_whole(&e->body, t);
}

void log_entry_put(const struct log_entry *e, const char *outer, const char *key,
		   struct json_write *w, const char *as)
{
	struct span raw = log_entry_raw(e, outer, key);

	if (raw.p)
		json_write_raw(w, as, raw);
	else
		json_write_null(w, as);
}

bool log_entry_text(const struct log_entry *e, const char *key, struct buf *out)
{
	uint32_t t = find(e, NULL, key);

	if (t == JSON_NONE || e->body.token[t].kind != JSON_STRING)
		return false;
	json_string_put(&e->body, t, out);
	return true;
}

static enum verdict_action action_of(const struct log_entry *e, const char *key)
{
	uint32_t t = find(e, NULL, key);
	enum verdict_action action;

	/* Whatever a newer aicp may call it was no passage that we know of. */
	if (t == JSON_NONE || !verdict_action_find(json_raw(&e->body, t), &action))
		return VERDICT_BLOCK;
	return action;
}

const char *log_entry_status(const struct log_entry *e)
{
	switch (action_of(e, "action")) {
	case VERDICT_ALLOW:
	case VERDICT_WARN:
	case VERDICT_REDACT:
		return "success";
	case VERDICT_HOLD:
		return log_approval_status(&e->row->hold);
	case VERDICT_BLOCK:
	case _VERDICT_COUNT:
		break;
	}
	return "blocked";
}

static bool number(const struct log_entry *e, const char *outer, const char *key, int64_t *ret)
{
	uint32_t t = find(e, outer, key);

	return t != JSON_NONE && json_int(&e->body, t, ret);
}

void log_entry_put_requester(const struct log_entry *e, struct json_write *w, const char *as)
{
	char text[32];
	int64_t uid;

	if (number(e, "process", "uid", &uid)) {
		snprintf(text, sizeof(text), "uid:%" PRId64, uid);
		json_write_str(w, as, text);
	} else {
		json_write_null(w, as);
	}
}

int log_entry_reason(const struct log_entry *e, struct buf *out)
{
	uint32_t t = find(e, NULL, "reason");

	if (log_entry_text(e, "policy_reason", out) && out->n)
		return out->err;
	for (unsigned i = 0; t != JSON_NONE && i < _REASON_COUNT; i++)
		if (span_eq_str(json_raw(&e->body, t), reason_code((enum reason)i)))
			return buf_put_str(out, reason_text((enum reason)i));
	log_entry_text(e, "reason", out); /* of a newer aicp */
	return out->err;
}

void log_entry_put_time(int64_t at_ns, struct json_write *w, const char *as)
{
	char text[STAMP_BYTES + 1];

	stamp_write(at_ns, text);
	json_write_str(w, as, text);
}

void log_entry_put_latency(const struct log_entry *e, struct json_write *w, const char *as)
{
	char text[32];
	int64_t us;

	if (number(e, NULL, "latency_us", &us) && us >= 0) {
		snprintf(text, sizeof(text), "%" PRId64 ".%03d", us / 1000, (int)(us % 1000));
		json_write_raw(w, as, span_str(text));
	} else {
		json_write_null(w, as);
	}
}

void log_entry_put_reason(const struct log_entry *e, struct json_write *w, const char *as)
{
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);

	log_entry_reason(e, &text);
	json_write_string(w, as, buf_span(&text));
	buf_deinit(&text);
}

static void put_masked(const struct log_entry *e, struct json_write *w, const char *as)
{
	char text[48];
	int64_t chars;

	if (number(e, "prompt", "chars", &chars)) {
		snprintf(text, sizeof(text), "[MASKED %" PRId64 " chars]", chars);
		json_write_str(w, as, text);
	} else {
		json_write_null(w, as);
	}
}

static void put_outcome(const struct log_entry *e, struct buf *out)
{
	switch (action_of(e, "action")) {
	case VERDICT_ALLOW:
	case VERDICT_WARN:
		buf_put_str(out, " was let pass");
		return;
	case VERDICT_REDACT:
		buf_put_str(out, " was let pass with what was found in it taken out");
		return;
	case VERDICT_HOLD:
		log_approval_sentence(&e->row->hold, out);
		return;
	case VERDICT_BLOCK:
	case _VERDICT_COUNT:
		break;
	}
	buf_put_str(out, " was blocked");
}

int log_entry_sentence(const struct log_entry *e, struct buf *out)
{
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);
	char at[STAMP_BYTES + 1];
	int64_t uid = -1;
	bool policy;

	stamp_write(e->row->leaf.at_ns, at);
	number(e, "process", "uid", &uid);
	buf_printf(out, "At %.19sZ a request of uid %" PRId64 " to ", at, uid);
	if (!log_entry_text(e, "server.address", out))
		buf_put_str(out, "an unknown host");
	if (log_entry_text(e, "gen_ai.request.model", &text))
		buf_printf(out, " for the model %.*s", SPAN_ARG(buf_span(&text)));
	put_outcome(e, out);
	buf_clear(&text);
	policy = log_entry_text(e, "policy", &text);
	if (policy)
		buf_printf(out, " under the policy %.*s", SPAN_ARG(buf_span(&text)));
	buf_clear(&text);
	log_entry_reason(e, &text);
	/* Reasons that people write may end as sentences do. */
	if (text.n && text.p[text.n - 1] == '.')
		text.n--;
	buf_printf(out, ": %.*s.", SPAN_ARG(buf_span(&text)));
	buf_deinit(&text);
	return out->err;
}

void log_entry_put_sentence(const struct log_entry *e, struct json_write *w, const char *as)
{
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);

	log_entry_sentence(e, &text);
	json_write_string(w, as, buf_span(&text));
	buf_deinit(&text);
}

static void put_place(const struct log_entry *e, struct json_write *w)
{
	const struct query_row *row = e->row;
	char text[HASH_HEX_BYTES + 1] = "";

	snprintf(text, sizeof(text), "%" PRIu64, row->id);
	json_write_str(w, "event_id", text);
	json_write_string(w, "event_type", row->leaf.type);
	snprintf(text, sizeof(text), "%" PRId64 ".%06d", row->leaf.at_ns / 1000000000,
		 (int)(row->leaf.at_ns % 1000000000 / 1000));
	json_write_raw(w, "timestamp", span_str(text));
	log_entry_put_time(row->leaf.at_ns, w, "iso_timestamp");
	json_write_string(w, "log", row->leaf.log);
	json_write_int(w, "seq", (int64_t)row->leaf.seq);
	hex_encode(hash_span(&row->hash), text);
	text[HASH_HEX_BYTES] = 0;
	json_write_str(w, "hash", text);
}

static void put_decision(const struct log_entry *e, struct json_write *w)
{
	json_write_str(w, "status", log_entry_status(e));
	log_entry_put_latency(e, w, "latency_ms");
	json_write_object(w, "policy_decision");
	log_entry_put(e, NULL, "action", w, "action");
	log_entry_put_reason(e, w, "reason");
	log_entry_put(e, NULL, "policy", w, "policy_id");
	json_write_end_object(w);
	log_entry_put_reason(e, w, "decision_reason");
	log_entry_put(e, NULL, "policy", w, "policy_id");
	log_entry_put(e, NULL, "policy", w, "policy_name");
	log_approval_write(&e->row->hold, log_entry_raw(e, NULL, "approval_id"), w);
	log_entry_put(e, NULL, "parse_error", w, "error");
	log_entry_put(e, NULL, "action", w, "action");
	log_entry_put(e, NULL, "would", w, "would");
	log_entry_put(e, NULL, "reason", w, "reason_code");
	log_entry_put(e, NULL, "matched", w, "policies_matched");
	log_entry_put(e, NULL, "mode", w, "mode");
	log_entry_put(e, NULL, "coverage", w, "coverage");
	log_entry_put(e, NULL, "parse", w, "parse");
	log_entry_put(e, NULL, "credential", w, "credential");
}

static void put_otel(const struct log_entry *e, struct json_write *w)
{
	static const char *const same[] = {
		"gen_ai.operation.name",
		"gen_ai.provider.name",
		"gen_ai.request.max_tokens",
		"gen_ai.request.model",
		"gen_ai.request.stream",
		"server.address",
		"server.port",
		"url.scheme",
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		log_entry_put(e, NULL, same[i], w, same[i]);
	log_entry_put(e, "http", "method", w, "http.request.method");
	log_entry_put(e, "http", "body_bytes", w, "http.request.body.size");
	log_entry_put(e, "http", "path", w, "url.path");
	log_entry_put(e, "http", "user_agent", w, "user_agent.original");
}

void log_entry_write(const struct log_entry *e, struct json_write *w)
{
	json_write_object(w, NULL);
	put_place(e, w);
	log_entry_put(e, NULL, "execution_id", w, "execution_id");
	log_entry_put(e, NULL, "agent_id", w, "agent_id");
	log_entry_put_requester(e, w, "user");
	log_entry_put(e, NULL, "user", w, "end_user");
	log_entry_put(e, NULL, "process", w, "identity");
	put_masked(e, w, "prompt");
	log_response_put_masked(e->response, w, "response");
	/* Nobody declares a context to a shim. */
	json_write_null(w, "context");
	put_decision(e, w);
	put_otel(e, w);
	log_response_write(e->response, w);
	json_write_end_object(w);
}
