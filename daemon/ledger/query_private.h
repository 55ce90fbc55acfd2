/* SPDX-License-Identifier: MIT */
/* What the files of the query share. */
#pragma once

#include "ledger/database.h"
#include "ledger/query.h"

struct query {
	sqlite3 *db;
	struct buf sql;
};

/* Hands out a leaf: columns 0 to 2 are its id, hash and bytes. 0, what fn returned, or -errno. */
MUST_CHECK int query_hand_out(sqlite3_stmt *stmt, query_row_fn fn, void *data);
