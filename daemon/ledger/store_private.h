/* SPDX-License-Identifier: MIT */
/* What the files of the store share. */
#pragma once

#include "ledger/database.h"
#include "ledger/decision_counts.h"
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
	SQL_KEY_FIRST,
	SQL_APPROVAL_PUT,
	SQL_APPROVAL_DECIDE,
	SQL_APPROVAL_EXPIRE,
	SQL_APPROVAL_USE,
	SQL_APPROVAL_FIND,
	SQL_APPROVAL_CHANGED,
	SQL_APPROVAL_OPEN,
	SQL_APPROVAL_DUE,
	SQL_APPROVAL_NEXT,
	SQL_APPROVAL_WAITS,
	SQL_HISTORY_PUT,
	SQL_HOLD_PUT,
	SQL_HOLD_END,
	SQL_HOLD_OPEN,
	SQL_HOLD_FIND,
	SQL_PAYLOAD_PUT,
	SQL_PAYLOAD_FIND,
	SQL_PAYLOAD_BYTES,
	SQL_PAYLOAD_BYTES_OF,
	SQL_PAYLOAD_ERASE,
	SQL_PAYLOAD_SWEEP,
	SQL_COUNT_ADD,
	SQL_COUNT_THROUGH,
	_SQL_COUNT,
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmt[_SQL_COUNT];
	int wal_frames; /* after the last commit */
	int64_t wal_room; /* bytes of the WAL's file, as far as is known */
	struct decision_counts counts; /* committed, and not in `count` yet */
	struct decision_counts draft; /* of this transaction */
	bool count_due; /* with this transaction */
	bool approvals_changed; /* by the transaction that is open, or the last one */
	bool erased; /* content, since the WAL was last emptied */
};

/* Binds a canonical string value without quotes and escapes; anything else is NULL. 0 or -errno. */
MUST_CHECK int store_bind_text(sqlite3_stmt *stmt, int at, struct span value);
/* A decision that holds begins a hold. 0 or -errno. */
MUST_CHECK int store_put_hold(struct store *store, uint64_t id, const struct leaf *leaf,
			      const struct decision_index *index);
/* The approvals' tables after a record of that type. 0 or -errno. */
MUST_CHECK int store_apply_approval(struct store *store, uint64_t id, enum record_type type,
				    const struct leaf *leaf);

/* Makes what is missing in a fresh or older database. 0 or -errno. */
MUST_CHECK int store_schema_make(sqlite3 *db, bool *ret_rebuild);
/* Lets the WAL's file be larger than its next commits. 0, or -EIO when it is not known what the
 * disk holds. */
MUST_CHECK int store_keep_room(struct store *store);
extern const char *const store_sql_text[_SQL_COUNT];
