/* SPDX-License-Identifier: MIT */
#include "engine/judge.h"

#include "base/hex.h"
#include "provider/hosts.h"

#include <errno.h>
#include <stdlib.h>

/* How far a request could be read, as the fact `parse` and as the reason of a refusal. */
struct reading {
	enum reason reason; /* _REASON_COUNT: it reads well */
	const char *parse;
	const char *error; /* literal, or NULL */
};

#define READS_WELL ((struct reading){_REASON_COUNT, "ok", NULL})

#define HTTP_PORT 80

/* Scratch memory that is kept from one request to the next. */
#define SCRATCH_KEEP_BYTES (1u << 20)

struct engine *engine_new(void)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->key.ctx = hash_ctx_new();
	e->key.key = span_of(e->rules.key, sizeof(e->rules.key));
	e->facts = facts_new();
	e->scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	e->eval = policy_eval_new();
	e->body = BUF_INIT(AICP_INFLATED_BYTES_MAX);
	/* An escape may take six times the room of what it stands for. */
	e->canonical = BUF_INIT((size_t)6 * AICP_INFLATED_BYTES_MAX + AICP_HEAD_BYTES_MAX);
	if (!e->key.ctx || !e->facts || !e->scan || !e->eval) {
		engine_free(e);
		return NULL;
	}
	return e;
}

static void drop_rules(struct engine *e)
{
	if (e->rules.policies)
		policy_set_unref(e->rules.policies);
	if (e->rules.providers)
		provider_set_unref(e->rules.providers);
	explicit_bzero(e->rules.key, sizeof(e->rules.key));
	e->rules = (struct engine_rules){0};
	e->has_rules = false;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	drop_rules(e);
	hash_ctx_free(e->key.ctx);
	facts_free(e->facts);
	json_scan_free(e->scan);
	policy_eval_free(e->eval);
	buf_deinit(&e->body);
	rewrite_free(e->rewrite);
	rewrite_free(e->marks);
	buf_deinit(&e->canonical);
	facts_free(e->again);
	policy_eval_free(e->again_eval);
	provider_segments_free(&e->segments);
	provider_segments_free(&e->again_segments);
	free(e);
}

void engine_trim(struct engine *e)
{
	/* A small request may unpack to a large body. */
	if (e->bytes_n <= SCRATCH_KEEP_BYTES && e->body.cap <= SCRATCH_KEEP_BYTES)
		return;
	facts_reset(e->facts);
	e->evaluated = false;
	json_scan_reset(e->scan);
	buf_deinit(&e->body);
	rewrite_free(e->rewrite);
	rewrite_free(e->marks);
	e->rewrite = e->marks = NULL;
	buf_deinit(&e->canonical);
	if (e->again)
		facts_reset(e->again);
	provider_segments_free(&e->segments);
	provider_segments_free(&e->again_segments);
}

void engine_set_rules(struct engine *e, const struct engine_rules *rules)
{
	struct engine_rules taken = *rules;

	if (taken.policies)
		policy_set_ref(taken.policies);
	if (taken.providers)
		provider_set_ref(taken.providers);
	drop_rules(e);
	e->rules = taken;
	e->has_rules = true;
	e->evaluated = false;
}

/* Actions after which something leaves that others may have to be taken out of. */
static bool is_owing(enum verdict_action action)
{
	return action == VERDICT_REDACT || action == VERDICT_HOLD;
}

struct verdict judge_effective(struct verdict v, enum mode mode, bool can_redact)
{
	/* The reason is of what takes effect; only where nothing does, of what would have. */
	enum verdict_action decisive = v.action > VERDICT_WARN ? v.action : v.would;

	if (!can_redact && is_owing(decisive))
		v.reason = REASON_CANNOT_REWRITE;
	if (!can_redact && is_owing(v.would))
		v.would = VERDICT_BLOCK;
	if (!can_redact && is_owing(v.action))
		v.action = VERDICT_BLOCK;
	/* Only here, so that no path to a refusal can forget that monitor mode stops nothing. */
	if (mode == MODE_MONITOR)
		v.action = VERDICT_ALLOW;
	return v;
}

