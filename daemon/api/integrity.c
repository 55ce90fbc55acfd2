/* SPDX-License-Identifier: MIT */
#include "api/integrity.h"

#include "base/cleanup.h"
#include "ledger/statefile.h"
#include "record/audit.h"
#include "record/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICE_ROWS 2000

/* What is known of the newest checkpoint. */
enum signed_state {
	SIGNED_NONE, /* there is none yet */
	SIGNED_NO_KEY, /* log.vkey cannot be read: nothing to check a signature with */
	SIGNED_FORGED, /* not signed by the key */
	SIGNED_AHEAD, /* signed; its last record has not been reached */
	SIGNED_AGREES, /* the records make the signed tree */
	SIGNED_DIFFERS, /* they do not */
};

struct finding {
	uint64_t id;
	char reason[AUDIT_REASON_BYTES];
};

struct findings {
	struct finding item[INTEGRITY_LISTED_MAX];
	uint64_t n; /* also those that are not listed */
};

struct integrity {
	struct hash_ctx *ctx;
	uint64_t last_id, total, logs;
	struct buf origin; /* of the log in hand, borrowed by audit */
	struct audit audit;
	bool whole; /* nothing was wrong in this log yet: its tree can be made */
	struct hash last;
	bool has_last;
	struct findings invalid, broken;
	/* the newest checkpoint */
	enum signed_state signed_state;
	struct buf note;
	struct note_key key;
	struct checkpoint checkpoint; /* origin borrows from note */
	unsigned rows; /* in a step */
};

static void find(struct findings *f, uint64_t id, const char *reason)
{
	if (f->n < INTEGRITY_LISTED_MAX) {
		f->item[f->n].id = id;
		snprintf(f->item[f->n].reason, sizeof(f->item[f->n].reason), "%s", reason);
	}
	f->n++;
}

static int read_key(const char *state_dir, struct note_key *ret_key)
{
	int dir CLEANUP(cleanup_closep) = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct buf text = BUF_INIT(1024);
	struct span line;
	int r;

	if (dir < 0)
		return -errno;
	r = statefile_read(dir, "log.vkey", STATEFILE_PUBLIC, &text);
	line = buf_span(&text);
	while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == ' '))
		line.n--;
	if (!r)
		r = note_vkey_parse(line, ret_key);
	buf_deinit(&text);
	return r;
}

static int read_checkpoint(struct integrity *in, const char *state_dir, struct query *query)
{
	int r = query_checkpoint(query, &in->note);

	if (r) {
		in->signed_state = SIGNED_NONE;
		return r < 0 ? r : 0;
	}
	if (read_key(state_dir, &in->key)) {
		in->signed_state = SIGNED_NO_KEY;
		return 0;
	}
	r = checkpoint_open(buf_span(&in->note), &in->key, &in->checkpoint);
	in->signed_state = r ? SIGNED_FORGED : SIGNED_AHEAD;
	return r < 0 ? r : 0;
}

int integrity_new(const char *state_dir, struct query *query, struct integrity **ret_integrity)
{
	struct integrity *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return -ENOMEM;
	in->origin = BUF_INIT(LEAF_ORIGIN_BYTES_MAX);
	in->note = BUF_INIT(NOTE_BYTES_MAX);
	in->ctx = hash_ctx_new();
	r = in->ctx ? read_checkpoint(in, state_dir, query) : -ENOMEM;
	if (r) {
		integrity_free(in);
		return r;
	}
	*ret_integrity = in;
	return 0;
}

void integrity_free(struct integrity *in)
{
	if (!in)
		return;
	hash_ctx_free(in->ctx);
	buf_deinit(&in->origin);
	buf_deinit(&in->note);
	free(in);
}

/* Records of the next log begin: a database that went back opens a new one. */
static int begin_log(struct integrity *in, struct span origin)
{
	int r;

	buf_clear(&in->origin);
	r = buf_put(&in->origin, origin);
	audit_init(&in->audit, in->ctx, buf_span(&in->origin));
	in->logs++;
	in->whole = true;
	in->has_last = false;
	return r;
}

static int check_head(struct integrity *in, uint64_t id)
{
	int r;

	if (in->signed_state != SIGNED_AHEAD || !in->whole ||
	    !span_eq(in->checkpoint.origin, buf_span(&in->origin)) ||
	    in->audit.tree.size != in->checkpoint.head.size)
		return 0;
	r = audit_head(&in->audit, &in->checkpoint.head.root, "the newest checkpoint");
	if (r == PARSE_E_BAD)
		find(&in->broken, id, in->audit.reason);
	in->signed_state = r ? SIGNED_DIFFERS : SIGNED_AGREES;
	return r < 0 ? r : 0;
}

