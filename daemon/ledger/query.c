/* SPDX-License-Identifier: MIT */
#include "ledger/query.h"

#include "base/cleanup.h"
#include "ledger/decision_counts.h"
#include "ledger/decision_index.h"
#include "ledger/query_private.h"
#include "ledger/store.h"

#include <errno.h>

/* Records that one statement looks at: a few ms of reading, so that a filter which matches nothing
 * in ten million records still holds no transaction open for long. */
#define WINDOW 20000u

DEFINE_FREEP(struct query, query_free)

/* A database of another version is not read by guessing. */
static int check_schema(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(db, "SELECT value FROM meta WHERE name = 'schema'", &stmt);

	if (r == 0)
		r = database_row(stmt);
	if (r == 0 && !span_eq_str(database_bytes(stmt, 0), STORE_SCHEMA))
		r = 1;
	sqlite3_finalize(stmt);
	return r > 0 ? -EUCLEAN : r;
}

int query_open(const char *state_dir, struct query **ret_query)
{
	struct query *q CLEANUP(query_freep) = calloc(1, sizeof(*q));
	struct buf path = BUF_INIT(4096);
	int r;

	if (!q)
		return -ENOMEM;
	q->sql = BUF_INIT(8192);
	buf_printf(&path, "%s/" STORE_FILE, state_dir);
	r = buf_str(&path) ? database_open(buf_str(&path), DATABASE_READER, &q->db) : path.err;
	buf_deinit(&path);
	if (r == 0)
		r = check_schema(q->db);
	if (r < 0)
		return r;
	*ret_query = TAKE(q);
	return 0;
}

void query_free(struct query *q)
{
	if (!q)
		return;
	database_close(q->db);
	buf_deinit(&q->sql);
	free(q);
}

/* ---- rows
 * ------------------------------------------------------------------------------------------- */

/* What stands behind the leaf's columns of a decision: its response and what approval it waited
 * for.
 */
static void read_decision(sqlite3_stmt *stmt, struct query_row *row)
{
	if (sqlite3_column_type(stmt, 3) != SQLITE_NULL)
		row->response = database_bytes(stmt, 3);
	row->hold = (struct query_hold){
		.begun = sqlite3_column_type(stmt, 4) != SQLITE_NULL,
		.outcome = database_bytes(stmt, 5),
		.reason = database_bytes(stmt, 6),
		.ended_ns = sqlite3_column_int64(stmt, 7),
		.state = database_bytes(stmt, 8),
		.by = database_bytes(stmt, 9),
		.role = database_bytes(stmt, 10),
		.rationale = database_bytes(stmt, 11),
		.decided_ns = sqlite3_column_int64(stmt, 12),
		.self_approved = sqlite3_column_int(stmt, 13),
	};
}
#define DECISION_COLUMNS                                                                           \
	"l.id, l.hash, l.bytes, a.bytes, h.begun, h.outcome, h.reason, h.ended_ns, p.state,"       \
	" p.decided_by, p.decided_role, p.rationale, p.decided_ns, p.self_approved"

int query_hand_out(sqlite3_stmt *stmt, query_row_fn fn, void *data)
{
	struct query_row row = {.id = (uint64_t)sqlite3_column_int64(stmt, 0),
				.bytes = database_bytes(stmt, 2)};
	struct span hash = database_bytes(stmt, 1);

	if (sqlite3_column_count(stmt) > 3)
		read_decision(stmt, &row);
	if (hash.n != HASH_BYTES || leaf_parse(row.bytes, &row.leaf) != PARSE_DONE)
		return -EUCLEAN;
	memcpy(row.hash.b, hash.p, HASH_BYTES);
	return fn(data, &row);
}

/* One number: 0, 1 when the statement gives no row, -errno. */
static int number(struct query *q, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(q->db, sql, &stmt);

	if (r == 0)
		r = database_row(stmt);
	if (r == 0)
		*ret_value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return r;
}

/* ---- lists
 * ------------------------------------------------------------------------------------------ */

