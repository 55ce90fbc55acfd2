/* SPDX-License-Identifier: MIT */
#include "ledger/store_approvals.h"

#include "ledger/store_private.h"
#include "record/canonical.h"

#include <errno.h>

/* ---- what a record does
 * ----------------------------------------------------------------------------- */

static struct span text_of(struct span value)
{
	return value.n >= 2 && value.p[0] == '"' ? span_sub(value, 1, value.n - 1) : SPAN_NULL;
}

static void bind_int_or_null(sqlite3_stmt *stmt, int at, struct span value)
{
	int64_t n;

	if (canonical_int(value, &n))
		database_bind_int(stmt, at, n);
	else
		(void)sqlite3_bind_null(stmt, at);
}

/* Ids and digests have no escapes (ledger_approvals.c saw to it), so they are bound as they stand.
 */
static int put_history(struct store *store, struct span approval_id, uint64_t id)
{
	sqlite3_stmt *stmt = store->stmt[SQL_HISTORY_PUT];

	database_bind_text(stmt, 1, approval_id);
	database_bind_int(stmt, 2, (int64_t)id);
	return database_step(stmt);
}

static int erase(struct store *store, struct span approval_id)
{
	sqlite3_stmt *stmt = store->stmt[SQL_PAYLOAD_ERASE];
	int r;

	database_bind_text(stmt, 1, approval_id);
	r = database_step(stmt);
	store->erased |= r == 0 && sqlite3_changes(store->db) > 0;
	return r;
}

static int apply_requested(struct store *store, uint64_t id, const struct leaf *leaf)
{
	static const char *const texts[] = {"policy", "server.address", "gen_ai.provider.name",
					    "gen_ai.operation.name", "gen_ai.request.model"};
	sqlite3_stmt *stmt = store->stmt[SQL_APPROVAL_PUT];
	struct span body = leaf->body, process = canonical_get(body, "process");
	int r = 0;

	database_bind_text(stmt, 1, text_of(canonical_get(body, "approval_id")));
	database_bind_text(stmt, 2, text_of(canonical_get(body, "execution_id")));
	database_bind_text(stmt, 3, text_of(canonical_get(body, "join")));
	database_bind_text(stmt, 4, text_of(canonical_get(body, "request_digest")));
	bind_int_or_null(stmt, 5, canonical_get(process, "uid"));
	bind_int_or_null(stmt, 6, canonical_get(process, "loginuid"));
	for (int i = 0; r == 0 && i < 5; i++)
		r = store_bind_text(stmt, 7 + i, canonical_get(body, texts[i]));
	if (r < 0)
		return r;
	database_bind_int(stmt, 12, (int64_t)id);
	bind_int_or_null(stmt, 13, canonical_get(body, "requested_ms"));
	bind_int_or_null(stmt, 14, canonical_get(body, "expires_ms"));
	return database_step(stmt);
}

static int apply_decided(struct store *store, uint64_t id, const struct leaf *leaf,
			 struct span approval_id)
{
	sqlite3_stmt *stmt = store->stmt[SQL_APPROVAL_DECIDE];
	struct span body = leaf->body, decision = text_of(canonical_get(body, "decision"));
	static const char *const texts[] = {"by", "role", "rationale", "comment"};
	int r = 0;

	database_bind_text(stmt, 1, approval_id);
	database_bind_text(stmt, 2, decision);
	database_bind_int(stmt, 3, (int64_t)id);
	database_bind_int(stmt, 4, leaf->at_ns);
	for (int i = 0; r == 0 && i < 4; i++)
		r = store_bind_text(stmt, 5 + i, canonical_get(body, texts[i]));
	if (r < 0)
		return r;
	database_bind_int(stmt, 9, span_eq_str(canonical_get(body, "self_approved"), "true"));
	r = database_step(stmt);
	/* Nobody else is going to look at what was refused. */
	if (r == 0 && span_eq_str(decision, approval_state_name(APPROVAL_REJECTED)))
		r = erase(store, approval_id);
	return r;
}

static int apply_expired(struct store *store, uint64_t id, struct span approval_id)
{
	sqlite3_stmt *stmt = store->stmt[SQL_APPROVAL_EXPIRE];
	int r;

	database_bind_text(stmt, 1, approval_id);
	database_bind_int(stmt, 2, (int64_t)id);
	r = database_step(stmt);
	return r < 0 ? r : erase(store, approval_id);
}

static int use(struct store *store, uint64_t id, struct span approval_id, struct span execution_id)
{
	sqlite3_stmt *stmt = store->stmt[SQL_APPROVAL_USE];
	int r;

	database_bind_text(stmt, 1, approval_id);
	database_bind_int(stmt, 2, (int64_t)id);
	database_bind_text(stmt, 3, execution_id);
	r = database_step(stmt);
	return r < 0 ? r : erase(store, approval_id);
}

