/* SPDX-License-Identifier: MIT */
/*
 * Opening what is on disk: the newest shard is continued from its last signed checkpoint, each leaf
 * behind it is read and checked, and the result is held against the checkpoint that stands in its
 * own file. When they contradict each other, somebody went back in time (a restored copy, a
 * rolled-back machine, a changed row): that log is never signed again, and a new one begins with a
 * record of both heads.
 */
#include "ledger/ledger_private.h"

#include "base/hex.h"
#include "ledger/statefile.h"
#include "record/audit.h"

#include <errno.h>

/* Why the newest shard is not continued; NULL: it is. */
struct finding {
	const char *reason;
	struct merkle_head database, file;
	char database_log[LEAF_ORIGIN_BYTES_MAX + 1], file_log[LEAF_ORIGIN_BYTES_MAX + 1];
};

static void say(struct buf *error, const struct ledger *l, const char *what, const char *cure)
{
	if (error)
		buf_printf(error, "%s: %s; %s", l->state_dir, what, cure);
}

/* ---- the newest shard, rolled forward
 * -------------------------------------------------------------- */

struct forward {
	struct ledger *l;
	struct audit audit;
	const struct checkpoint *file; /* of this shard, or NULL */
	bool file_seen;
	bool contradicted;
};

static int forward_leaf(void *data, const struct store_leaf *row)
{
	struct forward *f = data;
	struct hash h;
	int r;

	if (row->id != f->l->shard.first_id + f->audit.tree.size) {
		f->contradicted = true;
		return 1;
	}
	r = audit_leaf(&f->audit, row->bytes, &h, NULL);
	if (r == PARSE_DONE && !hash_eq(&h, &row->hash))
		r = PARSE_E_BAD;
	if (r == PARSE_DONE && f->file && f->audit.tree.size == f->file->head.size) {
		f->file_seen = true;
		r = audit_head(&f->audit, &f->file->head.root, "the checkpoint file");
	}
	if (r == PARSE_E_BAD)
		f->contradicted = true;
	return r;
}

/* Hash of the leaf that a checkpoint's tree ends with: prev of the next one. */
static int last_hash(void *data, const struct store_leaf *row)
{
	struct audit *audit = data;

	audit->last = row->hash;
	audit->chained = true;
	return 0;
}

/* Starts the audit from the newest checkpoint in the database. 0, 1 when its signature or tree is
 * not right, -errno. */
static int forward_begin(struct forward *f)
{
	struct ledger *l = f->l;
	struct store_checkpoint c;
	struct checkpoint head;
	int r = store_checkpoint_last(l->store, &l->shard, &c);

	audit_init(&f->audit, l->hash, span_str(l->shard.origin));
	if (r != 0)
		return r < 0 ? r : 0;
	r = checkpoint_open(buf_span(&c.note), &l->signer.key, &head);
	f->audit.tree = c.tree;
	if (r == PARSE_DONE && head.head.size != c.size)
		r = NOTE_E_BAD;
	if (r == PARSE_DONE)
		r = audit_head(&f->audit, &head.head.root, "the checkpoint");
	if (r == PARSE_DONE && c.size) {
		uint64_t id = l->shard.first_id + c.size - 1;

		f->audit.chained = false;
		r = store_leaves(l->store, id, id + 1, last_hash, &f->audit);
		if (r == 0 && !f->audit.chained)
			r = 1;
	}
	if (r == PARSE_DONE) {
		l->signed_size = c.size;
		buf_deinit(&l->note);
		l->note = c.note;
		return 0;
	}
	store_checkpoint_deinit(&c);
	return r < 0 ? r : 1;
}

/* A checkpoint file that is older than the newest one of the database has to stand in it. */
static int older_stands(struct ledger *l, const struct checkpoint *file, bool *ret_stands)
{
	struct store_checkpoint c;
	struct checkpoint head;
	int r = store_checkpoint_find(l->store, &l->shard, file->head.size, &c);

	if (r < 0)
		return r;
	*ret_stands = false;
	if (r > 0)
		return 0;
	r = checkpoint_open(buf_span(&c.note), &l->signer.key, &head);
	*ret_stands = r == PARSE_DONE && hash_eq(&head.head.root, &file->head.root);
	store_checkpoint_deinit(&c);
	return r < 0 ? r : 0;
}

