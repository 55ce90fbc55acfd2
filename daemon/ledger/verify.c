/* SPDX-License-Identifier: MIT */
#include "ledger/verify.h"

#include "base/cleanup.h"
#include "ledger/keys.h"
#include "ledger/ledger_private.h"
#include "ledger/read_ahead.h"
#include "ledger/reader.h"
#include "ledger/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#define PROGRESS_RECORDS 100000

DEFINE_FREEP(struct hash_ctx, hash_ctx_free)
DEFINE_FREEP(struct reader, reader_free)

struct verify {
	const struct verify_request *request;
	struct report *report;
	struct reader *reader; /* checkpoints and tiles */
	struct reader *leaves;
	struct hash_ctx *ctx;
	struct note_key key; /* of whatever log: its public key counts */
	bool key_seen; /* the log it names is here */
	struct anchor own; /* the checkpoint file; size 0: there is none */
	bool own_seen;
	struct anchor anchor;
	bool anchored, anchor_seen;
	/* How far the database went when we began; a running daemon goes on. */
	uint64_t shards, newest_signed, last_id;
	uint64_t done;
	/* the shard in hand */
	struct store_shard shard;
	struct note_key shard_key;
	struct audit audit;
	bool focus; /* the report is about this one */
	bool own_here; /* the checkpoint file is about it */
	uint64_t next_size; /* of the next checkpoint; UINT64_MAX: no more */
	struct merkle_head signed_head;
	struct buf note;
};

/* ---- checkpoints as they come
 * ------------------------------------------------------------------------- */

static int next_checkpoint(struct verify *v, uint64_t from)
{
	int r = reader_checkpoint(v->reader, &v->shard, from, &v->next_size, &v->note);

	if (r == 1 || (v->shard.n == v->shards && v->next_size > v->newest_signed))
		v->next_size = UINT64_MAX;
	return r < 0 ? r : 0;
}

static int check_checkpoint(struct verify *v)
{
	struct checkpoint c;
	int r = checkpoint_open(buf_span(&v->note), &v->shard_key, &c);

	if (r < 0)
		return r;
	if (r != PARSE_DONE || c.head.size != v->audit.tree.size)
		return report_invalid(v->report,
				      "the checkpoint of size %" PRIu64
				      " of log %s is not signed by its key",
				      v->audit.tree.size, v->shard.origin);
	r = audit_head(&v->audit, &c.head.root, "its signed checkpoint");
	if (r == PARSE_E_BAD)
		return report_invalid(v->report, "log %s: %s", v->shard.origin, v->audit.reason);
	v->signed_head = c.head;
	return r < 0 ? r : next_checkpoint(v, c.head.size + 1);
}

/* What is known about trees of the size that the log has now. */
static int look(struct verify *v)
{
	int r = 0;

	if (v->audit.tree.size == v->next_size)
		r = check_checkpoint(v);
	if (r == 0 && v->own_here)
		r = anchor_look(&v->own, &v->audit, v->report);
	if (r == 0 && v->anchored && v->focus)
		r = anchor_look(&v->anchor, &v->audit, v->report);
	return r;
}

/* ---- leaves
 * ------------------------------------------------------------------------------------------- */

static int check_tiles(struct verify *v, const struct hash carry[MERKLE_LEVELS])
{
	uint64_t size = v->audit.tree.size;

	for (unsigned level = STORE_TILE_HEIGHT; level < MERKLE_LEVELS;
	     level += STORE_TILE_HEIGHT) {
		struct hash stored;
		int r;

		if (size & ((UINT64_C(1) << level) - 1))
			return 0;
		r = reader_subtree(v->reader, &v->shard, level, (size >> level) - 1, &stored);
		if (r < 0)
			return r;
		if (r > 0 || !hash_eq(&stored, &carry[level]))
			return report_invalid_at(
				v->report, size - 1,
				"the stored tile over the records up to here is another");
	}
	return 0;
}

static int check_leaf(void *data, const struct ahead_leaf *leaf)
{
	const struct store_leaf *row = &leaf->row;
	struct verify *v = data;
	struct hash carry[MERKLE_LEVELS];
	uint64_t seq = v->audit.tree.size;
	int r;

	if (row->id != v->shard.first_id + seq)
		return report_invalid_at(v->report, seq, "the record is missing from the database");
	r = audit_hashed(&v->audit, row->bytes, &leaf->hash, carry);
	if (r == PARSE_E_BAD)
		return report_invalid_at(v->report, seq, "%s", v->audit.reason);
	if (r < 0)
		return r;
	if (!hash_eq(&leaf->hash, &row->hash))
		return report_invalid_at(v->report, seq,
					 "the stored hash is not that of the record");
	if (v->audit.tree.size % STORE_TILE_WIDTH == 0)
		r = check_tiles(v, carry);
	if (++v->done % PROGRESS_RECORDS == 0 && v->request->progress)
		v->request->progress(v->request->progress_data, v->done, v->last_id);
	return r == 0 ? look(v) : r;
}

