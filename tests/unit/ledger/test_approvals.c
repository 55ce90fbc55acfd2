/* SPDX-License-Identifier: MIT */
/* The life of approvals and holds: asked, decided, used once, expired, and what is left of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "approval_fixture.h"
#include "ledger/ledger_private.h"
#include "ledger/store_approvals.h"
#include "ledger/verify.h"

#include <sqlite3.h>

static int content_of(struct fixture *f, unsigned n, struct buf *out)
{
	char id[APPROVAL_ID_CHARS + 1];

	fixture_id(n, id);
	buf_clear(out);
	return ledger_content(f->ledger, span_str(id), out);
}

static bool has_content(struct fixture *f, unsigned n)
{
	struct buf out = BUF_INIT(4096);
	int r = content_of(f, n, &out);

	buf_deinit(&out);
	assert_true(r == 0 || r == 1);
	return r == 0;
}

static void pass(struct fixture *f, int64_t ms)
{
	f->now.wall_ns += ms * 1000000;
	f->now.mono_ns += ms * 1000000;
	assert_int_equal(ledger_tick(f->ledger, f->now), 0);
}

static void restart(struct fixture *f)
{
	ledger_abandon(f->ledger);
	f->ledger = NULL;
	assert_int_equal(fixture_open(f), 0);
}

static int count_hold(void *data, const struct store_hold *hold)
{
	(void)hold;
	++*(unsigned *)data;
	return 0;
}

static unsigned open_holds(struct fixture *f)
{
	unsigned n = 0;

	assert_int_equal(store_holds_open(f->ledger->store, count_hold, &n), 0);
	return n;
}

static bool nobody(void *data, struct span execution_id)
{
	(void)data;
	(void)execution_id;
	return false;
}

static int refuse_all(struct fixture *f)
{
	return ledger_refuse_holds(f->ledger, f->now, "engine-restarted", nobody, NULL);
}

static void one_approval_lets_one_request_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	assert_int_equal(fixture_hold(f, 1, 0, 1), 0);
	assert_int_equal(fixture_state(f, 1), APPROVAL_PENDING);
	assert_int_equal(open_holds(f), 1);
	/* Nobody decided. */
	assert_int_equal(fixture_end(f, 1, 0, "released"), LEDGER_E_NOT_APPROVED);
	assert_int_equal(fixture_decide(f, 1, true), LEDGER_DECISION_DONE);
	assert_int_equal(fixture_state(f, 1), APPROVAL_APPROVED);
	assert_int_equal(fixture_end(f, 1, 0, "released"), 0);
	assert_int_equal(fixture_state(f, 1), APPROVAL_USED);
	assert_int_equal(open_holds(f), 0);
	/* Not twice, neither for it nor for an identical retry. */
	assert_int_equal(fixture_end(f, 1, 0, "released"), LEDGER_E_NOT_APPROVED);
	assert_int_equal(fixture_hold(f, 1, 1, 1), 0);
	assert_int_equal(fixture_end(f, 1, 1, "released"), LEDGER_E_NOT_APPROVED);
	assert_int_equal(fixture_end(f, 1, 1, "refused"), 0);
	assert_int_equal(open_holds(f), 0);
}

/* What the ledger itself sees to, whatever an engine says. */
static void a_release_needs_its_own_hold_and_digest(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	assert_int_equal(fixture_ask(f, 2, 1000, 1000), 0);
	assert_int_equal(fixture_decide(f, 1, true), LEDGER_DECISION_DONE);
	assert_int_equal(fixture_decide(f, 2, true), LEDGER_DECISION_DONE);
	/* No decision is on record. */
	assert_int_equal(fixture_end(f, 1, 0, "released"), LEDGER_E_NOT_APPROVED);
	/* One of another request. */
	assert_int_equal(fixture_hold(f, 1, 0, 9), 0);
	assert_int_equal(fixture_end(f, 1, 0, "released"), LEDGER_E_NOT_APPROVED);
	/* One that ended already. */
	assert_int_equal(fixture_hold(f, 2, 0, 2), 0);
	assert_int_equal(fixture_end(f, 2, 0, "abandoned"), 0);
	assert_int_equal(fixture_end(f, 2, 0, "released"), LEDGER_E_NOT_APPROVED);
	assert_int_equal(fixture_state(f, 2), APPROVAL_APPROVED);
	/* A retry uses what was approved. */
	assert_int_equal(fixture_hold(f, 2, 1, 2), 0);
	assert_int_equal(fixture_end(f, 2, 1, "released"), 0);
	assert_int_equal(fixture_state(f, 2), APPROVAL_USED);
}

