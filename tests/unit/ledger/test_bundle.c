/* SPDX-License-Identifier: MIT */
/* Evidence bundles and whole state directories: what is proven, and that nothing changed goes
 * unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/export.h"
#include "ledger/verify.h"
#include "ledger_fixture.h"
#include "record/anchor.h"
#include "record/bundle.h"
#include "support/guard.h"
#include "support/oom.h"

#include <sqlite3.h>

static int put_buf(void *data, struct span bytes)
{
	return buf_put(data, bytes);
}

static int export_part(struct fixture *f, uint64_t first, uint64_t count, struct buf *out)
{
	struct export_range range = {f->dir, first, count};
	struct bundle_sink sink = {put_buf, out};

	buf_clear(out);
	buf_clear(&f->error);
	return export_bundle(&range, &sink, &f->error);
}

static struct note_key key_of(const struct fixture *f)
{
	char path[128], text[256];
	struct note_key key;
	FILE *file;

	fixture_path(f, "log.vkey", path);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	assert_int_equal(note_vkey_parse(span_str(text), &key), PARSE_DONE);
	return key;
}

/* The checkpoint as an outsider would have taken it now. */
static struct anchor anchor_now(const struct fixture *f)
{
	struct buf note = BUF_INIT(NOTE_BYTES_MAX);
	struct note_key key = key_of(f);
	struct anchor anchor;
	char path[128], part[1024];
	FILE *file;
	size_t n;

	fixture_path(f, "checkpoint", path);
	file = fopen(path, "r");
	assert_non_null(file);
	while ((n = fread(part, 1, sizeof(part), file)))
		buf_put(&note, span_of(part, n));
	fclose(file);
	assert_int_equal(anchor_open(buf_span(&note), &key, &anchor), PARSE_DONE);
	buf_deinit(&note);
	return anchor;
}

static struct report check(struct span bytes, const struct note_key *key,
			   const struct anchor *anchor)
{
	struct bundle_check request = {bytes, key, anchor};
	struct report report;

	assert_int_equal(bundle_verify(&request, &report), PARSE_DONE);
	return report;
}

/* 600 records in three steps: anchors of size 102, 302 and 602 (with start and the first key), and
 * the stop. */
static void fill(struct fixture *f, struct anchor anchor[3])
{
	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fixture_append(f, i * 200, i ? 200 + 100 * (i - 1) : 100), 0);
		f->now.mono_ns += INT64_C(11000000000);
		assert_int_equal(ledger_tick(f->ledger, f->now), 0);
		anchor[i] = anchor_now(f);
	}
	fixture_close(f);
}

static void test_bundle(void **state)
{
	struct fixture *f = *state;
	struct anchor anchor[3], other;
	struct buf out = BUF_INIT(8u << 20);
	struct note_key key, stranger;
	struct report r;

	fill(f, anchor);
	key = key_of(f);
	assert_int_equal(export_part(f, 0, UINT64_MAX, &out), 0);
	r = check(buf_span(&out), &key, NULL);
	assert_int_equal(r.outcome, REPORT_INTACT);
	assert_int_equal(r.records, 603);
	assert_int_equal(r.key, REPORT_KEY_GIVEN);
	assert_int_equal(report_exit(&r), 3);
	for (unsigned i = 0; i < 3; i++) {
		r = check(buf_span(&out), &key, &anchor[i]);
		assert_int_equal(r.outcome, REPORT_ANCHORED);
		assert_int_equal(r.anchor_size, anchor[i].head.size);
		assert_int_equal(report_exit(&r), 0);
	}
	r = check(buf_span(&out), NULL, NULL);
	assert_int_equal(r.outcome, REPORT_INTACT);
	assert_int_equal(r.key, REPORT_KEY_BESIDE);
	/* Another head of that size, a larger one, another log's. */
	other = anchor[1];
	other.head.root.b[5] ^= 1;
	assert_int_equal(check(buf_span(&out), &key, &other).outcome, REPORT_INVALID);
	other = anchor[1];
	other.head.size = 604;
	assert_int_equal(check(buf_span(&out), &key, &other).outcome, REPORT_INVALID);
	other = anchor[1];
	other.origin[6] = other.origin[6] == 'a' ? 'b' : 'a';
	assert_int_equal(check(buf_span(&out), &key, &other).outcome, REPORT_INVALID);
	/* Somebody else's key, also under the log's name. */
	assert_int_equal(note_key_init(span_str(key.name), anchor[0].head.root.b, &stranger),
			 PARSE_DONE);
	assert_int_equal(check(buf_span(&out), &stranger, NULL).outcome, REPORT_INVALID);
	buf_deinit(&out);
}

