/* SPDX-License-Identifier: MIT */
/* Tables and statements of ledger.db. */
#include "ledger/store_private.h"

#include <errno.h>

/* As store_approvals.c reads them. */
#define APPROVAL_COLUMNS                                                                           \
	"id, state, execution_id, join_key, request_digest, uid, loginuid, expires_ms, "           \
	"decided_by,"                                                                              \
	" rationale, changed"
#define COLUMN(column) "\"" #column "\""

/* clang-format off */
static const char tables[] =
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE shard(n INTEGER PRIMARY KEY, origin TEXT NOT NULL UNIQUE, first INTEGER NOT NULL) STRICT;"
	"CREATE TABLE leaf(id INTEGER PRIMARY KEY, hash BLOB NOT NULL, bytes BLOB NOT NULL) STRICT;"
	"CREATE TABLE tile(shard INTEGER NOT NULL, level INTEGER NOT NULL, idx INTEGER NOT NULL,"
	" hashes BLOB NOT NULL, PRIMARY KEY(shard, level, idx)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE checkpoint(shard INTEGER NOT NULL, size INTEGER NOT NULL, at INTEGER NOT NULL,"
	" note BLOB NOT NULL, frontier BLOB NOT NULL, PRIMARY KEY(shard, size)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE api_key(id TEXT PRIMARY KEY, hash BLOB NOT NULL, role TEXT NOT NULL,"
	" owner TEXT NOT NULL, created INTEGER NOT NULL, revoked INTEGER) STRICT, WITHOUT ROWID;"
	/* Guards against accidents, not against whoever can write the file. */
	"CREATE TRIGGER leaf_stays BEFORE DELETE ON leaf BEGIN SELECT RAISE(ABORT, 'a leaf is never removed'); END;"
	"CREATE TRIGGER leaf_is BEFORE UPDATE ON leaf BEGIN SELECT RAISE(ABORT, 'a leaf is never changed'); END;"
	"INSERT INTO meta(name, value) VALUES ('schema', '" STORE_SCHEMA "'), ('index', '0');";

/* What the leaves say, made anew from them when its form changes; payload alone cannot be. */
static const char index_tables[] =
	"DROP TABLE IF EXISTS decision; DROP TABLE IF EXISTS response; DROP TABLE IF EXISTS count;"
	"DROP TABLE IF EXISTS approval;"
	"DROP TABLE IF EXISTS approval_history; DROP TABLE IF EXISTS hold;"
	"CREATE TABLE decision(id INTEGER PRIMARY KEY, at INTEGER NOT NULL"
#define X(column, type, outer, inner) ", " COLUMN(column) " " #type
#include "ledger/decision_column.def"
#undef X
	") STRICT;"
	"CREATE INDEX decision_execution ON decision(execution_id);"
	"CREATE TABLE response(execution_id TEXT PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE count(name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"INSERT INTO count(name, n) VALUES ('decisions', 0), ('success', 0), ('pending', 0),"
	" ('blocked', 0), ('would_block', 0), ('through', 0);"
	"CREATE TABLE approval(id TEXT PRIMARY KEY, state TEXT NOT NULL, execution_id TEXT NOT NULL,"
	" join_key TEXT NOT NULL, request_digest TEXT NOT NULL, uid INTEGER NOT NULL, loginuid INTEGER,"
	" policy TEXT, host TEXT, provider TEXT, operation TEXT, model TEXT, requested INTEGER NOT NULL,"
	" requested_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, changed INTEGER NOT NULL,"
	" decided_ns INTEGER, decided_by TEXT, decided_role TEXT, rationale TEXT, comment TEXT,"
	" self_approved INTEGER, used_by TEXT) STRICT, WITHOUT ROWID;"
	"CREATE INDEX approval_state ON approval(state, expires_ms);"
	"CREATE INDEX approval_changed ON approval(changed);"
	"CREATE INDEX approval_waits ON approval(uid) WHERE state = 'pending';"
	"CREATE TABLE approval_history(approval_id TEXT NOT NULL, id INTEGER NOT NULL,"
	" PRIMARY KEY(approval_id, id)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE hold(execution_id TEXT PRIMARY KEY, approval_id TEXT NOT NULL,"
	" request_digest TEXT, begun INTEGER NOT NULL, begun_ns INTEGER NOT NULL, ended INTEGER,"
	" ended_ns INTEGER, outcome TEXT, reason TEXT) STRICT, WITHOUT ROWID;"
	"CREATE INDEX hold_open ON hold(begun) WHERE ended IS NULL;"
	"CREATE TABLE IF NOT EXISTS payload(approval_id TEXT PRIMARY KEY, bytes INTEGER NOT NULL,"
	" sealed BLOB NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS payload_bytes ON payload(bytes);"
	"UPDATE meta SET value = '" STORE_INDEX_VERSION "' WHERE name = 'index';";