int judge_time(struct facts *facts, int64_t now_ns)
{
	static const char *const day[] = {"thursday", "friday",	 "saturday", "sunday",
					  "monday",   "tuesday", "wednesday"};
	int64_t hours = now_ns / 1000000000 / 3600;
	int r;

	r = facts_set_number(facts, FACT_TIME_HOUR, (double)(hours % 24));
	if (!r) /* 1970-01-01 was a Thursday. */
		r = facts_set_text(facts, FACT_TIME_WEEKDAY, span_str(day[hours / 24 % 7]));
	return r;
}

static int put_text(struct facts *facts, enum fact_id id, struct span text)
{
	return text.n ? facts_set_text(facts, id, text) : 0;
}

static int put_number(struct facts *facts, enum fact_id id, int64_t number)
{
	return number == IDENTITY_NONE ? 0 : facts_set_number(facts, id, (double)number);
}

static int put_identity(struct facts *f, const struct identity *who)
{
	const struct {
		enum fact_id id;
		struct span text;
	} texts[] = {
		{FACT_PROCESS_EXE, who->exe},
		{FACT_PROCESS_EXE_SHA256, who->exe_sha256},
		{FACT_PROCESS_EXE_DEVICE, who->exe_device},
		{FACT_PROCESS_EXE_INODE, who->exe_inode},
		{FACT_PROCESS_CGROUP, who->cgroup},
		{FACT_PROCESS_CONTAINER, who->container_id},
		{FACT_PROCESS_UNIT, who->unit},
		{FACT_PROCESS_NAME, who->name},
		{FACT_PROCESS_ARGS, who->args},
	};
	const struct {
		enum fact_id id;
		int64_t number;
	} numbers[] = {
		{FACT_PROCESS_PID, who->pid},
		{FACT_PROCESS_UID, who->uid},
		{FACT_PROCESS_GID, who->gid},
		{FACT_PROCESS_LOGINUID, who->loginuid},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && !r; i++)
		r = put_text(f, texts[i].id, texts[i].text);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !r; i++)
		r = put_number(f, numbers[i].id, numbers[i].number);
	for (size_t i = 0; i < who->parents_n && !r; i++)
		r = facts_add(f, FACT_PROCESS_PARENTS, who->parents[i]);
	return r;
}

struct span judge_address(const struct engine_request *q, uint16_t *ret_port)
{
	struct span name = q->host;

	*ret_port = q->clear ? host_port(q->host, &name) : 0;
	return name;
}

/* Does the request say that it goes where its connection goes? TLS knows no port; in clear none is
 * HTTP's own. */
static bool same_host(const struct engine_request *q, const struct message *head)
{
	uint16_t port;

	if (!span_ieq(head->host, judge_address(q, &port)))
		return false;
	return !q->clear || (head->port ? head->port : HTTP_PORT) == port;
}

/* Facts that need no look at the request's bytes. */
static int put_frame(struct facts *facts, const struct engine_request *q,
		     const struct engine_decision *d)
{
	int r = judge_time(facts, q->now_ns);
	uint16_t port;

	if (!r)
		r = put_identity(facts, q->who);
	if (!r)
		r = put_text(facts, FACT_COVERAGE, span_str(q->coverage));
	if (!r)
		r = put_text(facts, FACT_SERVER_ADDRESS, judge_address(q, &port));
	if (!r && port)
		r = facts_set_number(facts, FACT_SERVER_PORT, port);
	if (!r)
		r = facts_set_text(facts, FACT_URL_SCHEME, span_str(q->clear ? "http" : "https"));
	if (!r && d->provider)
		r = put_text(facts, FACT_PROVIDER, provider_name(d->provider));
	return r;
}

static int put_head(struct facts *f, const struct message *head, size_t body_bytes)
{
	struct buf host = BUF_INIT(AICP_HEAD_BYTES_MAX);
	int r = put_text(f, FACT_HTTP_METHOD, head->method);

	for (size_t i = 0; i < head->host.n && !r; i++)
		r = buf_put_byte(&host, span_ascii_lower(head->host.p[i]));
	if (!r)
		r = put_text(f, FACT_HTTP_HOST, buf_span(&host));
	buf_deinit(&host);
	if (!r)
		r = put_text(f, FACT_HTTP_PATH, head->path);
	if (!r)
		r = put_text(f, FACT_HTTP_QUERY, head->query);
	if (!r)
		r = put_text(f, FACT_HTTP_CONTENT_TYPE, head->content_type);
	if (!r)
		r = put_text(f, FACT_HTTP_USER_AGENT, message_header(head, "user-agent"));
	if (!r)
		r = facts_set_number(f, FACT_HTTP_BODY_BYTES, (double)body_bytes);
	return r;
}

