/* SPDX-License-Identifier: MIT */
/* The ledger's life: first start, appending, signing by time, stop, restart, keys, and a database
 * that went back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/keys.h"
#include "ledger/verify.h"
#include "ledger_fixture.h"
#include "ledger/ledger_private.h"
#include "ledger/store.h"
#include "record/checkpoint.h"

#include <sqlite3.h>
#include <sys/wait.h>

static struct ledger_status status(const struct fixture *f)
{
	struct ledger_status s;

	ledger_status(f->ledger, &s);
	return s;
}

static mode_t mode_of(const struct fixture *f, const char *name)
{
	char path[128];
	struct stat st;

	fixture_path(f, name, path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void read_text(const struct fixture *f, const char *name, struct buf *out)
{
	char path[128], part[4096];
	FILE *file;
	size_t n;

	fixture_path(f, name, path);
	file = fopen(path, "r");
	assert_non_null(file);
	buf_clear(out);
	while ((n = fread(part, 1, sizeof(part), file)))
		assert_int_equal(buf_put(out, span_of(part, n)), 0);
	fclose(file);
}

/* The checkpoint file as its key's holder reads it. */
static struct merkle_head file_head(const struct fixture *f)
{
	struct buf vkey = BUF_INIT(4096), note = BUF_INIT(NOTE_BYTES_MAX);
	struct checkpoint c;
	struct note_key key;
	struct merkle_head head;

	read_text(f, "log.vkey", &vkey);
	read_text(f, "checkpoint", &note);
	assert_int_equal(note_vkey_parse(span_sub(buf_span(&vkey), 0, vkey.n - 1), &key),
			 PARSE_DONE);
	assert_int_equal(checkpoint_open(buf_span(&note), &key, &c), PARSE_DONE);
	head = c.head;
	buf_deinit(&vkey);
	buf_deinit(&note);
	return head;
}

static void test_first_start(void **state)
{
	struct fixture *f = *state;
	struct ledger_status s;

	assert_int_equal(fixture_open(f), 0);
	s = status(f);
	assert_int_equal(s.health, LEDGER_HEALTHY);
	assert_int_equal(s.size, 2); /* start, key.created */
	assert_int_equal(s.signed_size, 2);
	assert_int_equal(s.shard, 1);
	assert_false(s.rollback);
	assert_int_equal(mode_of(f, "log.key"), 0600);
	assert_int_equal(mode_of(f, "pepper"), 0600);
	assert_int_equal(mode_of(f, "admin.key"), 0600);
	assert_int_equal(mode_of(f, "log.vkey"), 0644);
	assert_int_equal(mode_of(f, "checkpoint"), 0644);
	assert_int_equal(mode_of(f, "ledger.db"), 0640);
	assert_int_equal(file_head(f).size, 2);
}

static void test_append_and_restart(void **state)
{
	struct fixture *f = *state;
	char origin[LEAF_ORIGIN_BYTES_MAX + 1];

	assert_int_equal(fixture_open(f), 0);
	snprintf(origin, sizeof(origin), "%s", status(f).origin);
	assert_int_equal(fixture_append(f, 0, 100), 0);
	assert_int_equal(status(f).size, 102);
	assert_int_equal(status(f).signed_size, 2);
	assert_int_equal(fixture_append(f, 100, 700), 0);
	assert_int_equal(status(f).signed_size, 802); /* over 256 are due */
	assert_int_equal(file_head(f).size, 802);
	fixture_close(f);
	assert_int_equal(file_head(f).size, 803); /* stop */
	assert_int_equal(fixture_open(f), 0);
	assert_string_equal(status(f).origin, origin);
	assert_int_equal(status(f).size, 804);
	/* As after a crash: what was appended is there, though nothing was signed. */
	assert_int_equal(fixture_append(f, 800, 50), 0);
	ledger_abandon(f->ledger);
	f->ledger = NULL;
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(status(f).size, 855);
	assert_false(status(f).rollback);
}

