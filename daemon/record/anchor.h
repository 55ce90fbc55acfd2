/* SPDX-License-Identifier: MIT */
/* A head of a log that somebody kept away from its host: what fixes the records below it. */
#pragma once

#include "record/checkpoint.h"
#include "record/report.h"

struct anchor {
	char origin[LEAF_ORIGIN_BYTES_MAX + 1]; /* empty: its holder knows size and root only */
	struct merkle_head head;
	bool met; /* its head was found to be one of the log's */
};

/* Reads a checkpoint; its signature has to be by key. As checkpoint_open(). */
MUST_CHECK int anchor_open(struct span note, const struct note_key *key, struct anchor *ret_anchor);

/* Reads a root as 64 hexadecimal digits or base64. False when it is neither. */
bool anchor_root(struct span text, struct hash *ret_root);

/* Call it before the first leaf and after every one: holds the tree of the audit against the anchor
 * when it has its size. 0 while all is well, PARSE_E_BAD with the report INVALID, -EIO. */
MUST_CHECK int anchor_look(struct anchor *anchor, struct audit *audit, struct report *report);

/* Call it at the end, with the signed head of the log: decides between INTACT and ANCHORED, or
 * INVALID when the log is smaller than the anchor says. anchor NULL: there is none. 0 or
 * PARSE_E_BAD. */
MUST_CHECK int anchor_end(struct anchor *anchor, const struct merkle_head *head,
			  struct report *report);
