/* SPDX-License-Identifier: MIT */
/* The life of a ledger: opened, told so, closed. */
#include "ledger/ledger_private.h"

#include "base/cleanup.h"
#include "ledger/reserve.h"
#include "ledger/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

DEFINE_FREEP(struct ledger, ledger_abandon)

static void say(struct buf *error, const char *state_dir, const char *name, const char *text)
{
	if (error && !error->n)
		buf_printf(error, "%s%s%s: %s", state_dir, name ? "/" : "", name ? name : "", text);
}

/* Two writers would be two logs. */
static int lock(struct ledger *l, struct buf *error)
{
	l->dir_fd = open(l->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir_fd < 0) {
		int r = -errno;

		say(error, l->state_dir, NULL,
		    "cannot be opened; make the directory, owned by the ledger's user, mode 0750");
		return r;
	}
	l->lock_fd = openat(l->dir_fd, LEDGER_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			    0600);
	if (l->lock_fd >= 0 && flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (l->lock_fd >= 0 && errno == EWOULDBLOCK) {
		say(error, l->state_dir, NULL,
		    "another aicpd has this state directory open; stop it first");
		return -EBUSY;
	}
	say(error, l->state_dir, LEDGER_LOCK_FILE,
	    "cannot be made; see that the directory is writable");
	return -errno;
}

/* A new key beside an old log would sign under the old log's name, and nothing of it would verify.
 */
static int refuse_lost_keys(struct ledger *l, struct buf *error)
{
	static const char *const names[] = {KEYS_LOG_FILE, KEYS_PEPPER_FILE};
	struct stat st;

	if (fstatat(l->dir_fd, STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (fstatat(l->dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
			continue;
		say(error, l->state_dir, names[i],
		    "is missing beside a ledger that it belongs to; put it back, or move the whole "
		    "directory away to begin a new ledger");
		return -ENOKEY;
	}
	return 0;
}

static int load_keys(struct ledger *l, struct buf *error)
{
	const char *name = NULL;
	int r = refuse_lost_keys(l, error);

	if (r == 0)
		r = keys_load(l->dir_fd, l->random, &l->keys, &name);
	if (r == -ENOKEY)
		return r;
	if (r == -EPERM)
		say(error, l->state_dir, name,
		    "others may read this secret; chmod 600 it (and think about who did)");
	else if (r == -EBADMSG)
		say(error, l->state_dir, name,
		    "is not a key; restore it, or move the whole directory away to begin a new "
		    "ledger");
	else if (r < 0)
		say(error, l->state_dir, name, "cannot be read or made; see owner and free space");
	return r;
}

/* Others check signatures with it; it follows the shard that is open. */
static int publish_vkey(struct ledger *l)
{
	struct buf now = BUF_INIT(512), want = BUF_INIT(512);
	int r;

	note_vkey_put(&l->signer.key, &want);
	r = buf_put_byte(&want, '\n');
	if (r == 0)
		r = statefile_read(l->dir_fd, KEYS_VKEY_FILE, STATEFILE_PUBLIC, &now);
	if (r < 0 || !span_eq(buf_span(&now), buf_span(&want)))
		r = want.err ? want.err
			     : statefile_replace(l->dir_fd, KEYS_VKEY_FILE, STATEFILE_PUBLIC,
						 buf_span(&want));
	buf_deinit(&now);
	buf_deinit(&want);
	return r;
}

static int remember_type(void *data, const struct store_leaf *row)
{
	bool *clean = data;
	struct leaf leaf;

	*clean = leaf_parse(row->bytes, &leaf) == PARSE_DONE &&
		 span_eq_str(leaf.type, record_type_name(RECORD_STOP));
	return 0;
}

static void fill_start(const struct ledger *l, struct json_write *w)
{
	json_write_bool(w, "clean", l->clean);
	json_write_int(w, "shard", (int64_t)l->shard.n);
	json_write_int(w, "size", (int64_t)l->tree.size);
	json_write_str(w, "version", AICP_VERSION);
}

static int begin(struct ledger *l, struct ledger_time now, struct buf *error)
{
	uint64_t last_id;
	int r = ledger_recover(l, now, error);

	if (r == 0)
		r = store_last_id(l->store, &last_id);
	if (r == 0)
		r = store_leaves(l->store, last_id, last_id + 1, remember_type, &l->clean);
	if (r == 0)
		r = publish_vkey(l);
	if (r == 0)
		r = ledger_tell(l, now, RECORD_START, fill_start);
	if (r == -ENOSPC && l->store) /* the reserve of the last run was just given back */
		r = ledger_tell(l, now, RECORD_START, fill_start);
	if (r == 0)
		r = ledger_key_first(l, now);
	if (r < 0)
		say(error, l->state_dir, NULL,
		    "the start could not be recorded; see that the disk is sound and not full");
	return r;
}

int ledger_open(const char *state_dir, struct ledger_time now, struct ledger_random random,
		struct ledger **ret_ledger, struct buf *ret_error)
{
	struct ledger *l CLEANUP(ledger_abandonp) = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->dir_fd = l->lock_fd = -1;
	l->random = random;
	l->note = BUF_INIT(NOTE_BYTES_MAX);
	l->leaf = BUF_INIT(2 * AICP_LEAF_BYTES_MAX);
	l->active_ns = l->unsigned_ns = now.mono_ns;
	l->expire_ns = l->forget_ns = INT64_MAX;
	l->state_dir = strdup(state_dir);
	l->hash = hash_ctx_new();
	if (!l->state_dir || !l->hash)
		return -ENOMEM;
	r = lock(l, ret_error);
	if (r == 0)
		r = load_keys(l, ret_error);
	if (r == 0)
		r = begin(l, now, ret_error);
	if (r < 0)
		return r;
	/* No reserve is no reason not to start; it is one not to promise it. */
	if (reserve_take(l->dir_fd) < 0) {
		l->health = LEDGER_DISK_FULL;
		l->retry_ns = now.mono_ns;
		reserve_release(l->dir_fd);
	}
	l->told_id = l->shard.first_id + l->tree.size - 1;
	ledger_plan_expiry(l, now);
	ledger_tidy(l, now);
	*ret_ledger = TAKE(l);
	return 0;
}

int ledger_close(struct ledger *l, struct ledger_time now)
{
	int r = l->store ? ledger_tell(l, now, RECORD_STOP, NULL) : -EIO;

	if (r == 0)
		ledger_tidy(l, now);
	ledger_abandon(l);
	return r;
}

void ledger_abandon(struct ledger *l)
{
	store_close(l->store);
	note_signer_deinit(&l->signer);
	keys_deinit(&l->keys);
	hash_ctx_free(l->hash);
	buf_deinit(&l->note);
	buf_deinit(&l->leaf);
	cleanup_closep(&l->lock_fd);
	cleanup_closep(&l->dir_fd);
	free(l->state_dir);
	free(l);
}
