/* SPDX-License-Identifier: MIT */
/* Reading the database beside its writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/query.h"
#include "ledger_fixture.h"
#include "record/checkpoint.h"

struct seen {
	unsigned n, stop_after;
	uint64_t id[2000];
};

static int see(void *data, const struct query_row *row)
{
	struct seen *seen = data;

	seen->id[seen->n++] = row->id;
	return seen->n == seen->stop_after ? 7 : 0;
}

static unsigned count(struct query *q, const struct query_filter *filter, struct seen *seen)
{
	*seen = (struct seen){0};
	assert_int_equal(query_decisions(q, filter, see, seen), 0);
	for (unsigned i = 1; i < seen->n; i++)
		assert_true(filter->newest_first ? seen->id[i] < seen->id[i - 1]
						 : seen->id[i] > seen->id[i - 1]);
	return seen->n;
}

/* 1,000 decisions (ids 3 to 1002) as fixture_body() makes them. */
static struct query *filled(struct fixture *f)
{
	struct query *q;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 0; i < 10; i++) {
		f->now.wall_ns += 1000000000;
		assert_int_equal(fixture_append(f, i * 100, 100), 0);
	}
	assert_int_equal(query_open(f->dir, &q), 0);
	return q;
}

static void test_filters(void **state)
{
	struct fixture *f = *state;
	struct query *q = filled(f);
	struct query_filter filter = QUERY_FILTER_ALL;
	struct seen seen;

	assert_int_equal(count(q, &filter, &seen), 100); /* the limit */
	assert_int_equal(seen.id[0], 3);
	filter.newest_first = true;
	assert_int_equal(count(q, &filter, &seen), 100);
	assert_int_equal(seen.id[0], 1002);
	filter.limit = 1500;
	assert_int_equal(count(q, &filter, &seen), 1000);
	filter.status = SPAN_LIT("blocked");
	assert_int_equal(count(q, &filter, &seen), 200);
	filter.status = SPAN_LIT("success");
	assert_int_equal(count(q, &filter, &seen), 800);
	filter.status = SPAN_LIT("') OR 1 --");
	assert_int_equal(count(q, &filter, &seen), 0);
	filter.status = SPAN_NULL;
	filter.user = SPAN_LIT("u1 \"x\""); /* stored unescaped */
	assert_int_equal(count(q, &filter, &seen), 250);
	filter.model = SPAN_LIT("gpt-2");
	assert_int_equal(count(q, &filter, &seen), 83); /* i % 12 == 5 */
	filter.user = filter.model = SPAN_NULL;
	filter.uid = 3;
	assert_int_equal(count(q, &filter, &seen), 143);
	filter.uid = -1;
	filter.provider = SPAN_LIT("anthropic");
	assert_int_equal(count(q, &filter, &seen), 0);
	filter.provider = SPAN_LIT("openai");
	filter.after_id = 500;
	filter.before_id = 600;
	assert_int_equal(count(q, &filter, &seen), 99);
	filter.after_id = filter.before_id = 0;
	filter.since_ns = f->now.wall_ns - 1000000000;
	assert_int_equal(count(q, &filter, &seen), 200);
	filter.until_ns = f->now.wall_ns;
	assert_int_equal(count(q, &filter, &seen), 100);
	filter.limit = 0;
	assert_int_equal(count(q, &filter, &seen), 0);
	query_free(q);
}

static void test_one(void **state)
{
	struct fixture *f = *state;
	struct query *q = filled(f);
	struct query_filter filter = QUERY_FILTER_ALL;
	struct seen seen = {0};

	filter.execution_id = SPAN_LIT("0000000000000000000001f4");
	assert_int_equal(count(q, &filter, &seen), 1);
	assert_int_equal(seen.id[0], 503);
	filter.execution_id = SPAN_LIT("0000000000000000000f01f4");
	assert_int_equal(count(q, &filter, &seen), 0);
	seen = (struct seen){.stop_after = 1};
	assert_int_equal(query_leaf(q, 0, see, &seen), 7);
	assert_int_equal(seen.id[0], 1);
	assert_int_equal(query_leaf(q, 1001, see, &seen), 0);
	assert_int_equal(query_leaf(q, 1002, see, &seen), 1);
	assert_int_equal(query_leaf(q, UINT64_MAX, see, &seen), 1);
	/* What the callback says ends the walk and is handed on. */
	filter = QUERY_FILTER_ALL;
	seen = (struct seen){.stop_after = 5};
	assert_int_equal(query_decisions(q, &filter, see, &seen), 7);
	assert_int_equal(seen.n, 5);
	query_free(q);
}