/* Two ends in one group: the second sees what the first did. */
static void a_group_cannot_use_it_twice(void **state)
{
	struct fixture *f = *state;
	char body[2][512];
	struct ledger_item item[2];

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	assert_int_equal(fixture_decide(f, 1, true), LEDGER_DECISION_DONE);
	assert_int_equal(fixture_hold(f, 1, 0, 1), 0);
	assert_int_equal(fixture_hold(f, 1, 1, 1), 0);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(body[i], sizeof(body[i]),
			 "{\"approval_id\":\"%024x\",\"execution_id\":\"%024x\","
			 "\"outcome\":\"released\",\"reason\":\"policy\"}",
			 1, 0x1001 + 0x100 * i);
		item[i] =
			(struct ledger_item){.type = RECORD_HOLD_ENDED, .body = span_str(body[i])};
	}
	assert_int_equal(ledger_append(f->ledger, f->now, item, 2), 0);
	assert_int_equal(item[0].outcome, 0);
	assert_int_equal(item[1].outcome, LEDGER_E_NOT_APPROVED);
}

static void the_first_decision_stands(void **state)
{
	struct fixture *f = *state;
	struct ledger_decided decided;
	char id[APPROVAL_ID_CHARS + 1];
	struct ledger_decision d = {.approval_id = id,
				    .approve = false,
				    .by = "uid:3000",
				    .role = "approver",
				    .key = "",
				    .rationale = "no",
				    .comment = ""};

	assert_int_equal(fixture_open(f), 0);
	fixture_id(1, id);
	assert_int_equal(ledger_decide(f->ledger, f->now, &d, &decided), LEDGER_DECISION_UNKNOWN);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	assert_int_equal(fixture_decide(f, 1, true), LEDGER_DECISION_DONE);
	assert_int_equal(ledger_decide(f->ledger, f->now, &d, &decided), LEDGER_DECISION_TAKEN);
	assert_int_equal(decided.state, APPROVAL_APPROVED);
	assert_string_equal(decided.by, "uid:2000");
	assert_int_equal(fixture_state(f, 1), APPROVAL_APPROVED);
	assert_int_equal(fixture_ask(f, 2, 1000, 1000), 0);
	fixture_id(2, id);
	assert_int_equal(ledger_decide(f->ledger, f->now, &d, &decided), LEDGER_DECISION_DONE);
	assert_int_equal(decided.state, APPROVAL_REJECTED);
	assert_false(decided.self_approved);
	d.approve = true;
	assert_int_equal(ledger_decide(f->ledger, f->now, &d, &decided), LEDGER_DECISION_TAKEN);
	assert_int_equal(fixture_hold(f, 2, 0, 2), 0);
	assert_int_equal(fixture_end(f, 2, 0, "released"), LEDGER_E_NOT_APPROVED);
}

static void texts_have_their_bounds(void **state)
{
	struct fixture *f = *state;
	char id[APPROVAL_ID_CHARS + 1], full[3 * AICP_RATIONALE_CHARS_MAX + 4] = "";
	struct ledger_decided decided;
	struct ledger_decision d = {.approval_id = id,
				    .by = "uid:3000",
				    .role = "approver",
				    .key = "",
				    .rationale = "",
				    .comment = ""};

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	fixture_id(1, id);
	assert_int_equal(ledger_decide(f->ledger, f->now, &d, &decided), LEDGER_DECISION_BAD);
	d.rationale = "\xff";
	assert_int_equal(ledger_decide(f->ledger, f->now, &d, &decided), LEDGER_DECISION_BAD);
	for (unsigned i = 0; i <= AICP_RATIONALE_CHARS_MAX; i++)
		memcpy(full + (size_t)3 * i, "\xe2\x82\xac", 3); /* € */
	d.rationale = full;
	assert_int_equal(ledger_decide(f->ledger, f->now, &d, &decided), LEDGER_DECISION_BAD);
	full[3 * AICP_RATIONALE_CHARS_MAX] = 0;
	d.comment = full;
	assert_int_equal(ledger_decide(f->ledger, f->now, &d, &decided), LEDGER_DECISION_DONE);
}

