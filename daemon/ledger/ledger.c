/* SPDX-License-Identifier: MIT */
#include "ledger/ledger.h"

#include "ledger/ledger_private.h"
#include "ledger/reserve.h"
#include "ledger/statefile.h"

#include <errno.h>

const char *ledger_health_name(enum ledger_health health)
{
	switch (health) {
	case LEDGER_HEALTHY:
		return "healthy";
	case LEDGER_DISK_FULL:
		return "disk-full";
	case LEDGER_BROKEN:
		return "broken";
	}
	return "unknown";
}

/* ---- one transaction
 * -------------------------------------------------------------------------------- */

/* What the shard will be once the transaction is on disk. */
struct draft {
	struct merkle tree;
	struct hash last;
	unsigned lost; /* items of this batch that cannot be a leaf */
	struct store_checkpoint checkpoint;
	bool sign;
};

static int put(struct ledger *l, struct draft *d, struct leaf *leaf)
{
	struct store_leaf row = {.id = l->shard.first_id + d->tree.size};
	struct hash carry[MERKLE_LEVELS];
	int r;

	leaf->log = span_str(l->shard.origin);
	leaf->seq = d->tree.size;
	leaf->prev = d->last;
	buf_clear(&l->leaf);
	r = leaf_write(leaf, &l->leaf);
	if (r != PARSE_DONE)
		return r;
	row.bytes = buf_span(&l->leaf);
	r = leaf_hash(l->hash, row.bytes, &row.hash);
	if (r == 0)
		r = store_put_leaf(l->store, &row);
	if (r == 0)
		r = store_apply(l->store, row.id, leaf);
	if (r == 0)
		r = merkle_append(l->hash, &d->tree, &row.hash, carry);
	if (r == 0 && d->tree.size % STORE_TILE_WIDTH == 0)
		r = store_put_tiles(l->store, &l->shard, leaf->seq, carry);
	d->last = row.hash;
	return r;
}

static int put_item(struct ledger *l, struct draft *d, struct ledger_time now,
		    struct ledger_item *item)
{
	struct leaf leaf = {
		.at_ns = item->at_ns ? item->at_ns : now.wall_ns,
		.body = item->body,
		.type = span_str(record_type_name(item->type)),
	};
	struct ledger_question question = {.body = BUF_INIT(2 * AICP_LEAF_BYTES_MAX)};
	int r = ledger_permit(l, now, item);

	if (r < 0 || item->outcome) {
		d->lost += item->outcome == LEDGER_E_BAD_BODY;
		return r;
	}
	if (item->type == RECORD_APPROVAL_REQUESTED) {
		r = ledger_question_begin(l, item, &question);
		leaf.body = buf_span(&question.body);
	}
	if (r == 0)
		r = put(l, d, &leaf);
	if (r == 0 && item->type == RECORD_APPROVAL_REQUESTED)
		r = ledger_question_end(l, item, &question);
	buf_deinit(&question.body);
	if (r == PARSE_E_BAD || r == PARSE_E_LIMIT) {
		item->outcome = r == PARSE_E_BAD ? LEDGER_E_BAD_BODY : LEDGER_E_TOO_LARGE;
		d->lost++;
		return 0;
	}
	item->seq = leaf.seq;
	item->id = l->shard.first_id + leaf.seq;
	return r;
}

/* A record about the ledger itself. */
struct news {
	enum record_type type;
	const char *state;
	int64_t lost; /* 0: the record is not about lost items */
};