/* Which rows of which table, and how far we are. */
struct scan {
	struct query *query;
	const struct query_filter *filter;
	struct span type; /* records */
	bool decisions;
	query_row_fn fn;
	void *data;
	unsigned left;
};

static const struct condition {
	size_t offset; /* of the span in struct query_filter */
	enum decision_column column;
} condition_row[] = {
	{offsetof(struct query_filter, execution_id), DECISION_execution_id},
	{offsetof(struct query_filter, agent_id), DECISION_agent_id},
	{offsetof(struct query_filter, user), DECISION_user},
	{offsetof(struct query_filter, action), DECISION_action},
	{offsetof(struct query_filter, provider), DECISION_provider},
	{offsetof(struct query_filter, model), DECISION_model},
	{offsetof(struct query_filter, host), DECISION_host},
	{offsetof(struct query_filter, policy), DECISION_policy},
	{offsetof(struct query_filter, reason), DECISION_reason},
};
#define CONDITIONS	(sizeof(condition_row) / sizeof(*condition_row))
#define PARAMETER_FIRST 6 /* of the conditions; before them: begin, end, since, until, limit */

static const char *const column_name[_DECISION_COLUMN_COUNT] = {
#define X(column, type, outer, inner) [DECISION_##column] = "\"" #column "\"",
#include "ledger/decision_column.def"
#undef X
};

static struct span condition_value(const struct query_filter *filter, size_t i)
{
	struct span value;

	memcpy(&value, (const char *)filter + condition_row[i].offset, sizeof(value));
	return value;
}

/* What a status means in SQL; an unknown one fits nothing. A hold that has ended counts as what
 * came of it. */
static const char *status_condition(struct span status)
{
	if (span_eq_str(status, "success"))
		return "(d.action IN ('allow', 'warn', 'redact') OR"
		       " (d.action = 'hold' AND h.outcome = 'released'))";
	if (span_eq_str(status, "pending_approval"))
		return "(d.action = 'hold' AND h.outcome IS NULL)";
	if (span_eq_str(status, "blocked"))
		return "(d.action = 'block' OR"
		       " (d.action = 'hold' AND h.outcome IN ('refused', 'abandoned')))";
	return "FALSE";
}

/* SQL is made from our own names only; values are parameters. */
static int write_decisions_sql(struct query *q, const struct query_filter *filter)
{
	buf_clear(&q->sql);
	buf_put_str(&q->sql,
		    "SELECT " DECISION_COLUMNS " FROM decision d JOIN leaf l ON l.id = d.id"
		    " LEFT JOIN response r ON r.execution_id = d.execution_id"
		    " LEFT JOIN leaf a ON a.id = r.id"
		    " LEFT JOIN hold h ON d.action = 'hold' AND h.execution_id = d.execution_id"
		    " LEFT JOIN approval p ON p.id = d.approval_id"
		    " WHERE d.id >= ?1 AND d.id < ?2 AND d.at >= ?3 AND d.at < ?4");
	for (size_t i = 0; i < CONDITIONS; i++)
		if (condition_value(filter, i).p)
			buf_printf(&q->sql, " AND d.%s = ?%zu",
				   column_name[condition_row[i].column], PARAMETER_FIRST + i);
	if (filter->status.p)
		buf_printf(&q->sql, " AND %s", status_condition(filter->status));
	if (filter->approver.p)
		buf_printf(&q->sql, " AND p.decided_by = ?%zu", PARAMETER_FIRST + CONDITIONS + 1);
	if (filter->uid >= 0)
		buf_printf(&q->sql, " AND d.uid = ?%zu", PARAMETER_FIRST + CONDITIONS);
	buf_printf(&q->sql, " ORDER BY d.id%s LIMIT ?5", filter->newest_first ? " DESC" : "");
	return buf_str(&q->sql) ? 0 : q->sql.err;
}

