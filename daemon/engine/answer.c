/* SPDX-License-Identifier: MIT */
/* What a refused program is told, in words and in its provider's shape. */
#include "engine/judge.h"

#include "base/json_write.h"

#include <errno.h>

/* Where no provider is known there is no shape either: plain JSON that any client can show. */
static int put_plain(const char *id, struct span message, struct buf *out)
{
	struct buf body = BUF_INIT(AICP_SHIM_ANSWER_BYTES_MAX);
	struct json_write w;
	int r;

	json_write_init(&w, &body, false);
	json_write_object(&w, NULL);
	json_write_object(&w, "error");
	json_write_string(&w, "message", message);
	json_write_str(&w, "type", "permission_error");
	json_write_end_object(&w);
	json_write_end_object(&w);
	r = body.err;
	if (!r)
		r = buf_printf(
			out,
			"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\nConnection: close\r\nx-should-retry: false\r\n"
			"x-aicp-decision-id: %s\r\n\r\n",
			body.n, id);
	if (!r)
		r = buf_put(out, buf_span(&body));
	buf_deinit(&body);
	return r;
}

int answer_put(const struct engine_decision *decision, struct span message, struct buf *out)
{
	struct provider_refusal refusal = {span_str(decision->id), message,
					   decision->refusal_in_array};

	buf_clear(out);
	if (!decision->provider)
		return put_plain(decision->id, message, out);
	return provider_refusal(decision->provider, &refusal, out);
}

int engine_answer(const struct engine_decision *decision, enum reason override, struct buf *out)
{
	const struct verdict *v = &decision->verdict;
	enum reason reason = override == _REASON_COUNT ? v->reason : override;
	struct buf text = BUF_INIT(4096);
	int r;

	buf_put_str(&text, "Refused by aicp: ");
	if (reason != REASON_POLICY) {
		buf_put_str(&text, reason_text(reason));
		if (v->policy.n && override == _REASON_COUNT)
			buf_put_str(&text, ": ");
	}
	if (decision->detail.n && override == _REASON_COUNT)
		buf_printf(&text, " (%.*s)", SPAN_ARG(span_sub(decision->detail, 0, 512)));
	if (v->policy.n && override == _REASON_COUNT)
		buf_printf(&text, "%.*s (policy %.*s)", SPAN_ARG(span_sub(v->text, 0, 1024)),
			   SPAN_ARG(span_sub(v->policy, 0, 256)));
	r = buf_printf(&text, ". Decision %s; the operator sees why with: aicp log show %s",
		       decision->id, decision->id);
	if (!r)
		r = answer_put(decision, buf_span(&text), out);
	buf_deinit(&text);
	return r;
}

int engine_refuse(struct engine *engine, struct span host, const char *id, enum reason reason,
		  struct buf *out)
{
	struct engine_decision decision = {.verdict = VERDICT_DENY_DEFAULT};

	decision.verdict.reason = reason;
	if (engine->has_rules && engine->rules.providers)
		decision.provider = provider_set_host(engine->rules.providers, host);
	memcpy(decision.id, id, strnlen(id, ENGINE_ID_BYTES));
	return engine_answer(&decision, _REASON_COUNT, out);
}
