/* SPDX-License-Identifier: MIT */
/* A disk that fails at any operation: nothing that was acknowledged is lost, nothing unsound is
 * continued. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/verify.h"
#include "approval_fixture.h"
#include "support/oom.h"

#include <sqlite3.h>

/* ---- a VFS over SQLite's own, whose k-th operation of one kind fails
 * ------------------------------- */

enum operation { OP_WRITE, OP_SYNC, OP_READ, OP_TRUNCATE, _OP_COUNT };

static struct {
	sqlite3_vfs *real;
	enum operation op;
	int countdown; /* fails when it reaches 0; < 0: never */
	bool stays; /* all after it fail, too */
	unsigned fired;
} fault = {.countdown = -1};

struct file {
	sqlite3_file base;
	sqlite3_file *real;
};

static bool fails(enum operation op)
{
	if (fault.countdown < 0 || op != fault.op)
		return false;
	if (fault.countdown > 0) {
		fault.countdown--;
		return false;
	}
	fault.fired++;
	if (!fault.stays)
		fault.countdown = -1;
	return true;
}

static sqlite3_file *real(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

static int f_close(sqlite3_file *f)
{
	int rc = real(f)->pMethods ? real(f)->pMethods->xClose(real(f)) : SQLITE_OK;

	sqlite3_free(real(f));
	return rc;
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return fails(OP_READ) ? SQLITE_IOERR_READ : real(f)->pMethods->xRead(real(f), p, n, at);
}

/* Half of it is on disk. */
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (!fails(OP_WRITE))
		return real(f)->pMethods->xWrite(real(f), p, n, at);
	(void)real(f)->pMethods->xWrite(real(f), p, n / 2, at);
	return SQLITE_IOERR_WRITE;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return fails(OP_TRUNCATE) ? SQLITE_IOERR_TRUNCATE
				  : real(f)->pMethods->xTruncate(real(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
	return fails(OP_SYNC) ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int f_lock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xLock(real(f), lock);
}

static int f_unlock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xUnlock(real(f), lock);
}

static int f_reserved(sqlite3_file *f, int *out)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int f_control(sqlite3_file *f, int op, void *p)
{
	return real(f)->pMethods->xFileControl(real(f), op, p);
}

static int f_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int f_characteristics(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int f_shm_map(sqlite3_file *f, int page, int n, int extend, void volatile **p)
{
	return real(f)->pMethods->xShmMap(real(f), page, n, extend, p);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}

static int f_shm_unmap(sqlite3_file *f, int remove)
{
	return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_unlock,
	.xCheckReservedLock = f_reserved,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_characteristics,
	.xShmMap = f_shm_map,
	.xShmLock = f_shm_lock,
	.xShmBarrier = f_shm_barrier,
	.xShmUnmap = f_shm_unmap,
};

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *file = (struct file *)f;
	int rc;

	(void)vfs;
	file->base.pMethods = NULL;
	file->real = sqlite3_malloc(fault.real->szOsFile);
	if (!file->real)
		return SQLITE_NOMEM;
	memset(file->real, 0, (size_t)fault.real->szOsFile);
	rc = fault.real->xOpen(fault.real, name, file->real, flags, out);
	if (rc == SQLITE_OK)
		file->base.pMethods = &methods;
	else
		sqlite3_free(file->real);
	return rc;
}

static int install(void **state)
{
	static sqlite3_vfs vfs;

	(void)state;
	fault.real = sqlite3_vfs_find(NULL);
	vfs = *fault.real;
	vfs.zName = "faulty";
	vfs.szOsFile = sizeof(struct file);
	vfs.xOpen = v_open;
	vfs.pNext = NULL;
	return sqlite3_vfs_register(&vfs, 1) == SQLITE_OK ? 0 : -1;
}

/* ---- tests
 * ------------------------------------------------------------------------------------------- */

static void disarm(void)
{
	fault.countdown = -1;
	fault.stays = false;
}

static uint64_t size_of(const struct fixture *f)
{
	struct ledger_status s;

	ledger_status(f->ledger, &s);
	return s.size;
}

static void heal(struct fixture *f)
{
	for (int i = 0; i < 3 && ledger_health(f->ledger) != LEDGER_HEALTHY; i++) {
		f->now.mono_ns = ledger_next_ns(f->ledger);
		assert_int_equal(ledger_tick(f->ledger, f->now), 0);
	}
	assert_int_equal(ledger_health(f->ledger), LEDGER_HEALTHY);
}

static void check_whole(struct fixture *f, uint64_t least)
{
	struct verify_request request = {.state_dir = f->dir};
	struct report report;

	assert_int_equal(verify_state(&request, &report, &f->error), 0);
	if (report.outcome != REPORT_INTACT)
		fail_msg("%s", report.reason);
	assert_true(report.records >= least);
	assert_int_equal(report.counts.rollbacks, 0);
}

/* The k-th operation of each kind fails, once or from then on, in the middle of appending and
 * checkpointing. */
static void fail_at(struct fixture *f, enum operation op, int k, bool stays)
{
	uint64_t acknowledged = size_of(f);

	fault.op = op;
	fault.stays = stays;
	fault.fired = 0;
	fault.countdown = k;
	for (unsigned i = 0; i < 6; i++) {
		int r = fixture_append(f, i * 60, 60);

		if (r == 0)
			acknowledged = size_of(f);
		else
			assert_true(r < 0);
		f->now.mono_ns += INT64_C(4000000000);
		(void)ledger_tick(f->ledger, f->now);
	}
	disarm();
	heal(f);
	assert_true(size_of(f) >= acknowledged);
	assert_int_equal(fixture_append(f, 9000, 3), 0);
}

static void test_io_errors(void **state)
{
	struct fixture *f = *state;
	unsigned fired = 0;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned op = 0; op < _OP_COUNT; op++) {
		int last = op == OP_SYNC ? 10 : op == OP_WRITE ? 260 : 6;

		for (int k = 0; k < last; k += op == OP_WRITE ? 13 : 1) {
			fail_at(f, (enum operation)op, k, k % 2);
			fired += fault.fired > 0;
		}
		check_whole(f, size_of(f));
	}
	assert_true(fired > 20);
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	check_whole(f, size_of(f));
}

