/* SPDX-License-Identifier: MIT */
/*
 * Messages between two roles: docs/PROTOCOL.md section 3. SOCK_SEQPACKET socketpairs made by the
 * warden; one message is struct link_header and its payload (inline up to
 * AICP_LINK_INLINE_BYTES_MAX, else in a sealed memfd), and at most one more file descriptor. A peer
 * that breaks the format is disconnected, and the warden restarts it.
 */
#pragma once

#include "aicp/limits.h"
#include "base/buf.h"
#include "base/span.h"

enum link_role {
	LINK_WARDEN,
	LINK_ENGINE,
	LINK_LEDGER,
	LINK_API,
	LINK_COURIER,
	LINK_READER, /* the warden's child that reads /proc */
	_LINK_ROLE_COUNT,
};
const char *link_role_name(enum link_role role);

/* Payloads are JSON unless another form is named. Replies carry the id of what they answer. */
enum link_type {
	/* warden → role */
	LINK_PEER =
		1, /* {"role": name} and one end of a socketpair: talk to that role through it */
	LINK_BUNDLE =
		2, /* fd-less payload: configuration and files (see io/role_bundle.h), to engine */
	LINK_STOP = 3, /* finish what is in hand, then exit with 0 */
	/* reader → engine */
	LINK_IDENTITY = 4, /* answer to LINK_IDENTIFY: what identity_write() makes, {} when it
			      cannot be known */
	/* engine → reader */
	LINK_IDENTIFY = 18, /* {"pid": n} with the pidfd when there is one */
	/* role → warden */
	LINK_READY = 16, /* {} : initialised and serving */
	LINK_BUNDLE_RESULT = 17, /* {"ok": bool, "error": text, "policies": n, "digest": hex} */
	LINK_RELOAD = 19, /* {}: api asks for the policy files to be read again; answered by
			     LINK_RELOAD_RESULT */
	LINK_RELOAD_RESULT = 20, /* {"ok": bool, "error": text, "policies": n, "digest": hex} */
	LINK_BROKEN = 21, /* {"role": name}: that role broke the format; restart it */
	/* engine, api, warden → ledger */
	LINK_APPEND = 32, /* raw: 1 byte length of type (plus LINK_APPEND_ESSENTIAL), type,
			     canonical JSON of the body */
	LINK_DURABLE = 33, /* answer: {"id": n, "seq": n}, see struct ledger_item */
	LINK_FAILED = 34, /* answer: {"error": code, "text": text}: nothing was recorded */
	LINK_AUTH = 35, /* {"key": presented key} → LINK_AUTH_RESULT {"ok": bool, "id": .., "role":
			   .., "owner": ..} */
	LINK_AUTH_RESULT = 36,
	/* engine ⇄ ledger, about approvals */
	LINK_ASK = 37, /* raw, see io/question.h: body of approval.requested and what approvers
			  see; answered by LINK_DURABLE or LINK_FAILED */
	LINK_APPROVALS = 38, /* {"holds": [execution_id, ...]}: an engine is here, with these
				holds. All others without an end are ended; one LINK_APPROVAL for
				each that is open, then LINK_APPROVALS_END */
	LINK_APPROVAL = 39, /* {"approval_id": .., "state": .., ...}: as it is now */
	LINK_APPROVALS_END = 40,
	/* api → engine */
	LINK_QUERY =
		48, /* {"op": name, ...} → LINK_ANSWER {"status": HTTP status, "body": {...}} */
	LINK_ANSWER = 49,
	/* api → ledger */
	LINK_COMMAND = 50, /* {"op": name, ...}: changes state → LINK_ANSWER */
};

/* Set in the first byte of LINK_APPEND: a refusal or an admin's command, which may use the disk
 * reserve. */
#define LINK_APPEND_ESSENTIAL 0x80u

struct link_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum link_type */
	uint64_t id; /* chosen by the asker; 0 when no answer is wanted */
	uint32_t payload_bytes;
	uint32_t flags; /* LINK_F_… */
};
_Static_assert(sizeof(struct link_header) == 24, "wire size");

#define LINK_MAGIC   0x4b4e494cu /* "LINK" */
#define LINK_VERSION 1
#define LINK_F_MEMFD 1u /* the payload is in the first passed descriptor */
#define LINK_F_FD    2u /* a descriptor for the receiver is passed (behind the memfd) */

struct link_message {
	uint16_t type;
	uint64_t id;
	struct span payload; /* in buffer; until the next receive */
	int fd; /* -1, or owned by the receiver */
};

/* One end. Not thread-safe. */
struct link;
struct link *link_new(int fd); /* owns fd; NULL when out of memory (fd is closed) */
void link_free(struct link *link);
int link_fd(const struct link *link);

/* Sends at once, or queues when the socket is full (watch link_wants_write() and call
 * link_flush()). fd is duplicated by the kernel; the caller keeps its own. 0 or -errno; -ENOBUFS
 * when the queue is over its bound. */
int link_send(struct link *link, uint16_t type, uint64_t id, struct span payload, int fd);
bool link_wants_write(const struct link *link);
int link_flush(struct link *link);

/* 0 with a message, 1 when there is none now, -EPIPE when the peer is gone, -EBADMSG when it broke
 * the format. */
int link_receive(struct link *link, struct link_message *ret_message);

/* Sends and waits for the answer of the same id; other messages meanwhile are kept for
 * link_receive(). For roles without an event loop of their own. -ETIMEDOUT after timeout_ms. */
int link_call(struct link *link, uint16_t type, struct span payload, int timeout_ms,
	      struct link_message *ret_message);