/* Which records say what happened: type of the newest leaf. */
static void newest_type(struct fixture *f, char out[64])
{
	char path[128];
	sqlite3 *db;
	sqlite3_stmt *stmt;
	struct leaf leaf;

	fixture_path(f, "ledger.db", path);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT bytes FROM leaf ORDER BY id DESC LIMIT 1",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(leaf_parse(span_of(sqlite3_column_blob(stmt, 0),
					    (size_t)sqlite3_column_bytes(stmt, 0)),
				    &leaf),
			 PARSE_DONE);
	snprintf(out, 64, "%.*s", SPAN_ARG(leaf.type));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static void test_tick(void **state)
{
	struct fixture *f = *state;
	char type[64];

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_append(f, 0, 3), 0);
	assert_int_equal(ledger_next_ns(f->ledger), f->now.mono_ns + 10 * LEDGER_S);
	f->now.mono_ns += 10 * LEDGER_S - 1;
	assert_int_equal(ledger_tick(f->ledger, f->now), 0);
	assert_int_equal(status(f).signed_size, 2);
	f->now.mono_ns += 1;
	assert_int_equal(ledger_tick(f->ledger, f->now), 0);
	assert_int_equal(status(f).signed_size, 5);
	assert_int_equal(ledger_next_ns(f->ledger), f->now.mono_ns + 50 * LEDGER_S);
	f->now.mono_ns += 50 * LEDGER_S;
	assert_int_equal(ledger_tick(f->ledger, f->now), 0);
	assert_int_equal(status(f).size, 6);
	assert_int_equal(status(f).signed_size, 6);
	newest_type(f, type);
	assert_string_equal(type, "heartbeat");
	/* A wall clock that jumps moves no timer. */
	f->now.wall_ns -= INT64_C(3600) * LEDGER_S;
	assert_int_equal(ledger_tick(f->ledger, f->now), 0);
	assert_int_equal(status(f).size, 6);
}

static void test_bad_items(void **state)
{
	struct fixture *f = *state;
	char *large = malloc(AICP_LEAF_BYTES_MAX);
	struct ledger_item items[] = {
		{.type = RECORD_DECISION, .body = SPAN_LIT("{\"a\":1}")},
		{.type = RECORD_DECISION, .body = SPAN_LIT("{\"a\": 1}")},
		{.type = RECORD_DECISION, .body = SPAN_LIT("{\"b\":1,\"a\":1}")},
		{.type = RECORD_ADMIN, .body = span_of(large, AICP_LEAF_BYTES_MAX)},
		{.type = RECORD_ADMIN, .body = SPAN_LIT("{}")},
	};
	char type[64];

	memset(large, ' ', AICP_LEAF_BYTES_MAX);
	memset(large, 'x', AICP_LEAF_BYTES_MAX - 2);
	memcpy(large, "{\"x\":\"", 6);
	memcpy(large + AICP_LEAF_BYTES_MAX - 2, "\"}", 2);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(ledger_append(f->ledger, f->now, items, 5), 0);
	assert_int_equal(items[0].outcome, 0);
	assert_int_equal(items[0].seq, 2);
	assert_int_equal(items[1].outcome, LEDGER_E_BAD_BODY);
	assert_int_equal(items[2].outcome, LEDGER_E_BAD_BODY);
	assert_int_equal(items[3].outcome, LEDGER_E_TOO_LARGE);
	assert_int_equal(items[4].outcome, 0);
	assert_int_equal(items[4].seq, 3);
	newest_type(f, type);
	assert_string_equal(type, "loss");
	assert_int_equal(status(f).refused, 3);
	free(large);
}

static void test_two_ledgers(void **state)
{
	struct fixture *f = *state;
	struct fixture other = *f;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_open(&other), -EBUSY);
	assert_non_null(strstr(buf_str(&other.error), "another aicpd"));
	f->error = other.error;
}

