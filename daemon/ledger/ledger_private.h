/* SPDX-License-Identifier: MIT */
/* What the files of the ledger share. */
#pragma once

#include "base/json_write.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

#define LEDGER_CHECKPOINT_FILE "checkpoint" /* 0644: the newest signed checkpoint */
#define LEDGER_LOCK_FILE       "lock"
#define LEDGER_S	       INT64_C(1000000000)

struct ledger {
	char *state_dir;
	int dir_fd, lock_fd;
	struct ledger_random random;
	struct keys keys;
	struct note_signer signer; /* of the open shard */
	struct hash_ctx *hash;
	struct store *store; /* NULL while broken */
	struct store_shard shard;
	struct merkle tree; /* what is durable */
	struct hash last; /* hash of the newest leaf; zero in an empty shard */
	uint64_t signed_size;
	struct buf note; /* newest signed checkpoint */
	bool note_stale; /* it is not in its file yet */
	int64_t note_ns; /* monotonic: when to put it there */
	bool rollback;
	bool clean; /* the last record before this start was a stop */
	enum ledger_health health;
	int64_t active_ns; /* monotonic: the newest record */
	int64_t unsigned_ns; /* monotonic: the oldest record that is not signed */
	int64_t retry_ns; /* monotonic: when to try again what failed */
	uint64_t refused; /* items, since open */
	uint64_t untold; /* of these, not yet in a loss record */
	bool degraded_told; /* the full disk stands in a record */
	int64_t expire_ns; /* monotonic: when to look for approvals that are over */
	int64_t forget_ns; /* monotonic: when to empty the WAL of erased content */
	uint64_t told_id; /* approvals that leaves up to here changed were told */
	bool approvals_news; /* some changed since */
	struct buf leaf; /* scratch */
};

/* One transaction. */
struct ledger_batch {
	struct ledger_item *items; /* those with an outcome already are left alone */
	size_t n;
	bool sign; /* at once, not when 256 are due */
	/* State that has to change with these records; NULL: none. 0 or -errno. */
	int (*effect)(struct store *store, void *data);
	void *effect_data;
};

/* All or nothing. On < 0 the health says how to go on. */
MUST_CHECK int ledger_transact(struct ledger *ledger, struct ledger_time now,
			       const struct ledger_batch *batch);

/* One record of our own; fill writes the members of its body. */
MUST_CHECK int ledger_tell(struct ledger *ledger, struct ledger_time now, enum record_type type,
			   void (*fill)(const struct ledger *ledger, struct json_write *body));

/* Opens the store and brings tree, last and signed_size to what it holds; opens the first shard, or
 * a new one when the database contradicts the checkpoint file. 0 or -errno with error told. */
MUST_CHECK int ledger_recover(struct ledger *ledger, struct ledger_time now, struct buf *error);

/* Is the item what the state of approvals allows? Sets its outcome when not. 0 or -errno. */
MUST_CHECK int ledger_permit(struct ledger *ledger, struct ledger_time now,
			     struct ledger_item *item);

/* What is put beside the record of a question to people. */
struct ledger_question {
	struct buf body; /* owned: the item's, with the commitment to its content */
	struct seal_random random;
};

/* Before and behind the record itself, for an item that ledger_permit() let through. 0 or -errno.
 */
MUST_CHECK int ledger_question_begin(struct ledger *ledger, const struct ledger_item *item,
				     struct ledger_question *question);
MUST_CHECK int ledger_question_end(struct ledger *ledger, const struct ledger_item *item,
				   const struct ledger_question *question);

/* The transaction that was committed may have changed approvals: plans what follows from it. */
void ledger_note_approvals(struct ledger *ledger, struct ledger_time now);

/* Sets expire_ns by what the store holds. */
void ledger_plan_expiry(struct ledger *ledger, struct ledger_time now);

/* Records the end of approvals whose time is over; plans the next look. 0 or -errno. */
MUST_CHECK int ledger_expire(struct ledger *ledger, struct ledger_time now);

/* Makes the first admin key and its file when no key was ever made. 0 or -errno. */
MUST_CHECK int ledger_key_first(struct ledger *ledger, struct ledger_time now);

/* Closes the store after a failure: nothing is taken until it was opened again. */
void ledger_break(struct ledger *ledger, struct ledger_time now);
