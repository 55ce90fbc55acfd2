/* SPDX-License-Identifier: MIT */
/*
 * The api role: the HTTP API on RUNTIME_DIR/api.sock (who it is: peer credentials) and on the TCP
 * address of api.listen (API keys). One thread; reads the ledger's database read-only; decides
 * nothing and stores nothing: commands go to the ledger and the warden.
 */
#pragma once

#include "io/link.h"
#include "model/config.h"

/* What the role is born with. The role owns the descriptors and links from the call on. */
struct api_start {
	int unix_fd; /* listening SOCK_STREAM on AF_UNIX, or -1 */
	int tcp_fd; /* listening SOCK_STREAM on api.listen, or -1 */
	struct link *warden;
	struct link *ledger; /* NULL: comes (and is renewed) by LINK_PEER {"role": "ledger"} */
	struct link *engine; /* the same */
	const char *state_dir; /* with the ledger's database, which the role may only read */
	const struct config *config;
	bool rootless; /* one user: the user that started aicpd is admin on the socket too */
};

/*
 * Serves until the warden says LINK_STOP (0) or is gone (-EPIPE); other < 0: the role could not
 * start or its loop failed. Sends LINK_READY once it listens. Call it after privileges are dropped
 * and the sandbox stands: it opens nothing but the database below state_dir (read-only, reopened
 * while running), and makes epoll descriptors. Needs no threads.
 */
int api_run(const struct api_start *start);
