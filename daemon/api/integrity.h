/* SPDX-License-Identifier: MIT */
/*
 * The whole ledger verified from its bytes, a slice at a time: spelling, hash, place and link of
 * every record, and the tree against the newest signed checkpoint. What is found wrong is listed;
 * what that proves, and what it cannot, is said.
 */
#pragma once

#include "api/role.h"
#include "base/json_write.h"

/* What is listed of each kind; all are counted. */
#define INTEGRITY_LISTED_MAX 100

struct integrity;

/* Begins: opens what it needs below state_dir. 0 or -errno. */
MUST_CHECK int integrity_new(const char *state_dir, struct query *query,
			     struct integrity **ret_integrity);
void integrity_free(struct integrity *integrity);

/* Checks some 20 ms worth of records. 0: all are checked, 1: call again, or -errno: the database
 * cannot be read. */
MUST_CHECK int integrity_step(struct integrity *integrity, struct query *query);

/* valid, total_entries, invalid_entries[], broken_chains[], message and more. */
void integrity_write(const struct integrity *integrity, struct json_write *w);