static int write_records_sql(struct query *q, const struct query_filter *filter)
{
	buf_clear(&q->sql);
	buf_printf(&q->sql,
		   "SELECT id, hash, bytes FROM leaf WHERE id >= ?1 AND id < ?2 ORDER BY id%s",
		   filter->newest_first ? " DESC" : "");
	return buf_str(&q->sql) ? 0 : q->sql.err;
}

static void bind(const struct scan *s, sqlite3_stmt *stmt, uint64_t begin, uint64_t end)
{
	database_bind_int(stmt, 1, (int64_t)begin);
	database_bind_int(stmt, 2, (int64_t)end);
	if (!s->decisions)
		return;
	database_bind_int(stmt, 3, s->filter->since_ns);
	database_bind_int(stmt, 4, s->filter->until_ns);
	database_bind_int(stmt, 5, s->left);
	for (size_t i = 0; i < CONDITIONS; i++)
		if (condition_value(s->filter, i).p)
			database_bind_text(stmt, PARAMETER_FIRST + (int)i,
					   condition_value(s->filter, i));
	if (s->filter->uid >= 0)
		database_bind_int(stmt, PARAMETER_FIRST + (int)CONDITIONS, s->filter->uid);
	if (s->filter->approver.p)
		database_bind_text(stmt, PARAMETER_FIRST + (int)CONDITIONS + 1,
				   s->filter->approver);
}

static int scan_row(void *data, const struct query_row *row)
{
	struct scan *s = data;

	if (!s->decisions &&
	    (row->leaf.at_ns < s->filter->since_ns || row->leaf.at_ns >= s->filter->until_ns ||
	     (s->type.p && !span_eq(row->leaf.type, s->type))))
		return 0;
	s->left--;
	return s->fn(s->data, row);
}

/* One window, one statement, one short transaction. */
static int scan_window(struct scan *s, uint64_t begin, uint64_t end)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(s->query->db, buf_str(&s->query->sql), &stmt);

	if (r == 0)
		bind(s, stmt, begin, end);
	while (r == 0 && s->left > 0) {
		int row = database_row(stmt);

		if (row != 0) {
			r = row < 0 ? row : 0;
			break;
		}
		r = query_hand_out(stmt, scan_row, s);
	}
	sqlite3_finalize(stmt);
	return r;
}

static int scan(struct scan *s)
{
	int64_t last;
	uint64_t begin = s->filter->after_id + 1, end;
	int r = s->decisions ? write_decisions_sql(s->query, s->filter)
			     : write_records_sql(s->query, s->filter);

	if (r == 0)
		r = number(s->query, "SELECT max(id) FROM leaf", &last);
	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	end = (uint64_t)last + 1;
	if (s->filter->before_id && s->filter->before_id < end)
		end = s->filter->before_id;
	while (r == 0 && begin < end && s->left > 0) {
		uint64_t n = end - begin < WINDOW ? end - begin : WINDOW;

		if (s->filter->newest_first) {
			r = scan_window(s, end - n, end);
			end -= n;
		} else {
			r = scan_window(s, begin, begin + n);
			begin += n;
		}
	}
	return r;
}

/* All records of one execution: its index makes the windows needless. */
static int find_execution(struct scan *s)
{
	const struct query_filter *f = s->filter;
	int r = write_decisions_sql(s->query, f);

	return r < 0 ? r : scan_window(s, f->after_id + 1, f->before_id ? f->before_id : INT64_MAX);
}

int query_decisions(struct query *q, const struct query_filter *filter, query_row_fn fn, void *data)
{
	struct scan s = {.query = q,
			 .filter = filter,
			 .decisions = true,
			 .fn = fn,
			 .data = data,
			 .left = filter->limit};

	return filter->execution_id.p ? find_execution(&s) : scan(&s);
}

int query_records(struct query *q, const struct query_filter *filter, struct span type,
		  query_row_fn fn, void *data)
{
	struct scan s = {.query = q,
			 .filter = filter,
			 .type = type,
			 .fn = fn,
			 .data = data,
			 .left = filter->limit};

	return scan(&s);
}