/* Who asked is not who approves. */
static void duties_are_separate(void **state)
{
	struct fixture *f = *state;
	struct store_key first = {0};
	enum { FIRST = 1, OTHER = 2 };
	static const struct {
		const char *by;
		unsigned uid, loginuid;
		int key; /* the first one, another, or 0: the local socket */
		bool strict;
		int64_t admin_uid;
		int want;
		bool self;
	} row[] = {
		{"uid:2000", 1000, 1000, 0, false, 0, LEDGER_DECISION_DONE, false},
		{"uid:1000", 1000, 1000, 0, false, 0, LEDGER_DECISION_OWN, false},
		{"uid:1000", 33, 1000, 0, false, 0, LEDGER_DECISION_OWN, false}, /* su, cron */
		{"uid:1000", 1000, 4294967295u, 0, false, 0, LEDGER_DECISION_OWN, false},
		{"uid:100", 1000, 1000, 0, false, 0, LEDGER_DECISION_DONE, false},
		{"uid:1000", 1000, 1000, 0, true, 0, LEDGER_DECISION_OWN, false},
		{"uid:0", 1000, 1000, 0, false, 0, LEDGER_DECISION_DONE, false},
		{"uid:0", 0, 0, 0, false, 0, LEDGER_DECISION_DONE, true},
		{"uid:0", 0, 1000, 0, false, 0, LEDGER_DECISION_DONE, true},
		{"uid:0", 0, 0, 0, true, 0, LEDGER_DECISION_OWN, false},
		{"uid:0", 1000, 1000, 0, true, 0, LEDGER_DECISION_DONE, false},
		{"admin", 1000, 1000, FIRST, false, 0, LEDGER_DECISION_DONE, false},
		{"admin", 0, 0, FIRST, false, 0, LEDGER_DECISION_DONE, true},
		{"admin", 0, 0, FIRST, true, 0, LEDGER_DECISION_OWN, false},
		/* A name says nothing; a key that is not the first one exempts nobody. */
		{"admin", 0, 0, OTHER, false, 0, LEDGER_DECISION_DONE, false},
		{"uid:0", 0, 0, OTHER, false, 0, LEDGER_DECISION_OWN, false},
		{"uid:1000", 1000, 1000, OTHER, false, 0, LEDGER_DECISION_OWN, false},
		/* Rootless: the one user is admin of the socket. */
		{"uid:1000", 1000, 1000, 0, false, 1000, LEDGER_DECISION_DONE, true},
		{"uid:1000", 1000, 1000, 0, true, 1000, LEDGER_DECISION_OWN, false},
		/* No numbers of a uid. */
		{"uid:", 0, 0, 0, false, 0, LEDGER_DECISION_DONE, false},
		{"uid:1000x", 1000, 1000, 0, false, 0, LEDGER_DECISION_DONE, false},
		{"uid:18446744073709551616", 0, 0, 0, false, 0, LEDGER_DECISION_DONE, false},
	};

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_first_key(f->ledger->store, &first), 0);
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char id[APPROVAL_ID_CHARS + 1];
		struct ledger_decided decided = {0};
		struct ledger_decision d = {
			.approval_id = id,
			.approve = true,
			.by = row[i].by,
			.role = "admin",
			.key = row[i].key == FIRST ? first.id
			       : row[i].key	   ? "00000000"
						   : "",
			.rationale = "because",
			.comment = "",
			.strict = row[i].strict,
			.admin_uid = row[i].admin_uid,
		};
		int r;

		fixture_id(i, id);
		assert_int_equal(fixture_ask(f, i, row[i].uid, row[i].loginuid), 0);
		r = ledger_decide(f->ledger, f->now, &d, &decided);
		if (r != row[i].want || (!r && decided.self_approved != row[i].self))
			fail_msg("row %u: %d, self %d", i, r, decided.self_approved);
		assert_int_equal(fixture_state(f, i), r ? APPROVAL_PENDING : APPROVAL_APPROVED);
	}
}

