/* SPDX-License-Identifier: MIT */
/* What the files of the store share. */
#pragma once

#include "ledger/database.h"
#include "ledger/decision_index.h"
#include "ledger/store.h"

/* 16 MiB of WAL: four times SQLite's default, as a page that changes often is then copied once, not
 * four times; still read again in a moment after a crash. */
#define STORE_WAL_FRAMES 4000

enum store_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_SHARD_LAST,
	SQL_SHARD_FIND,
	SQL_SHARD_PUT,
	SQL_LEAF_LAST,
	SQL_LEAF_RANGE,
	SQL_LEAF_PUT,
	SQL_DECISION_PUT,
	SQL_RESPONSE_PUT,
	SQL_TILE_PUT,
	SQL_CHECKPOINT_PUT,
	SQL_CHECKPOINT_LAST,
	SQL_CHECKPOINT_FIND,
	SQL_KEY_PUT,
	SQL_KEY_REVOKE,
	SQL_KEY_FIND,
	SQL_KEY_ANY,
	SQL_COUNT_ADD,
	_SQL_COUNT,
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmt[_SQL_COUNT];
	int wal_frames; /* after the last commit */
	int64_t wal_room; /* bytes of the WAL's file, as far as is known */
	int64_t decisions, would_block;
	int64_t by_status[_DECISION_STATUS_COUNT]; /* counted since the last commit */
};

/* Makes what is missing in a fresh or older database. 0 or -errno. */
MUST_CHECK int store_schema_make(sqlite3 *db, bool *ret_rebuild);
/* Lets the WAL's file be larger than its next commits. 0, or -EIO when it is not known what the
 * disk holds. */
MUST_CHECK int store_keep_room(struct store *store);
extern const char *const store_sql_text[_SQL_COUNT];
