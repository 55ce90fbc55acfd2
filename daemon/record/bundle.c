/* SPDX-License-Identifier: MIT */
/* Writing evidence bundles. */
#include "record/bundle.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "record/bundle_format.h"

#include <errno.h>

struct bundle {
	struct bundle_plan plan;
	struct bundle_sink sink;
	struct bundle_entry entry[BUNDLE_MANIFEST];
	struct hash_ctx *records; /* hash of records.jsonl as it grows */
	uint64_t records_n, records_bytes;
};

DEFINE_FREEP(struct bundle, bundle_free)

/* 2 * 63 subtrees of 65 bytes, and a line. */
#define PROOF_BYTES_MAX 16384

static int put(struct bundle *b, struct span bytes)
{
	return b->sink.put(b->sink.data, bytes);
}

static int put_header(struct bundle *b, enum bundle_member member, uint64_t bytes)
{
	uint8_t header[BUNDLE_BLOCK];

	bundle_header(member, bytes, header);
	return put(b, span_of(header, sizeof(header)));
}

static int put_padding(struct bundle *b, uint64_t bytes)
{
	static const uint8_t zero[BUNDLE_BLOCK];

	return put(b, span_of(zero, bundle_padding(bytes)));
}

static int put_member(struct bundle *b, enum bundle_member member, struct span bytes)
{
	int r = put_header(b, member, bytes.n);

	if (r == 0)
		r = put(b, bytes);
	if (r == 0)
		r = put_padding(b, bytes.n);
	if (r == 0 && member != BUNDLE_MANIFEST) {
		b->entry[member].bytes = bytes.n;
		r = hash_once(bytes, &b->entry[member].hash);
	}
	return r;
}

struct proof {
	const struct merkle_source *source;
	struct buf *out;
};

static int put_subtree(void *data, unsigned level, uint64_t index)
{
	struct proof *p = data;
	struct hash h;
	int r = p->source->subtree(p->source->data, level, index, &h);

	if (r < 0)
		return r;
	hex_put(p->out, hash_span(&h));
	return buf_put_byte(p->out, '\n');
}

static int put_proof(struct bundle *b)
{
	const struct bundle_plan *plan = &b->plan;
	struct buf text = BUF_INIT(PROOF_BYTES_MAX);
	struct proof proof = {plan->source, &text};
	int r = bundle_range_put(plan->first, plan->count, &text);

	if (r == 0)
		r = merkle_range(0, plan->first, put_subtree, &proof);
	if (r == 0)
		r = merkle_range(plan->first + plan->count, plan->size, put_subtree, &proof);
	if (r == 0)
		r = put_member(b, BUNDLE_PROOF, buf_span(&text));
	buf_deinit(&text);
	return r;
}

int bundle_begin(const struct bundle_plan *plan, const struct bundle_sink *sink,
		 struct bundle **ret_bundle)
{
	struct bundle *b CLEANUP(bundle_freep) = NULL;
	int r;

	if (plan->first > plan->size || plan->count > plan->size - plan->first)
		return -EINVAL;
	if (plan->records_bytes > BUNDLE_MEMBER_BYTES_MAX)
		return -EFBIG;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->plan = *plan;
	b->sink = *sink;
	b->records = hash_ctx_new();
	r = b->records ? hash_begin(b->records) : -ENOMEM;
	if (r == 0)
		r = put_member(b, BUNDLE_VERIFY, span_str(bundle_verify_text));
	if (r == 0)
		r = put_member(b, BUNDLE_VKEY, plan->vkey);
	if (r == 0)
		r = put_member(b, BUNDLE_CHECKPOINT, plan->checkpoint);
	if (r == 0)
		r = put_proof(b);
	if (r == 0)
		r = put_header(b, BUNDLE_RECORDS, plan->records_bytes);
	if (r < 0)
		return r;
	*ret_bundle = TAKE(b);
	return 0;
}

int bundle_record(struct bundle *b, struct span leaf)
{
	const struct span newline = SPAN_LIT("\n");
	int r = put(b, leaf);

	if (r == 0)
		r = put(b, newline);
	if (r == 0)
		r = hash_put(b->records, leaf);
	if (r == 0)
		r = hash_put(b->records, newline);
	b->records_n++;
	b->records_bytes += leaf.n + 1;
	return r;
}

int bundle_end(struct bundle *b)
{
	static const uint8_t zero[2 * BUNDLE_BLOCK];
	struct buf manifest = BUF_INIT(4096);
	int r;

	if (b->records_n != b->plan.count || b->records_bytes != b->plan.records_bytes)
		return -EINVAL;
	b->entry[BUNDLE_RECORDS].bytes = b->records_bytes;
	r = hash_end(b->records, &b->entry[BUNDLE_RECORDS].hash);
	if (r == 0)
		r = put_padding(b, b->records_bytes);
	if (r == 0)
		r = bundle_manifest_put(b->entry, &manifest);
	if (r == 0)
		r = put_member(b, BUNDLE_MANIFEST, buf_span(&manifest));
	if (r == 0)
		r = put(b, span_of(zero, sizeof(zero)));
	buf_deinit(&manifest);
	return r;
}

void bundle_free(struct bundle *b)
{
	if (!b)
		return;
	hash_ctx_free(b->records);
	free(b);
}
