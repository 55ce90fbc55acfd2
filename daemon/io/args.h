/* SPDX-License-Identifier: MIT */
/*
 * Arguments of a process as they may be recorded: joined by spaces, each cut to ARGS_ONE_BYTES_MAX,
 * all together to AICP_ARGS_BYTES_MAX, and without what looks like a credential or like content.
 * Leaves of the ledger cannot be erased, so what must not stand in them never gets there. Pure.
 *
 * Replaced by [masked]: the value of an argument or option whose name speaks of a credential
 * (NAME=VALUE, "Name: value",
 * --name VALUE; names by engine/credential.h), user:password in --user and URLs, words that begin
 * with sk-. Replaced by [N bytes]: what options that carry a request's body are given (curl's
 * --data and kin).
 */
#pragma once

#include "base/buf.h"

#define ARGS_ONE_BYTES_MAX 256u

/* Appends what /proc/PID/cmdline holds. complete: cmdline is all there was. 0 or the buffer's
 * error. */
int args_put(struct span cmdline, bool complete, struct buf *out);