static void test_ranges(void **state)
{
	struct fixture *f = *state;
	static const uint64_t range[][2] = {{0, 1},   {0, 603},	 {1, 602},   {602, 1},
					    {603, 0}, {0, 0},	 {256, 256}, {255, 2},
					    {300, 7}, {511, 92}, {17, 400}};
	struct anchor anchor[3];
	struct buf out = BUF_INIT(8u << 20);
	struct note_key key;

	fill(f, anchor);
	key = key_of(f);
	for (size_t i = 0; i < sizeof(range) / sizeof(*range); i++) {
		uint64_t first = range[i][0], end = first + range[i][1];
		struct report r;

		assert_int_equal(export_part(f, first, range[i][1], &out), 0);
		r = check(buf_span(&out), &key, NULL);
		assert_int_equal(r.outcome, REPORT_INTACT);
		assert_int_equal(r.records, range[i][1]);
		assert_int_equal(r.first_seq, first);
		for (unsigned a = 0; a < 3; a++) {
			bool covered = anchor[a].head.size >= first && anchor[a].head.size <= end;

			r = check(buf_span(&out), &key, &anchor[a]);
			assert_int_equal(r.outcome, covered ? REPORT_ANCHORED : REPORT_INTACT);
			assert_int_equal(r.anchor_unused, !covered);
		}
	}
	assert_int_equal(export_part(f, 604, 0, &out), -ERANGE);
	assert_int_equal(export_part(f, 600, 4, &out), -ERANGE);
	assert_non_null(strstr(buf_str(&f->error), "603"));
	buf_deinit(&out);
}

/* Every byte of a small bundle changed, every length it can be cut to: never better than INVALID.
 */
static void test_every_byte(void **state)
{
	struct fixture *f = *state;
	struct buf out = BUF_INIT(1u << 20);
	struct note_key key;
	struct guard guard;
	struct span whole;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_append(f, 0, 10), 0);
	fixture_close(f);
	key = key_of(f);
	assert_int_equal(export_part(f, 3, 5, &out), 0);
	whole = buf_span(&out);
	for (size_t i = 0; i < out.n; i++) {
		out.p[i] ^= (uint8_t)(1u << i % 8);
		if (check(whole, &key, NULL).outcome != REPORT_INVALID)
			fail_msg("byte %zu", i);
		out.p[i] ^= (uint8_t)(1u << i % 8);
	}
	guard_init(&guard, out.n + 512);
	for (size_t n = 0; n < out.n; n += n < 2000 ? 1 : 37)
		assert_int_equal(
			check(guard_copy(&guard, span_sub(whole, 0, n)), &key, NULL).outcome,
			REPORT_INVALID);
	assert_int_equal(check(guard_copy(&guard, whole), &key, NULL).outcome, REPORT_INTACT);
	buf_put_byte(&out, 0);
	assert_int_equal(check(buf_span(&out), &key, NULL).outcome, REPORT_INVALID);
	guard_deinit(&guard);
	buf_deinit(&out);
}

struct oom_case {
	struct span bytes;
	struct note_key key;
};

static void verify_once(void *data)
{
	struct oom_case *c = data;
	struct bundle_check request = {c->bytes, &c->key, NULL};
	struct report report;
	int r = bundle_verify(&request, &report);

	if (r < 0)
		assert_true(oom_hit());
	else
		assert_int_equal(report.outcome, REPORT_INTACT);
}

static void test_bundle_out_of_memory(void **state)
{
	struct fixture *f = *state;
	struct buf out = BUF_INIT(1u << 20);
	struct oom_case c;

	assert_int_equal(fixture_open(f), 0);
	fixture_close(f);
	assert_int_equal(export_part(f, 0, UINT64_MAX, &out), 0);
	c.bytes = buf_span(&out);
	c.key = key_of(f);
	assert_true(oom_each(verify_once, &c) > 10);
	buf_deinit(&out);
}

/* ---- state directories
 * ------------------------------------------------------------------------------ */

static struct report verify(struct fixture *f, const struct anchor *anchor)
{
	struct note_key key = key_of(f);
	struct verify_request request = {.state_dir = f->dir, .key = &key, .anchor = anchor};
	struct report report;

	buf_clear(&f->error);
	assert_int_equal(verify_state(&request, &report, &f->error), 0);
	return report;
}

