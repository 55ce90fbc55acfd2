/* SPDX-License-Identifier: MIT */
#include "ledger/store.h"

#include "base/cleanup.h"
#include "ledger/store_approvals.h"
#include "ledger/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

DEFINE_FREEP(struct store, store_close)

/* With a full disk: an eighth of the reserve. */
#define WAL_FRAMES_SCARCE 256

static int step(struct store *store, enum store_sql sql)
{
	return database_step(store->stmt[sql]);
}

/* SQLite gives its own files the mode of the database, so that is made first: the api's group
 * reads. */
static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int prepare(struct store *store)
{
	for (unsigned i = 0; i < _SQL_COUNT; i++) {
		int r = database_prepare(store->db, store_sql_text[i], &store->stmt[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Tables and index of a new or older database, all or nothing. */
static int make_schema(struct store *store)
{
	bool rebuild = false;
	int r = database_run(store->db, "BEGIN IMMEDIATE");

	if (r == 0)
		r = store_schema_make(store->db, &rebuild);
	if (r == 0)
		r = prepare(store);
	if (r == 0 && rebuild)
		r = store_rebuild(store);
	else if (r == 0)
		r = decision_counts_read(store->db, &store->counts);
	/* What failed is undone when the caller closes. */
	return r < 0 ? r : store_commit(store);
}

/* SQLite would checkpoint by itself, and keep an error in doing so to itself. */
static int note_frames(void *data, sqlite3 *db, const char *name, int frames)
{
	struct store *store = data;

	(void)db;
	(void)name;
	store->wal_frames = frames;
	return SQLITE_OK;
}

int store_open(const char *state_dir, struct store **ret_store)
{
	struct store *store CLEANUP(store_closep) = calloc(1, sizeof(*store));
	struct buf path = BUF_INIT(4096);
	int r;

	if (!store)
		return -ENOMEM;
	buf_printf(&path, "%s/" STORE_FILE, state_dir);
	r = buf_str(&path) ? make_file(buf_str(&path)) : path.err;
	if (r == 0)
		r = database_open(buf_str(&path), DATABASE_WRITER, &store->db);
	buf_deinit(&path);
	if (r == 0) {
		(void)sqlite3_wal_hook(store->db, note_frames, store);
		r = make_schema(store);
	}
	if (r < 0)
		return r;
	/* Whoever wrote last may have died before the WAL was emptied. */
	store->erased = true;
	*ret_store = TAKE(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	for (unsigned i = 0; i < _SQL_COUNT; i++)
		sqlite3_finalize(store->stmt[i]);
	database_close(store->db);
	free(store);
}

static void begin_counts(struct store *store)
{
	store->draft = (struct decision_counts){0};
	store->count_due = false;
}

int store_begin(struct store *store)
{
	begin_counts(store);
	store->approvals_changed = false;
	return step(store, SQL_BEGIN);
}

static int add_count(struct store *store, const char *name, int64_t n)
{
	if (!n)
		return 0;
	database_bind_text(store->stmt[SQL_COUNT_ADD], 1, span_str(name));
	database_bind_int(store->stmt[SQL_COUNT_ADD], 2, n);
	return step(store, SQL_COUNT_ADD);
}

static int put_counts(struct store *store)
{
	struct decision_counts all = store->counts;
	int r;

	decision_counts_join(&all, &store->draft);
	r = add_count(store, "decisions", all.decisions);
	if (r == 0)
		r = add_count(store, "success", all.by_status[DECISION_SUCCESS]);
	if (r == 0)
		r = add_count(store, "pending", all.by_status[DECISION_PENDING]);
	if (r == 0)
		r = add_count(store, "blocked", all.by_status[DECISION_BLOCKED]);
	if (r == 0)
		r = add_count(store, "would_block", all.would_block);
	return r < 0 ? r : step(store, SQL_COUNT_THROUGH);
}

int store_commit(struct store *store)
{
	int r = store->count_due ? put_counts(store) : 0;

	if (r == 0)
		r = step(store, SQL_COMMIT);
	if (r < 0)
		return r;
	if (store->count_due)
		store->counts = (struct decision_counts){0};
	else
		decision_counts_join(&store->counts, &store->draft);
	begin_counts(store);
	return 0;
}

void store_abort(struct store *store)
{
	/* A failed commit may have ended the transaction already. */
	if (!sqlite3_get_autocommit(store->db))
		(void)step(store, SQL_ROLLBACK);
	begin_counts(store);
	store->approvals_changed = false;
}

static int checkpoint(struct store *store, int mode)
{
	return database_errno(store->db,
			      sqlite3_wal_checkpoint_v2(store->db, NULL, mode, NULL, NULL));
}

int store_tidy(struct store *store, bool scarce)
{
	if (store->wal_frames >= (scarce ? WAL_FRAMES_SCARCE : STORE_WAL_FRAMES))
		return checkpoint(store, SQLITE_CHECKPOINT_PASSIVE);
	return scarce ? 0 : store_keep_room(store);
}

int store_flush(struct store *store)
{
	store->wal_room = 0;
	return checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE);
}

int store_forget(struct store *store)
{
	int r;

	if (!store->erased)
		return 0;
	/* A reader that hangs is not to stop the log. */
	database_patience(store->db, false);
	r = store_flush(store);
	database_patience(store->db, true);
	if (r == 0)
		store->erased = false;
	return r == -EBUSY ? 1 : r;
}

static int reindex(void *data, const struct store_leaf *row)
{
	struct store *store = data;
	struct leaf leaf;
	int r = leaf_parse(row->bytes, &leaf);

	if (r != PARSE_DONE)
		return -EUCLEAN;
	return store_apply(store, row->id, &leaf);
}

int store_rebuild(struct store *store)
{
	int r = database_run(store->db,
			     "DELETE FROM decision; DELETE FROM response; DELETE FROM approval;"
			     "DELETE FROM hold; DELETE FROM approval_history;"
			     "UPDATE count SET n = 0;");

	store->counts = (struct decision_counts){0};
	store->count_due = true;
	if (r == 0)
		r = store_leaves(store, 1, INT64_MAX, reindex, store);
	return r < 0 ? r : step(store, SQL_PAYLOAD_SWEEP);
}
