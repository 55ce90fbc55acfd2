/* SPDX-License-Identifier: MIT */
/*
 * Room in the WAL for what comes next. A commit that makes the file grow waits for the file's
 * metadata (or the file system's journal) as well as for its own bytes; so the file is filled up
 * with zeros before anybody waits. SQLite takes nothing behind its last frame for one: a
 * frame has to carry the WAL's salt and its own checksum.
 */
#include "ledger/store_private.h"

#include <errno.h>

/* A page of SQLite's default size and its head. With larger pages the room is only smaller. */
#define FRAME_BYTES (INT64_C(4096) + 24)
/* Written at once: some milliseconds, in which no record is taken. */
#define STEP_BYTES INT64_C(2097152)
/* The next commits: a batch of ordinary records. */
#define NEXT_BYTES INT64_C(524288)
/* Behind this the WAL is moved into the database, and begun again from its start. */
#define ROOM_BYTES_MAX (STORE_WAL_FRAMES * FRAME_BYTES + NEXT_BYTES)

static int fill(sqlite3_file *wal, int64_t begin, int64_t end)
{
	static const char zero[65536];

	for (int64_t at = begin; at < end; at += (int64_t)sizeof(zero)) {
		int64_t left = end - at;
		int n = left < (int64_t)sizeof(zero) ? (int)left : (int)sizeof(zero);
		int rc = wal->pMethods->xWrite(wal, zero, n, at);

		if (rc != SQLITE_OK)
			return rc;
	}
	return wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

int store_keep_room(struct store *store)
{
	int64_t want = store->wal_frames * FRAME_BYTES + NEXT_BYTES;
	sqlite3_int64 size = 0;
	sqlite3_file *wal = NULL;
	int rc;

	if (want <= store->wal_room || store->wal_room >= ROOM_BYTES_MAX)
		return 0;
	rc = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&wal);
	if (rc != SQLITE_OK || !wal || !wal->pMethods)
		return 0;
	rc = wal->pMethods->xFileSize(wal, &size);
	/* The head of an empty file is SQLite's to write. */
	if (rc == SQLITE_OK && size > 0 && size < want) {
		rc = fill(wal, size, size + STEP_BYTES);
		size += STEP_BYTES;
	}
	/* What the kernel shows and what the disk holds may differ. */
	if (rc == SQLITE_IOERR_FSYNC)
		return -EIO;
	/* No room, or none to be had: then commits let the file grow as they need it. */
	store->wal_room = rc == SQLITE_OK ? size : ROOM_BYTES_MAX;
	return 0;
}
