/* SPDX-License-Identifier: MIT */
/*
 * The conductor: one request as it would leave the host → facts → verdict → record and answer.
 * Pure: time, random bytes, keys and identity are arguments, and nothing happens here; the caller
 * makes the record durable and only then lets the verdict take effect.
 */
#pragma once

#include "aicp/shim.h"
#include "base/buf.h"
#include "base/hash.h"
#include "model/config.h"
#include "model/identity.h"
#include "model/verdict.h"
#include "policy/policy.h"
#include "provider/provider.h"

#define ENGINE_ID_BYTES	 24 /* lower-case hexadecimal digits of a decision id */
#define ENGINE_KEY_BYTES 32

/* What judging depends on; references are taken. */
struct engine_rules {
	struct policy_set *policies; /* NULL: none could ever be loaded, everything is refused */
	struct provider_set *providers;
	enum mode mode;
	uint8_t key[ENGINE_KEY_BYTES]; /* for fingerprints of credentials and commitments to content
					*/
};

struct engine; /* one judging thread: rules and scratch memory */
struct engine *engine_new(void);
void engine_free(struct engine *engine);
/* To be called when all is done with a request: gives back the memory that a rare large one took,
 * and then forgets it. */
void engine_trim(struct engine *engine);
/* Replaces the rules between two requests. */
void engine_set_rules(struct engine *engine, const struct engine_rules *rules);

struct engine_request {
	enum aicp_shim_kind kind; /* KIND_NONE: bytes are one HTTP/1.x request */
	struct span host; /* what the connection was opened for, in lower case: the name of a TLS
			   * connection, NAME:PORT of one in clear */
	bool clear; /* no TLS */
	uint8_t *bytes; /* the request as it would leave; credentials in it are overwritten */
	size_t bytes_n;
	const char *coverage; /* "shim" */
	const char *tier; /* "host", or "cooperative" without root */
	bool can_rewrite; /* the witness can send another body in place of this one's */
	const struct identity *who;
	int64_t now_ns; /* wall clock, UTC, since 1970 */
	uint8_t random[ENGINE_ID_BYTES / 2]; /* for the decision's id */
	uint8_t random_approval[ENGINE_ID_BYTES / 2]; /* for an approval's, should it need one */
};

/* Of a decision that holds: what people are asked about. */
struct engine_hold {
	char approval_id[ENGINE_ID_BYTES + 1]; /* new; an open approval's may take its place */
	struct hash digest; /* of the request as it would leave: engine/digest.h */
	struct hash join; /* who else may use the answer: keyed hash over the attested identity */
	int64_t client_wait_ms; /* what the client says that it waits for an answer; 0: nothing */
};

struct engine_decision {
	char id[ENGINE_ID_BYTES + 1];
	struct verdict verdict; /* borrows from the rules: valid until engine_set_rules() */
	const struct provider *provider; /* NULL when the host is not governed */
	struct span detail; /* what is wrong with a request that could not be read, or empty;
			     * borrowed from the engine until it judges again */
	bool refusal_in_array; /* see provider_refusal_in_array() */
	bool pass;
	bool held; /* does not pass until people approve: VERDICT_HOLD */
	struct engine_hold hold;
	/* With VERDICT_REDACT, and with VERDICT_HOLD where other policies redact: the body that has
	 * to leave in place of the request's, without chunking and compression (Content-Encoding
	 * has to go, and Content-Length is its length); borrowed from the engine until it judges
	 * again. Else empty.
	 */
	struct span rewritten;
	size_t redactions; /* places that were replaced in it */
};

/* Judges one request, and where policies redact and the request lets it, makes the body that has to
 * leave instead. Cannot fail: what cannot be judged is blocked with a reason. The engine keeps
 * the facts until the next call, for the functions below. */
void engine_judge(struct engine *engine, const struct engine_request *request,
		  struct engine_decision *ret_decision);

/* The body of the decision's record, canonical JSON: docs/LEDGER.md. latency_us is from the
 * request's arrival to now. */
int engine_record(struct engine *engine, const struct engine_request *request,
		  const struct engine_decision *decision, int64_t latency_us, struct buf *out);

/* Puts another approval's id in place of the one that engine_record() wrote for a decision that
 * holds: it joins that approval. */
void engine_record_join(struct buf *record, const char id[ENGINE_ID_BYTES + 1]);

/* When people are asked; wall clock. */
struct engine_terms {
	int64_t requested_ms, expires_ms;
	int64_t hold_ms; /* how long this request waits for them */
};

/* The body of `approval.requested`, canonical JSON, for the decision just judged, which holds. 0 or
 * -errno. */
MUST_CHECK int engine_approval(struct engine *engine, const struct engine_request *request,
			       const struct engine_decision *decision,
			       const struct engine_terms *terms, struct buf *out);
/* What approvers see: the request as it will be sent, with what the holding policies found marked;
 * JSON, at most AICP_APPROVAL_CONTENT_BYTES_MAX. No credentials. 0 or -errno. */
MUST_CHECK int engine_approval_content(struct engine *engine, const struct engine_request *request,
				       const struct engine_decision *decision, struct buf *out);

/* How a hold ended, for the program. */
struct engine_hold_end {
	enum reason reason;
	bool in_array; /* refusal_in_array of the decision */
	struct span approval_id;
	struct span policy;
	struct span by, rationale; /* who rejected, and why; else empty */
};
/* The HTTP answer that ends a hold without release. */
int engine_refuse_held(struct engine *engine, struct span host, const char *id,
		       const struct engine_hold_end *end, struct buf *out);

/* The HTTP answer of a refusal, in the provider's shape. override: a reason that came up after the
 * verdict (REASON_NO_RECORD, ...), or _REASON_COUNT. */
int engine_answer(const struct engine_decision *decision, enum reason override, struct buf *out);

/* A refusal before anything could be judged (budgets, shutdown): id, answer in the shape of host's
 * provider. */
int engine_refuse(struct engine *engine, struct span host, const char *id, enum reason reason,
		  struct buf *out);

/* Dry run: facts given as a JSON object of names and values, judged and explained by the same code.
 * Answer:
 * {"decision": {...}, "explanation": {...}}. PARSE_DONE; PARSE_E_BAD with out holding {"error":
 * ...}; -ENOMEM. */
int engine_dry_run(struct engine *engine, struct span facts_json, struct buf *out);