static int compare(struct forward *f, struct finding *finding)
{
	struct ledger *l = f->l;
	bool stands = true;
	int r = 0;

	if (f->contradicted) {
		finding->reason = "inconsistent";
		return 0;
	}
	if (!f->file || f->file_seen)
		return 0;
	if (f->file->head.size > f->audit.tree.size) {
		finding->reason = "behind";
		return 0;
	}
	r = older_stands(l, f->file, &stands);
	if (r == 0 && !stands)
		finding->reason = "inconsistent";
	return r;
}

static int roll_forward(struct ledger *l, const struct checkpoint *file, struct finding *finding)
{
	struct forward f = {.l = l, .file = file};
	int r = forward_begin(&f);

	if (r == 1) {
		f.contradicted = true;
		r = 0;
	} else if (r == 0) {
		r = store_leaves(l->store, l->shard.first_id + f.audit.tree.size, INT64_MAX,
				 forward_leaf, &f);
		if (r > 0)
			r = 0;
	}
	if (r == 0)
		r = compare(&f, finding);
	if (r < 0)
		return r;
	l->tree = f.audit.tree;
	l->last = f.audit.last;
	finding->database.size = l->tree.size;
	return merkle_root(l->hash, &l->tree, &finding->database.root);
}

/* ---- the checkpoint file
 * --------------------------------------------------------------------------- */

/* Reads it against our own key under the name it claims. 0 with the head, 1 when there is none, 2
 * when it is not ours, -errno. ret_head's origin borrows from text. */
static int read_file(struct ledger *l, struct buf *text, struct checkpoint *ret_head)
{
	struct note_signer self;
	int r = statefile_read(l->dir_fd, LEDGER_CHECKPOINT_FILE, STATEFILE_PUBLIC, text);

	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return r == -E2BIG || r == -EPERM ? 2 : r;
	r = note_signer_init(span_sub(buf_span(text), 0, span_find(buf_span(text), '\n')),
			     l->keys.seed, &self);
	if (r == PARSE_DONE)
		r = checkpoint_open(buf_span(text), &self.key, ret_head);
	note_signer_deinit(&self);
	return r < 0 ? r : r == PARSE_DONE ? 0 : 2;
}

static void copy_origin(char out[LEAF_ORIGIN_BYTES_MAX + 1], struct span origin)
{
	memcpy(out, origin.p, origin.n);
	out[origin.n] = '\0';
}

/* ---- shards
 * ----------------------------------------------------------------------------------------- */

static int use_shard(struct ledger *l, const struct store_shard *shard)
{
	int r;

	note_signer_deinit(&l->signer);
	r = note_signer_init(span_str(shard->origin), l->keys.seed, &l->signer);
	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	l->shard = *shard;
	l->tree = (struct merkle){0};
	l->last = (struct hash){0};
	l->signed_size = 0;
	buf_clear(&l->note);
	return 0;
}

static void head_write(struct json_write *w, const char *key, const char *log,
		       const struct merkle_head *head)
{
	char root[HASH_HEX_BYTES];

	hex_encode(hash_span(&head->root), root);
	json_write_object(w, key);
	json_write_str(w, "log", log);
	json_write_string(w, "root", span_of(root, sizeof(root)));
	json_write_int(w, "size", (int64_t)head->size);
	json_write_end_object(w);
}

struct shard_effect {
	const struct store_shard *shard;
};

static int put_shard(struct store *store, void *data)
{
	return store_put_shard(store, ((struct shard_effect *)data)->shard);
}

/* A random name for each log: a copy of the database that is restored twice must not make two logs
 * of one name. */