static struct reading read_kind(enum aicp_shim_kind kind)
{
	switch (kind) {
	case AICP_SHIM_KIND_NONE:
		return READS_WELL;
	case AICP_SHIM_KIND_HTTP2:
		return (struct reading){REASON_HTTP2, "http2", NULL};
	case AICP_SHIM_KIND_NOT_HTTP:
		return (struct reading){REASON_NOT_HTTP, "not-http", NULL};
	case AICP_SHIM_KIND_TOO_LARGE:
		return (struct reading){REASON_TOO_LARGE, "too-large", NULL};
	case AICP_SHIM_KIND_PIPELINED:
		return (struct reading){REASON_PIPELINED, "pipelined", NULL};
	case AICP_SHIM_KIND_EARLY_DATA:
		return (struct reading){REASON_EARLY_DATA, "unsupported", NULL};
	case _AICP_SHIM_KIND_COUNT:
		break;
	}
	return (struct reading){REASON_MALFORMED, "malformed", "unknown kind of report"};
}

static struct reading read_outcome(int outcome, const struct http_fault *fault)
{
	const char *error = fault->kind == HTTP_FAULT_NONE ? NULL : http_fault_text(fault->kind);

	switch (outcome) {
	case PARSE_DONE:
		return READS_WELL;
	case PARSE_E_MORE:
		return (struct reading){REASON_MALFORMED, "malformed",
					"an end before it is complete"};
	case PARSE_E_LIMIT:
		return (struct reading){REASON_TOO_LARGE, "too-large", error};
	case HTTP_E_PIPELINED:
		return (struct reading){REASON_PIPELINED, "pipelined", error};
	case HTTP_E_ENCODING:
		return (struct reading){REASON_UNSUPPORTED, "unsupported", error};
	case HTTP_E_HTTP2:
		return (struct reading){REASON_HTTP2, "http2", error};
	}
	return (struct reading){REASON_MALFORMED, "malformed", error};
}

/* Reads the call out of a well-formed request. 0 or -errno. */
static int read_call(struct engine *e, const struct engine_request *q,
		     const struct engine_decision *d, const struct http_request *http,
		     struct reading *reading)
{
	int r;

	if (!same_host(q, &http->head)) {
		*reading = (struct reading){REASON_HOST_MISMATCH, "ok", NULL};
		return 0;
	}
	if (http->head.upgrade) {
		*reading = (struct reading){REASON_UNSUPPORTED, "unsupported",
					    "an upgrade to a protocol that aicp cannot read"};
		return 0;
	}
	if (!d->provider)
		return 0;
	r = provider_request(d->provider, &http->head, http->content, e->scan, e->facts);
	if (r < 0)
		return r;
	if (r == PARSE_E_LIMIT)
		*reading = (struct reading){REASON_TOO_LARGE, NULL, NULL};
	else if (r != PARSE_DONE)
		*reading = (struct reading){REASON_MALFORMED, NULL, NULL};
	return 0;
}

/* Everything that is read from the request's own bytes, credentials first. 0 or -errno. */
static int read_request(struct engine *e, const struct engine_request *q,
			const struct engine_decision *d, struct reading *reading)
{
	struct http_request *http = &e->http;
	struct http_fault fault = {0};
	int outcome, r;

	outcome = http_request_whole(span_of(q->bytes, q->bytes_n), &e->body, http, &fault);
	if (outcome < 0)
		return outcome;
	if (reading->reason == _REASON_COUNT)
		*reading = read_outcome(outcome, &fault);
	if (!http->head.method.n)
		return 0;
	e->sealed = judge_sealed(&http->head);

	r = credential_scrub(q->bytes, q->bytes_n, &http->head, &e->key, &e->credential);
	if (r < 0)
		return r;
	r = put_text(e->facts, FACT_CREDENTIAL, span_str(e->credential.fingerprint));
	if (!r)
		r = put_head(e->facts, &http->head, http->content.n);
	if (!r && reading->reason == _REASON_COUNT)
		r = read_call(e, q, d, http, reading);
	return r;
}

static int put_reading(struct facts *facts, const struct reading *reading)
{
	int r = 0;

	if (reading->parse)
		r = facts_set_text(facts, FACT_PARSE, span_str(reading->parse));
	if (!r && reading->error)
		r = facts_set_text(facts, FACT_PARSE_ERROR, span_str(reading->error));
	return r;
}

