/* SPDX-License-Identifier: MIT */
/* The record of a decision: what happened, to whom, by which rules. No content, no credentials. */
#include "engine/judge.h"

#include "base/hash.h"
#include "base/hex.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>

/* A record must fit a leaf, with room for the ledger's own keys: what is over is refused, so
 * whoever could make it so large could act unrecorded in monitor mode. Everything a process can
 * choose is cut to these, as it takes room in JSON: about 20 texts, 3 lists, 3 texts of identity.
 */
#define RECORD_TEXT_BYTES_MAX	  512u
#define RECORD_ITEM_BYTES_MAX	  256u
#define RECORD_LIST_MAX		  32u
#define RECORD_IDENTITY_BYTES_MAX 4096u
#define RECORD_BYTES_MAX	  (AICP_LEAF_BYTES_MAX - 4096u)

/* How much room the character at s takes in a JSON text, and of how many bytes it is. */
static size_t room_of(struct span s, size_t *ret_n)
{
	size_t n = s.p[0] < 0x80 ? 1 : utf8_length(s);

	*ret_n = n ? n : 1;
	if (!n)
		return 3; /* U+FFFD stands for what is no UTF-8 */
	if (s.p[0] < 0x20)
		return 6;
	return s.p[0] == '"' || s.p[0] == '\\' ? 2 : n;
}

struct span record_cut_to(struct span s, size_t max)
{
	size_t at = 0, room = 0, n;

	while (at < s.n) {
		room += room_of(span_sub(s, at, s.n), &n);
		if (room > max)
			break;
		at += n;
	}
	return span_sub(s, 0, at);
}

struct span record_cut(struct span s)
{
	return record_cut_to(s, RECORD_TEXT_BYTES_MAX);
}

static void put_text(struct json_write *w, const char *key, const struct fact_value *value)
{
	if (value->kind == FACT_TEXT)
		json_write_string(w, key, record_cut(value->text));
	else
		json_write_null(w, key);
}

static void put_number(struct json_write *w, const char *key, const struct fact_value *value)
{
	if (value->kind == FACT_NUMBER && fabs(value->number) < 9e15)
		json_write_int(w, key, (int64_t)value->number);
	else
		json_write_null(w, key);
}

static void put_bool(struct json_write *w, const char *key, const struct fact_value *value)
{
	if (value->kind == FACT_BOOL)
		json_write_bool(w, key, value->boolean);
	else
		json_write_null(w, key);
}

static void put_list(struct json_write *w, const char *key, const struct fact_value *value)
{
	json_write_array(w, key);
	for (size_t i = 0; value->kind == FACT_LIST && i < value->list_n && i < RECORD_LIST_MAX;
	     i++)
		json_write_string(w, NULL, record_cut_to(value->list[i], RECORD_ITEM_BYTES_MAX));
	json_write_end_array(w);
}

static const struct fact_value *fact(const struct engine *e, enum fact_id id)
{
	return facts_get(e->facts, id);
}

static void put_http(const struct engine *e, struct json_write *w)
{
	json_write_object(w, "http");
	put_number(w, "body_bytes", fact(e, FACT_HTTP_BODY_BYTES));
	put_text(w, "content_type", fact(e, FACT_HTTP_CONTENT_TYPE));
	put_text(w, "host", fact(e, FACT_HTTP_HOST));
	put_text(w, "method", fact(e, FACT_HTTP_METHOD));
	put_text(w, "path", fact(e, FACT_HTTP_PATH));
	put_text(w, "query", fact(e, FACT_HTTP_QUERY));
	put_text(w, "user_agent", fact(e, FACT_HTTP_USER_AGENT));
	json_write_end_object(w);
}

/* A keyed hash: the same prompt is known again on this host, and nobody without the key can guess
 * at it. */
static int put_prompt(const struct engine *e, struct json_write *w)
{
	const struct fact_value *prompt = fact(e, FACT_PROMPT);
	char hex[HASH_HEX_BYTES + 1] = "";
	int r = 0;

	if (prompt->kind == FACT_TEXT) {
		const struct span parts[] = {SPAN_LIT("aicp/1/prompt\n"), prompt->text};
		struct hash hash;

		r = hash_hmac(&e->key, parts, 2, &hash);
		if (!r)
			hex_encode(hash_span(&hash), hex);
	}
	json_write_object(w, "prompt");
	put_number(w, "chars", fact(e, FACT_PROMPT_CHARS));
	json_write_str(w, "commitment", hex[0] ? hex : NULL);
	json_write_end_object(w);
	return r;
}

