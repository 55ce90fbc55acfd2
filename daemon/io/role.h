/* SPDX-License-Identifier: MIT */
/* How the process of a role begins: descriptors from the warden, sandbox, and the first bundle. */
#pragma once

#include "io/role_bundle.h"
#include "io/link.h"
#include "io/peer.h"
#include "io/sandbox.h"

/* Descriptors that every role finds at these numbers. */
#define ROLE_FD_WARDEN 3 /* link to the warden */
#define ROLE_FD_LISTEN                                                                             \
	4 /* first of the role's listening sockets: engine: shim.sock; api: api.sock, then         \
	     api.listen */

struct role {
	enum link_role self;
	bool rootless;
	bool debug;
	bool change_user;
	uid_t uid; /* with change_user */
	gid_t gid;
};

/* Enters the sandbox, opens the link to the warden and waits for the first LINK_BUNDLE. 0 or
 * -errno, logged. */
MUST_CHECK int role_start(const struct role *role, struct link **ret_warden,
			  struct role_bundle **ret_bundle);

/* The same for a role with an event loop: warden's loop, message, gone and data are set. */
MUST_CHECK int role_start_peer(const struct role *role, struct peer *warden,
			       struct role_bundle **ret_bundle);

/* The role that a LINK_PEER or LINK_BROKEN names, or _LINK_ROLE_COUNT. */
enum link_role role_named(struct span payload);

/* LINK_PEER: opens the peer of that role among n, or closes the descriptor. The role, or
 * _LINK_ROLE_COUNT. */
enum link_role role_take_peer(struct link_message *message, struct peer *const *peers, size_t n);

/* A peer broke the format: asks the warden to restart it. */
void role_report_broken(struct peer *warden, enum link_role broken);

/* What each role does until it is told to stop or its warden is gone; the exit status. */
int engine_role_run(const struct role *role);
int ledger_role_run(const struct role *role);
int courier_role_run(const struct role *role);
int reader_role_run(const struct role *role);