static int put_own(struct ledger *l, struct draft *d, struct ledger_time now,
		   const struct news *news)
{
	struct buf body = BUF_INIT(256);
	struct ledger_item item = {.type = news->type};
	struct json_write w;
	int r;

	json_write_init(&w, &body, true);
	json_write_object(&w, NULL);
	if (news->lost) {
		json_write_int(&w, "lost", news->lost);
		json_write_str(&w, "reason", news->state);
	} else {
		json_write_str(&w, "state", news->state);
	}
	json_write_end_object(&w);
	item.body = buf_span(&body);
	r = body.err ? body.err : put_item(l, d, now, &item);
	buf_deinit(&body);
	return r;
}
/* What happened to the ledger since its last transaction. */
static int put_news(struct ledger *l, struct draft *d, struct ledger_time now)
{
	int r = 0;

	if (d->lost)
		r = put_own(l, d, now, &(struct news){RECORD_LOSS, "not-a-record", d->lost});
	if (r == 0 && l->untold && l->health == LEDGER_HEALTHY)
		r = put_own(l, d, now,
			    &(struct news){RECORD_LOSS, "not-taken", (int64_t)l->untold});
	if (r == 0 && l->health == LEDGER_DISK_FULL && !l->degraded_told)
		r = put_own(l, d, now, &(struct news){RECORD_DEGRADED, "disk-full", 0});
	return r;
}

static int put_checkpoint(struct ledger *l, struct draft *d, struct ledger_time now)
{
	struct merkle_head head = {.size = d->tree.size};
	int r = merkle_root(l->hash, &d->tree, &head.root);

	if (r < 0)
		return r;
	d->sign = true;
	d->checkpoint = (struct store_checkpoint){
		.size = d->tree.size,
		.at_ns = now.wall_ns,
		.note = BUF_INIT(NOTE_BYTES_MAX),
		.tree = d->tree,
	};
	r = checkpoint_sign(&head, &l->signer, &d->checkpoint.note);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	return store_put_checkpoint(l->store, &l->shard, &d->checkpoint);
}

static int put_all(struct ledger *l, struct draft *d, struct ledger_time now,
		   const struct ledger_batch *batch)
{
	uint64_t due = batch->sign ? 1 : AICP_LEDGER_CHECKPOINT_RECORDS;
	int r = store_begin(l->store);

	for (size_t i = 0; i < batch->n && r == 0; i++)
		if (!batch->items[i].outcome)
			r = put_item(l, d, now, &batch->items[i]);
	if (r == 0 && batch->effect)
		r = batch->effect(l->store, batch->effect_data);
	if (r == 0)
		r = put_news(l, d, now);
	if (r == 0 && d->tree.size - l->signed_size >= due)
		r = put_checkpoint(l, d, now);
	return r < 0 ? r : store_commit(l->store);
}

static void write_note(struct ledger *l, struct ledger_time now)
{
	int r = statefile_replace(l->dir_fd, LEDGER_CHECKPOINT_FILE, STATEFILE_PUBLIC,
				  buf_span(&l->note));

	/* The database has it; a later try makes a new file. */
	l->note_stale = r < 0;
	l->note_ns = now.mono_ns + AICP_LEDGER_RETRY_S * LEDGER_S;
}

/* The transaction is on disk: what it said is so. */
static void adopt(struct ledger *l, struct draft *d, struct ledger_time now)
{
	if (d->tree.size != l->tree.size) {
		if (l->tree.size == l->signed_size)
			l->unsigned_ns = now.mono_ns;
		l->active_ns = now.mono_ns;
	}
	l->tree = d->tree;
	l->last = d->last;
	l->refused += d->lost;
	if (l->health == LEDGER_HEALTHY)
		l->untold = 0;
	ledger_note_approvals(l, now);
	l->degraded_told = l->health == LEDGER_DISK_FULL;
	if (!d->sign)
		return;
	l->signed_size = d->checkpoint.size;
	buf_deinit(&l->note);
	l->note = d->checkpoint.note;
	d->checkpoint.note = BUF_INIT(0);
	l->note_stale = true;
	l->note_ns = now.mono_ns;
}

void ledger_break(struct ledger *l, struct ledger_time now)
{
	store_close(l->store);
	l->store = NULL;
	l->health = LEDGER_BROKEN;
	l->retry_ns = now.mono_ns + AICP_LEDGER_RETRY_S * LEDGER_S;
}