static void put_matched(struct engine *e, struct json_write *w)
{
	const uint32_t *index = NULL;
	size_t n = e->evaluated ? policy_eval_matched(e->eval, &index) : 0;

	json_write_array(w, "matched");
	for (size_t i = 0; i < n && i < RECORD_LIST_MAX; i++) {
		struct policy_info info;

		policy_set_info(e->rules.policies, index[i], &info);
		json_write_string(w, NULL, record_cut_to(info.name, RECORD_ITEM_BYTES_MAX));
	}
	json_write_end_array(w);
}

void record_process(struct json_write *w, const struct identity *process)
{
	struct identity who = *process;

	who.exe = record_cut_to(who.exe, RECORD_IDENTITY_BYTES_MAX);
	who.args = record_cut_to(who.args, RECORD_IDENTITY_BYTES_MAX);
	who.cgroup = record_cut_to(who.cgroup, RECORD_IDENTITY_BYTES_MAX);
	identity_write(&who, w, "process");
}

void record_call(const struct engine *e, struct json_write *w)
{
	put_text(w, "gen_ai.operation.name", fact(e, FACT_OPERATION));
	put_text(w, "gen_ai.provider.name", fact(e, FACT_PROVIDER));
	put_number(w, "gen_ai.request.max_tokens", fact(e, FACT_MAX_TOKENS));
	put_text(w, "gen_ai.request.model", fact(e, FACT_MODEL));
	put_bool(w, "gen_ai.request.stream", fact(e, FACT_STREAM));
}

static void put_digest(struct json_write *w, const struct engine_decision *decision)
{
	char hex[HASH_HEX_BYTES + 1] = "";

	hex_encode(hash_span(&decision->hold.digest), hex);
	json_write_str(w, "request_digest", decision->held ? hex : NULL);
}

void engine_record_join(struct buf *record, const char id[ENGINE_ID_BYTES + 1])
{
	/* These bytes stand nowhere inside a string: a quote would be escaped there. */
	static const char name[] = "\"approval_id\":\"";
	uint8_t *at = memmem(record->p, record->n, name, sizeof(name) - 1);

	if (at && (size_t)(record->p + record->n - at) > sizeof(name) + ENGINE_ID_BYTES)
		memcpy(at + sizeof(name) - 1, id, ENGINE_ID_BYTES);
}

int engine_record(struct engine *e, const struct engine_request *request,
		  const struct engine_decision *decision, int64_t latency_us, struct buf *out)
{
	const struct verdict *v = &decision->verdict;
	struct json_write w;
	uint16_t port;
	int r;

	buf_clear(out);
	json_write_init(&w, out, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "action", verdict_action_name(v->action));
	put_text(&w, "agent_id", fact(e, FACT_AGENT_ID));
	json_write_str(&w, "approval_id", decision->held ? decision->hold.approval_id : NULL);
	json_write_str(&w, "coverage", request->coverage);
	put_text(&w, "credential", fact(e, FACT_CREDENTIAL));
	json_write_str(&w, "execution_id", decision->id);
	record_call(e, &w);
	put_http(e, &w);
	json_write_int(&w, "latency_us", latency_us);
	put_matched(e, &w);
	json_write_str(&w, "mode", mode_name(e->rules.mode));
	put_text(&w, "parse", fact(e, FACT_PARSE));
	put_text(&w, "parse_error", fact(e, FACT_PARSE_ERROR));
	if (v->policy.n)
		json_write_string(&w, "policy", record_cut(v->policy));
	else
		json_write_null(&w, "policy");
	if (v->text.n)
		json_write_string(&w, "policy_reason", record_cut(v->text));
	else
		json_write_null(&w, "policy_reason");
	json_write_str(&w, "policy_set",
		       e->rules.policies ? policy_set_digest(e->rules.policies) : NULL);
	record_process(&w, request->who);
	r = put_prompt(e, &w);
	if (r < 0)
		return r;
	json_write_str(&w, "provider_set",
		       e->rules.providers ? provider_set_digest(e->rules.providers) : NULL);
	json_write_str(&w, "reason", reason_code(v->reason));
	json_write_int(&w, "redactions", (int64_t)decision->redactions);
	put_digest(&w, decision);
	json_write_string(&w, "server.address", record_cut(judge_address(request, &port)));
	if (port)
		json_write_int(&w, "server.port", port);
	else
		json_write_null(&w, "server.port");
	json_write_str(&w, "tier", request->tier);
	put_list(&w, "tools", fact(e, FACT_TOOLS));
	put_list(&w, "unjudged", fact(e, FACT_UNJUDGED));
	put_text(&w, "url.scheme", fact(e, FACT_URL_SCHEME));
	put_text(&w, "user", fact(e, FACT_USER));
	json_write_str(&w, "would", verdict_action_name(v->would));
	json_write_end_object(&w);
	if (out->err)
		return out->err;
	return out->n > RECORD_BYTES_MAX ? -E2BIG : 0;
}