static int apply_hold_ended(struct store *store, uint64_t id, const struct leaf *leaf,
			    struct span approval_id)
{
	sqlite3_stmt *stmt = store->stmt[SQL_HOLD_END];
	struct span execution_id = text_of(canonical_get(leaf->body, "execution_id"));
	struct span outcome = text_of(canonical_get(leaf->body, "outcome"));
	bool released = span_eq_str(outcome, hold_outcome_name(HOLD_RELEASED));
	int r;

	database_bind_text(stmt, 1, execution_id);
	database_bind_int(stmt, 2, (int64_t)id);
	database_bind_int(stmt, 3, leaf->at_ns);
	database_bind_text(stmt, 4, outcome);
	r = store_bind_text(stmt, 5, canonical_get(leaf->body, "reason"));
	if (r == 0)
		r = database_step(stmt);
	if (r < 0 || sqlite3_changes(store->db) == 0)
		return r; /* it had ended already */
	store->draft.by_status[DECISION_PENDING]--;
	store->draft.by_status[released ? DECISION_SUCCESS : DECISION_BLOCKED]++;
	/* Whoever adds the decisions behind the counts does not look at the ends of holds. */
	store->count_due = true;
	return released ? use(store, id, approval_id, execution_id) : 0;
}

int store_apply_approval(struct store *store, uint64_t id, enum record_type type,
			 const struct leaf *leaf)
{
	struct span approval_id = text_of(canonical_get(leaf->body, "approval_id"));
	int r;

	store->approvals_changed = true;
	if (type == RECORD_APPROVAL_REQUESTED)
		r = apply_requested(store, id, leaf);
	else if (type == RECORD_APPROVAL_DECIDED)
		r = apply_decided(store, id, leaf, approval_id);
	else if (type == RECORD_APPROVAL_EXPIRED)
		r = apply_expired(store, id, approval_id);
	else
		r = apply_hold_ended(store, id, leaf, approval_id);
	return r < 0 ? r : put_history(store, approval_id, id);
}

int store_put_hold(struct store *store, uint64_t id, const struct leaf *leaf,
		   const struct decision_index *index)
{
	struct span approval_id = text_of(index->value[DECISION_approval_id]);
	sqlite3_stmt *stmt = store->stmt[SQL_HOLD_PUT];
	int r;

	if (!approval_id.p || !text_of(index->value[DECISION_execution_id]).p)
		return 0;
	r = store_bind_text(stmt, 1, index->value[DECISION_execution_id]);
	if (r == 0)
		r = store_bind_text(stmt, 2, index->value[DECISION_approval_id]);
	if (r == 0)
		r = store_bind_text(stmt, 3, canonical_get(leaf->body, "request_digest"));
	if (r < 0)
		return r;
	database_bind_int(stmt, 4, (int64_t)id);
	database_bind_int(stmt, 5, leaf->at_ns);
	r = database_step(stmt);
	return r < 0 ? r : put_history(store, approval_id, id);
}

/* ---- reading
 * ---------------------------------------------------------------------------------------- */

/* Columns as APPROVAL_COLUMNS has them. */
static int read_approval(sqlite3_stmt *stmt, struct store_approval *ret_approval)
{
	struct store_approval a = {
		.id = database_bytes(stmt, 0),
		.execution_id = database_bytes(stmt, 2),
		.join = database_bytes(stmt, 3),
		.request_digest = database_bytes(stmt, 4),
		.uid = sqlite3_column_int64(stmt, 5),
		.loginuid = sqlite3_column_type(stmt, 6) == SQLITE_NULL
				    ? -1
				    : sqlite3_column_int64(stmt, 6),
		.expires_ms = sqlite3_column_int64(stmt, 7),
		.by = database_bytes(stmt, 8),
		.rationale = database_bytes(stmt, 9),
		.changed = (uint64_t)sqlite3_column_int64(stmt, 10),
	};

	if (!approval_state_find(database_bytes(stmt, 1), &a.state))
		return -EUCLEAN;
	*ret_approval = a;
	return 0;
}

/* 0, what fn returned, or -errno; *ret_n rows were handed out. */
static int each_approval(sqlite3_stmt *stmt, store_approval_fn fn, void *data, unsigned *ret_n)
{
	int r;

	*ret_n = 0;
	while ((r = database_row(stmt)) == 0) {
		struct store_approval a;

		r = read_approval(stmt, &a);
		if (r == 0)
			r = fn(data, &a);
		++*ret_n;
		if (r != 0) {
			sqlite3_reset(stmt);
			return r;
		}
	}
	return r < 0 ? r : 0;
}

int store_approval_find(struct store *store, struct span id, store_approval_fn fn, void *data)
{
	sqlite3_stmt *stmt = store->stmt[SQL_APPROVAL_FIND];
	unsigned n;
	int r;

	database_bind_text(stmt, 1, id);
	r = each_approval(stmt, fn, data, &n);
	return r == 0 && !n ? 1 : r;
}