static void sql(const struct fixture *f, const char *text)
{
	char path[128];
	sqlite3 *db;

	fixture_path(f, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			     "DROP TRIGGER IF EXISTS leaf_stays; DROP TRIGGER IF EXISTS leaf_is;",
			     NULL, NULL, NULL),
		SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void test_verify(void **state)
{
	struct fixture *f = *state;
	struct anchor anchor[3], other;
	struct report r;

	fill(f, anchor);
	r = verify(f, NULL);
	assert_int_equal(r.outcome, REPORT_INTACT);
	assert_int_equal(r.records, 603);
	assert_int_equal(r.unsigned_records, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(verify(f, &anchor[i]).outcome, REPORT_ANCHORED);
	other = anchor[2];
	other.head.size = 700;
	r = verify(f, &other);
	assert_int_equal(r.outcome, REPORT_INVALID);
	assert_non_null(strstr(r.reason, "cut off"));
	/* While the daemon runs, with records that are not signed yet. */
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_append(f, 700, 20), 0);
	r = verify(f, &anchor[2]);
	assert_int_equal(r.outcome, REPORT_ANCHORED);
	assert_int_equal(r.records, 624);
	assert_int_equal(r.unsigned_records, 20);
}

/* What somebody with an editor for databases might do. The seq that is named is the first that is
 * wrong. */
static void test_verify_changed(void **state)
{
	static const struct {
		const char *sql;
		int64_t seq; /* -1: no one record */
	} row[] = {
		{"UPDATE leaf SET bytes = CAST(replace(bytes, 'gpt-1', 'gpt-2') AS BLOB) WHERE id "
		 "= 105",
		 104},
		{"UPDATE leaf SET hash = zeroblob(32) WHERE id = 50", 49},
		{"UPDATE leaf SET hash = x'00' WHERE id = 50", 49},
		{"DELETE FROM leaf WHERE id = 1", 0},
		{"DELETE FROM leaf WHERE id = 300", 299},
		{"DELETE FROM leaf WHERE id = 603", 602},
		{"DELETE FROM leaf WHERE id > 400", 400},
		{"INSERT INTO leaf SELECT 604, hash, bytes FROM leaf WHERE id = 603", 603},
		{"UPDATE leaf SET id = 9999 WHERE id = 10; UPDATE leaf SET id = 10 WHERE id = 11;"
		 "UPDATE leaf SET id = 11 WHERE id = 9999;",
		 9},
		{"UPDATE tile SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB)", 255},
		{"DELETE FROM tile", 255},
		{"UPDATE checkpoint SET note = CAST(replace(note, 'A', 'B') AS BLOB) WHERE size = "
		 "302",
		 -1},
		{"DELETE FROM leaf WHERE id > 302; DELETE FROM checkpoint WHERE size > 302;"
		 "DELETE FROM tile;",
		 255},
		{"DELETE FROM leaf; DELETE FROM checkpoint; DELETE FROM tile;", 0},
		{"UPDATE shard SET origin = 'aicp/0000000000000000'", -1},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct fixture *f = *state;
		struct anchor anchor[3];
		struct report r;

		fill(f, anchor);
		sql(f, row[i].sql);
		r = verify(f, NULL);
		if (r.outcome != REPORT_INVALID)
			fail_msg("not seen: %s", row[i].sql);
		if (row[i].seq >= 0 && (!r.at_seq || r.seq != (uint64_t)row[i].seq))
			fail_msg("%s: named %d, not %d (%s)", row[i].sql, (int)r.seq,
				 (int)row[i].seq, r.reason);
		fixture_teardown(state);
		assert_int_equal(fixture_setup(state), 0);
	}
}

/* The tail cut as cleanly as it can be, the checkpoint file with it: nobody sees it but the holder
 * of an anchor. */
static void test_clean_cut(void **state)
{
	struct fixture *f = *state;
	struct anchor anchor[3];
	char command[400];
	struct report r;

	fill(f, anchor);
	snprintf(command, sizeof(command),
		 "sqlite3 %s/ledger.db \"SELECT writefile('%s/checkpoint', note) FROM checkpoint "
		 "WHERE size = 302\" >/dev/null",
		 f->dir, f->dir);
	assert_int_equal(system(command), 0);
	sql(f, "DELETE FROM leaf WHERE id > 302; DELETE FROM checkpoint WHERE size > 302;"
	       "DELETE FROM tile WHERE idx > 0; UPDATE tile SET hashes = substr(hashes, 1, 32);");
	r = verify(f, NULL);
	assert_int_equal(r.outcome, REPORT_INTACT); /* and it says what it does not prove */
	r = verify(f, &anchor[1]);
	assert_int_equal(r.outcome, REPORT_ANCHORED);
	r = verify(f, &anchor[2]);
	assert_int_equal(r.outcome, REPORT_INVALID);
}

/* A database that went back begins a new log; both are checked, and anchors of either hold. */
static void test_two_logs(void **state)
{
	struct fixture *f = *state;
	struct anchor anchor[3], second;
	char command[300];
	struct report r;

	fill(f, anchor);
	snprintf(command, sizeof(command), "cp %s/ledger.db %s/old.db", f->dir, f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(fixture_open(f), 0);
	fixture_close(f);
	snprintf(command, sizeof(command), "cp %s/old.db %s/ledger.db", f->dir, f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(fixture_open(f), 0);
	second = anchor_now(f);
	fixture_close(f);
	r = verify(f, NULL);
	assert_int_equal(r.outcome, REPORT_INTACT);
	assert_int_equal(r.records, 3);
	assert_int_equal(r.older_logs, 1);
	assert_int_equal(r.counts.rollbacks, 1);
	r = verify(f, &anchor[2]);
	assert_int_equal(r.outcome, REPORT_ANCHORED);
	assert_int_equal(r.records, 603);
	assert_string_equal(r.origin, anchor[2].origin);
	assert_int_equal(verify(f, &second).outcome, REPORT_ANCHORED);
	sql(f, "UPDATE leaf SET hash = zeroblob(32) WHERE id = 50");
	assert_int_equal(verify(f, &second).outcome, REPORT_INVALID);
}

/* ---- what is printed
 * ---------------------------------------------------------------------------------- */

static void test_report(void **state)
{
	struct report report = {.outcome = REPORT_INTACT, .records = 5, .size = 5};
	struct buf out = BUF_INIT(1u << 16);

	(void)state;
	assert_int_equal(report_text(&report, &out), 0);
	assert_non_null(strstr(buf_str(&out), "INTACT, NOT ANCHORED\n"));
	assert_non_null(strstr(buf_str(&out), "newest ones cut off"));
	assert_non_null(strstr(buf_str(&out), "behind anchor: 5\n"));
	report.outcome = REPORT_ANCHORED;
	report.anchor_size = 3;
	buf_clear(&out);
	assert_int_equal(report_text(&report, &out), 0);
	assert_non_null(strstr(buf_str(&out), "ANCHORED: records below seq 3\n"));
	assert_non_null(strstr(buf_str(&out), "behind anchor: 2\n"));
	(void)report_invalid_at(&report, 4, "first %s", "reason");
	(void)report_invalid(&report, "second reason");
	assert_int_equal(report_exit(&report), 1);
	buf_clear(&out);
	assert_int_equal(report_text(&report, &out), 0);
	assert_true(span_starts(buf_span(&out), SPAN_LIT("INVALID at seq 4: first reason\n")));
	buf_clear(&out);
	assert_int_equal(report_json(&report, &out), 0);
	assert_non_null(strstr(buf_str(&out),
			       "\"outcome\":\"invalid\",\"reason\":\"first reason\",\"seq\":4"));
	buf_deinit(&out);
}

/* ---- rows for spreadsheets
 * -------------------------------------------------------------------------- */

static void test_csv(void **state)
{
	struct fixture *f = *state;
	struct ledger_item item = {
		.type = RECORD_DECISION,
		.body = SPAN_LIT("{\"action\":\"block\",\"agent_id\":\"=cmd|' /C "
				 "calc'!A0\",\"execution_id\":\"e1\","
				 "\"latency_us\":-5,\"user\":\"a \\\"quoted\\\", name\\n@\"}")};
	struct query_filter filter = QUERY_FILTER_ALL;
	struct buf out = BUF_INIT(1u << 20);
	struct bundle_sink sink = {put_buf, &out};
	struct query *q;
	const char *text;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(query_open(f->dir, &q), 0);
	assert_int_equal(export_csv(q, &filter, &sink), 0);
	assert_true(span_starts(buf_span(&out),
				SPAN_LIT("\"seq\",\"at\",\"execution_id\",\"action\",")));
	assert_int_equal(out.p[out.n - 1], '\n'); /* the header stands without rows, too */
	assert_int_equal(ledger_append(f->ledger, f->now, &item, 1), 0);
	buf_clear(&out);
	assert_int_equal(export_csv(q, &filter, &sink), 0);
	text = strchr(buf_str(&out), '\n') + 1;
	assert_non_null(strstr(text, "\"e1\",\"block\","));
	assert_non_null(strstr(text, "\"'=cmd|' /C calc'!A0\""));
	assert_non_null(strstr(text, "\"a \"\"quoted\"\", name\n@\""));
	/* No approval: an empty field. */
	assert_non_null(strstr(text, "\"-5\",\"\"\r\n"));
	buf_clear(&out);
	assert_int_equal(export_json(q, &filter, &sink), 0);
	assert_true(span_starts(buf_span(&out), SPAN_LIT("[\n{\"at\":")));
	assert_int_equal(out.p[out.n - 2], ']');
	query_free(q);
	buf_deinit(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bundle),     TEST(test_ranges),
		TEST(test_every_byte), TEST(test_bundle_out_of_memory),
		TEST(test_verify),     TEST(test_verify_changed),
		TEST(test_clean_cut),  TEST(test_two_logs),
		TEST(test_report),     TEST(test_csv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
