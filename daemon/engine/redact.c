/* SPDX-License-Identifier: MIT */
/* From what redacting policies found to a body that may leave, or the word that it may not. */
#include "engine/judge.h"

#include <errno.h>

bool judge_sealed(const struct message *head)
{
	/* Trailers are no part of the head that the new body goes behind, and may hold a digest. */
	static const char *const names[] = {
		"content-digest",  "repr-digest",	   "digest",  "content-md5", "signature",
		"signature-input", "x-amz-content-sha256", "trailer",
	};

	for (unsigned i = 0; i < head->headers_n; i++) {
		const struct message_header *h = &head->header[i];

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (span_ieq(h->name, span_str(names[k])))
				return true;
		if (span_ieq(span_sub(h->name, 0, 15), SPAN_LIT("x-amz-checksum-")))
			return true;
		/* Of the body too, whichever of its algorithms: AWS4-HMAC-SHA256 and its kin. */
		if (span_ieq(h->name, SPAN_LIT("authorization")) &&
		    span_ieq(span_sub(h->value, 0, 5), SPAN_LIT("aws4-")))
			return true;
	}
	/* A presigned address may be of the body too. */
	for (size_t i = 0; i < head->query.n; i++)
		if (span_ieq(span_sub(head->query, i, i + 15), SPAN_LIT("x-amz-signature")))
			return true;
	return false;
}

bool judge_owes(const struct engine *e, const struct policy_eval *eval)
{
	const uint32_t *index = NULL;
	size_t n = policy_eval_matched(eval, &index);

	for (size_t i = 0; i < n; i++) {
		struct policy_info info;

		policy_set_info(e->rules.policies, index[i], &info);
		if (info.action == VERDICT_REDACT && info.mode == MODE_ENFORCE)
			return e->rules.mode == MODE_ENFORCE;
	}
	return false;
}

static int make_room(struct engine *e)
{
	if (!e->rewrite)
		e->rewrite = rewrite_new();
	if (!e->again)
		e->again = facts_new();
	if (!e->again_eval)
		e->again_eval = policy_eval_new();
	return e->rewrite && e->again && e->again_eval ? 0 : -ENOMEM;
}

struct rewrite_range judge_range(const struct facts *facts, const struct policy_finding *finding)
{
	/* prompt.last is the end of prompt. */
	bool is_last = finding->fact == FACT_PROMPT_LAST;
	size_t before = is_last ? facts_get(facts, FACT_PROMPT)->text.n -
					  facts_get(facts, FACT_PROMPT_LAST)->text.n
				: 0;

	return (struct rewrite_range){
		.fact = is_last ? FACT_PROMPT : finding->fact,
		.begin = finding->begin + before,
		.end = finding->end + before,
	};
}

static int add_ranges(struct engine *e, const struct policy_finding *finding, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		struct rewrite_range range = judge_range(e->facts, &finding[i]);
		struct policy_info info;

		policy_set_info(e->rules.policies, finding[i].policy, &info);
		range.replacement = info.replacement;
		r = rewrite_add(e->rewrite, &range);
	}
	return r;
}

/* Every string is still what it was: a replaced role or type would make another call of it. */
static bool same_strings(const struct engine *e)
{
	const struct provider_segments *a = &e->segments, *b = &e->again_segments;

	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->segment[i].token != b->segment[i].token ||
		    a->segment[i].fact != b->segment[i].fact ||
		    a->segment[i].fixed != b->segment[i].fixed)
			return false;
	return true;
}

static bool same_value(const struct fact_value *a, const struct fact_value *b)
{
	if (a->kind != b->kind || a->list_n != b->list_n || !span_eq(a->text, b->text))
		return false;
	if (a->kind == FACT_BOOL && a->boolean != b->boolean)
		return false;
	if (a->kind == FACT_NUMBER && (a->number < b->number || a->number > b->number))
		return false;
	for (size_t i = 0; a->kind == FACT_LIST && i < a->list_n; i++)
		if (!span_eq(a->list[i], b->list[i]))
			return false;
	return true;
}

/* What the provider is asked to do has not changed. Texts may, and the user that the body names: it
 * is only a text to the provider. */
static bool same_call(const struct engine *e)
{
	static const enum fact_id ids[] = {
		FACT_OPERATION,		FACT_MODEL,    FACT_STREAM,
		FACT_MESSAGES_COUNT,	FACT_TOOLS,    FACT_ATTACHMENTS,
		FACT_ATTACHMENTS_COUNT, FACT_UNJUDGED, FACT_MAX_TOKENS,
		FACT_TEMPERATURE,
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (!same_value(facts_get(e->facts, ids[i]), facts_get(e->again, ids[i])))
			return false;
	return true;
}

/* Judges the new body as if it had come so. */
static int check(struct engine *e, const struct engine_request *q, const struct engine_decision *d,
		 const struct verdict *before, struct span body)
{
	struct verdict after;
	int r = judge_again(e, q, d, body, &after);

	if (r < 0)
		return r;
	/* Something still redacts, or something asks for more now. */
	if (judge_owes(e, e->again_eval) || after.action > before->action ||
	    after.would > before->would || !same_call(e))
		return PARSE_E_BAD;
	/* Where people are asked, they are shown places in the new body. */
	e->again_segments.unplaced = before->action != VERDICT_HOLD;
	r = provider_segments(d->provider, &e->http.head, body, e->scan, &e->again_segments);
	if (r)
		return r;
	return same_strings(e) ? PARSE_DONE : PARSE_E_BAD;
}

int judge_redact(struct engine *e, const struct engine_request *q, struct engine_decision *d,
		 const struct verdict *verdict)
{
	const struct policy_finding *finding = NULL;
	struct span body = SPAN_NULL;
	size_t n = 0, places = 0;
	int r = make_room(e);

	if (!r && !d->provider)
		return PARSE_E_BAD;
	if (!r)
		r = policy_findings(e->rules.policies, e->eval, e->rules.mode, VERDICT_REDACT,
				    &finding, &n);
	if (r)
		return r == -E2BIG ? PARSE_E_BAD : r;
	r = provider_segments(d->provider, &e->http.head, e->http.content, e->scan, &e->segments);
	if (r)
		return r;
	rewrite_reset(e->rewrite);
	r = add_ranges(e, finding, n);
	if (!r)
		r = rewrite_body(e->rewrite, e->http.content, &e->segments, &body, &places);
	if (!r)
		r = check(e, q, d, verdict, body);
	if (r)
		return r < 0 ? r : PARSE_E_BAD;
	d->rewritten = body;
	d->redactions = places;
	return PARSE_DONE;
}