static int new_shard(struct ledger *l, struct store_shard *ret_shard)
{
	struct store_shard last = {0}, shard = {0};
	uint8_t random[8];
	uint64_t last_id;
	int r = store_shard_last(l->store, &last);

	if (r >= 0)
		r = store_last_id(l->store, &last_id);
	if (r == 0)
		r = l->random.fill(l->random.data, random, sizeof(random));
	if (r < 0)
		return r;
	shard.n = last.n + 1;
	shard.first_id = last_id + 1;
	memcpy(shard.origin, "aicp/", 5);
	hex_encode(span_of(random, sizeof(random)), shard.origin + 5);
	*ret_shard = shard;
	return 0;
}

/* The first record of a new log says why the one before ended. */
static int begin_shard(struct ledger *l, struct ledger_time now, const struct finding *finding)
{
	struct buf body = BUF_INIT(4096);
	struct ledger_item item = {.type = RECORD_ROLLBACK};
	struct store_shard shard;
	struct shard_effect effect = {&shard};
	struct ledger_batch batch = {
		.items = &item, .n = finding ? 1 : 0, .effect = put_shard, .effect_data = &effect};
	struct json_write w;
	int r = new_shard(l, &shard);

	if (r == 0)
		r = use_shard(l, &shard);
	if (r == 0 && finding) {
		json_write_init(&w, &body, true);
		json_write_object(&w, NULL);
		head_write(&w, "database", finding->database_log, &finding->database);
		head_write(&w, "file", finding->file_log, &finding->file);
		json_write_str(&w, "reason", finding->reason);
		json_write_end_object(&w);
		item.body = buf_span(&body);
		r = body.err;
	}
	if (r == 0)
		r = ledger_transact(l, now, &batch);
	buf_deinit(&body);
	return r;
}

/* Is it the log of an older shard of this database, whose end was dealt with already? */
static int is_older_shard(struct ledger *l, struct span origin, bool *ret_older)
{
	struct store_shard found;
	int r = store_shard_find(l->store, origin, &found);

	*ret_older = r == 0 && found.n < l->shard.n;
	return r < 0 ? r : 0;
}

static int examine(struct ledger *l, struct finding *finding)
{
	struct buf text = BUF_INIT(NOTE_BYTES_MAX);
	struct checkpoint file = {0};
	bool own, older = false;
	int state = read_file(l, &text, &file), r = state < 0 ? state : 0;

	own = state == 0 && span_eq_str(file.origin, l->shard.origin);
	if (r == 0)
		r = roll_forward(l, own ? &file : NULL, finding);
	if (r == 0 && state == 0 && !own)
		r = is_older_shard(l, file.origin, &older);
	if (r == 0 && !finding->reason && state == 2)
		finding->reason = "unreadable";
	if (r == 0 && !finding->reason && state == 0 && !own && !older)
		finding->reason = "foreign";
	if (state == 0) {
		finding->file = file.head;
		copy_origin(finding->file_log, file.origin);
	}
	copy_origin(finding->database_log, span_str(l->shard.origin));
	buf_deinit(&text);
	return r;
}

static int recover(struct ledger *l, struct ledger_time now)
{
	struct finding finding = {0};
	struct store_shard shard;
	bool fresh;
	int r = store_shard_last(l->store, &shard);

	fresh = r == 1;
	if (fresh)
		r = begin_shard(l, now, NULL);
	else if (r == 0)
		r = use_shard(l, &shard);
	if (r == 0)
		r = examine(l, &finding);
	if (r < 0 || !finding.reason)
		return r;
	l->rollback = true;
	return begin_shard(l, now, &finding);
}

int ledger_recover(struct ledger *l, struct ledger_time now, struct buf *error)
{
	int r = store_open(l->state_dir, &l->store);

	if (r == -EUCLEAN)
		say(error, l, "ledger.db is damaged or of another version",
		    "look with `aicp ledger verify`, then move the file away or restore a copy");
	else if (r < 0)
		say(error, l, "ledger.db cannot be opened for writing",
		    "see that the directory is local, writable for this user and not full");
	if (r < 0)
		return r;
	r = recover(l, now);
	if (r < 0)
		say(error, l, "the ledger cannot be continued",
		    "see that the disk is sound and not full; `aicp ledger verify` reads without "
		    "writing");
	return r;
}