static void test_records(void **state)
{
	struct fixture *f = *state;
	struct query *q = filled(f);
	struct query_filter filter = QUERY_FILTER_ALL;
	struct seen seen = {0};

	filter.limit = 1500;
	assert_int_equal(query_records(q, &filter, SPAN_NULL, see, &seen), 0);
	assert_int_equal(seen.n, 1002);
	seen.n = 0;
	assert_int_equal(query_records(q, &filter, SPAN_LIT("key.created"), see, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.id[0], 2);
	/* A reader that is open sees what is written later. */
	assert_int_equal(fixture_append(f, 1000, 1), 0);
	filter.after_id = 1002;
	seen.n = 0;
	assert_int_equal(query_records(q, &filter, SPAN_NULL, see, &seen), 0);
	assert_int_equal(seen.n, 1);
	query_free(q);
}

static void test_stats(void **state)
{
	struct fixture *f = *state;
	struct query *q = filled(f);
	struct query_stats s;
	struct buf note = BUF_INIT(NOTE_BYTES_MAX);

	assert_int_equal(query_stats(q, &s), 0);
	assert_int_equal(s.records, 1002);
	assert_int_equal(s.decisions, 1000);
	assert_int_equal(s.success, 800);
	assert_int_equal(s.blocked, 200);
	assert_int_equal(s.size, 1002);
	assert_int_equal(s.shard, 1);
	assert_true(s.signed_size > 700 && s.signed_size <= 1002);
	assert_int_equal(query_checkpoint(q, &note), 0);
	assert_true(span_starts(buf_span(&note), span_str(s.origin)));
	buf_deinit(&note);
	query_free(q);
}

static void expect_decisions(struct query *q, uint64_t decisions, uint64_t blocked)
{
	struct query_stats s;

	assert_int_equal(query_stats(q, &s), 0);
	assert_int_equal(s.decisions, decisions);
	assert_int_equal(s.blocked, blocked);
	assert_int_equal(s.success, decisions - blocked);
}

/* Counted is each decision once, whether a checkpoint came behind it, or a crash, or both. */
static void test_counts(void **state)
{
	struct fixture *f = *state;
	struct query *q = filled(f);

	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(fixture_append(f, 1000 + i * 5, 5), 0);
		expect_decisions(q, 1005 + i * 5, 201 + i);
		if (i % 3 == 0) {
			ledger_abandon(f->ledger);
			assert_int_equal(fixture_open(f), 0);
			expect_decisions(q, 1005 + i * 5, 201 + i);
		}
		if (i % 4 == 0) {
			f->now.mono_ns = ledger_next_ns(f->ledger);
			assert_int_equal(ledger_tick(f->ledger, f->now), 0);
			expect_decisions(q, 1005 + i * 5, 201 + i);
		}
	}
	query_free(q);
}

static void test_errors(void **state)
{
	struct fixture *f = *state;
	struct query *q;
	char path[128];
	FILE *file;

	assert_int_equal(query_open(f->dir, &q), -ENOENT);
	fixture_path(f, "ledger.db", path);
	file = fopen(path, "w");
	for (int i = 0; i < 5000; i++)
		fputs("not a database ", file);
	fclose(file);
	assert_int_equal(query_open(f->dir, &q), -EUCLEAN);
}

/* The index is nothing but what the leaves say. */
static void test_rebuild(void **state)
{
	struct fixture *f = *state;
	struct query *q = filled(f);
	struct query_filter filter = QUERY_FILTER_ALL;
	struct query_stats s;
	struct seen seen;
	char command[300];

	query_free(q);
	fixture_close(f);
	snprintf(command, sizeof(command),
		 "sqlite3 %s/ledger.db \"DROP TABLE decision; UPDATE count SET n = 77;"
		 " UPDATE meta SET value = '0' WHERE name = 'index'\"",
		 f->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(query_open(f->dir, &q), 0);
	filter.limit = 1500;
	filter.status = SPAN_LIT("blocked");
	assert_int_equal(count(q, &filter, &seen), 200);
	assert_int_equal(query_stats(q, &s), 0);
	assert_int_equal(s.decisions, 1000);
	assert_int_equal(s.blocked, 200);
	query_free(q);
}

/* A decision comes with the first response record that names it. */
static int see_response(void *data, const struct query_row *row)
{
	struct buf *out = data;

	buf_clear(out);
	if (row->response.p)
		buf_put(out, row->response);
	return 0;
}

static void append_response(struct fixture *f, const char *execution_id, const char *model)
{
	char body[256];
	struct ledger_item item = {.type = RECORD_RESPONSE, .body = {(const uint8_t *)body, 0}};

	item.body.n = (size_t)snprintf(body, sizeof(body),
				       "{\"execution_id\":%s,\"gen_ai.response.model\":\"%s\"}",
				       execution_id, model);
	assert_int_equal(ledger_append(f->ledger, f->now, &item, 1), 0);
	assert_int_equal(item.outcome, 0);
}

static void test_responses(void **state)
{
	struct fixture *f = *state;
	struct query *q = filled(f);
	struct query_filter filter = QUERY_FILTER_ALL;
	struct buf leaf = BUF_INIT(AICP_LEAF_BYTES_MAX);
	struct query_stats s;
	struct seen seen;
	char command[300];

	append_response(f, "\"0000000000000000000001f4\"", "first");
	append_response(f, "\"0000000000000000000001f4\"", "second");
	append_response(f, "null", "nobody's");
	append_response(f, "\"ffffffffffffffffffffffff\"", "nothing's");
	filter.execution_id = SPAN_LIT("0000000000000000000001f4");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(query_decisions(q, &filter, see_response, &leaf), 0);
		assert_non_null(strstr(buf_str(&leaf), "\"first\""));
		/* And again from an index that was made from the leaves. */
		query_free(q);
		fixture_close(f);
		snprintf(command, sizeof(command),
			 "sqlite3 %s/ledger.db \"DROP TABLE response;"
			 " UPDATE meta SET value = '1' WHERE name = 'index'\"",
			 f->dir);
		assert_int_equal(system(command), 0);
		assert_int_equal(fixture_open(f), 0);
		assert_int_equal(query_open(f->dir, &q), 0);
	}
	filter.execution_id = SPAN_LIT("0000000000000000000001f5");
	assert_int_equal(query_decisions(q, &filter, see_response, &leaf), 0);
	assert_int_equal(leaf.n, 0);
	filter = QUERY_FILTER_ALL;
	filter.limit = 2000;
	assert_int_equal(count(q, &filter, &seen), 1000);
	assert_int_equal(query_stats(q, &s), 0);
	assert_int_equal(s.decisions, 1000);
	query_free(q);
	buf_deinit(&leaf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_filters), TEST(test_one),	TEST(test_records),   TEST(test_stats),
		TEST(test_errors),  TEST(test_rebuild), TEST(test_responses), TEST(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