static void time_runs_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	assert_int_equal(fixture_ask(f, 2, 1000, 1000), 0);
	assert_int_equal(fixture_ask(f, 3, 1000, 1000), 0);
	assert_int_equal(fixture_decide(f, 2, true), LEDGER_DECISION_DONE);
	assert_int_equal(fixture_decide(f, 3, false), LEDGER_DECISION_DONE);
	pass(f, FIXTURE_EXPIRY_MS - 1);
	pass(f, 0); /* the heartbeat that is due as well */
	assert_int_equal(fixture_state(f, 1), APPROVAL_PENDING);
	assert_int_equal(ledger_next_ns(f->ledger), f->now.mono_ns + 1000000);
	/* Over, though no tick has said so yet. */
	f->now.wall_ns += 1000000;
	f->now.mono_ns += 1000000;
	assert_int_equal(fixture_decide(f, 1, true), LEDGER_DECISION_LATE);
	assert_int_equal(fixture_hold(f, 2, 0, 2), 0);
	assert_int_equal(fixture_end(f, 2, 0, "released"), LEDGER_E_NOT_APPROVED);
	pass(f, 0);
	assert_int_equal(fixture_state(f, 1), APPROVAL_EXPIRED);
	assert_int_equal(fixture_state(f, 2), APPROVAL_EXPIRED);
	assert_int_equal(fixture_state(f, 3), APPROVAL_REJECTED);
	assert_int_equal(fixture_decide(f, 1, true), LEDGER_DECISION_LATE);
	assert_int_equal(fixture_decide(f, 2, true), LEDGER_DECISION_TAKEN);
	assert_true(ledger_next_ns(f->ledger) > f->now.mono_ns);
}

/* A wall clock that is set forward is noticed within a minute. */
static void the_clock_is_set(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	f->now.wall_ns += (int64_t)FIXTURE_EXPIRY_MS * 1000000;
	while (fixture_state(f, 1) == APPROVAL_PENDING) {
		int64_t next_ns = ledger_next_ns(f->ledger);

		assert_true(next_ns <= 1000 + 60 * LEDGER_S);
		f->now.mono_ns = next_ns;
		assert_int_equal(ledger_tick(f->ledger, f->now), 0);
	}
	assert_int_equal(fixture_state(f, 1), APPROVAL_EXPIRED);
}

static void many_expire_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 0; i < 150; i++)
		assert_int_equal(fixture_ask(f, i, 1000, 1000), 0);
	f->now.wall_ns += (int64_t)FIXTURE_EXPIRY_MS * 1000000;
	f->now.mono_ns += (int64_t)FIXTURE_EXPIRY_MS * 1000000;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(ledger_next_ns(f->ledger) <= f->now.mono_ns);
		assert_int_equal(ledger_tick(f->ledger, f->now), 0);
	}
	for (unsigned i = 0; i < 150; i++)
		assert_int_equal(fixture_state(f, i), APPROVAL_EXPIRED);
}