int store_approvals_changed(struct store *store, uint64_t after, store_approval_fn fn, void *data)
{
	unsigned n;

	database_bind_int(store->stmt[SQL_APPROVAL_CHANGED], 1, (int64_t)after);
	return each_approval(store->stmt[SQL_APPROVAL_CHANGED], fn, data, &n);
}

int store_approvals_open(struct store *store, int64_t now_ms, store_approval_fn fn, void *data)
{
	unsigned n;

	database_bind_int(store->stmt[SQL_APPROVAL_OPEN], 1, now_ms);
	return each_approval(store->stmt[SQL_APPROVAL_OPEN], fn, data, &n);
}

int store_approvals_due(struct store *store, int64_t now_ms, store_approval_fn fn, void *data)
{
	unsigned n;

	database_bind_int(store->stmt[SQL_APPROVAL_DUE], 1, now_ms);
	return each_approval(store->stmt[SQL_APPROVAL_DUE], fn, data, &n);
}

int store_approvals_next(struct store *store, int64_t *ret_expires_ms)
{
	sqlite3_stmt *stmt = store->stmt[SQL_APPROVAL_NEXT];
	int r = database_row(stmt);

	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_expires_ms = sqlite3_column_type(stmt, 0) == SQLITE_NULL
				  ? INT64_MAX
				  : sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

int store_approvals_waiting(struct store *store, int64_t uid, struct store_waiting *ret_waiting)
{
	sqlite3_stmt *waits = store->stmt[SQL_APPROVAL_WAITS];
	sqlite3_stmt *bytes = store->stmt[SQL_PAYLOAD_BYTES];
	struct store_waiting w = {0};
	int r;

	database_bind_int(waits, 1, uid);
	r = database_row(waits);
	if (r == 0) {
		w.all = sqlite3_column_int64(waits, 0);
		w.of_uid = sqlite3_column_int64(waits, 1);
		sqlite3_reset(waits);
		r = database_row(bytes);
	}
	if (r == 0) {
		w.bytes = sqlite3_column_int64(bytes, 0);
		sqlite3_reset(bytes);
	}
	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_waiting = w;
	return 0;
}

int store_approvals_bytes_of(struct store *store, int64_t uid, int64_t *ret_bytes)
{
	sqlite3_stmt *stmt = store->stmt[SQL_PAYLOAD_BYTES_OF];
	int r;

	database_bind_int(stmt, 1, uid);
	r = database_row(stmt);
	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_bytes = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

bool store_approvals_touched(const struct store *store)
{
	return store->approvals_changed;
}

static int each_hold(sqlite3_stmt *stmt, store_hold_fn fn, void *data, unsigned *ret_n)
{
	int r;

	*ret_n = 0;
	while ((r = database_row(stmt)) == 0) {
		const struct store_hold hold = {
			.execution_id = database_bytes(stmt, 0),
			.approval_id = database_bytes(stmt, 1),
			.request_digest = database_bytes(stmt, 2),
			.begun_ns = sqlite3_column_int64(stmt, 3),
		};

		r = fn(data, &hold);
		++*ret_n;
		if (r != 0) {
			sqlite3_reset(stmt);
			return r;
		}
	}
	return r < 0 ? r : 0;
}

int store_hold_find(struct store *store, struct span execution_id, store_hold_fn fn, void *data)
{
	unsigned n;
	int r;

	database_bind_text(store->stmt[SQL_HOLD_FIND], 1, execution_id);
	r = each_hold(store->stmt[SQL_HOLD_FIND], fn, data, &n);
	return r == 0 && !n ? 1 : r;
}

int store_holds_open(struct store *store, store_hold_fn fn, void *data)
{
	unsigned n;

	return each_hold(store->stmt[SQL_HOLD_OPEN], fn, data, &n);
}

/* ---- content
 * ---------------------------------------------------------------------------------------- */

int store_payload_put(struct store *store, struct span approval_id, struct span sealed)
{
	sqlite3_stmt *stmt = store->stmt[SQL_PAYLOAD_PUT];

	database_bind_text(stmt, 1, approval_id);
	database_bind_int(stmt, 2, (int64_t)sealed.n);
	database_bind_blob(stmt, 3, sealed);
	return database_step(stmt);
}

int store_payload_find(struct store *store, struct span approval_id, struct buf *out)
{
	sqlite3_stmt *stmt = store->stmt[SQL_PAYLOAD_FIND];
	int r;

	database_bind_text(stmt, 1, approval_id);
	r = database_row(stmt);
	if (r != 0)
		return r;
	r = buf_put(out, database_bytes(stmt, 0));
	sqlite3_reset(stmt);
	return r;
}

bool store_forgets(const struct store *store)
{
	return store->erased;
}