/* Want of memory or a lock passes by itself; a full disk leaves the database sound; anything else
 * has to be looked at from the start, as what is in memory and what is on disk may differ. */
static void suffer(struct ledger *l, struct ledger_time now, int error)
{
	switch (-error) {
	case ENOMEM:
	case EBUSY:
		return;
	case ENOSPC:
		if (l->health == LEDGER_HEALTHY) {
			l->health = LEDGER_DISK_FULL;
			l->retry_ns = now.mono_ns + AICP_LEDGER_RETRY_S * LEDGER_S;
			reserve_release(l->dir_fd);
		}
		return;
	default:
		ledger_break(l, now);
	}
}

int ledger_transact(struct ledger *l, struct ledger_time now, const struct ledger_batch *batch)
{
	struct draft d = {.tree = l->tree, .last = l->last};
	int r = put_all(l, &d, now, batch);

	if (r < 0) {
		store_abort(l->store);
		buf_deinit(&d.checkpoint.note);
		suffer(l, now, r);
		return r;
	}
	adopt(l, &d, now);
	return 0;
}

void ledger_tidy(struct ledger *l, struct ledger_time now)
{
	int r;

	if (l->health == LEDGER_BROKEN)
		return;
	if (l->note_stale && now.mono_ns >= l->note_ns)
		write_note(l, now);
	r = store_tidy(l->store, l->health == LEDGER_DISK_FULL);
	if (r < 0)
		suffer(l, now, r);
}

/* ---- appending
 * -------------------------------------------------------------------------------------- */

/* With a full disk only essential items are tried. Returns how many are left. */
static size_t select_items(struct ledger *l, struct ledger_item *items, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		items[i].outcome = 0;
		if (l->health == LEDGER_DISK_FULL && !items[i].essential) {
			items[i].outcome = LEDGER_E_DISK_FULL;
			l->refused++;
			l->untold++;
		} else {
			left++;
		}
	}
	return left;
}

int ledger_append(struct ledger *l, struct ledger_time now, struct ledger_item *items, size_t n)
{
	const struct ledger_batch batch = {.items = items, .n = n};
	size_t left;
	bool was_healthy = l->health == LEDGER_HEALTHY;
	int r;

	if (l->health == LEDGER_BROKEN) {
		l->refused += n;
		l->untold += n;
		return -EIO;
	}
	left = select_items(l, items, n);
	if (!left)
		return 0;
	r = ledger_transact(l, now, &batch);
	if (r == -ENOSPC && was_healthy) {
		/* The reserve was just given back: essential items may fit now. */
		left = select_items(l, items, n);
		r = left ? ledger_transact(l, now, &batch) : 0;
	}
	if (r < 0) {
		l->refused += left;
		l->untold += left;
	}
	return r;
}

int ledger_tell(struct ledger *l, struct ledger_time now, enum record_type type,
		void (*fill)(const struct ledger *ledger, struct json_write *body))
{
	struct buf body = BUF_INIT(AICP_LEAF_BYTES_MAX);
	struct ledger_item item = {.type = type};
	const struct ledger_batch batch = {.items = &item, .n = 1, .sign = true};
	struct json_write w;
	int r;

	json_write_init(&w, &body, true);
	json_write_object(&w, NULL);
	if (fill)
		fill(l, &w);
	json_write_end_object(&w);
	item.body = buf_span(&body);
	r = body.err ? body.err : ledger_transact(l, now, &batch);
	buf_deinit(&body);
	return r < 0 ? r : item.outcome ? -EINVAL : 0;
}

enum ledger_health ledger_health(const struct ledger *l)
{
	return l->health;
}

void ledger_status(const struct ledger *l, struct ledger_status *ret_status)
{
	*ret_status = (struct ledger_status){
		.health = l->health,
		.origin = l->shard.origin,
		.shard = l->shard.n,
		.size = l->tree.size,
		.signed_size = l->signed_size,
		.last_id = l->shard.first_id + l->tree.size - 1,
		.refused = l->refused,
		.rollback = l->rollback,
	};
}