static void everything_survives_a_crash(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(fixture_ask(f, i, 1000, 1000), 0);
		assert_int_equal(fixture_hold(f, i, 0, i), 0);
	}
	assert_int_equal(fixture_decide(f, 2, true), LEDGER_DECISION_DONE);
	assert_int_equal(fixture_decide(f, 3, true), LEDGER_DECISION_DONE);
	assert_int_equal(fixture_end(f, 3, 0, "released"), 0);
	restart(f);
	assert_int_equal(fixture_state(f, 1), APPROVAL_PENDING);
	assert_int_equal(fixture_state(f, 2), APPROVAL_APPROVED);
	assert_int_equal(fixture_state(f, 3), APPROVAL_USED);
	assert_int_equal(open_holds(f), 2);
	assert_true(has_content(f, 1));
	/* The engine is a new one too: nobody holds these any more. */
	assert_int_equal(refuse_all(f), 0);
	assert_int_equal(open_holds(f), 0);
	assert_int_equal(fixture_end(f, 2, 0, "released"), LEDGER_E_NOT_APPROVED);
	/* The approval itself stands, for a retry. */
	assert_int_equal(fixture_hold(f, 2, 1, 2), 0);
	assert_int_equal(fixture_end(f, 2, 1, "released"), 0);
	/* What ran out while nobody was there. */
	ledger_abandon(f->ledger);
	f->now.wall_ns += (int64_t)FIXTURE_EXPIRY_MS * 1000000;
	assert_int_equal(fixture_open(f), 0);
	assert_true(ledger_next_ns(f->ledger) <= f->now.mono_ns);
	assert_int_equal(ledger_tick(f->ledger, f->now), 0);
	assert_int_equal(fixture_state(f, 1), APPROVAL_EXPIRED);
}

static bool is_second(void *data, struct span execution_id)
{
	(void)data;
	return span_eq_str(execution_id, "000000000000000000001002");
}

/* The ledger was restarted, and the engine was not. */
static void a_hold_that_is_alive_goes_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(fixture_ask(f, i, 1000, 1000), 0);
		assert_int_equal(fixture_hold(f, i, 0, i), 0);
		assert_int_equal(fixture_decide(f, i, true), LEDGER_DECISION_DONE);
	}
	restart(f);
	assert_int_equal(
		ledger_refuse_holds(f->ledger, f->now, "engine-restarted", is_second, NULL), 0);
	assert_int_equal(open_holds(f), 1);
	assert_int_equal(fixture_end(f, 1, 0, "released"), LEDGER_E_NOT_APPROVED);
	assert_int_equal(fixture_end(f, 2, 0, "released"), 0);
}

/* More holds than one transaction ends. */
static void all_holds_of_a_dead_engine_end(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(fixture_hold(f, 1, i, 1), 0);
	assert_int_equal(refuse_all(f), 0);
	assert_int_equal(store_holds_open(f->ledger->store, count_hold, &n), 0);
	assert_int_equal(n, 0);
}

/* ---- content
 * ---------------------------------------------------------------------------------------- */

static void content_goes_with_the_question(void **state)
{
	struct fixture *f = *state;
	struct buf out = BUF_INIT(4096);

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(fixture_ask(f, i, 1000, 1000), 0);
	assert_int_equal(content_of(f, 2, &out), 0);
	assert_true(span_eq_str(
		buf_span(&out),
		"{\"body\":\"secret text 2\",\"body_encoding\":\"utf8\",\"findings\":[]}"));
	/* Rejected: gone. Approved: until it is used, or over. */
	assert_int_equal(fixture_decide(f, 1, false), LEDGER_DECISION_DONE);
	assert_false(has_content(f, 1));
	assert_int_equal(fixture_decide(f, 2, true), LEDGER_DECISION_DONE);
	assert_true(has_content(f, 2));
	assert_int_equal(fixture_hold(f, 2, 0, 2), 0);
	assert_int_equal(fixture_end(f, 2, 0, "released"), 0);
	assert_false(has_content(f, 2));
	assert_int_equal(fixture_decide(f, 3, true), LEDGER_DECISION_DONE);
	pass(f, FIXTURE_EXPIRY_MS);
	assert_false(has_content(f, 3));
	assert_false(has_content(f, 4));
	buf_deinit(&out);
}

static bool file_has(const struct fixture *f, const char *name, struct span bytes)
{
	char path[128];
	struct buf text = BUF_INIT(64u << 20);
	char part[65536];
	size_t n;
	FILE *file;
	bool has;

	fixture_path(f, name, path);
	file = fopen(path, "r");
	assert_non_null(file);
	while ((n = fread(part, 1, sizeof(part), file)))
		assert_int_equal(buf_put(&text, span_of(part, n)), 0);
	fclose(file);
	has = text.n && memmem(text.p, text.n, bytes.p, bytes.n);
	buf_deinit(&text);
	return has;
}

