/* SPDX-License-Identifier: MIT */
/*
 * Evidence bundles: a range of records with all that is needed to check them without daemon,
 * database or network.
 *
 * One deterministic ustar archive with these members, in this order, below aicp-evidence/:
 *
 *   VERIFY.txt     how to check it by hand, for people
 *   log.vkey       the log's public key; for information, a verifier uses the one it was given
 *   checkpoint     the signed head of the tree that the records are in
 *   proof          "aicp-range/1", first and count, and the roots of the complete subtrees before
 * and behind the range records.jsonl  the leaves as they were hashed, one a line manifest.json
 * bytes and SHA-256 of every member above, canonical JSON
 *
 * Everything but the records' order is forced: a verifier makes headers, proof and manifest anew
 * and compares bytes.
 */
#pragma once

#include "record/anchor.h"
#include "record/checkpoint.h"
#include "record/report.h"

#define BUNDLE_FOLDER "aicp-evidence/"
/* A ustar header has eleven octal digits for a size. */
#define BUNDLE_MEMBER_BYTES_MAX UINT64_C(0x1ffffffff)

/* ---- writing
 * ---------------------------------------------------------------------------------------- */

struct bundle_sink {
	int (*put)(void *data, struct span bytes); /* 0 or -errno */
	void *data;
};

/* What is known before the first record is written. Borrowed until bundle_end(). */
struct bundle_plan {
	struct span vkey; /* one line with its newline */
	struct span checkpoint; /* the note */
	uint64_t size; /* of the checkpoint's tree */
	uint64_t first, count; /* first + count <= size */
	uint64_t records_bytes; /* leaves, and a newline for each */
	const struct merkle_source *source;
};

struct bundle; /* one that is being written */

/* 0, -EFBIG when it would not fit the format, or -errno. */
MUST_CHECK int bundle_begin(const struct bundle_plan *plan, const struct bundle_sink *sink,
			    struct bundle **ret_bundle);
/* Leaves of the range in order. */
MUST_CHECK int bundle_record(struct bundle *bundle, struct span leaf);
/* Writes the rest; -EINVAL when the records were not as planned. Call bundle_free() in any case. */
MUST_CHECK int bundle_end(struct bundle *bundle);
void bundle_free(struct bundle *bundle);

/* ---- checking
 * --------------------------------------------------------------------------------------- */

struct bundle_check {
	struct span bytes;
	const struct note_key *key; /* NULL: the bundle's own is used, and the report says so */
	const struct anchor *anchor; /* or NULL */
};

/* Checks everything. PARSE_DONE with the report filled in whatever it says; -ENOMEM or -EIO. */
MUST_CHECK int bundle_verify(const struct bundle_check *check, struct report *ret_report);