/* ---- approvals
 * --------------------------------------------------------------------------------------- */

/* The tables are what the leaves say. */
static void check_rebuilt(struct fixture *f)
{
	struct buf before = BUF_INIT(1u << 20), after = BUF_INIT(1u << 20);
	char path[128];
	sqlite3 *db;

	fixture_close(f);
	fixture_dump(f, &before);
	fixture_path(f, "ledger.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE meta SET value = '0' WHERE name = 'index'", NULL,
				      NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(fixture_open(f), 0);
	fixture_close(f);
	fixture_dump(f, &after);
	assert_string_equal(buf_str(&before), buf_str(&after));
	buf_deinit(&before);
	buf_deinit(&after);
	assert_int_equal(fixture_open(f), 0);
}

static bool shown(struct fixture *f, unsigned n)
{
	struct buf out = BUF_INIT(4096);
	char id[APPROVAL_ID_CHARS + 1];
	int r;

	fixture_id(n, id);
	r = ledger_content(f->ledger, span_str(id), &out);
	buf_deinit(&out);
	assert_true(r == 0 || r == 1);
	return r == 0;
}

/* What the engine was told last of one approval; -1: nothing. */
struct told {
	char id[APPROVAL_ID_CHARS + 1];
	int state;
};

static int note_told(void *data, const struct ledger_approval *approval)
{
	struct told *told = data;

	if (span_eq_str(approval->id, told->id))
		told->state = (int)approval->state;
	return 0;
}

static void tell(struct fixture *f, struct told *told)
{
	int r = ledger_approvals_news(f->ledger, note_told, told);

	assert_true(r == 0 || fault.countdown <= 0);
}

/* Asked, held, approved and released, with a disk that fails somewhere; then finished on a sound
 * one. What was acknowledged is so, and one request goes out. */
static void approval_fails_at(struct fixture *f, unsigned n, enum operation op, int k, bool stays)
{
	struct told told = {.state = -1};
	int asked, decided, released, state;

	fixture_id(n, told.id);
	fault.op = op;
	fault.stays = stays;
	fault.fired = 0;
	fault.countdown = k;
	asked = fixture_ask(f, n, 1000, 1000);
	(void)fixture_hold(f, n, 0, n);
	tell(f, &told);
	decided = fixture_decide(f, n, true);
	tell(f, &told);
	released = fixture_end(f, n, 0, "released");
	f->now.mono_ns += INT64_C(11000000000);
	(void)ledger_tick(f->ledger, f->now);
	disarm();
	heal(f);
	state = fixture_state(f, n);
	/* Also of what is on disk although its commit failed. */
	tell(f, &told);
	assert_int_equal(told.state, state);
	if (released == 0)
		assert_int_equal(state, APPROVAL_USED);
	else if (decided == 0)
		assert_true(state == APPROVAL_APPROVED || state == APPROVAL_USED);
	else if (asked == 0)
		assert_true(state >= 0);
	if (state == -1)
		assert_int_equal(fixture_ask(f, n, 1000, 1000), 0);
	if (state == -1 || state == APPROVAL_PENDING)
		assert_int_equal(fixture_decide(f, n, true), 0);
	assert_int_equal(shown(f, n), state != APPROVAL_USED);
	assert_int_equal(fixture_hold(f, n, 1, n), 0);
	assert_int_equal(fixture_end(f, n, 1, "released"),
			 state == APPROVAL_USED ? LEDGER_E_NOT_APPROVED : 0);
	assert_int_equal(fixture_state(f, n), APPROVAL_USED);
	assert_false(shown(f, n));
}

static void test_approvals(void **state)
{
	struct fixture *f = *state;
	unsigned fired = 0, n = 0;

	assert_int_equal(fixture_open(f), 0);
	for (unsigned op = 0; op < _OP_COUNT; op++) {
		for (int k = 0; k < (op == OP_WRITE ? 30 : 8); k++) {
			approval_fails_at(f, n++, (enum operation)op, k, k % 2);
			fired += fault.fired > 0;
		}
		check_whole(f, size_of(f));
		check_rebuilt(f);
	}
	assert_true(fired > 20);
}

/* Opening on a disk that fails is an error, never a new history. */
static void test_open_errors(void **state)
{
	struct fixture *f = *state;
	unsigned failed = 0;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_append(f, 0, 300), 0);
	fixture_close(f);
	for (unsigned op = 0; op < _OP_COUNT; op++) {
		for (int k = 0; k < 12; k++) {
			fault.op = (enum operation)op;
			fault.stays = true;
			fault.countdown = k;
			if (fixture_open(f) == 0)
				ledger_abandon(f->ledger);
			else
				failed++;
			f->ledger = NULL;
			disarm();
		}
	}
	assert_true(failed > 15);
	assert_int_equal(fixture_open(f), 0);
	check_whole(f, 303);
}

