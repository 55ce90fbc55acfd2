/* SPDX-License-Identifier: MIT */
#include "ledger/reader.h"

#include "base/cleanup.h"
#include "ledger/database.h"

#include <errno.h>

/* Leaves of one statement: some ten ms of reading and hashing. */
#define WINDOW 20000u

enum reader_sql {
	SQL_SCHEMA,
	SQL_SHARDS,
	SQL_SHARD,
	SQL_LAST,
	SQL_LEAVES,
	SQL_MEASURE,
	SQL_CHECKPOINT,
	SQL_CHECKPOINT_LAST,
	SQL_TILE,
	_SQL_COUNT,
};

static const char *const sql_text[_SQL_COUNT] = {
	[SQL_SCHEMA] = "SELECT value FROM meta WHERE name = 'schema'",
	[SQL_SHARDS] = "SELECT coalesce(max(n), 0) FROM shard",
	[SQL_SHARD] = "SELECT origin, first FROM shard WHERE n = ?1",
	[SQL_LAST] = "SELECT coalesce(max(id), 0) FROM leaf",
	[SQL_LEAVES] = "SELECT id, hash, bytes FROM leaf WHERE id >= ?1 AND id < ?2 ORDER BY id",
	[SQL_MEASURE] = "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM leaf"
			" WHERE id >= ?1 AND id < ?2",
	[SQL_CHECKPOINT] = "SELECT size, note FROM checkpoint WHERE shard = ?1 AND size >= ?2"
			   " ORDER BY size LIMIT 1",
	[SQL_CHECKPOINT_LAST] = "SELECT size, note FROM checkpoint WHERE shard = ?1"
				" ORDER BY size DESC LIMIT 1",
	[SQL_TILE] = "SELECT substr(hashes, ?4 * 32 + 1, 32) FROM tile WHERE shard = ?1"
		     " AND level = ?2 AND idx = ?3",
};

struct reader {
	sqlite3 *db;
	sqlite3_stmt *stmt[_SQL_COUNT];
};

DEFINE_FREEP(struct reader, reader_free)

static int prepare(struct reader *reader)
{
	sqlite3_stmt *schema;
	int r = 0;

	for (unsigned i = 0; i < _SQL_COUNT && r == 0; i++)
		r = database_prepare(reader->db, sql_text[i], &reader->stmt[i]);
	if (r < 0)
		return r;
	schema = reader->stmt[SQL_SCHEMA];
	r = database_row(schema);
	if (r == 0 && !span_eq_str(database_bytes(schema, 0), STORE_SCHEMA))
		r = 1;
	sqlite3_reset(schema);
	return r > 0 ? -EUCLEAN : r;
}

int reader_open(const char *state_dir, struct reader **ret_reader)
{
	struct reader *reader CLEANUP(reader_freep) = calloc(1, sizeof(*reader));
	struct buf path = BUF_INIT(4096);
	int r;

	if (!reader)
		return -ENOMEM;
	buf_printf(&path, "%s/" STORE_FILE, state_dir);
	r = buf_str(&path) ? database_open(buf_str(&path), DATABASE_READER, &reader->db) : path.err;
	buf_deinit(&path);
	if (r == 0)
		r = prepare(reader);
	if (r < 0)
		return r;
	*ret_reader = TAKE(reader);
	return 0;
}

void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	for (unsigned i = 0; i < _SQL_COUNT; i++)
		sqlite3_finalize(reader->stmt[i]);
	database_close(reader->db);
	free(reader);
}

int reader_shard(struct reader *reader, uint64_t n, struct store_shard *ret_shard)
{
	sqlite3_stmt *stmt = reader->stmt[SQL_SHARD];
	struct store_shard shard = {.n = n};
	struct span origin;
	int r;

	database_bind_int(stmt, 1, (int64_t)n);
	r = database_row(stmt);
	if (r != 0)
		return r;
	origin = database_bytes(stmt, 0);
	shard.first_id = (uint64_t)sqlite3_column_int64(stmt, 1);
	if (leaf_origin_wellformed(origin) && shard.first_id)
		memcpy(shard.origin, origin.p, origin.n);
	else
		r = -EUCLEAN;
	sqlite3_reset(stmt);
	if (r == 0)
		*ret_shard = shard;
	return r;
}

