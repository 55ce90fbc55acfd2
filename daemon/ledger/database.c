/* SPDX-License-Identifier: MIT */
#include "ledger/database.h"

#include <errno.h>

/* What sqlite.org/security.html advises for files of unknown origin, with room for what we use. The
 * length has to cover a leaf, a whole tile, and what approvers see of a request. */
static const struct {
	int id, value;
} limit_row[] = {
	{SQLITE_LIMIT_LENGTH, 2 << 20},	    {SQLITE_LIMIT_SQL_LENGTH, 100000},
	{SQLITE_LIMIT_COLUMN, 100},	    {SQLITE_LIMIT_EXPR_DEPTH, 40},
	{SQLITE_LIMIT_COMPOUND_SELECT, 3},  {SQLITE_LIMIT_VDBE_OP, 25000},
	{SQLITE_LIMIT_FUNCTION_ARG, 8},	    {SQLITE_LIMIT_ATTACHED, 0},
	{SQLITE_LIMIT_VARIABLE_NUMBER, 40}, {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
	{SQLITE_LIMIT_WORKER_THREADS, 0},
};

/* A reader meets a lock only while the writer recovers or resets the WAL: both are short. */
#define BUSY_MS 2000

int database_errno(sqlite3 *db, int rc)
{
	int system = db ? sqlite3_system_errno(db) : 0;

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* our SQL is sound, so the tables are not */
		return -EUCLEAN;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
		return system == ENOENT || system == EACCES || system == EPERM ? -system : -EIO;
	case SQLITE_IOERR:
		/* After a failed fsync nobody knows what the disk holds, whatever the cause. */
		if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
			return -EIO;
		if (system == ENOSPC || system == EDQUOT || system == EFBIG)
			return -ENOSPC;
		return rc == SQLITE_IOERR_NOMEM ? -ENOMEM : -EIO;
	default:
		return -EIO;
	}
}

int database_run(sqlite3 *db, const char *sql)
{
	return database_errno(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int harden(sqlite3 *db)
{
	static const struct {
		int option, value;
	} row[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},	  {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_DQS_DDL, 0},
		{SQLITE_DBCONFIG_DQS_DML, 0},	  {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		int rc = sqlite3_db_config(db, row[i].option, row[i].value, (int *)NULL);

		if (rc != SQLITE_OK)
			return database_errno(db, rc);
	}
	for (size_t i = 0; i < sizeof(limit_row) / sizeof(*limit_row); i++)
		(void)sqlite3_limit(db, limit_row[i].id, limit_row[i].value);
	sqlite3_busy_timeout(db, BUSY_MS);
	return 0;
}

/* `make bench` builds one aicpd without it, to show what the disk costs; no other build may. */
#ifndef LEDGER_SYNCHRONOUS
#define LEDGER_SYNCHRONOUS "FULL"
#endif

/* Some file systems have no shared memory, and SQLite then quietly stays with its old journal. */
static int wal_on(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(db, "PRAGMA journal_mode=WAL", &stmt);

	if (r == 0)
		r = database_row(stmt);
	if (r == 0 && !span_eq_str(database_bytes(stmt, 0), "wal"))
		r = -EOPNOTSUPP;
	sqlite3_finalize(stmt);
	return r <= 0 ? r : -EUCLEAN;
}

/* A stray pointer cannot write through a map that is not there; freed pages are overwritten. */
static int pragmas(sqlite3 *db, enum database_role role)
{
	int r = database_run(db, "PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;"
				 "PRAGMA temp_store=MEMORY;");

	if (r < 0)
		return r;
	switch (role) {
	case DATABASE_WRITER:
		r = wal_on(db);
		if (r < 0)
			return r;
		return database_run(db, "PRAGMA synchronous=" LEDGER_SYNCHRONOUS ";"
					"PRAGMA secure_delete=ON; PRAGMA cache_size=-8192;"
					"PRAGMA wal_autocheckpoint=0;"
					"PRAGMA journal_size_limit=67108864;");
	case DATABASE_READER:
		(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
		return database_run(db, "PRAGMA wal_autocheckpoint=0; PRAGMA query_only=ON;"
					"PRAGMA cache_size=-2048;");
	}
	return -EINVAL;
}

int database_open(const char *path, enum database_role role, sqlite3 **ret_db)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	sqlite3 *db = NULL;
	int r;

	flags |= role == DATABASE_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
					 : SQLITE_OPEN_READONLY;
	r = database_errno(db, sqlite3_open_v2(path, &db, flags, NULL));
	if (r < 0 && db)
		r = database_errno(db, sqlite3_errcode(db));
	if (r == 0)
		r = harden(db);
	if (r == 0)
		r = pragmas(db, role);
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}

void database_patience(sqlite3 *db, bool patient)
{
	sqlite3_busy_timeout(db, patient ? BUSY_MS : 0);
}

void database_close(sqlite3 *db)
{
	sqlite3_close(db);
}

int database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt)
{
	return database_errno(
		db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL));
}

int database_step(sqlite3_stmt *stmt)
{
	int r = database_errno(sqlite3_db_handle(stmt), sqlite3_step(stmt));

	sqlite3_reset(stmt);
	return r;
}

int database_row(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 0;
	rc = rc == SQLITE_DONE ? 1 : database_errno(sqlite3_db_handle(stmt), rc);
	sqlite3_reset(stmt);
	return rc;
}

/* Binding can fail only for want of memory or a wrong index; the step that follows then writes NULL
 * into a NOT NULL column, or fails itself. */
void database_bind_int(sqlite3_stmt *stmt, int at, int64_t value)
{
	(void)sqlite3_bind_int64(stmt, at, value);
}

void database_bind_blob(sqlite3_stmt *stmt, int at, struct span value)
{
	(void)sqlite3_bind_blob64(stmt, at, value.p, value.n, SQLITE_STATIC);
}

void database_bind_text(sqlite3_stmt *stmt, int at, struct span value)
{
	(void)sqlite3_bind_text64(stmt, at, (const char *)value.p, value.n, SQLITE_STATIC,
				  SQLITE_UTF8);
}

struct span database_bytes(sqlite3_stmt *stmt, int column)
{
	const void *p = sqlite3_column_blob(stmt, column);

	return span_of(p, (size_t)sqlite3_column_bytes(stmt, column));
}