/* Not readable while it is there, and not even its sealed form is left when it is erased. */
static void erased_content_leaves_the_files(void **state)
{
	struct fixture *f = *state;
	struct buf sealed = BUF_INIT(4096);
	struct verify_request request = {.state_dir = f->dir};
	struct report report;
	char id[APPROVAL_ID_CHARS + 1];

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	fixture_id(1, id);
	assert_int_equal(store_payload_find(f->ledger->store, span_str(id), &sealed), 0);
	assert_true(file_has(f, "ledger.db-wal", buf_span(&sealed)));
	assert_false(file_has(f, "ledger.db-wal", SPAN_LIT("secret text")));
	pass(f, 11000); /* into the database itself */
	assert_true(file_has(f, "ledger.db", buf_span(&sealed)));
	assert_int_equal(fixture_decide(f, 1, false), LEDGER_DECISION_DONE);
	pass(f, 10000);
	assert_false(file_has(f, "ledger.db", buf_span(&sealed)));
	assert_false(file_has(f, "ledger.db-wal", buf_span(&sealed)));
	fixture_close(f);
	assert_int_equal(verify_state(&request, &report, &f->error), 0);
	assert_int_equal(report.outcome, REPORT_INTACT);
	buf_deinit(&sealed);
}

static void tamper(struct fixture *f, const char *sql)
{
	char path[128];
	sqlite3 *db;

	fixture_path(f, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void content_of_another_does_not_open(void **state)
{
	struct fixture *f = *state;
	struct buf out = BUF_INIT(4096);

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	assert_int_equal(fixture_ask(f, 2, 1000, 1000), 0);
	/* Somebody with the database in their hands swaps the two. */
	fixture_close(f);
	tamper(f, "UPDATE payload SET sealed = (SELECT sealed FROM payload p"
		  " WHERE p.approval_id != payload.approval_id)");
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(content_of(f, 1, &out), -EBADMSG);
	buf_deinit(&out);
}

/* ---- what is refused
 * -------------------------------------------------------------------------------- */

static void too_many_may_not_wait(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 0; i < AICP_UID_APPROVALS_MAX; i++)
		assert_int_equal(fixture_ask(f, i, 1000, 1000), 0);
	assert_int_equal(fixture_ask(f, 0xfff, 1000, 1000), LEDGER_E_TOO_MANY);
	assert_int_equal(fixture_state(f, 0xfff), -1);
	/* Another user's questions are not his. */
	assert_int_equal(fixture_ask(f, 0xffe, 1001, 1001), 0);
	/* A decision makes room. */
	assert_int_equal(fixture_decide(f, 0, true), LEDGER_DECISION_DONE);
	assert_int_equal(fixture_ask(f, 0xfff, 1000, 1000), 0);
	for (unsigned i = 0; i < AICP_APPROVALS_MAX - AICP_UID_APPROVALS_MAX - 1; i++)
		assert_int_equal(fixture_ask(f, 0x1000 + i, 2000 + i / 100, 0), 0);
	assert_int_equal(fixture_ask(f, 0xfffff, 3000, 3000), LEDGER_E_TOO_MANY);
}

static void nobody_takes_all_room_for_content(void **state)
{
	struct fixture *f = *state;
	char sql[128];

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	fixture_close(f);
	snprintf(sql, sizeof(sql), "UPDATE payload SET bytes = %u", AICP_UID_APPROVALS_BYTES_MAX);
	tamper(f, sql);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 2, 1000, 1000), LEDGER_E_TOO_MANY);
	assert_int_equal(fixture_ask(f, 3, 1001, 1000), 0);
	/* Content is kept as long as it may be used. */
	assert_int_equal(fixture_decide(f, 1, true), LEDGER_DECISION_DONE);
	assert_int_equal(fixture_ask(f, 4, 1000, 1000), LEDGER_E_TOO_MANY);
	fixture_close(f);
	snprintf(sql, sizeof(sql), "UPDATE payload SET bytes = %u", AICP_APPROVALS_BYTES_MAX);
	tamper(f, sql);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_ask(f, 5, 1002, 1000), LEDGER_E_TOO_MANY);
}

/* Bodies that are no question or no end: nothing is recorded but that it was lost, and the ledger
 * lives on. */
