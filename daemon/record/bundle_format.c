/* SPDX-License-Identifier: MIT */
#include "record/bundle_format.h"

#include "base/hex.h"
#include "base/json_write.h"

#include <inttypes.h>
#include <stdio.h>

const char *const bundle_member_name[_BUNDLE_MEMBER_COUNT] = {
	[BUNDLE_VERIFY] = "VERIFY.txt",	    [BUNDLE_VKEY] = "log.vkey",
	[BUNDLE_CHECKPOINT] = "checkpoint", [BUNDLE_PROOF] = "proof",
	[BUNDLE_RECORDS] = "records.jsonl", [BUNDLE_MANIFEST] = "manifest.json",
};

const char bundle_verify_text[] =
	"An evidence bundle of aicp (aicp-bundle/1)\n"
	"\n"
	"records.jsonl  records of an AI control plane, one a line, exactly as they were hashed\n"
	"checkpoint     the log's signed head: origin, number of records, root hash (C2SP signed "
	"note)\n"
	"log.vkey       the public key it is signed with; compare it with the one you were given "
	"by the log's owner\n"
	"proof          hashes of the parts of the log before and behind these records\n"
	"manifest.json  SHA-256 of the files above\n"
	"\n"
	"Check it:\n"
	"  aicp-verify BUNDLE --key KEY                   KEY: the log's key as you know it, not "
	"as it stands here\n"
	"  aicp-verify BUNDLE --key KEY --anchor FILE     FILE: a checkpoint of this log that you "
	"kept earlier\n"
	"\n"
	"Or by hand:\n"
	"  1. sha256sum of each file equals manifest.json.\n"
	"  2. Hash of record i: SHA-256 of a zero byte and the line without its newline. Each "
	"record names in prev the\n"
	"     hash of the one before, in seq its number (counted from 0), in log the origin of the "
	"checkpoint.\n"
	"  3. The hashes are leaves of the Merkle tree of RFC 6962. proof gives the roots of the "
	"complete subtrees left of\n"
	"     the first record (largest first) and right of the last one (in order); with them the "
	"root has to be the\n"
	"     third line of checkpoint, in base64.\n"
	"  4. The text of checkpoint up to and with its third newline is signed with Ed25519: the "
	"last line holds base64 of\n"
	"     four bytes key id and 64 bytes signature; log.vkey holds base64 of a byte 1 and the "
	"32 bytes of the key.\n"
	"\n"
	"What it proves: nobody without the log's key changed these records after they were "
	"signed. Whoever held the key\n"
	"could have signed something else instead, unless you compare with a checkpoint that was "
	"kept away from that host.\n";

static void octal(uint8_t *out, int digits, uint64_t v)
{
	while (digits-- > 0) {
		out[digits] = (uint8_t)('0' + (v & 7));
		v >>= 3;
	}
}

void bundle_header(enum bundle_member member, uint64_t bytes, uint8_t out[BUNDLE_BLOCK])
{
	uint64_t sum = 0;

	memset(out, 0, BUNDLE_BLOCK);
	snprintf((char *)out, 100, "%s%s", BUNDLE_FOLDER, bundle_member_name[member]);
	octal(out + 100, 7, 0644);
	octal(out + 108, 7, 0);
	octal(out + 116, 7, 0);
	octal(out + 124, 11, bytes);
	octal(out + 136, 11, 0);
	memset(out + 148, ' ', 8);
	out[156] = '0';
	memcpy(out + 257,
	       "ustar\0"
	       "00",
	       8);
	octal(out + 329, 7, 0);
	octal(out + 337, 7, 0);
	for (size_t i = 0; i < BUNDLE_BLOCK; i++)
		sum += out[i];
	octal(out + 148, 6, sum);
	out[154] = '\0';
}

static void entry_write(struct json_write *w, enum bundle_member member,
			const struct bundle_entry *entry)
{
	char hex[HASH_HEX_BYTES];

	hex_encode(hash_span(&entry->hash), hex);
	json_write_object(w, NULL);
	json_write_int(w, "bytes", (int64_t)entry->bytes);
	json_write_str(w, "name", bundle_member_name[member]);
	json_write_string(w, "sha256", span_of(hex, sizeof(hex)));
	json_write_end_object(w);
}

int bundle_entry_put(enum bundle_member member, const struct bundle_entry *entry, struct buf *out)
{
	struct json_write w;

	json_write_init(&w, out, true);
	entry_write(&w, member, entry);
	return out->err;
}

int bundle_manifest_put(const struct bundle_entry entry[BUNDLE_MANIFEST], struct buf *out)
{
	struct json_write w;

	json_write_init(&w, out, true);
	json_write_object(&w, NULL);
	json_write_array(&w, "files");
	for (unsigned i = 0; i < BUNDLE_MANIFEST; i++)
		entry_write(&w, (enum bundle_member)i, &entry[i]);
	json_write_end_array(&w);
	json_write_str(&w, "schema", "aicp-bundle/1");
	json_write_end_object(&w);
	return buf_put_byte(out, '\n');
}

int bundle_range_put(uint64_t first, uint64_t count, struct buf *out)
{
	return buf_printf(out, "aicp-range/1\n%" PRIu64 " %" PRIu64 "\n", first, count);
}