/* ---- want of memory
 * -------------------------------------------------------------------------------- */

static void append_once(void *ctx)
{
	struct fixture *f = ctx;
	struct ledger_item item = {.type = RECORD_DECISION,
				   .body = SPAN_LIT("{\"user\":\"a\\\"b\"}")};
	uint64_t before;
	int r;

	/* An earlier failure may have closed the database. */
	if (ledger_health(f->ledger) != LEDGER_HEALTHY) {
		f->now.mono_ns = ledger_next_ns(f->ledger);
		(void)ledger_tick(f->ledger, f->now);
	}
	before = size_of(f);
	r = ledger_append(f->ledger, f->now, &item, 1);
	if (r == 0 && !item.outcome)
		assert_true(size_of(f) > before);
	else
		assert_true(oom_hit());
}

static void test_out_of_memory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	(void)oom_each(append_once, f);
	heal(f);
	assert_int_equal(fixture_append(f, 0, 3), 0);
	check_whole(f, size_of(f));
}

static void open_once(void *ctx)
{
	struct fixture *f = ctx;

	if (fixture_open(f) == 0)
		ledger_abandon(f->ledger);
	else
		assert_true(oom_hit());
	f->ledger = NULL;
}

static void test_open_out_of_memory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(fixture_append(f, 0, 20), 0);
	fixture_close(f);
	assert_true(oom_each(open_once, f) > 50);
	assert_int_equal(fixture_open(f), 0);
	check_whole(f, 23);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_io_errors),	  TEST(test_approvals),		 TEST(test_open_errors),
		TEST(test_out_of_memory), TEST(test_open_out_of_memory),
	};

	return cmocka_run_group_tests(tests, install, NULL);
}
