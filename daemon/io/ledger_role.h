/* SPDX-License-Identifier: MIT */
/* What the files of the ledger's role share. */
#pragma once

#include "io/fields.h"
#include "io/peer.h"
#include "ledger/ledger.h"

/* Bytes of records that wait for one commit. */
#define GROUP_BYTES_MAX (8u << 20)
/* One answer: what approvers see, each byte of it escaped. */
#define OUT_BYTES_MAX (6u * AICP_APPROVAL_CONTENT_BYTES_MAX + AICP_LINK_INLINE_BYTES_MAX)

/* Where an answer goes. A link that was renewed meanwhile has nobody who waits. */
struct asker {
	struct peer *peer;
	struct link *link;
	uint64_t id;
};

struct ledger_role {
	struct loop *loop;
	struct ledger *ledger;
	struct peer warden, engine, api;
	struct loop_timer tick;
	struct buf bodies; /* of the group, each with its content behind it; spans are made when it
			      is complete */
	size_t begin[AICP_GROUP_RECORDS_MAX];
	struct ledger_item item[AICP_GROUP_RECORDS_MAX];
	struct asker asker[AICP_GROUP_RECORDS_MAX];
	size_t n;
	enum ledger_health health;
	bool strict; /* approvals.strict */
	int64_t admin_uid; /* who is admin on the local socket */
	struct buf out;
};

struct ledger_time ledger_role_now(void);

/* Sends what is in out, if anybody waits for it. */
void ledger_role_reply(struct ledger_role *lr, const struct asker *to, uint16_t type);
/* LINK_FAILED. */
void ledger_role_fail(struct ledger_role *lr, const struct asker *to, const char *code,
		      const char *text);

/* Into the group of the next commit; body and content are copied. */
void ledger_role_queue(struct ledger_role *lr, const struct asker *from,
		       const struct ledger_item *item);
/* Commits the group and tells everybody. */
void ledger_role_commit(struct ledger_role *lr);

/* What follows a transaction when its answers are out. */
void ledger_role_settle(struct ledger_role *lr);

/* ---- approvals: ledger_approvals.c */

/* LINK_ASK. */
void ledger_role_ask(struct ledger_role *lr, const struct asker *from, struct span payload);
/* LINK_APPROVALS. */
void ledger_role_engine_here(struct ledger_role *lr, const struct asker *from, struct span payload);
/* LINK_COMMAND. */
void ledger_role_command(struct ledger_role *lr, const struct asker *from, struct span payload);
/* LINK_QUERY {"op": "content"}. */
void ledger_role_content(struct ledger_role *lr, const struct asker *from,
			 const struct fields *fields);
/* Tells the engine of all approvals that are open, or of those that changed since the last time. */
void ledger_role_tell_open(struct ledger_role *lr);
void ledger_role_tell(struct ledger_role *lr);