static void test_open_errors(void **state)
{
	struct fixture *f = *state;
	char dir[64], path[128];

	snprintf(dir, sizeof(dir), "%s", f->dir);
	snprintf(f->dir, sizeof(f->dir), "/nonexistent/aicp");
	assert_int_equal(fixture_open(f), -ENOENT);
	assert_non_null(strstr(buf_str(&f->error), "/nonexistent/aicp"));
	snprintf(f->dir, sizeof(f->dir), "%s", dir);
	assert_int_equal(fixture_open(f), 0);
	fixture_close(f);
	fixture_path(f, "log.key", path);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(fixture_open(f), -EPERM);
	assert_non_null(strstr(buf_str(&f->error), "log.key"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(fixture_open(f), -EBADMSG);
	assert_non_null(strstr(buf_str(&f->error), "log.key"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fixture_open(f), -ENOKEY);
	assert_non_null(strstr(buf_str(&f->error), "log.key: is missing"));
}

/* ---- keys
 * ------------------------------------------------------------------------------------------- */

static void test_keys(void **state)
{
	struct fixture *f = *state;
	struct ledger_key_request request = {"auditor", "Zoë \"the\" auditor", "admin"};
	struct ledger_principal who;
	char key[LEDGER_KEY_BYTES_MAX], wrong[LEDGER_KEY_BYTES_MAX];
	struct buf first = BUF_INIT(256);

	assert_int_equal(fixture_open(f), 0);
	read_text(f, "admin.key", &first);
	assert_int_equal(first.p[first.n - 1], '\n');
	first.n--;
	assert_int_equal(ledger_key_check(f->ledger, buf_span(&first), &who), 0);
	assert_string_equal(who.role, "admin");
	assert_int_equal(ledger_key_create(f->ledger, f->now, &request, key), 0);
	assert_true(span_starts(span_str(key), SPAN_LIT("aicp_")));
	assert_int_equal(ledger_key_check(f->ledger, span_str(key), &who), 0);
	assert_string_equal(who.role, "auditor");
	assert_string_equal(who.owner, "Zoë \"the\" auditor");
	for (size_t i = 0; i < strlen(key); i++) {
		snprintf(wrong, sizeof(wrong), "%s", key);
		wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
		assert_int_equal(ledger_key_check(f->ledger, span_str(wrong), &who),
				 LEDGER_E_NO_KEY);
		assert_int_equal(ledger_key_check(f->ledger, span_of(key, i), &who),
				 LEDGER_E_NO_KEY);
	}
	assert_int_equal(ledger_key_check(f->ledger, SPAN_NULL, &who), LEDGER_E_NO_KEY);
	assert_int_equal(ledger_key_revoke(f->ledger, f->now, "nosuchid", "admin"),
			 LEDGER_E_NO_KEY);
	assert_int_equal(ledger_key_check(f->ledger, span_str(key), &who), 0);
	snprintf(wrong, sizeof(wrong), "%.8s", key + 5);
	assert_int_equal(ledger_key_revoke(f->ledger, f->now, wrong, "admin"), 0);
	assert_int_equal(ledger_key_check(f->ledger, span_str(key), &who), LEDGER_E_NO_KEY);
	assert_int_equal(ledger_key_revoke(f->ledger, f->now, wrong, "admin"), LEDGER_E_NO_KEY);
	/* Two starts, one first key. */
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(ledger_key_check(f->ledger, buf_span(&first), &who), 0);
	request.role = "Admin";
	assert_int_equal(ledger_key_create(f->ledger, f->now, &request, key), -EINVAL);
	buf_deinit(&first);
}

/* The secret part of a key stands in its own file and nowhere else. */
static void test_key_is_not_stored(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"ledger.db", "ledger.db-wal", "checkpoint", "log.vkey"};
	struct buf key = BUF_INIT(256), file = BUF_INIT(64u << 20);

	assert_int_equal(fixture_open(f), 0);
	read_text(f, "admin.key", &key);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		read_text(f, names[i], &file);
		assert_true(file.n > 0);
		assert_null(memmem(file.p, file.n, key.p + 14, 64));
	}
	buf_deinit(&key);
	buf_deinit(&file);
}

static off_t wal_size(const struct fixture *f)
{
	char path[128];
	struct stat st;

	fixture_path(f, "ledger.db-wal", path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* A commit makes no file grow: there is room in the WAL before it is needed, also behind a crash
 * and behind what the WAL's reuse leaves. */
static void test_room(void **state)
{
	struct fixture *f = *state;
	struct verify_request request = {.state_dir = f->dir};
	struct report report;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 0; i < 1500; i++) {
		struct ledger_item item = {.type = RECORD_DECISION};
		off_t room = wal_size(f);
		char body[512];

		item.body = span_of(body, fixture_body(body, i));
		assert_int_equal(ledger_append(f->ledger, f->now, &item, 1), 0);
		assert_int_equal(item.outcome, 0);
		assert_int_equal(wal_size(f), room);
		ledger_tidy(f->ledger, f->now);
	}
	assert_true(wal_size(f) < 20 << 20);
	ledger_abandon(f->ledger);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_append(f, 5000, 5), 0);
	fixture_close(f);
	assert_int_equal(verify_state(&request, &report, &f->error), 0);
	assert_int_equal(report.outcome, REPORT_INTACT);
	assert_int_equal(report.records, 1500 + 9);
}

/* ---- going back in time
 * --------------------------------------------------------------------------- */

static void copy_file(const struct fixture *f, const char *from, const char *to)
{
	char a[128], b[128], command[300];

	fixture_path(f, from, a);
	fixture_path(f, to, b);
	snprintf(command, sizeof(command), "cp %s %s", a, b);
	assert_int_equal(system(command), 0);
}

static void sql(const struct fixture *f, const char *text)
{
	char path[128];
	sqlite3 *db;

	fixture_path(f, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void expect_new_shard(struct fixture *f, const char *origin)
{
	struct ledger_status s;
	char fresh[LEAF_ORIGIN_BYTES_MAX + 1];

	assert_int_equal(fixture_open(f), 0);
	s = status(f);
	snprintf(fresh, sizeof(fresh), "%s", s.origin);
	assert_true(s.rollback);
	assert_string_not_equal(fresh, origin);
	assert_int_equal(s.size, 2); /* checkpoint.rollback, start */
	assert_int_equal(file_head(f).size, 2);
	/* It is dealt with once. */
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_false(status(f).rollback);
	assert_string_equal(status(f).origin, fresh);
}

static void prepare(struct fixture *f, char origin[LEAF_ORIGIN_BYTES_MAX + 1])
{
	assert_int_equal(fixture_open(f), 0);
	snprintf(origin, LEAF_ORIGIN_BYTES_MAX + 1, "%s", status(f).origin);
	assert_int_equal(fixture_append(f, 0, 300), 0);
	fixture_close(f);
}

static void test_restored_copy(void **state)
{
	struct fixture *f = *state;
	char origin[LEAF_ORIGIN_BYTES_MAX + 1], again[LEAF_ORIGIN_BYTES_MAX + 1];

	prepare(f, origin);
	copy_file(f, "ledger.db", "old.db");
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_append(f, 300, 10), 0);
	fixture_close(f);
	copy_file(f, "old.db", "ledger.db");
	expect_new_shard(f, origin);
	snprintf(again, sizeof(again), "%s", status(f).origin);
	fixture_close(f);
	/* The same copy once more: the new log has yet another name. */
	copy_file(f, "old.db", "ledger.db");
	assert_int_equal(fixture_open(f), 0);
	assert_true(status(f).rollback);
	assert_string_not_equal(status(f).origin, origin);
	assert_string_not_equal(status(f).origin, again);
}

static void test_lost_database(void **state)
{
	struct fixture *f = *state;
	char origin[LEAF_ORIGIN_BYTES_MAX + 1], path[128];

	prepare(f, origin);
	fixture_path(f, "ledger.db", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fixture_open(f), 0);
	assert_true(status(f).rollback);
	assert_int_equal(status(f).shard, 2);
	assert_string_not_equal(status(f).origin, origin);
}

static void test_changed_rows(void **state)
{
	static const char *const change[] = {
		/* the newest leaf removed, with its checkpoint */
		"DROP TRIGGER leaf_stays; DELETE FROM leaf WHERE id = (SELECT max(id) FROM leaf);"
		"DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint);",
		/* only the leaf */
		"DROP TRIGGER leaf_stays; DELETE FROM leaf WHERE id = (SELECT max(id) FROM leaf);",
		/* a checkpoint by nobody */
		"UPDATE checkpoint SET note = CAST(replace(note, 'A', 'B') AS BLOB);",
		/* another tree under a good signature */
		"UPDATE checkpoint SET frontier = zeroblob(length(frontier));",
		/* a leaf behind the last checkpoint changed */
		"DELETE FROM checkpoint WHERE size > 2; DROP TRIGGER leaf_is;"
		"UPDATE leaf SET bytes = CAST(replace(bytes, 'allow', 'alloW') AS BLOB) WHERE id = "
		"200;",
	};

	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
		struct fixture *f = *state;
		char origin[LEAF_ORIGIN_BYTES_MAX + 1];

		prepare(f, origin);
		sql(f, change[i]);
		expect_new_shard(f, origin);
		fixture_teardown(state);
		assert_int_equal(fixture_setup(state), 0);
	}
}

static void test_foreign_checkpoint_file(void **state)
{
	struct fixture *f = *state;
	char origin[LEAF_ORIGIN_BYTES_MAX + 1], path[128];
	FILE *file;

	prepare(f, origin);
	fixture_path(f, "checkpoint", path);
	file = fopen(path, "w");
	fputs("not a checkpoint\n", file);
	fclose(file);
	expect_new_shard(f, origin);
}

static void test_damaged_database(void **state)
{
	struct fixture *f = *state;
	char origin[LEAF_ORIGIN_BYTES_MAX + 1], path[128];
	int fd;

	prepare(f, origin);
	fixture_path(f, "ledger.db", path);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "garbage!", 8, 0), 8);
	close(fd);
	assert_int_equal(fixture_open(f), -EUCLEAN);
	assert_non_null(strstr(buf_str(&f->error), "ledger.db"));
}