static int check(void *data, const struct query_row *row)
{
	struct integrity *in = data;
	struct hash hash;
	int r = 0;

	if (!in->logs || !span_eq(row->leaf.log, buf_span(&in->origin)))
		r = begin_log(in, row->leaf.log);
	if (!r)
		r = leaf_hash(in->ctx, row->bytes, &hash);
	if (r)
		return r;
	if (!hash_eq(&hash, &row->hash))
		find(&in->invalid, row->id,
		     "the record's bytes do not have the hash that is stored");
	if (in->has_last && !hash_eq(&in->last, &row->leaf.prev))
		find(&in->broken, row->id, "prev is not the hash of the record before");
	if (in->whole) {
		r = audit_leaf(&in->audit, row->bytes, &hash, NULL);
		if (r < 0)
			return r;
		if (r) {
			if (!in->has_last || hash_eq(&in->last, &row->leaf.prev))
				find(&in->invalid, row->id, in->audit.reason);
			in->whole = false;
		}
	}
	in->last = hash;
	in->has_last = true;
	in->last_id = row->id;
	in->total++;
	in->rows++;
	return check_head(in, row->id);
}

int integrity_step(struct integrity *in, struct query *query)
{
	struct query_filter f = QUERY_FILTER_ALL;
	int r;

	f.after_id = in->last_id;
	f.limit = SLICE_ROWS;
	in->rows = 0;
	r = query_records(query, &f, SPAN_NULL, check, in);
	if (r == -EUCLEAN) { /* a row that is no record at all; what lies behind is out of reach */
		find(&in->invalid, in->last_id + 1, "this row holds no record");
		in->whole = false;
		return 0;
	}
	if (r)
		return r < 0 ? r : -EIO;
	if (in->rows == SLICE_ROWS)
		return 1;
	if (in->signed_state == SIGNED_AHEAD) {
		find(&in->broken, in->last_id,
		     "the signed checkpoint covers records that are not here, or that are not "
		     "whole");
		in->signed_state = SIGNED_DIFFERS;
	}
	return 0;
}

static bool valid(const struct integrity *in)
{
	return !in->invalid.n && !in->broken.n && in->signed_state != SIGNED_FORGED &&
	       in->signed_state != SIGNED_DIFFERS;
}

static const char *signed_name(enum signed_state state)
{
	switch (state) {
	case SIGNED_NONE:
		return "none";
	case SIGNED_NO_KEY:
		return "no-key";
	case SIGNED_FORGED:
		return "forged";
	case SIGNED_AHEAD:
	case SIGNED_DIFFERS:
		return "differs";
	case SIGNED_AGREES:
		break;
	}
	return "agrees";
}

static void put_message(const struct integrity *in, struct buf *out)
{
	if (!valid(in)) {
		buf_printf(out,
			   "INVALID: %" PRIu64 " records are wrong, %" PRIu64
			   " links or heads do not fit. The ledger was damaged or changed; keep a "
			   "copy of the state directory, and run `aicp ledger verify`.",
			   in->invalid.n, in->broken.n);
		return;
	}
	buf_printf(out,
		   "INTACT, NOT ANCHORED: all %" PRIu64
		   " records have their hash, their place and the link to the one before. ",
		   in->total);
	if (in->signed_state == SIGNED_AGREES)
		buf_printf(out,
			   "The first %" PRIu64 " records of the newest log make the tree that was "
			   "signed by %s; nothing among them changed since, unless somebody had "
			   "that key. ",
			   in->checkpoint.head.size, in->key.name);
	else
		buf_put_str(out, "No signed checkpoint was checked. ");
	buf_put_str(out,
		    "Nothing outside this host vouches for this: whoever was root here could have "
		    "written it all anew. Records behind the last checkpoint are only chained.");
}

static void put_findings(const struct findings *f, struct json_write *w, const char *key)
{
	json_write_array(w, key);
	for (uint64_t i = 0; i < f->n && i < INTEGRITY_LISTED_MAX; i++) {
		json_write_object(w, NULL);
		json_write_int(w, "event_id", (int64_t)f->item[i].id);
		json_write_str(w, "reason", f->item[i].reason);
		json_write_end_object(w);
	}
	json_write_end_array(w);
}

void integrity_write(const struct integrity *in, struct json_write *w)
{
	struct buf message = BUF_INIT(2048);

	put_message(in, &message);
	json_write_object(w, NULL);
	json_write_bool(w, "valid", valid(in));
	json_write_bool(w, "anchored", false); /* checkpoints are not sent anywhere yet */
	json_write_int(w, "total_entries", (int64_t)in->total);
	json_write_int(w, "logs", (int64_t)in->logs);
	put_findings(&in->invalid, w, "invalid_entries");
	json_write_int(w, "invalid_count", (int64_t)in->invalid.n);
	put_findings(&in->broken, w, "broken_chains");
	json_write_int(w, "broken_count", (int64_t)in->broken.n);
	json_write_str(w, "checkpoint", signed_name(in->signed_state));
	json_write_string(w, "message", buf_span(&message));
	json_write_end_object(w);
	buf_deinit(&message);
}
