/* SPDX-License-Identifier: MIT */
/* /api/approvals/{approval_id}/approve and /reject: what people say. */
#include "api/approval_entry.h"
#include "api/request.h"
#include "base/utf8.h"

/* What the body says; who says it is nobody's to write there. */
struct said {
	struct buf rationale, comment;
};

/* Takes a text of the body. False: the answer says why not. */
static bool read_text(struct request *r, const struct json *j, uint32_t t, const char *name,
		      struct buf *out)
{
	bool good = j->token[t].kind == JSON_STRING && json_string_put(j, t, out) == 0 &&
		    utf8_count(buf_span(out)) <= AICP_RATIONALE_CHARS_MAX &&
		    span_find(buf_span(out), 0) == out->n;

	if (!good)
		answer_fault(&r->answer, API_FAULT_VALIDATION, "field", span_str(name),
			     "%s must be text of at most %u characters", name,
			     AICP_RATIONALE_CHARS_MAX);
	return good;
}

static bool read_member(struct request *r, const struct json *j, uint32_t key, struct said *said)
{
	static const char *const ignored[] = {"reviewer", "reviewer_role"};

	if (json_string_eq(j, key, SPAN_LIT("rationale")))
		return read_text(r, j, key + 1, "rationale", &said->rationale);
	if (json_string_eq(j, key, SPAN_LIT("comment")))
		return j->token[key + 1].kind == JSON_NULL ||
		       read_text(r, j, key + 1, "comment", &said->comment);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		if (json_string_eq(j, key, span_str(ignored[i])))
			return true;
	answer_fault(&r->answer, API_FAULT_VALIDATION, "field", json_raw(j, key),
		     "the body has a member that is not known here; known are rationale and "
		     "comment");
	return false;
}

static bool is_blank(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] > ' ')
			return false;
	return true;
}

static bool read_said(struct api *api, struct request *r, struct said *said)
{
	struct json j;

	if (json_scan_all(api->scan, r->body) != PARSE_DONE)
		goto no_object;
	j = json_scan_json(api->scan, r->body);
	if (j.token[0].kind != JSON_OBJECT)
		goto no_object;
	json_foreach (key, &j, 0)
		if (!read_member(r, &j, key, said))
			return false;
	if (!is_blank(buf_span(&said->rationale)))
		return true;
	answer_fault(&r->answer, API_FAULT_VALIDATION, "field", SPAN_LIT("rationale"),
		     "say why, in `rationale`: 1 to %u characters", AICP_RATIONALE_CHARS_MAX);
	return false;
no_object:
	answer_fault(&r->answer, API_FAULT_VALIDATION, NULL, SPAN_NULL,
		     "the body must be a JSON object with `rationale`");
	return false;
}

static struct span member(const struct json *j, const char *key)
{
	uint32_t t = json_get(j, 0, key);

	return t == JSON_NONE ? SPAN_NULL : json_whole(j, t);
}

static void write_decided(struct request *r, const struct json *j, const struct said *said)
{
	struct json_write w;

	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_string(&w, "approval_id", r->parameter);
	json_write_raw(&w, "status", member(j, "state"));
	json_write_raw(&w, "reviewer", member(j, "by"));
	json_write_str(&w, "reviewer_role", r->who.role);
	json_write_string(&w, "rationale", buf_span(&said->rationale));
	json_write_string(&w, "comment", buf_span(&said->comment));
	json_write_raw(&w, "reviewed_at", member(j, "at"));
	json_write_raw(&w, "decision_record_id", member(j, "seq"));
	json_write_raw(&w, "self_approved", member(j, "self_approved"));
	json_write_end_object(&w);
}

static void refuse_decision(struct request *r, unsigned status, const struct json *j)
{
	struct span by = member(j, "by");
	bool rejected = span_eq_str(member(j, "state"), "\"rejected\"");
	struct answer *a = &r->answer;

	switch (status) {
	case 404:
		approval_unknown(r);
		return;
	case 403:
		answer_fault(a, API_FAULT_OWN_REQUEST, "approval_id", r->parameter,
			     "this is a request of your own: somebody else has to decide");
		return;
	case 409:
		answer_fault(a, API_FAULT_ALREADY_DECIDED, "approval_id", r->parameter,
			     "this is decided already: %.*s %s it; the first decision stands",
			     SPAN_ARG(span_sub(by, 1, by.n - 1)),
			     rejected ? "rejected" : "approved");
		return;
	case 410:
		answer_fault(a, API_FAULT_APPROVAL_EXPIRED, "approval_id", r->parameter,
			     "nobody decided in time, and this approval is over; the same request, "
			     "sent again, asks anew");
		return;
	case 400:
		answer_fault(a, API_FAULT_VALIDATION, "approval_id", r->parameter,
			     "the ledger cannot read this decision");
		return;
	}
	answer_fault(a, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
		     "the decision could not be recorded; look at the approval again before you "
		     "decide anew, and see `aicp doctor`");
}

static int ask_ledger(struct api *api, struct request *r, const char *op, const struct said *said)
{
	struct buf command = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	struct span body;
	struct json_write w;
	unsigned status;
	int err;

	json_write_init(&w, &command, true);
	json_write_object(&w, NULL);
	json_write_string(&w, "approval_id", r->parameter);
	json_write_str(&w, "by", r->who.owner);
	json_write_string(&w, "comment", buf_span(&said->comment));
	json_write_str(&w, "key", r->who.id);
	json_write_str(&w, "op", op);
	json_write_string(&w, "rationale", buf_span(&said->rationale));
	json_write_str(&w, "role", r->who.role);
	json_write_end_object(&w);
	err = command.err ? command.err : api_command(api, buf_span(&command), &status, &body);
	buf_deinit(&command);
	if (!err)
		err = json_scan_all(api->scan, body);
	if (err) {
		answer_fault(&r->answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
			     "the ledger does not answer, so that nobody knows whether it took the "
			     "decision; look at the approval again");
	} else {
		struct json j = json_scan_json(api->scan, body);

		if (status == 200)
			write_decided(r, &j, said);
		else
			refuse_decision(r, status, &j);
	}
	return r->answer.body.err;
}

static int decide(struct api *api, struct request *r, const char *op)
{
	struct said said = {
		.rationale = BUF_INIT(4 * AICP_RATIONALE_CHARS_MAX),
		.comment = BUF_INIT(4 * AICP_RATIONALE_CHARS_MAX),
	};
	int err = 0;

	if (r->parameter.n != APPROVAL_ID_CHARS)
		approval_unknown(r);
	else if (read_said(api, r, &said))
		err = ask_ledger(api, r, op, &said);
	buf_deinit(&said.rationale);
	buf_deinit(&said.comment);
	return err;
}

int answer_APPROVAL_APPROVE(struct api *api, struct request *r)
{
	return decide(api, r, "approve");
}

int answer_APPROVAL_REJECT(struct api *api, struct request *r)
{
	return decide(api, r, "reject");
}
