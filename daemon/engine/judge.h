/* SPDX-License-Identifier: MIT */
/* What the files of the engine share: its state. Nobody outside this folder includes this. */
#pragma once

#include "engine/engine.h"

#include "base/json_write.h"
#include "base/json.h"
#include "engine/credential.h"
#include "engine/rewrite.h"
#include "http/request.h"

struct engine {
	struct engine_rules rules;
	struct hash_key key; /* into rules */
	bool has_rules;
	bool evaluated; /* the last request got as far as the policies */
	struct facts *facts;
	struct json_scan *scan;
	struct policy_eval *eval;
	size_t bytes_n; /* of the request in hand, as it came */
	struct buf body; /* its decoded body */
	struct http_request http; /* the request in hand; empty without a whole head */
	struct credential credential; /* what was overwritten in it */
	bool sealed; /* its body must not change: signed, digested, or followed by trailers */
	/* for redacting; made when first needed */
	struct rewrite *rewrite;
	struct facts *again; /* facts of the rewritten body */
	struct policy_eval *again_eval;
	struct provider_segments segments, again_segments;
	/* for holding; made when first needed */
	struct rewrite *marks;
	struct buf canonical;
};

/* Reads and judges a body in place of the one in hand, into again and again_eval: what a second
 * look at the same request would give. 0 or -errno. */
MUST_CHECK int judge_again(struct engine *engine, const struct engine_request *request,
			   const struct engine_decision *decision, struct span body,
			   struct verdict *ret_verdict);

/* Does any enforced policy that matched redact, whatever else the others want? */
bool judge_owes(const struct engine *engine, const struct policy_eval *eval);

/* Sets what people will be asked about. 0 or -errno. */
MUST_CHECK int judge_hold(struct engine *engine, const struct engine_request *request,
			  struct engine_decision *decision);

/* Where what a policy found stands in the texts that segments speak of; without a replacement. */
struct rewrite_range judge_range(const struct facts *facts, const struct policy_finding *finding);

/* What policies that redact found is replaced; sets ret_decision's rewritten and redactions.
 * PARSE_DONE; PARSE_E_BAD when the request cannot leave rewritten; -ENOMEM. */
MUST_CHECK int judge_redact(struct engine *engine, const struct engine_request *request,
			    struct engine_decision *decision, const struct verdict *verdict);

/* Does the head say that the body must arrive as it is? To be asked before credentials are
 * overwritten. */
bool judge_sealed(const struct message *head);

/* What is to be redacted, and cannot be, is blocked with a reason that says so; monitor mode stops
 * nothing. */
struct verdict judge_effective(struct verdict verdict, enum mode mode, bool can_redact);

/* For records that a process can choose the content of: cut to what a leaf has room for. */
struct span record_cut(struct span text);
struct span record_cut_to(struct span text, size_t bytes); /* as it takes room in JSON */
void record_process(struct json_write *w, const struct identity *process);
void record_call(const struct engine *engine, struct json_write *w);

/* The name in a request's host, and in clear its port; else 0. */
struct span judge_address(const struct engine_request *request, uint16_t *ret_port);

/* Sets the facts of time (UTC). 0 or -ENOMEM. */
MUST_CHECK int judge_time(struct facts *facts, int64_t now_ns);

/* A whole HTTP answer that says message, in the shape of the decision's provider. 0 or -errno. */
MUST_CHECK int answer_put(const struct engine_decision *decision, struct span message,
			  struct buf *out);