static int number(sqlite3_stmt *stmt, uint64_t *ret_value)
{
	int r = database_row(stmt);

	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_value = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

int reader_shards(struct reader *reader, uint64_t *ret_n)
{
	return number(reader->stmt[SQL_SHARDS], ret_n);
}

int reader_last_id(struct reader *reader, uint64_t *ret_id)
{
	return number(reader->stmt[SQL_LAST], ret_id);
}

static int window(struct reader *reader, uint64_t begin, uint64_t end,
		  int (*fn)(void *data, const struct store_leaf *leaf), void *data)
{
	sqlite3_stmt *stmt = reader->stmt[SQL_LEAVES];
	int r;

	database_bind_int(stmt, 1, (int64_t)begin);
	database_bind_int(stmt, 2, (int64_t)end);
	while ((r = database_row(stmt)) == 0) {
		struct store_leaf leaf = {.id = (uint64_t)sqlite3_column_int64(stmt, 0),
					  .bytes = database_bytes(stmt, 2)};
		struct span hash = database_bytes(stmt, 1);

		/* A hash of another length is a wrong hash; the caller compares. */
		if (hash.n == HASH_BYTES)
			memcpy(leaf.hash.b, hash.p, HASH_BYTES);
		r = fn(data, &leaf);
		if (r != 0) {
			sqlite3_reset(stmt);
			return r;
		}
	}
	return r < 0 ? r : 0;
}

int reader_leaves(struct reader *reader, uint64_t begin, uint64_t end,
		  int (*fn)(void *data, const struct store_leaf *leaf), void *data)
{
	int r = 0;

	while (begin < end && r == 0) {
		uint64_t next = end - begin < WINDOW ? end : begin + WINDOW;

		r = window(reader, begin, next, fn, data);
		begin = next;
	}
	return r;
}

int reader_measure(struct reader *reader, uint64_t begin, uint64_t end, uint64_t *ret_n,
		   uint64_t *ret_bytes)
{
	sqlite3_stmt *stmt = reader->stmt[SQL_MEASURE];
	uint64_t n = 0, bytes = 0;

	while (begin < end) {
		uint64_t next = end - begin < WINDOW ? end : begin + WINDOW;
		int r;

		database_bind_int(stmt, 1, (int64_t)begin);
		database_bind_int(stmt, 2, (int64_t)next);
		r = database_row(stmt);
		if (r != 0)
			return r < 0 ? r : -EUCLEAN;
		n += (uint64_t)sqlite3_column_int64(stmt, 0);
		bytes += (uint64_t)sqlite3_column_int64(stmt, 1);
		sqlite3_reset(stmt);
		begin = next;
	}
	*ret_n = n;
	*ret_bytes = bytes;
	return 0;
}

static int checkpoint(sqlite3_stmt *stmt, uint64_t *ret_size, struct buf *note)
{
	int r = database_row(stmt);

	if (r != 0)
		return r;
	*ret_size = (uint64_t)sqlite3_column_int64(stmt, 0);
	buf_clear(note);
	r = buf_put(note, database_bytes(stmt, 1));
	sqlite3_reset(stmt);
	return r == -E2BIG ? -EUCLEAN : r;
}

int reader_checkpoint(struct reader *reader, const struct store_shard *shard, uint64_t size,
		      uint64_t *ret_size, struct buf *note)
{
	sqlite3_stmt *stmt = reader->stmt[SQL_CHECKPOINT];

	database_bind_int(stmt, 1, (int64_t)shard->n);
	database_bind_int(stmt, 2, (int64_t)size);
	return checkpoint(stmt, ret_size, note);
}

int reader_checkpoint_last(struct reader *reader, const struct store_shard *shard,
			   uint64_t *ret_size, struct buf *note)
{
	database_bind_int(reader->stmt[SQL_CHECKPOINT_LAST], 1, (int64_t)shard->n);
	return checkpoint(reader->stmt[SQL_CHECKPOINT_LAST], ret_size, note);
}

int reader_subtree(struct reader *reader, const struct store_shard *shard, unsigned level,
		   uint64_t index, struct hash *ret_hash)
{
	sqlite3_stmt *stmt = reader->stmt[SQL_TILE];
	struct span hash;
	int r;

	database_bind_int(stmt, 1, (int64_t)shard->n);
	database_bind_int(stmt, 2, level / STORE_TILE_HEIGHT);
	database_bind_int(stmt, 3, (int64_t)(index / STORE_TILE_WIDTH));
	database_bind_int(stmt, 4, (int64_t)(index % STORE_TILE_WIDTH));
	r = database_row(stmt);
	if (r != 0)
		return r;
	hash = database_bytes(stmt, 0);
	if (hash.n == HASH_BYTES)
		memcpy(ret_hash->b, hash.p, HASH_BYTES);
	else
		r = 1;
	sqlite3_reset(stmt);
	return r;
}