/* ---- tiles
 * ------------------------------------------------------------------------------------------ */

struct tiles {
	struct hash_ctx *ctx;
	sqlite3 *db;
};

/* Complete subtrees from the tile table, leaves from the leaf table: as a server of tiles would. */
static int subtree(void *data, unsigned level, uint64_t index, struct hash *ret_hash)
{
	struct tiles *t = data;
	sqlite3_stmt *stmt;
	uint64_t at = index;

	if (level % 8) {
		struct hash left, right;

		return subtree(t, level - 1, 2 * index, &left) ||
		       subtree(t, level - 1, 2 * index + 1, &right) ||
		       merkle_node(t->ctx, &left, &right, ret_hash);
	}
	sqlite3_prepare_v2(t->db,
			   level ? "SELECT substr(hashes, ?3 * 32 + 1, 32) FROM tile WHERE level = "
				   "?1 AND idx = ?2"
				 : "SELECT hash FROM leaf WHERE id = ?2 * 256 + ?3 + 1 AND ?1 = 0",
			   -1, &stmt, NULL);
	sqlite3_bind_int64(stmt, 1, level / 8);
	sqlite3_bind_int64(stmt, 2, (int64_t)(at / 256));
	sqlite3_bind_int64(stmt, 3, (int64_t)(at % 256));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_bytes(stmt, 0), 32);
	memcpy(ret_hash->b, sqlite3_column_blob(stmt, 0), 32);
	sqlite3_finalize(stmt);
	return 0;
}

static void test_tiles(void **state)
{
	struct fixture *f = *state;
	struct tiles t = {.ctx = hash_ctx_new()};
	struct merkle_source source = {subtree, &t, t.ctx};
	struct merkle_head head;
	struct hash root;
	char path[128];

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 0; i < 70; i++)
		assert_int_equal(fixture_append(f, i * 1000, 1000), 0);
	fixture_close(f);
	head = file_head(f);
	assert_int_equal(head.size, 70003);
	fixture_path(f, "ledger.db", path);
	assert_int_equal(sqlite3_open_v2(path, &t.db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(merkle_source_root(&source, head.size, &root), 0);
	assert_true(hash_eq(&root, &head.root));
	sqlite3_close(t.db);
	hash_ctx_free(t.ctx);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_start),
		TEST(test_append_and_restart),
		TEST(test_tick),
		TEST(test_bad_items),
		TEST(test_two_ledgers),
		TEST(test_open_errors),
		TEST(test_keys),
		TEST(test_key_is_not_stored),
		TEST(test_room),
		TEST(test_restored_copy),
		TEST(test_lost_database),
		TEST(test_changed_rows),
		TEST(test_foreign_checkpoint_file),
		TEST(test_damaged_database),
		TEST(test_tiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
