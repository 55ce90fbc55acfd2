/* SPDX-License-Identifier: MIT */
/*
 * Approvals as the ledger's role sees them: asked by an item of type `approval.requested`
 * (ledger_append()), decided here, expired by ledger_tick(), used by an item `hold.ended` that says
 * `released`. What each state allows: model/approval.h.
 */
#pragma once

#include "ledger/ledger.h"
#include "model/approval.h"

/* What somebody says about an approval; texts are UTF-8. */
struct ledger_decision {
	const char *approval_id;
	bool approve; /* else reject */
	const char *by; /* owner of the key, or "uid:N" on the local socket */
	const char *role; /* under which they may decide */
	const char *key; /* visible part of the key; empty on the local socket */
	const char *rationale; /* why; 1 to AICP_RATIONALE_CHARS_MAX characters */
	const char *comment; /* may be empty; as long */
	bool strict; /* no exemption from separation of duties */
	int64_t admin_uid; /* the uid that is admin on the local socket: 0, or the one user of a
			      rootless daemon */
};

enum ledger_decision_outcome {
	LEDGER_DECISION_DONE,
	LEDGER_DECISION_UNKNOWN = 1, /* no such approval */
	LEDGER_DECISION_TAKEN, /* somebody decided already: state and by say what and who */
	LEDGER_DECISION_LATE, /* its time is over */
	LEDGER_DECISION_OWN, /* who asked is not who approves */
	LEDGER_DECISION_BAD, /* a text is missing, too long or no UTF-8 */
};

/* What is so now, whatever the outcome but UNKNOWN and BAD. */
struct ledger_decided {
	enum approval_state state;
	char by[129]; /* who decided; empty when nobody did */
	bool self_approved; /* DONE: of those who are exempt, by themselves */
	uint64_t seq; /* DONE: of the record */
	int64_t at_ns;
};

/* The record and the state in one transaction; the first decision stands. LEDGER_DECISION_… or
 * -errno. */
MUST_CHECK int ledger_decide(struct ledger *ledger, struct ledger_time now,
			     const struct ledger_decision *decision,
			     struct ledger_decided *ret_decided);

/* Appends what approvers see of an approval. 0, 1 when there is nothing (any more), -EBADMSG when
 * it does not open, or -errno. */
MUST_CHECK int ledger_content(struct ledger *ledger, struct span approval_id, struct buf *out);

/* Does the engine still hold that execution? */
typedef bool (*ledger_alive_fn)(void *data, struct span execution_id);

/* Records for every hold without an end that nobody holds any more that it was refused. 0 or
 * -errno.
 */
MUST_CHECK int ledger_refuse_holds(struct ledger *ledger, struct ledger_time now,
				   const char *reason, ledger_alive_fn alive, void *data);

/* One approval as the engine is told of it; spans live during the call. */
struct ledger_approval {
	struct span id, join, request_digest, by, rationale;
	enum approval_state state;
	int64_t expires_ms;
};

typedef int (*ledger_approval_fn)(void *data, const struct ledger_approval *approval);

/* Those that wait, are approved and unused, or rejected and not over yet. 0, what fn returned, or
 * -errno. */
MUST_CHECK int ledger_approvals_open(struct ledger *ledger, struct ledger_time now,
				     ledger_approval_fn fn, void *data);
/* Those that changed since the last call (of the ledger's life), each as it is now. */
MUST_CHECK int ledger_approvals_news(struct ledger *ledger, ledger_approval_fn fn, void *data);