static void bad_bodies_break_nothing(void **state)
{
	struct fixture *f = *state;
#define ID   "\"000000000000000000000001\""
#define LONG "\"0000000000000000000000000000000000000000000000000000000000000001\""
#define REST ",\"request_digest\":" LONG ",\"requested_ms\":1}"
	static const char *const questions[] = {
		"",
		"{}",
		"[]",
		"{\"approval_id\":1}",
		"{\"approval_id\":" ID "}",
		"{\"approval_id\":" ID ",\"execution_id\":" ID
		",\"expires_ms\":2,\"join\":" LONG REST,
		"{\"approval_id\":" ID ",\"execution_id\":" ID ",\"expires_ms\":2,\"join\":" LONG
		",\"process\":{\"uid\":\"0\"}" REST,
		"{\"approval_id\":" ID ",\"execution_id\":" ID ",\"expires_ms\":2,\"join\":" LONG
		",\"process\":7" REST,
		"{\"approval_id\":" ID ",\"execution_id\":" ID ",\"expires_ms\":1,\"join\":" LONG
		",\"process\":{\"uid\":0}" REST,
		"{\"approval_id\":\"00000000000000000000000A\",\"execution_id\":" ID
		",\"expires_ms\":2,\"join\":" LONG ",\"process\":{\"uid\":0}" REST,
		"{\"approval_id\":" ID ",\"content_commitment\":\"x\",\"execution_id\":" ID
		",\"expires_ms\":2,\"join\":" LONG ",\"process\":{\"uid\":0}" REST,
	};
	static const char *const ends[] = {
		"{}",
		"{\"approval_id\":" ID ",\"execution_id\":" ID "}",
		"{\"approval_id\":" ID ",\"execution_id\":" ID ",\"outcome\":\"maybe\"}",
		"{\"approval_id\":\"\",\"execution_id\":" ID ",\"outcome\":\"refused\"}",
		"{\"approval_id\":" ID ",\"execution_id\":null,\"outcome\":\"refused\"}",
		"{\"approval_id\":" ID ",\"execution_id\":" ID ",\"outcome\":\"refused\"} ",
	};

	assert_int_equal(fixture_open(f), 0);
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		assert_int_equal(fixture_item(f, RECORD_APPROVAL_REQUESTED, questions[i], "{}"),
				 LEDGER_E_BAD_BODY);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		assert_int_equal(fixture_item(f, RECORD_HOLD_ENDED, ends[i], NULL),
				 LEDGER_E_BAD_BODY);
	/* No content, and an id that is taken. */
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), LEDGER_E_BAD_BODY);
	assert_int_equal(ledger_health(f->ledger), LEDGER_HEALTHY);
	/* An end of a hold that nobody knows is a record, and no more. */
	assert_int_equal(fixture_end(f, 9, 0, "refused"), 0);
}

/* ---- telling
 * ---------------------------------------------------------------------------------------- */

struct told {
	unsigned n;
	enum approval_state state[16];
};

static int note(void *data, const struct ledger_approval *a)
{
	struct told *t = data;

	assert_int_equal(a->id.n, APPROVAL_ID_CHARS);
	assert_int_equal(a->join.n, 64);
	assert_int_equal(a->request_digest.n, 64);
	t->state[t->n++] = a->state;
	return 0;
}

static void every_change_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct told t = {0};

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(ledger_approvals_news(f->ledger, note, &t), 0);
	assert_int_equal(t.n, 0);
	assert_int_equal(fixture_ask(f, 1, 1000, 1000), 0);
	assert_int_equal(ledger_approvals_news(f->ledger, note, &t), 0);
	assert_int_equal(fixture_decide(f, 1, true), 0);
	assert_int_equal(ledger_approvals_news(f->ledger, note, &t), 0);
	assert_int_equal(ledger_approvals_news(f->ledger, note, &t), 0);
	assert_int_equal(fixture_hold(f, 1, 0, 1), 0);
	assert_int_equal(ledger_approvals_news(f->ledger, note, &t), 0);
	assert_int_equal(fixture_end(f, 1, 0, "released"), 0);
	assert_int_equal(ledger_approvals_news(f->ledger, note, &t), 0);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.state[0], APPROVAL_PENDING);
	assert_int_equal(t.state[1], APPROVAL_APPROVED);
	assert_int_equal(t.state[2], APPROVAL_USED);
}