const char *const store_sql_text[_SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_SHARD_LAST] = "SELECT n, origin, first FROM shard ORDER BY n DESC LIMIT 1",
	[SQL_SHARD_FIND] = "SELECT n, origin, first FROM shard WHERE origin = ?1",
	[SQL_SHARD_PUT] = "INSERT INTO shard(n, origin, first) VALUES (?1, ?2, ?3)",
	[SQL_LEAF_LAST] = "SELECT max(id) FROM leaf",
	[SQL_LEAF_RANGE] = "SELECT id, hash, bytes FROM leaf WHERE id >= ?1 AND id < ?2 ORDER BY id",
	[SQL_LEAF_PUT] = "INSERT INTO leaf(id, hash, bytes) VALUES (?1, ?2, ?3)",
	[SQL_DECISION_PUT] = "INSERT INTO decision VALUES (?1, ?2"
#define X(column, type, outer, inner) ", ?"
#include "ledger/decision_column.def"
#undef X
		")",
	[SQL_RESPONSE_PUT] = "INSERT OR IGNORE INTO response(execution_id, id) VALUES (?1, ?2)",
	[SQL_TILE_PUT] = "INSERT INTO tile(shard, level, idx, hashes) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT DO UPDATE SET hashes = CAST(hashes || excluded.hashes AS BLOB)",
	[SQL_CHECKPOINT_PUT] = "INSERT INTO checkpoint(shard, size, at, note, frontier)"
		" VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_CHECKPOINT_LAST] = "SELECT size, at, note, frontier FROM checkpoint WHERE shard = ?1"
		" ORDER BY size DESC LIMIT 1",
	[SQL_CHECKPOINT_FIND] = "SELECT size, at, note, frontier FROM checkpoint WHERE shard = ?1"
		" AND size = ?2",
	[SQL_KEY_PUT] = "INSERT INTO api_key(id, hash, role, owner, created) VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_KEY_REVOKE] = "UPDATE api_key SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL",
	[SQL_KEY_FIND] = "SELECT hash, role, owner, revoked FROM api_key WHERE id = ?1",
	[SQL_KEY_ANY] = "SELECT 1 FROM api_key LIMIT 1",
	[SQL_KEY_FIRST] = "SELECT id FROM api_key ORDER BY created LIMIT 1",
	[SQL_APPROVAL_PUT] = "INSERT INTO approval(id, state, execution_id, join_key, request_digest,"
		" uid, loginuid, policy, host, provider, operation, model, requested, requested_ms,"
		" expires_ms, changed) VALUES (?1, 'pending', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
		" ?12, ?13, ?14, ?12)",
	[SQL_APPROVAL_DECIDE] = "UPDATE approval SET state = ?2, changed = ?3, decided_ns = ?4,"
		" decided_by = ?5, decided_role = ?6, rationale = ?7, comment = ?8, self_approved = ?9"
		" WHERE id = ?1 AND state = 'pending'",
	[SQL_APPROVAL_EXPIRE] = "UPDATE approval SET state = 'expired', changed = ?2"
		" WHERE id = ?1 AND state IN ('pending', 'approved')",
	[SQL_APPROVAL_USE] = "UPDATE approval SET state = 'used', changed = ?2, used_by = ?3"
		" WHERE id = ?1 AND state = 'approved'",
	[SQL_APPROVAL_FIND] = "SELECT " APPROVAL_COLUMNS " FROM approval WHERE id = ?1",
	[SQL_APPROVAL_CHANGED] = "SELECT " APPROVAL_COLUMNS " FROM approval WHERE changed > ?1"
		" ORDER BY changed",
	[SQL_APPROVAL_OPEN] = "SELECT " APPROVAL_COLUMNS " FROM approval"
		" WHERE state IN ('pending', 'approved', 'rejected') AND expires_ms > ?1",
	[SQL_APPROVAL_DUE] = "SELECT " APPROVAL_COLUMNS " FROM approval"
		" WHERE state IN ('pending', 'approved') AND expires_ms <= ?1",
	[SQL_APPROVAL_NEXT] = "SELECT min(expires_ms) FROM approval"
		" WHERE state IN ('pending', 'approved')",
	[SQL_APPROVAL_WAITS] = "SELECT count(*), coalesce(sum(uid = ?1), 0) FROM approval"
		" WHERE state = 'pending'",
	[SQL_HISTORY_PUT] = "INSERT OR IGNORE INTO approval_history(approval_id, id) VALUES (?1, ?2)",
	[SQL_HOLD_PUT] = "INSERT OR IGNORE INTO hold(execution_id, approval_id, request_digest, begun,"
		" begun_ns) VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_HOLD_END] = "UPDATE hold SET ended = ?2, ended_ns = ?3, outcome = ?4, reason = ?5"
		" WHERE execution_id = ?1 AND ended IS NULL",
	[SQL_HOLD_OPEN] = "SELECT execution_id, approval_id, request_digest, begun_ns FROM hold"
		" WHERE ended IS NULL ORDER BY begun",
	[SQL_HOLD_FIND] = "SELECT execution_id, approval_id, request_digest, begun_ns FROM hold"
		" WHERE execution_id = ?1 AND ended IS NULL",
	[SQL_PAYLOAD_PUT] = "INSERT INTO payload(approval_id, bytes, sealed) VALUES (?1, ?2, ?3)",
	[SQL_PAYLOAD_FIND] = "SELECT sealed FROM payload WHERE approval_id = ?1",
	[SQL_PAYLOAD_BYTES] = "SELECT coalesce(sum(bytes), 0) FROM payload",
	[SQL_PAYLOAD_BYTES_OF] = "SELECT coalesce(sum(p.bytes), 0) FROM payload p"
		" JOIN approval a ON a.id = p.approval_id WHERE a.uid = ?1",
	[SQL_PAYLOAD_ERASE] = "DELETE FROM payload WHERE approval_id = ?1",
	[SQL_PAYLOAD_SWEEP] = "DELETE FROM payload WHERE approval_id NOT IN"
		" (SELECT id FROM approval WHERE state IN ('pending', 'approved'))",
	[SQL_COUNT_ADD] = "UPDATE count SET n = n + ?2 WHERE name = ?1",
	[SQL_COUNT_THROUGH] = "UPDATE count SET n = (SELECT coalesce(max(id), 0) FROM decision)"
		" WHERE name = 'through'",
};
/* clang-format on */