int query_leaf(struct query *q, uint64_t seq, query_row_fn fn, void *data)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(q->db,
				 "SELECT l.id, l.hash, l.bytes FROM leaf l WHERE l.id = ?1 +"
				 " (SELECT first FROM shard ORDER BY n DESC LIMIT 1)",
				 &stmt);

	if (r == 0) {
		database_bind_int(stmt, 1, seq > CHECKPOINT_SIZE_MAX ? -1 : (int64_t)seq);
		r = database_row(stmt);
	}
	if (r == 0)
		r = query_hand_out(stmt, fn, data);
	sqlite3_finalize(stmt);
	return r;
}

/* ---- counts
 * ----------------------------------------------------------------------------------------- */

static int read_counts(struct query *q, struct query_stats *stats)
{
	const struct {
		const char *name;
		uint64_t *value;
	} row[] = {
		{"decisions", &stats->decisions},     {"success", &stats->success},
		{"pending", &stats->pending},	      {"blocked", &stats->blocked},
		{"would_block", &stats->would_block},
	};
	struct decision_counts behind = {0};
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(q->db, "SELECT name, n FROM count", &stmt);

	while (r == 0 && (r = database_row(stmt)) == 0)
		for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
			if (span_eq_str(database_bytes(stmt, 0), row[i].name))
				*row[i].value = (uint64_t)sqlite3_column_int64(stmt, 1);
	sqlite3_finalize(stmt);
	if (r >= 0)
		r = decision_counts_read(q->db, &behind);
	if (r < 0)
		return r;
	stats->decisions += (uint64_t)behind.decisions;
	stats->success += (uint64_t)behind.by_status[DECISION_SUCCESS];
	stats->pending += (uint64_t)behind.by_status[DECISION_PENDING];
	stats->blocked += (uint64_t)behind.by_status[DECISION_BLOCKED];
	stats->would_block += (uint64_t)behind.would_block;
	return 0;
}

static int read_shard(struct query *q, struct query_stats *stats)
{
	sqlite3_stmt *stmt = NULL;
	uint64_t first = 0;
	int r = database_prepare(
		q->db,
		"SELECT n, origin, first, (SELECT coalesce(max(id), 0) FROM leaf),"
		" (SELECT coalesce(max(size), 0) FROM checkpoint c WHERE c.shard = s.n)"
		" FROM shard s ORDER BY n DESC LIMIT 1",
		&stmt);

	if (r == 0)
		r = database_row(stmt);
	if (r == 0) {
		struct span origin = database_bytes(stmt, 1);

		stats->shard = (uint64_t)sqlite3_column_int64(stmt, 0);
		first = (uint64_t)sqlite3_column_int64(stmt, 2);
		stats->last_id = (uint64_t)sqlite3_column_int64(stmt, 3);
		stats->signed_size = (uint64_t)sqlite3_column_int64(stmt, 4);
		stats->records = stats->last_id;
		stats->size = stats->last_id + 1 - first;
		if (leaf_origin_wellformed(origin))
			memcpy(stats->origin, origin.p, origin.n);
		else
			r = -EUCLEAN;
	}
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}

int query_stats(struct query *q, struct query_stats *ret_stats)
{
	struct query_stats stats = {0};
	int r = database_run(q->db, "BEGIN");

	if (r < 0)
		return r;
	r = read_counts(q, &stats);
	if (r == 0)
		r = read_shard(q, &stats);
	if (database_run(q->db, "COMMIT") < 0 && r == 0)
		r = -EIO;
	if (r == 0)
		*ret_stats = stats;
	return r;
}

int query_checkpoint(struct query *q, struct buf *out)
{
	sqlite3_stmt *stmt = NULL;
	int r = database_prepare(
		q->db, "SELECT note FROM checkpoint ORDER BY shard DESC, size DESC LIMIT 1", &stmt);

	if (r == 0)
		r = database_row(stmt);
	if (r == 0)
		r = buf_put(out, database_bytes(stmt, 0));
	sqlite3_finalize(stmt);
	return r;
}
