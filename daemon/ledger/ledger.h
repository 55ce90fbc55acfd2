/* SPDX-License-Identifier: MIT */
/*
 * The ledger as its role sees it: one writer that makes records durable, signs checkpoints, keeps
 * keys, and knows when it must not go on. Synchronous; no threads, no event loop; time and random
 * bytes are given.
 *
 * Formats and what they prove: docs/LEDGER.md.
 */
#pragma once

#include "aicp/limits.h"
#include "base/buf.h"
#include "base/parse.h"
#include "record/record_type.h"

/* Now, by both clocks. wall_ns (UTC, since 1970) is what records claim; mono_ns drives every timer.
 */
struct ledger_time {
	int64_t wall_ns;
	int64_t mono_ns;
};

/* Fills p with n bytes fit for keys. 0 or -errno. */
typedef int (*ledger_random_fn)(void *data, void *p, size_t n);

struct ledger_random {
	ledger_random_fn fill;
	void *data;
};

enum ledger_health {
	LEDGER_HEALTHY,
	LEDGER_DISK_FULL, /* only essential items are taken, from the reserve */
	LEDGER_BROKEN, /* a write or fsync failed; nothing is taken until ledger_tick() has reopened
			  and checked */
};

struct ledger_item {
	enum record_type type;
	struct span body; /* canonical JSON object (base/json_write.h), borrowed for the call */
	int64_t at_ns; /* when it happened, wall clock; 0: the time of the call */
	struct span content; /* approval.requested: what approvers see, kept sealed; borrowed */
	bool essential; /* refusals and admin: may use the disk reserve */
	/* set by ledger_append() */
	int outcome; /* 0 recorded, else LEDGER_E_... */
	uint64_t
		id; /* place in the whole database, grows over shards: the cursor of live streams */
	uint64_t seq; /* place in the log (shard) that is open */
};

enum ledger_outcome {
	LEDGER_E_BAD_BODY = 1, /* not a canonical JSON object */
	LEDGER_E_TOO_LARGE, /* the leaf would be over AICP_LEAF_BYTES_MAX */
	LEDGER_E_DISK_FULL, /* not essential, and the disk is full */
	LEDGER_E_NO_KEY, /* ledger_key_check(): unknown, wrong or revoked */
	LEDGER_E_NOT_APPROVED, /* `released` without an approval of that very request, or of one
				  that is over or used */
	LEDGER_E_TOO_MANY, /* too many approvals wait, of that uid or in all */
};

struct ledger;

/*
 * Opens STATE_DIR (which exists; 0750 or less) and creates in it what is missing: ledger.db,
 * log.key, log.vkey, pepper, reserve, and at the very first start admin.key. Rolls forward from the
 * last checkpoint, compares with STATE_DIR/checkpoint, opens a new shard when the database went
 * back behind it, and appends a `start` record (durable, with a checkpoint) with version. 0 or
 * -errno; then what is wrong and how to mend it is appended to ret_error (may be NULL). -EBUSY:
 * another ledger has this state_dir open. -EUCLEAN: the database is damaged or its leaves
 * contradict it.
 */
MUST_CHECK int ledger_open(const char *state_dir, struct ledger_time now,
			   struct ledger_random random, struct ledger **ret_ledger,
			   struct buf *ret_error);

/* Appends a `stop` record, signs, closes. The ledger is freed in any case; 0, or -errno when the
 * stop could not be recorded. */
int ledger_close(struct ledger *ledger, struct ledger_time now);

/* Closes without a word, as a crash would. */
void ledger_abandon(struct ledger *ledger);

/*
 * Makes all items durable in one transaction, and with it (when 256 records are not signed yet) a
 * checkpoint. On 0 every item's outcome says what became of it; those with outcome 0 are on disk.
 * Items that are refused are counted in a `loss` record of the same transaction. On < 0 nothing may
 * be taken as recorded: answer no-record to all. -ENOSPC: disk full (also for the reserve). -EIO
 * and others: see ledger_health().
 */
MUST_CHECK int ledger_append(struct ledger *ledger, struct ledger_time now,
			     struct ledger_item *items, size_t n);

/* What nobody has to wait for, to be called when the answers to ledger_append() are out: puts the
 * signed checkpoint into its file, moves a long WAL into the database, makes room for the next
 * commits. When it fails, health and ledger_next_ns() say how to go on. */
void ledger_tidy(struct ledger *ledger, struct ledger_time now);

/* Everything that has to happen by itself: checkpoint 10 s after an unsigned record, heartbeat
 * after 60 idle seconds, the end of a full disk, reopening after a failure. Call it at least at
 * ledger_next_ns(). 0, or -errno when it could not do its work (try again at the next
 * ledger_next_ns()). */
int ledger_tick(struct ledger *ledger, struct ledger_time now);

/* The monotonic time at which ledger_tick() next has something to do. */
int64_t ledger_next_ns(const struct ledger *ledger);

enum ledger_health ledger_health(const struct ledger *ledger);
const char *ledger_health_name(enum ledger_health health); /* "healthy", "disk-full", "broken" */

struct ledger_status {
	enum ledger_health health;
	const char *origin; /* of the open shard; until ledger_close() */
	uint64_t shard; /* from 1 */
	uint64_t size; /* records in the open shard */
	uint64_t signed_size; /* of its last checkpoint */
	uint64_t last_id; /* of the newest record, 0 when there is none */
	uint64_t refused; /* items not recorded since open */
	bool rollback; /* this start found a database behind its checkpoint */
};

void ledger_status(const struct ledger *ledger, struct ledger_status *ret_status);

#define LEDGER_KEY_BYTES_MAX 80 /* "aicp_" 8 hex "_" 64 hex, and NUL */

struct ledger_principal {
	char id[9]; /* the visible part of the key */
	char role[33];
	char owner[129];
};

struct ledger_key_request {
	const char *role; /* 1 to 32 of [a-z-] */
	const char *owner; /* any text to 128 bytes */
	const char *by; /* who asked: owner of the asking key */
};

/* Makes an API key: the record and the row in one transaction, and the key (NUL-terminated) to be
 * shown once. 0 or -errno; -EINVAL when role or owner is not what it may be. */
MUST_CHECK int ledger_key_create(struct ledger *ledger, struct ledger_time now,
				 const struct ledger_key_request *request,
				 char ret_key[LEDGER_KEY_BYTES_MAX]);

/* Withdraws a key by its visible part. 0, LEDGER_E_NO_KEY or -errno. */
MUST_CHECK int ledger_key_revoke(struct ledger *ledger, struct ledger_time now, const char *id,
				 const char *by);

/* Whose key is this? 0, LEDGER_E_NO_KEY or -errno. No disk write, one indexed read, comparison in
 * constant time. */
MUST_CHECK int ledger_key_check(struct ledger *ledger, struct span presented,
				struct ledger_principal *ret_principal);
