/* SPDX-License-Identifier: MIT */
/* Rows of ledger.db, in and out. */
#include "ledger/store_private.h"

#include "record/canonical.h"
#include "record/record_type.h"

#include <errno.h>

static bool copy(struct span text, char *out, size_t out_n)
{
	if (text.n >= out_n)
		return false;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

static bool copy_hash(struct span bytes, struct hash *out)
{
	if (bytes.n != HASH_BYTES)
		return false;
	memcpy(out->b, bytes.p, HASH_BYTES);
	return true;
}

/* ---- shards
 * --------------------------------------------------------------------------------------- */

static int read_shard(sqlite3_stmt *stmt, struct store_shard *ret_shard)
{
	struct store_shard shard = {0};
	int r = database_row(stmt);

	if (r != 0)
		return r;
	shard.n = (uint64_t)sqlite3_column_int64(stmt, 0);
	shard.first_id = (uint64_t)sqlite3_column_int64(stmt, 2);
	if (!copy(database_bytes(stmt, 1), shard.origin, sizeof(shard.origin)) || !shard.first_id ||
	    !leaf_origin_wellformed(span_str(shard.origin)))
		r = -EUCLEAN;
	sqlite3_reset(stmt);
	if (r == 0)
		*ret_shard = shard;
	return r;
}

int store_shard_last(struct store *store, struct store_shard *ret_shard)
{
	return read_shard(store->stmt[SQL_SHARD_LAST], ret_shard);
}

int store_shard_find(struct store *store, struct span origin, struct store_shard *ret_shard)
{
	database_bind_text(store->stmt[SQL_SHARD_FIND], 1, origin);
	return read_shard(store->stmt[SQL_SHARD_FIND], ret_shard);
}

int store_put_shard(struct store *store, const struct store_shard *shard)
{
	sqlite3_stmt *stmt = store->stmt[SQL_SHARD_PUT];

	database_bind_int(stmt, 1, (int64_t)shard->n);
	database_bind_text(stmt, 2, span_str(shard->origin));
	database_bind_int(stmt, 3, (int64_t)shard->first_id);
	return database_step(stmt);
}

/* ---- leaves
 * --------------------------------------------------------------------------------------- */

int store_last_id(struct store *store, uint64_t *ret_id)
{
	sqlite3_stmt *stmt = store->stmt[SQL_LEAF_LAST];
	int r = database_row(stmt);

	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_id = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

int store_leaves(struct store *store, uint64_t begin, uint64_t end,
		 int (*fn)(void *data, const struct store_leaf *leaf), void *data)
{
	sqlite3_stmt *stmt = store->stmt[SQL_LEAF_RANGE];
	int r;

	database_bind_int(stmt, 1, (int64_t)begin);
	database_bind_int(stmt, 2, (int64_t)end);
	while ((r = database_row(stmt)) == 0) {
		struct store_leaf leaf = {.id = (uint64_t)sqlite3_column_int64(stmt, 0),
					  .bytes = database_bytes(stmt, 2)};

		r = copy_hash(database_bytes(stmt, 1), &leaf.hash) ? fn(data, &leaf) : -EUCLEAN;
		if (r != 0) {
			sqlite3_reset(stmt);
			return r;
		}
	}
	return r < 0 ? r : 0;
}

int store_put_leaf(struct store *store, const struct store_leaf *leaf)
{
	sqlite3_stmt *stmt = store->stmt[SQL_LEAF_PUT];

	database_bind_int(stmt, 1, (int64_t)leaf->id);
	database_bind_blob(stmt, 2, hash_span(&leaf->hash));
	database_bind_blob(stmt, 3, leaf->bytes);
	return database_step(stmt);
}

/* ---- index
 * ---------------------------------------------------------------------------------------- */

int store_bind_text(sqlite3_stmt *stmt, int at, struct span value)
{
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);
	int r = 0;

	if (value.n < 2 || value.p[0] != '"') {
		(void)sqlite3_bind_null(stmt, at);
	} else if (span_find(value, '\\') == value.n) {
		database_bind_text(stmt, at, span_sub(value, 1, value.n - 1));
	} else {
		(void)canonical_text(value, &text);
		r = text.err;
		if (r == 0)
			(void)sqlite3_bind_text64(stmt, at, (const char *)text.p, text.n,
						  SQLITE_TRANSIENT, SQLITE_UTF8);
	}
	buf_deinit(&text);
	return r;
}

static int bind_column(sqlite3_stmt *stmt, enum decision_column column, struct span value)
{
	int at = 3 + (int)column;
	int64_t n;

	if (!decision_column_is_integer(column))
		return store_bind_text(stmt, at, value);
	if (canonical_int(value, &n))
		database_bind_int(stmt, at, n);
	else
		(void)sqlite3_bind_null(stmt, at);
	return 0;
}

/* A word as the body has it, without its quotes; no escapes, else it is no word of ours. */
static struct span word(struct span value)
{
	return value.n >= 2 ? span_sub(value, 1, value.n - 1) : SPAN_NULL;
}

static int put_decision(struct store *store, uint64_t id, const struct leaf *leaf)
{
	sqlite3_stmt *stmt = store->stmt[SQL_DECISION_PUT];
	struct decision_index index;
	struct span action;
	int r;

	decision_index_read(leaf->body, &index);
	action = word(index.value[DECISION_action]);
	database_bind_int(stmt, 1, (int64_t)id);
	database_bind_int(stmt, 2, leaf->at_ns);
	for (unsigned i = 0; i < _DECISION_COLUMN_COUNT; i++) {
		r = bind_column(stmt, (enum decision_column)i, index.value[i]);
		if (r < 0)
			return r;
	}
	decision_counts_add(&store->draft, action, word(index.value[DECISION_would]));
	if (decision_status(action) != DECISION_PENDING)
		return database_step(stmt);
	r = database_step(stmt);
	return r < 0 ? r : store_put_hold(store, id, leaf, &index);
}

/* Which decision a response record belongs to; the first one of a decision counts. */
static int put_response(struct store *store, uint64_t id, const struct leaf *leaf)
{
	sqlite3_stmt *stmt = store->stmt[SQL_RESPONSE_PUT];
	int r = store_bind_text(stmt, 1, canonical_get(leaf->body, "execution_id"));

	if (r < 0)
		return r;
	database_bind_int(stmt, 2, (int64_t)id);
	return database_step(stmt);
}

int store_apply(struct store *store, uint64_t id, const struct leaf *leaf)
{
	enum record_type type = record_type_find(leaf->type);

	switch (type) {
	case RECORD_DECISION:
		return put_decision(store, id, leaf);
	case RECORD_RESPONSE:
		return put_response(store, id, leaf);
	case RECORD_APPROVAL_REQUESTED:
	case RECORD_APPROVAL_DECIDED:
	case RECORD_APPROVAL_EXPIRED:
	case RECORD_HOLD_ENDED:
		return store_apply_approval(store, id, type, leaf);
	case RECORD_START:
	case RECORD_STOP:
	case RECORD_HEARTBEAT:
	case RECORD_POLICY_LOAD:
	case RECORD_POLICY_REFUSED:
	case RECORD_MODE:
	case RECORD_LOSS:
	case RECORD_THROTTLED:
	case RECORD_DEGRADED:
	case RECORD_RECOVERED:
	case RECORD_COVERAGE_GAP:
	case RECORD_FAIL_OPEN:
	case RECORD_AUTH_FAILED:
	case RECORD_ADMIN:
	case RECORD_KEY_CREATED: /* the key's hash is in no record: its row is its own */
	case RECORD_KEY_REVOKED:
	case RECORD_EXPORT:
	case RECORD_ROLLBACK:
	case _RECORD_TYPE_COUNT:
		break;
	}
	return 0;
}

/* ---- tiles and checkpoints
 * ------------------------------------------------------------------------- */

int store_put_tiles(struct store *store, const struct store_shard *shard, uint64_t seq,
		    const struct hash carry[MERKLE_LEVELS])
{
	sqlite3_stmt *stmt = store->stmt[SQL_TILE_PUT];
	uint64_t size = seq + 1;

	for (unsigned level = 1; level * STORE_TILE_HEIGHT < MERKLE_LEVELS; level++) {
		unsigned shift = level * STORE_TILE_HEIGHT;
		int r;

		if (size & ((UINT64_C(1) << shift) - 1))
			break;
		database_bind_int(stmt, 1, (int64_t)shard->n);
		database_bind_int(stmt, 2, level);
		database_bind_int(stmt, 3, (int64_t)(((size >> shift) - 1) / STORE_TILE_WIDTH));
		database_bind_blob(stmt, 4, hash_span(&carry[shift]));
		r = database_step(stmt);
		if (r < 0)
			return r;
	}
	return 0;
}

void store_checkpoint_deinit(struct store_checkpoint *checkpoint)
{
	buf_deinit(&checkpoint->note);
}

int store_put_checkpoint(struct store *store, const struct store_shard *shard,
			 const struct store_checkpoint *checkpoint)
{
	sqlite3_stmt *stmt = store->stmt[SQL_CHECKPOINT_PUT];
	uint8_t frontier[MERKLE_LEVELS * HASH_BYTES];
	size_t n = 0;

	for (unsigned k = MERKLE_LEVELS; k-- > 0;)
		if (checkpoint->tree.size >> k & 1) {
			memcpy(frontier + n, checkpoint->tree.node[k].b, HASH_BYTES);
			n += HASH_BYTES;
		}
	database_bind_int(stmt, 1, (int64_t)shard->n);
	database_bind_int(stmt, 2, (int64_t)checkpoint->size);
	database_bind_int(stmt, 3, checkpoint->at_ns);
	database_bind_blob(stmt, 4, buf_span(&checkpoint->note));
	database_bind_blob(stmt, 5, span_of(frontier, n));
	store->count_due = true;
	return database_step(stmt);
}

static bool read_frontier(struct span bytes, uint64_t size, struct merkle *ret_tree)
{
	*ret_tree = (struct merkle){.size = size};
	for (unsigned k = MERKLE_LEVELS; k-- > 0;) {
		if (!(size >> k & 1))
			continue;
		if (!copy_hash(span_sub(bytes, 0, HASH_BYTES), &ret_tree->node[k]))
			return false;
		bytes = span_sub(bytes, HASH_BYTES, bytes.n);
	}
	return bytes.n == 0;
}

static int read_checkpoint(sqlite3_stmt *stmt, struct store_checkpoint *ret_checkpoint)
{
	struct store_checkpoint c = {.note = BUF_INIT(NOTE_BYTES_MAX)};
	int r = database_row(stmt);

	if (r != 0)
		return r;
	c.size = (uint64_t)sqlite3_column_int64(stmt, 0);
	c.at_ns = sqlite3_column_int64(stmt, 1);
	r = buf_put(&c.note, database_bytes(stmt, 2));
	if (r == 0 && (c.size > CHECKPOINT_SIZE_MAX ||
		       !read_frontier(database_bytes(stmt, 3), c.size, &c.tree)))
		r = -EUCLEAN;
	sqlite3_reset(stmt);
	if (r < 0) {
		store_checkpoint_deinit(&c);
		return r;
	}
	*ret_checkpoint = c;
	return 0;
}

int store_checkpoint_last(struct store *store, const struct store_shard *shard,
			  struct store_checkpoint *ret_checkpoint)
{
	database_bind_int(store->stmt[SQL_CHECKPOINT_LAST], 1, (int64_t)shard->n);
	return read_checkpoint(store->stmt[SQL_CHECKPOINT_LAST], ret_checkpoint);
}

int store_checkpoint_find(struct store *store, const struct store_shard *shard, uint64_t size,
			  struct store_checkpoint *ret_checkpoint)
{
	database_bind_int(store->stmt[SQL_CHECKPOINT_FIND], 1, (int64_t)shard->n);
	database_bind_int(store->stmt[SQL_CHECKPOINT_FIND], 2, (int64_t)size);
	return read_checkpoint(store->stmt[SQL_CHECKPOINT_FIND], ret_checkpoint);
}

/* ---- API keys
 * ------------------------------------------------------------------------------------- */

int store_put_key(struct store *store, const struct store_key *key, int64_t at_ns)
{
	sqlite3_stmt *stmt = store->stmt[SQL_KEY_PUT];

	database_bind_text(stmt, 1, span_str(key->id));
	database_bind_blob(stmt, 2, hash_span(&key->hash));
	database_bind_text(stmt, 3, span_str(key->role));
	database_bind_text(stmt, 4, span_str(key->owner));
	database_bind_int(stmt, 5, at_ns);
	return database_step(stmt);
}

int store_revoke_key(struct store *store, struct span id, int64_t at_ns)
{
	sqlite3_stmt *stmt = store->stmt[SQL_KEY_REVOKE];
	int r;

	database_bind_text(stmt, 1, id);
	database_bind_int(stmt, 2, at_ns);
	r = database_step(stmt);
	return r < 0 ? r : sqlite3_changes(store->db) == 1 ? 0 : 1;
}

int store_find_key(struct store *store, struct span id, struct store_key *ret_key)
{
	sqlite3_stmt *stmt = store->stmt[SQL_KEY_FIND];
	struct store_key key = {0};
	int r;

	database_bind_text(stmt, 1, id);
	r = database_row(stmt);
	if (r != 0)
		return r;
	if (!copy(id, key.id, sizeof(key.id)) || !copy_hash(database_bytes(stmt, 0), &key.hash) ||
	    !copy(database_bytes(stmt, 1), key.role, sizeof(key.role)) ||
	    !copy(database_bytes(stmt, 2), key.owner, sizeof(key.owner)))
		r = -EUCLEAN;
	key.revoked = sqlite3_column_type(stmt, 3) != SQLITE_NULL;
	sqlite3_reset(stmt);
	if (r == 0)
		*ret_key = key;
	return r;
}

int store_any_key(struct store *store)
{
	int r = database_row(store->stmt[SQL_KEY_ANY]);

	sqlite3_reset(store->stmt[SQL_KEY_ANY]);
	return r;
}

int store_first_key(struct store *store, struct store_key *ret_key)
{
	sqlite3_stmt *stmt = store->stmt[SQL_KEY_FIRST];
	char id[sizeof(ret_key->id)];
	bool fits;
	int r = database_row(stmt);

	if (r != 0)
		return r;
	fits = copy(database_bytes(stmt, 0), id, sizeof(id));
	sqlite3_reset(stmt);
	return fits ? store_find_key(store, span_str(id), ret_key) : -EUCLEAN;
}
