/* SPDX-License-Identifier: MIT */
/* Decisions counted by verdict, policy and requester. Counted once and then only what is new, a
 * slice at a time. */
#pragma once

#include "api/role.h"
#include "base/json_write.h"

/* Distinct names of each kind; what comes beyond is counted as "(others)". */
#define TALLY_NAMES_MAX 4096

struct tally;

struct tally *tally_new(void); /* NULL: out of memory */
void tally_free(struct tally *tally);

/* Counts some more. 0: everything was counted, 1: call again, or -errno. */
MUST_CHECK int tally_step(struct tally *tally, struct query *query, struct json_scan *scan);

/* The members of /api/decisions/statistics. */
void tally_write(const struct tally *tally, struct json_write *w);
