/* SPDX-License-Identifier: MIT */
/* A request that people are asked about: what binds their answer to it, what they see, and what the
 * program is told when they say no. */
#include "engine/judge.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "engine/digest.h"

#include <errno.h>

/* What leaves: the rewritten body, or the request's own. */
static struct span leaving(const struct engine *e, const struct engine_decision *d)
{
	return d->rewritten.n ? d->rewritten : e->http.content;
}

/* ---- what an approval is bound to ---- */

/* Only what the kernel vouches for. Without a known executable nobody can be told to be the same.
 */
static int join_of(const struct engine *e, const struct engine_request *q,
		   const struct engine_decision *d, struct hash *ret_join)
{
	const struct identity *who = q->who;
	struct buf text = BUF_INIT(8192);
	int r;

	buf_printf(&text, "aicp/1/join\n%lld\n%lld\n", (long long)who->uid,
		   (long long)who->loginuid);
	if (who->exe_sha256.n)
		buf_put(&text, who->exe_sha256);
	else
		buf_printf(&text, "unknown\n%s", d->id);
	buf_put_byte(&text, '\n');
	buf_put(&text, who->container_id);
	r = text.err;
	if (!r)
		r = hash_hmac(&e->key, &(struct span){text.p, text.n}, 1, ret_join);
	buf_deinit(&text);
	return r;
}

/* Whole seconds, as the SDKs write them; a fraction is dropped. 0: none that makes sense. */
static int64_t seconds_ms(struct span s)
{
	int64_t value = 0;

	for (size_t i = 0; i < s.n && s.p[i] != '.'; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || i > 6)
			return 0;
		value = value * 10 + (s.p[i] - '0');
	}
	return value * 1000;
}

/* Of Stainless SDKs (OpenAI, Anthropic and kin) and Google's: seconds until the client gives up. */
static int64_t client_wait_ms(const struct message *head)
{
	static const char *const names[] = {"x-stainless-read-timeout", "x-stainless-timeout",
					    "x-server-timeout"};
	int64_t least = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int64_t ms = seconds_ms(message_header(head, names[i]));

		if (ms && (!least || ms < least))
			least = ms;
	}
	return least;
}

int judge_hold(struct engine *e, const struct engine_request *q, struct engine_decision *d)
{
	const struct message *head = &e->http.head;
	struct digest_request what = {
		.method = head->method,
		.host = q->host,
		.path = head->path,
		.query = head->query,
		.query_hash = e->credential.in_query ? hash_span(&e->credential.query) : SPAN_NULL,
		.content_type = head->content_type,
		.body = leaving(e, d),
	};
	int r = digest_request(&what, e->scan, &e->canonical, &d->hold.digest);

	if (!r)
		r = join_of(e, q, d, &d->hold.join);
	hex_encode(span_of(q->random_approval, sizeof(q->random_approval)), d->hold.approval_id);
	d->hold.client_wait_ms = client_wait_ms(head);
	return r;
}

/* ---- what people are told ---- */

static void put_hex(struct json_write *w, const char *key, const struct hash *hash)
{
	char hex[HASH_HEX_BYTES + 1] = "";

	hex_encode(hash_span(hash), hex);
	json_write_str(w, key, hex);
}

int engine_approval(struct engine *e, const struct engine_request *q,
		    const struct engine_decision *d, const struct engine_terms *terms,
		    struct buf *out)
{
	struct json_write w;
	uint16_t port;

	buf_clear(out);
	json_write_init(&w, out, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "approval_id", d->hold.approval_id);
	json_write_int(&w, "body_bytes", (int64_t)leaving(e, d).n);
	json_write_str(&w, "execution_id", d->id);
	json_write_int(&w, "expires_ms", terms->expires_ms);
	record_call(e, &w);
	json_write_int(&w, "hold_ms", terms->hold_ms);
	put_hex(&w, "join", &d->hold.join);
	json_write_string(&w, "policy", record_cut(d->verdict.policy));
	json_write_string(&w, "policy_reason", record_cut(d->verdict.text));
	record_process(&w, q->who);
	put_hex(&w, "request_digest", &d->hold.digest);
	json_write_int(&w, "requested_ms", terms->requested_ms);
	json_write_string(&w, "server.address", record_cut(judge_address(q, &port)));
	json_write_end_object(&w);
	return out->err;
}

/* The places of what the holding policies found in what leaves. */
static int find_places(struct engine *e, const struct engine_decision *d, size_t *ret_n)
{
	bool again = d->rewritten.n > 0;
	const struct facts *facts = again ? e->again : e->facts;
	struct policy_eval *eval = again ? e->again_eval : e->eval;
	struct provider_segments *segments = again ? &e->again_segments : &e->segments;
	const struct policy_finding *finding = NULL;
	size_t n = 0;
	int r = policy_findings(e->rules.policies, eval, e->rules.mode, VERDICT_HOLD, &finding, &n);

	*ret_n = 0;
	if (r)
		return r == -E2BIG ? 0 : r;
	if (!again) {
		/* A body that is no JSON has texts only by name. */
		r = json_scan_all(e->scan, e->http.content);
		if (!r && d->provider)
			r = provider_segments(d->provider, &e->http.head, e->http.content, e->scan,
					      segments);
		if (r || !d->provider)
			return r < 0 ? r : 0;
	}
	rewrite_reset(e->marks);
	for (size_t i = 0; i < n && !r; i++) {
		struct rewrite_range range = judge_range(facts, &finding[i]);
		struct policy_info info;

		policy_set_info(e->rules.policies, finding[i].policy, &info);
		range.replacement = info.name;
		r = rewrite_add(e->marks, &range);
	}
	return r ? r : rewrite_places(e->marks, leaving(e, d), segments, ret_n);
}

