/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints (C2SP tlog-checkpoint): origin, size and root of a log on three lines, signed as a
 * note by the key that has the origin as its name. No extension lines: what else is to be said
 * stands in leaves, where it is hashed.
 */
#pragma once

#include "record/merkle.h"
#include "record/note.h"

struct checkpoint {
	struct span origin;
	struct merkle_head head;
};

#define CHECKPOINT_SIZE_MAX ((UINT64_C(1) << 53) - 1)

/* Appends the three lines, unsigned. 0 or the buffer's error. */
int checkpoint_put(const struct checkpoint *checkpoint, struct buf *out);

/* Reads exactly that; origin borrows from text. PARSE_DONE or PARSE_E_BAD. */
MUST_CHECK int checkpoint_parse(struct span text, struct checkpoint *ret_checkpoint);

/* Appends the signed note; the origin is the signer's name. As note_sign(). */
MUST_CHECK int checkpoint_sign(const struct merkle_head *head, const struct note_signer *signer,
			       struct buf *out);

/* Checks the note against the one key whose name its origin has to be, and reads it. As
 * note_open(). */
MUST_CHECK int checkpoint_open(struct span note, const struct note_key *key,
			       struct checkpoint *ret_checkpoint);