/* 0 with the value in ret_value (at most 7 characters), 1 when there is no such row, -errno. */
static int meta(sqlite3 *db, const char *name, char ret_value[8])
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(db, "SELECT value FROM meta WHERE name = ?1", &stmt);

	if (r < 0)
		return r;
	database_bind_text(stmt, 1, span_str(name));
	r = database_row(stmt);
	if (r == 0) {
		struct span value = database_bytes(stmt, 0);

		if (value.n > 7)
			r = -EUCLEAN;
		else
			memcpy(ret_value, value.p, value.n);
	}
	sqlite3_finalize(stmt);
	return r;
}

static int empty(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(db, "SELECT 1 FROM sqlite_schema LIMIT 1", &stmt);

	if (r == 0)
		r = database_row(stmt);
	sqlite3_finalize(stmt);
	return r;
}

int store_schema_make(sqlite3 *db, bool *ret_rebuild)
{
	char schema[8] = "", index[8] = "";
	int r = empty(db);

	if (r == 1)
		r = database_run(db, tables);
	if (r == 0)
		r = meta(db, "schema", schema);
	if (r == 0 && strcmp(schema, STORE_SCHEMA) != 0)
		r = -EUCLEAN;
	if (r == 0)
		r = meta(db, "index", index);
	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_rebuild = strcmp(index, STORE_INDEX_VERSION) != 0;
	return *ret_rebuild ? database_run(db, index_tables) : 0;
}