static void put_findings(const struct engine *e, struct json_write *w, size_t n)
{
	json_write_array(w, "findings");
	for (size_t i = 0; i < n && i < AICP_APPROVAL_FINDINGS_MAX; i++) {
		struct rewrite_place place = rewrite_place(e->marks, i);

		json_write_object(w, NULL);
		json_write_int(w, "end", (int64_t)place.end);
		json_write_string(w, "policy", place.replacement);
		json_write_int(w, "start", (int64_t)place.begin);
		json_write_end_object(w);
	}
	json_write_end_array(w);
}

/* Of a mebibyte, what the other members may take at most: names of a thousand policies. */
#define CONTENT_ROOM (AICP_APPROVAL_CONTENT_BYTES_MAX - (256u << 10))

static int put_body(struct json_write *w, struct span body, size_t *ret_shown)
{
	struct buf text = BUF_INIT(AICP_APPROVAL_CONTENT_BYTES_MAX);
	bool is_text = utf8_valid(body);
	struct span shown = is_text ? record_cut_to(body, CONTENT_ROOM)
				    : span_sub(body, 0, CONTENT_ROOM / 4 * 3);
	int r = 0;

	if (is_text) {
		json_write_string(w, "body", shown);
	} else {
		r = base64_put(&text, shown);
		json_write_string(w, "body", buf_span(&text));
	}
	buf_deinit(&text);
	json_write_int(w, "body_bytes", (int64_t)body.n);
	json_write_str(w, "body_encoding", is_text ? "utf8" : "base64");
	*ret_shown = shown.n;
	return r;
}

int engine_approval_content(struct engine *e, const struct engine_request *q,
			    const struct engine_decision *d, struct buf *out)
{
	const struct message *head = &e->http.head;
	struct span path = record_cut_to(head->path, 8192);
	struct span query = record_cut_to(head->query, 8192);
	struct span body = leaving(e, d);
	struct json_write w;
	size_t shown = 0, n = 0;
	int r;

	if (!e->marks)
		e->marks = rewrite_new();
	r = e->marks ? find_places(e, d, &n) : -ENOMEM;
	if (r)
		return r;
	buf_clear(out);
	json_write_init(&w, out, true);
	json_write_object(&w, NULL);
	r = put_body(&w, body, &shown);
	put_findings(e, &w, n);
	json_write_string(&w, "host", q->host);
	json_write_string(&w, "method", head->method);
	json_write_string(&w, "path", path);
	json_write_string(&w, "query", query);
	json_write_str(&w, "scheme", q->clear ? "http" : "https");
	json_write_int(&w, "shown_bytes", (int64_t)shown);
	json_write_bool(&w, "target_truncated", path.n < head->path.n || query.n < head->query.n);
	json_write_bool(&w, "truncated", shown < body.n);
	json_write_end_object(&w);
	if (!r)
		r = out->err;
	if (!r && out->n > AICP_APPROVAL_CONTENT_BYTES_MAX)
		r = -E2BIG;
	return r;
}

/* ---- what the program is told ---- */

static void put_end(struct buf *text, const struct engine_hold_end *end)
{
	struct span id = end->approval_id;

	buf_printf(text, "Refused by aicp: %s (policy %.*s). Approval %.*s",
		   reason_text(end->reason), SPAN_ARG(span_sub(end->policy, 0, 256)), SPAN_ARG(id));
	if (end->reason == REASON_APPROVAL_PENDING)
		buf_put_str(text, " stays open: the same request, sent again, joins it and passes "
				  "once it is approved");
	else if (end->reason == REASON_APPROVAL_REJECTED && end->by.n)
		buf_printf(text, " was rejected by %.*s: %.*s", SPAN_ARG(span_sub(end->by, 0, 128)),
			   SPAN_ARG(span_sub(end->rationale, 0, 1024)));
	else
		buf_put_str(text, "; the same request, sent again, asks anew");
}

int engine_refuse_held(struct engine *engine, struct span host, const char *id,
		       const struct engine_hold_end *end, struct buf *out)
{
	struct engine_decision decision = {
		.verdict = VERDICT_DENY_DEFAULT,
		.refusal_in_array = end->in_array,
	};
	struct buf text = BUF_INIT(4096);
	int r;

	if (engine->has_rules && engine->rules.providers)
		decision.provider = provider_set_host(engine->rules.providers, host);
	memcpy(decision.id, id, strnlen(id, ENGINE_ID_BYTES));
	put_end(&text, end);
	r = buf_printf(&text, ". Decision %s; the operator sees why with: aicp log show %s",
		       decision.id, decision.id);
	if (!r)
		r = answer_put(&decision, buf_span(&text), out);
	buf_deinit(&text);
	return r;
}
