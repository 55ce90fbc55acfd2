/* SPDX-License-Identifier: MIT */
/* The forced parts of a bundle: writer and verifier make them with the same code, the verifier to
 * compare. */
#pragma once

#include "record/bundle.h"

enum bundle_member {
	BUNDLE_VERIFY,
	BUNDLE_VKEY,
	BUNDLE_CHECKPOINT,
	BUNDLE_PROOF,
	BUNDLE_RECORDS,
	BUNDLE_MANIFEST,
	_BUNDLE_MEMBER_COUNT,
};

#define BUNDLE_BLOCK 512

extern const char *const bundle_member_name[_BUNDLE_MEMBER_COUNT];
extern const char bundle_verify_text[];

/* The ustar header of a member: a plain file of root, mode 0644, of the year 1970. */
void bundle_header(enum bundle_member member, uint64_t bytes, uint8_t out[BUNDLE_BLOCK]);

/* Bytes that fill a member of that size up to whole blocks. */
static inline size_t bundle_padding(uint64_t bytes)
{
	return (size_t)(-bytes & (BUNDLE_BLOCK - 1));
}

struct bundle_entry {
	uint64_t bytes;
	struct hash hash;
};

/* The line of one member in the manifest, as an object. */
int bundle_entry_put(enum bundle_member member, const struct bundle_entry *entry, struct buf *out);

/* manifest.json from the entries of all members before it. */
int bundle_manifest_put(const struct bundle_entry entry[BUNDLE_MANIFEST], struct buf *out);

/* First line of the proof: the range. */
int bundle_range_put(uint64_t first, uint64_t count, struct buf *out);