/* ---- one log
 * ------------------------------------------------------------------------------------------ */

static int end_shard(struct verify *v)
{
	if (v->next_size != UINT64_MAX)
		return report_invalid_at(v->report, v->audit.tree.size,
					 "log %s ends here, but a checkpoint of size %" PRIu64
					 " is signed: records are missing",
					 v->shard.origin, v->next_size);
	if (v->own_here && !v->own.met)
		return report_invalid_at(v->report, v->audit.tree.size,
					 "log %s ends here, but the checkpoint file says %" PRIu64
					 ": records are missing",
					 v->shard.origin, v->own.head.size);
	return 0;
}

static int check_shard(struct verify *v, uint64_t end_id)
{
	int r = note_key_init(span_str(v->shard.origin), v->key.public_key, &v->shard_key);

	audit_init(&v->audit, v->ctx, span_str(v->shard.origin));
	v->signed_head = (struct merkle_head){0};
	if (r == 0)
		r = next_checkpoint(v, 0);
	if (r == 0)
		r = look(v);
	if (r == 0)
		r = read_ahead(v->leaves, v->shard.first_id, end_id, check_leaf, v);
	if (r == 0 && v->shard.first_id + v->audit.tree.size != end_id)
		r = report_invalid_at(v->report, v->audit.tree.size,
				      "the record is missing from the database");
	if (r == 0)
		r = end_shard(v);
	return r;
}

/* Counts are over all logs; the rest of the report is about one. */
static void take(struct verify *v)
{
	struct report whole = *v->report;

	report_take(v->report, &v->audit);
	if (!v->focus && !v->report->reason[0]) {
		whole.counts = v->report->counts;
		whole.older_logs++;
		*v->report = whole;
		return;
	}
	memcpy(v->report->origin, v->shard.origin, sizeof(v->shard.origin));
	v->report->size = v->signed_head.size;
	v->report->unsigned_records = v->audit.tree.size - v->signed_head.size;
}

static bool is_focus(const struct verify *v, bool newest)
{
	if (v->anchored && v->anchor.origin[0])
		return strcmp(v->anchor.origin, v->shard.origin) == 0;
	return newest;
}

static int check_each(struct verify *v, struct merkle_head *focus_head)
{
	struct store_shard next = {0};
	int r = reader_shard(v->reader, 1, &v->shard);

	for (uint64_t n = 1; r == 0; n++, v->shard = next) {
		bool newest = n == v->shards;

		if (!newest)
			r = reader_shard(v->reader, n + 1, &next);
		if (r != 0)
			break;
		v->focus = is_focus(v, newest);
		v->own_here = v->own.head.size && strcmp(v->own.origin, v->shard.origin) == 0;
		v->own_seen |= v->own_here;
		v->key_seen |= strcmp(v->key.name, v->shard.origin) == 0;
		v->anchor_seen |= v->focus;
		r = check_shard(v, newest ? v->last_id + 1 : next.first_id);
		take(v);
		if (v->focus)
			*focus_head = v->signed_head;
		if (newest)
			break;
	}
	return r == 1 ? -EUCLEAN : r;
}

static int check_all(struct verify *v)
{
	struct merkle_head head = {0};
	int r = check_each(v, &head);

	if (r != 0)
		return r;
	if (!v->key_seen)
		return report_invalid(v->report,
				      "the key is of the log %s, which is not in this database",
				      v->key.name);
	if (v->own.head.size && !v->own_seen)
		return report_invalid(
			v->report,
			"the checkpoint file is of the log %s, which is not in this database",
			v->own.origin);
	if (v->anchored && !v->anchor_seen)
		return report_invalid(v->report,
				      "the anchor is of the log %s, which is not in this database",
				      v->anchor.origin);
	return anchor_end(v->anchored ? &v->anchor : NULL, &head, v->report);
}