static void open_ones_are_told_to_who_comes(void **state)
{
	struct fixture *f = *state;
	struct told t = {0};

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(fixture_ask(f, i, 1000, 1000), 0);
	assert_int_equal(fixture_decide(f, 2, true), 0);
	assert_int_equal(fixture_decide(f, 3, false), 0);
	assert_int_equal(fixture_decide(f, 4, true), 0);
	assert_int_equal(fixture_hold(f, 4, 0, 4), 0);
	assert_int_equal(fixture_end(f, 4, 0, "released"), 0);
	restart(f);
	assert_int_equal(ledger_approvals_open(f->ledger, f->now, note, &t), 0);
	assert_int_equal(t.n, 3);
	pass(f, FIXTURE_EXPIRY_MS);
	t.n = 0;
	assert_int_equal(ledger_approvals_open(f->ledger, f->now, note, &t), 0);
	assert_int_equal(t.n, 0);
}

/* ---- the tables are what the records say
 * ------------------------------------------------------------ */

static void rebuilding_gives_the_same(void **state)
{
	struct fixture *f = *state;
	struct buf before = BUF_INIT(1u << 20), after = BUF_INIT(1u << 20);
	char path[128];
	sqlite3 *db;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned i = 1; i <= 6; i++) {
		assert_int_equal(fixture_ask(f, i, 1000 + i, 1000), 0);
		assert_int_equal(fixture_hold(f, i, 0, i), 0);
	}
	assert_int_equal(fixture_append(f, 0, 20), 0);
	assert_int_equal(fixture_decide(f, 1, true), 0);
	assert_int_equal(fixture_decide(f, 2, true), 0);
	assert_int_equal(fixture_decide(f, 3, false), 0);
	assert_int_equal(fixture_end(f, 1, 0, "released"), 0);
	assert_int_equal(fixture_end(f, 3, 0, "refused"), 0);
	assert_int_equal(fixture_end(f, 4, 0, "abandoned"), 0);
	pass(f, 1000);
	assert_int_equal(fixture_ask(f, 7, 1000, 1000), 0);
	pass(f, FIXTURE_EXPIRY_MS - 1000);
	assert_int_equal(fixture_state(f, 7), APPROVAL_PENDING);
	fixture_close(f);
	fixture_dump(f, &before);
	/* As a later version would find it. */
	fixture_path(f, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			     "UPDATE meta SET value = '1' WHERE name = 'index';"
			     "UPDATE approval SET state = 'approved', rationale = 'forged';"
			     "DELETE FROM hold; DROP TABLE approval_history;"
			     "INSERT INTO payload VALUES('000000000000000000000001', 1, x'00');",
			     NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(fixture_open(f), 0);
	fixture_close(f);
	fixture_dump(f, &after);
	assert_string_equal(buf_str(&before), buf_str(&after));
	buf_deinit(&before);
	buf_deinit(&after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_approval_lets_one_request_out),
		TEST(a_release_needs_its_own_hold_and_digest),
		TEST(a_group_cannot_use_it_twice),
		TEST(the_first_decision_stands),
		TEST(texts_have_their_bounds),
		TEST(duties_are_separate),
		TEST(time_runs_out),
		TEST(the_clock_is_set),
		TEST(many_expire_at_once),
		TEST(everything_survives_a_crash),
		TEST(a_hold_that_is_alive_goes_on),
		TEST(all_holds_of_a_dead_engine_end),
		TEST(content_goes_with_the_question),
		TEST(erased_content_leaves_the_files),
		TEST(content_of_another_does_not_open),
		TEST(too_many_may_not_wait),
		TEST(nobody_takes_all_room_for_content),
		TEST(bad_bodies_break_nothing),
		TEST(every_change_is_told_once),
		TEST(open_ones_are_told_to_who_comes),
		TEST(rebuilding_gives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
