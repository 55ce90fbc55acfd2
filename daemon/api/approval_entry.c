/* SPDX-License-Identifier: MIT */
#include "api/approval_entry.h"

#include "record/canonical.h"
#include "record/stamp.h"

#include <inttypes.h>
#include <stdio.h>

#define MS INT64_C(1000000)

static void put(const struct query_approval *a, const char *key, struct json_write *w,
		const char *as)
{
	struct span value = canonical_get(a->requested.body, key);

	if (value.p)
		json_write_raw(w, as, value);
	else
		json_write_null(w, as);
}

static void put_text(struct span text, struct json_write *w, const char *as)
{
	if (text.n)
		json_write_string(w, as, text);
	else
		json_write_null(w, as);
}

static void put_time(int64_t at_ns, struct json_write *w, const char *as)
{
	char text[STAMP_BYTES + 1];

	stamp_write(at_ns, text);
	json_write_str(w, as, text);
}

static void put_requester(const struct query_approval *a, struct json_write *w)
{
	struct span process = canonical_get(a->requested.body, "process");
	char text[32];
	int64_t uid;

	if (canonical_int(canonical_get(process, "uid"), &uid)) {
		snprintf(text, sizeof(text), "uid:%" PRId64, uid);
		json_write_str(w, "user", text);
	} else {
		json_write_null(w, "user");
	}
}

static void put_question(const struct query_approval *a, struct json_write *w)
{
	static const char *const same[] = {
		"execution_id",		"request_digest",	"content_commitment",
		"gen_ai.provider.name", "gen_ai.request.model", "gen_ai.operation.name",
		"server.address",	"body_bytes",
	};
	int64_t hold_ms;

	json_write_string(w, "approval_id", a->id);
	json_write_str(w, "status", approval_state_name(a->state));
	json_write_str(w, "workflow_id", APPROVAL_WORKFLOW);
	put_requester(a, w);
	put(a, "policy_reason", w, "reason");
	put(a, "policy", w, "policy_id");
	put(a, "policy", w, "policy_name");
	put_time(a->requested.at_ns, w, "requested_at");
	put_time(a->expires_ms * MS, w, "expires_at");
	if (canonical_int(canonical_get(a->requested.body, "hold_ms"), &hold_ms))
		json_write_int(w, "hold_seconds", hold_ms / 1000);
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		put(a, same[i], w, same[i]);
	put(a, "process", w, "identity");
}

static void put_decision(const struct query_approval *a, struct json_write *w)
{
	put_text(a->by, w, "reviewer");
	put_text(a->role, w, "reviewer_role");
	put_text(a->rationale, w, "rationale");
	put_text(a->comment, w, "comment");
	if (a->by.n) {
		put_time(a->decided_ns, w, "reviewed_at");
		json_write_bool(w, "self_approved", a->self_approved);
	} else {
		json_write_null(w, "reviewed_at");
		json_write_null(w, "self_approved");
	}
	put_text(a->used_by, w, "used_by");
}

void approval_entry_put(const struct query_approval *a, struct json_write *w)
{
	put_question(a, w);
	put_decision(a, w);
}
