/* SPDX-License-Identifier: MIT */
/*
 * How this house opens SQLite: hardened, with one writer that also does every checkpoint, and
 * readers that never do.
 *
 * The split is a rule, not a habit: SQLite before 3.51.3 can corrupt a database in WAL mode when
 * two connections commit and checkpoint at the same time.
 */
#pragma once

#include "base/buf.h"
#include "base/parse.h"

#include <sqlite3.h>

enum database_role {
	DATABASE_WRITER, /* creates the file when it is missing; synchronous=FULL */
	DATABASE_READER, /* read-only, no checkpoint, also none on close */
};

/* Opens path. 0 or -errno as database_errno() has it. */
MUST_CHECK int database_open(const char *path, enum database_role role, sqlite3 **ret_db);
void database_close(sqlite3 *db);

/* Whether a lock is waited for, as it is from the start, or reported at once (-EBUSY). */
void database_patience(sqlite3 *db, bool patient);

/* -errno for a failed call on db: -ENOSPC disk full (or quota, file size limit), -EIO, -ENOMEM,
 * -EBUSY, -EUCLEAN for a file that is no sound database, -EROFS, -ENOENT, -EACCES. */
int database_errno(sqlite3 *db, int rc);

/* Runs SQL without parameters or results. 0 or -errno. */
MUST_CHECK int database_run(sqlite3 *db, const char *sql);

/* Prepares SQL that is used many times. 0 or -errno. */
MUST_CHECK int database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt);

/* Steps a statement that gives no rows, and resets it. 0 or -errno. */
MUST_CHECK int database_step(sqlite3_stmt *stmt);

/* Steps for one row: 0 with the row to be read (then sqlite3_reset), 1 when there is none (already
 * reset), or -errno. */
MUST_CHECK int database_row(sqlite3_stmt *stmt);

/* Parameters; spans are borrowed until the statement is stepped and reset. An absent text is NULL.
 */
void database_bind_int(sqlite3_stmt *stmt, int at, int64_t value);
void database_bind_blob(sqlite3_stmt *stmt, int at, struct span value);
void database_bind_text(sqlite3_stmt *stmt, int at, struct span value);

/* Columns of the row: borrowed until the next step or reset. */
struct span database_bytes(sqlite3_stmt *stmt, int column);
