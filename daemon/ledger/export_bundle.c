/* SPDX-License-Identifier: MIT */
/* Cutting an evidence bundle out of the database. */
#include "ledger/export.h"

#include "base/cleanup.h"
#include "ledger/keys.h"
#include "ledger/reader.h"
#include "ledger/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

DEFINE_FREEP(struct hash_ctx, hash_ctx_free)
DEFINE_FREEP(struct bundle, bundle_free)

struct cut {
	struct reader *reader;
	struct hash_ctx *ctx;
	struct store_shard shard;
	struct buf note, vkey;
	struct bundle_plan plan;
	struct merkle_source source;
};

/* ---- subtrees from tiles and leaves
 * --------------------------------------------------------------- */

struct fold {
	struct hash_ctx *ctx;
	struct merkle tree;
};

static int fold_leaf(void *data, const struct store_leaf *leaf)
{
	struct fold *fold = data;

	return merkle_append(fold->ctx, &fold->tree, &leaf->hash, NULL);
}

/* Below the first row of tiles there are only leaves: at most 256. */
static int fold_leaves(struct cut *cut, unsigned level, uint64_t index, struct hash *ret_hash)
{
	struct fold fold = {.ctx = cut->ctx};
	uint64_t n = UINT64_C(1) << level, begin = cut->shard.first_id + (index << level);
	int r = reader_leaves(cut->reader, begin, begin + n, fold_leaf, &fold);

	if (r == 0 && fold.tree.size != n)
		r = -EUCLEAN;
	return r < 0 ? r : merkle_root(cut->ctx, &fold.tree, ret_hash);
}

static int subtree(void *data, unsigned level, uint64_t index, struct hash *ret_hash)
{
	struct cut *cut = data;
	unsigned under = level % STORE_TILE_HEIGHT;
	struct merkle tree = {0};

	if (level < STORE_TILE_HEIGHT)
		return fold_leaves(cut, level, index, ret_hash);
	for (uint64_t i = index << under; i < (index + 1) << under; i++) {
		struct hash h;
		int r = reader_subtree(cut->reader, &cut->shard, level - under, i, &h);

		if (r == 0)
			r = merkle_append(cut->ctx, &tree, &h, NULL);
		if (r != 0)
			return r < 0 ? r : -EUCLEAN;
	}
	return merkle_root(cut->ctx, &tree, ret_hash);
}

/* ---- planning and writing
 * ------------------------------------------------------------------------- */

static int tell(struct buf *error, int r, const char *text)
{
	if (error && !error->n)
		buf_put_str(error, text);
	return r;
}

/* The newest log's key and head. */
static int find_log(struct cut *cut, const char *state_dir)
{
	int dir_fd CLEANUP(cleanup_closep) = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t shards;
	int r = dir_fd < 0 ? -errno
			   : statefile_read(dir_fd, KEYS_VKEY_FILE, STATEFILE_PUBLIC, &cut->vkey);

	if (r == 0)
		r = reader_open(state_dir, &cut->reader);
	if (r == 0)
		r = reader_shards(cut->reader, &shards);
	if (r == 0)
		r = reader_shard(cut->reader, shards, &cut->shard);
	if (r == 0)
		r = reader_checkpoint_last(cut->reader, &cut->shard, &cut->plan.size, &cut->note);
	return r > 0 ? -ENOENT : r;
}

static int plan(struct cut *cut, const struct export_range *range, struct buf *error)
{
	struct bundle_plan *p = &cut->plan;
	uint64_t begin, n;
	int r = find_log(cut, range->state_dir);

	if (r < 0)
		return tell(
			error, r,
			"the state directory holds no readable ledger with a signed checkpoint");
	p->first = range->first;
	if (p->first > p->size ||
	    (range->count != UINT64_MAX && range->count > p->size - p->first)) {
		if (error && !error->n)
			buf_printf(error,
				   "only records below seq %" PRIu64
				   " are signed yet; ask for these, or wait ten seconds",
				   p->size);
		return -ERANGE;
	}
	p->count = range->count == UINT64_MAX ? p->size - p->first : range->count;
	begin = cut->shard.first_id + p->first;
	r = reader_measure(cut->reader, begin, begin + p->count, &n, &p->records_bytes);
	if (r < 0 || n != p->count)
		return tell(
			error, r < 0 ? r : -EUCLEAN,
			"records are missing from the database; look with `aicp ledger verify`");
	p->records_bytes += n;
	p->vkey = buf_span(&cut->vkey);
	p->checkpoint = buf_span(&cut->note);
	cut->source = (struct merkle_source){subtree, cut, cut->ctx};
	p->source = &cut->source;
	return 0;
}

static int put_leaf(void *data, const struct store_leaf *leaf)
{
	return bundle_record(data, leaf->bytes);
}

int export_bundle(const struct export_range *range, const struct bundle_sink *sink,
		  struct buf *error)
{
	struct hash_ctx *ctx CLEANUP(hash_ctx_freep) = hash_ctx_new();
	struct bundle *bundle CLEANUP(bundle_freep) = NULL;
	struct cut cut = {.ctx = ctx, .note = BUF_INIT(NOTE_BYTES_MAX), .vkey = BUF_INIT(4096)};
	uint64_t begin;
	int r = ctx ? plan(&cut, range, error) : -ENOMEM;

	if (r == 0)
		r = bundle_begin(&cut.plan, sink, &bundle);
	if (r == 0) {
		begin = cut.shard.first_id + cut.plan.first;
		r = reader_leaves(cut.reader, begin, begin + cut.plan.count, put_leaf, bundle);
	}
	if (r == 0)
		r = bundle_end(bundle);
	reader_free(cut.reader);
	buf_deinit(&cut.note);
	buf_deinit(&cut.vkey);
	if (r == -EFBIG)
		return tell(error, r,
			    "these records are over 8 GiB; export them in parts, by range");
	return r < 0 ? tell(error, r,
			    "the bundle could not be written; see that there is space for it")
		     : 0;
}