/* In this order: checkpoints are committed with their leaves, and leaves only grow. */
static int find_ends(struct verify *v)
{
	int r = reader_shards(v->reader, &v->shards);

	if (r == 0 && v->shards == 0)
		return report_invalid(v->report, "the database holds no log");
	if (r == 0)
		r = reader_shard(v->reader, v->shards, &v->shard);
	if (r == 0)
		r = reader_checkpoint_last(v->reader, &v->shard, &v->newest_signed, &v->note);
	if (r < 0)
		return r;
	return reader_last_id(v->reader, &v->last_id);
}

/* ---- what stands beside the database
 * ---------------------------------------------------------------- */

static int tell(struct buf *error, const char *dir, const char *name, const char *text)
{
	if (error)
		buf_printf(error, "%s/%s: %s", dir, name, text);
	return 0;
}

static int load_key(struct verify *v, int dir_fd, struct buf *error)
{
	struct buf text = BUF_INIT(4096);
	int r;

	if (v->request->key) {
		v->key = *v->request->key;
		v->report->key = REPORT_KEY_GIVEN;
		return 0;
	}
	v->report->key = REPORT_KEY_BESIDE;
	r = statefile_read(dir_fd, KEYS_VKEY_FILE, STATEFILE_PUBLIC, &text);
	if (r == 0)
		r = note_vkey_parse(span_sub(buf_span(&text), 0, span_find(buf_span(&text), '\n')),
				    &v->key);
	buf_deinit(&text);
	if (r != 0)
		tell(error, v->request->state_dir, KEYS_VKEY_FILE,
		     "is not there or no key; give the log's key with --key");
	return r > 0 ? -EBADMSG : r;
}

/* Signed by the same key under the name it claims, or it says nothing and is a finding by itself.
 */
static int load_own(struct verify *v, int dir_fd)
{
	struct buf text = BUF_INIT(NOTE_BYTES_MAX);
	struct note_key key;
	int r = statefile_read(dir_fd, LEDGER_CHECKPOINT_FILE, STATEFILE_PUBLIC, &text);

	if (r == 0)
		r = note_key_init(span_sub(buf_span(&text), 0, span_find(buf_span(&text), '\n')),
				  v->key.public_key, &key);
	if (r == 0)
		r = anchor_open(buf_span(&text), &key, &v->own);
	buf_deinit(&text);
	if (r == -ENOENT)
		return report_invalid(v->report,
				      "the file checkpoint is missing from the state directory");
	if (r > 0 || r == -EPERM || r == -E2BIG)
		return report_invalid(v->report,
				      "the file checkpoint is not signed by the log's key");
	return r;
}

static int run(struct verify *v, int dir_fd, struct buf *error)
{
	int r = load_key(v, dir_fd, error);

	if (r < 0)
		return r;
	/* The file before the database: a running daemon moves both on, and never the file first.
	 */
	r = load_own(v, dir_fd);
	if (r != 0)
		return r;
	r = reader_open(v->request->state_dir, &v->reader);
	if (r < 0)
		tell(error, v->request->state_dir, STORE_FILE,
		     r == -ENOENT ? "is not there; is this the state_dir of an aicpd that has run?"
		     : r == -EACCES ? "may not be read by this user; run as root"
				    : "is no readable ledger of this version");
	if (r == 0)
		r = reader_open(v->request->state_dir, &v->leaves);
	if (r == 0)
		r = find_ends(v);
	return r != 0 ? r : check_all(v);
}

int verify_state(const struct verify_request *request, struct report *ret_report, struct buf *error)
{
	struct hash_ctx *ctx CLEANUP(hash_ctx_freep) = hash_ctx_new();
	struct verify v = {.request = request, .report = ret_report, .ctx = ctx};
	int dir_fd CLEANUP(cleanup_closep) =
		open(request->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	*ret_report = (struct report){0};
	if (!ctx)
		return -ENOMEM;
	if (dir_fd < 0) {
		r = -errno;
		if (error)
			buf_printf(error,
				   "%s: cannot be opened; give the daemon's state_dir with "
				   "--state-dir",
				   request->state_dir);
		return r;
	}
	v.note = BUF_INIT(NOTE_BYTES_MAX);
	if (request->anchor) {
		v.anchor = *request->anchor;
		v.anchor.met = false;
		v.anchored = true;
	}
	r = run(&v, dir_fd, error);
	reader_free(v.leaves);
	reader_free(v.reader);
	buf_deinit(&v.note);
	if (r == -EUCLEAN && v.reader) {
		report_invalid(ret_report, "the database is damaged");
		return 0;
	}
	if (r < 0 && error && !error->n)
		buf_printf(error, "%s: cannot be read; see that the disk is sound",
			   request->state_dir);
	return r < 0 ? r : 0;
}