static struct verdict refuse(enum reason reason)
{
	struct verdict v = VERDICT_DENY_DEFAULT;

	v.reason = reason;
	return v;
}

static struct verdict judge(struct engine *e, const struct engine_request *q,
			    const struct engine_decision *d)
{
	struct reading reading = read_kind(q->kind);
	int r = put_frame(e->facts, q, d);

	if (!r && q->bytes_n)
		r = read_request(e, q, d, &reading);
	else if (!r && q->kind == AICP_SHIM_KIND_NONE)
		reading = read_outcome(PARSE_E_MORE, &(struct http_fault){0});
	if (!r)
		r = put_reading(e->facts, &reading);
	if (r < 0)
		return refuse(REASON_INTERNAL);
	if (reading.reason != _REASON_COUNT)
		return refuse(reading.reason);
	if (!e->rules.policies)
		return refuse(REASON_NO_POLICIES);
	e->evaluated = true;
	return policy_evaluate(e->rules.policies, e->eval, e->facts, e->rules.mode);
}

int judge_again(struct engine *e, const struct engine_request *q, const struct engine_decision *d,
		struct span body, struct verdict *ret_verdict)
{
	struct span credential = facts_get(e->facts, FACT_CREDENTIAL)->text;
	struct verdict v = VERDICT_DENY_DEFAULT;
	int r;

	facts_reset(e->again);
	r = put_frame(e->again, q, d);
	if (!r)
		r = put_text(e->again, FACT_CREDENTIAL, credential);
	if (!r)
		r = put_head(e->again, &e->http.head, body.n);
	if (!r)
		r = provider_request(d->provider, &e->http.head, body, e->scan, e->again);
	if (r < 0)
		return r;
	if (r == PARSE_DONE)
		v = policy_evaluate(e->rules.policies, e->again_eval, e->again, e->rules.mode);
	*ret_verdict = v;
	return 0;
}

/* As the facts have it: only what reads as a request names an operation. */
static bool in_array(const struct provider *provider, const struct facts *facts)
{
	return provider &&
	       provider_refusal_in_array(provider, facts_get(facts, FACT_HTTP_METHOD)->text,
					 facts_get(facts, FACT_HTTP_PATH)->text,
					 facts_get(facts, FACT_HTTP_QUERY)->text);
}

/* From what policies want to what is done: redactions first, as what people are asked about is what
 * would leave. */
static struct verdict settle(struct engine *e, const struct engine_request *q,
			     struct engine_decision *d, struct verdict v)
{
	bool owes =
		v.action == VERDICT_REDACT || (v.action == VERDICT_HOLD && judge_owes(e, e->eval));
	bool can_redact = true;
	int r = 0;

	if (owes || v.would == VERDICT_REDACT)
		can_redact = q->can_rewrite && !e->sealed;
	if (owes && can_redact) {
		r = judge_redact(e, q, d, &v);
		can_redact = r == PARSE_DONE;
	}
	if (r < 0)
		v = refuse(REASON_INTERNAL);
	v = judge_effective(v, e->rules.mode, can_redact);
	if (v.action == VERDICT_HOLD && judge_hold(e, q, d) < 0)
		v = judge_effective(refuse(REASON_INTERNAL), e->rules.mode, true);
	return v;
}

void engine_judge(struct engine *e, const struct engine_request *q,
		  struct engine_decision *ret_decision)
{
	struct engine_decision d = {.verdict = VERDICT_DENY_DEFAULT};

	e->bytes_n = q->bytes_n;
	facts_reset(e->facts);
	e->evaluated = false;
	e->sealed = false;
	e->http = (struct http_request){0};
	e->credential = (struct credential){.in_query = false};
	hex_encode(span_of(q->random, sizeof(q->random)), d.id);
	if (e->has_rules) {
		if (e->rules.providers)
			d.provider = provider_set_host(e->rules.providers, q->host);
		d.verdict = settle(e, q, &d, judge(e, q, &d));
		d.refusal_in_array = in_array(d.provider, e->facts);
		d.detail = facts_get(e->facts, FACT_PARSE_ERROR)->text;
	}
	/* What is to be redacted and cannot be has become a block. */
	d.pass = d.verdict.action <= VERDICT_REDACT;
	d.held = d.verdict.action == VERDICT_HOLD;
	*ret_decision = d;
}
