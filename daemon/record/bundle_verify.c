/* SPDX-License-Identifier: MIT */
/* Checking evidence bundles: hostile bytes from the first to the last. */
#include "record/bundle.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "record/bundle_format.h"

#include <errno.h>
#include <inttypes.h>

DEFINE_FREEP(struct hash_ctx, hash_ctx_free)

struct check {
	struct report *report;
	struct hash_ctx *ctx;
	struct span member[_BUNDLE_MEMBER_COUNT];
	struct note_key key;
	struct checkpoint checkpoint;
	struct audit audit;
	struct anchor *anchor; /* or NULL */
	uint64_t first, count;
	struct span rest; /* of the proof, behind what was read */
};

/* ---- the archive
 * ------------------------------------------------------------------------------------ */

static bool is_zero(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

/* The size a header states; what else it says has to be what we would write. */
static bool header_size(struct span block, enum bundle_member member, uint64_t *ret_bytes)
{
	uint8_t want[BUNDLE_BLOCK];
	uint64_t bytes = 0;

	if (block.n < BUNDLE_BLOCK)
		return false;
	for (size_t i = 124; i < 135; i++) {
		if (block.p[i] < '0' || block.p[i] > '7')
			return false;
		bytes = bytes << 3 | (uint64_t)(block.p[i] - '0');
	}
	bundle_header(member, bytes, want);
	*ret_bytes = bytes;
	return memcmp(block.p, want, BUNDLE_BLOCK) == 0;
}

static int split(struct check *c, struct span bytes)
{
	struct span rest = bytes;
	uint64_t n;

	for (unsigned i = 0; i < _BUNDLE_MEMBER_COUNT; i++) {
		if (!header_size(rest, (enum bundle_member)i, &n))
			return report_invalid(c->report,
					      "this is no evidence bundle: the header of %s is not "
					      "as aicp writes it",
					      bundle_member_name[i]);
		rest = span_sub(rest, BUNDLE_BLOCK, rest.n);
		if (n > rest.n || bundle_padding(n) > rest.n - n)
			return report_invalid(c->report, "the bundle ends inside %s",
					      bundle_member_name[i]);
		c->member[i] = span_sub(rest, 0, (size_t)n);
		rest = span_sub(rest, (size_t)n, rest.n);
		if (!is_zero(span_sub(rest, 0, bundle_padding(n))))
			return report_invalid(c->report, "something stands behind the end of %s",
					      bundle_member_name[i]);
		rest = span_sub(rest, bundle_padding(n), rest.n);
	}
	if (rest.n != (size_t)2 * BUNDLE_BLOCK || !is_zero(rest))
		return report_invalid(c->report, "the bundle does not end where it should");
	return 0;
}

/* ---- who signed
 * -------------------------------------------------------------------------------------- */

static int take_key(struct check *c, const struct note_key *given)
{
	struct span line = c->member[BUNDLE_VKEY];
	int r;

	if (given) {
		c->report->key = REPORT_KEY_GIVEN;
		c->key = *given;
		return 0;
	}
	c->report->key = REPORT_KEY_BESIDE;
	r = line.n ? note_vkey_parse(span_sub(line, 0, line.n - 1), &c->key) : PARSE_E_BAD;
	if (r == PARSE_E_BAD || (r == 0 && line.p[line.n - 1] != '\n'))
		return report_invalid(c->report, "log.vkey is no key");
	return r;
}

static int open_checkpoint(struct check *c)
{
	int r = checkpoint_open(c->member[BUNDLE_CHECKPOINT], &c->key, &c->checkpoint);

	switch (r) {
	case PARSE_DONE:
		memcpy(c->report->origin, c->checkpoint.origin.p, c->checkpoint.origin.n);
		c->report->size = c->checkpoint.head.size;
		return 0;
	case NOTE_E_UNSIGNED:
		return report_invalid(c->report, "the checkpoint is not signed by the key %s",
				      c->key.name);
	case NOTE_E_FORGED:
		return report_invalid(c->report, "the checkpoint's signature is not by the key %s",
				      c->key.name);
	case NOTE_E_BAD:
	case NOTE_E_LIMIT:
		return report_invalid(c->report, "checkpoint is no signed checkpoint of the log %s",
				      c->key.name);
	default:
		return r;
	}
}

/* ---- the range
 * ---------------------------------------------------------------------------------------- */

static bool take_number(struct span *rest, uint8_t end, uint64_t *ret_value)
{
	size_t n = span_find(*rest, end);
	uint64_t v = 0;

	if (n == rest->n || n == 0 || n > 16 || (n > 1 && rest->p[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (rest->p[i] < '0' || rest->p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(rest->p[i] - '0');
	}
	*rest = span_sub(*rest, n + 1, rest->n);
	*ret_value = v;
	return true;
}

static int take_subtree(void *data, unsigned level, uint64_t index)
{
	struct check *c = data;
	struct hash h;

	(void)index;
	if (c->rest.n < HASH_HEX_BYTES + 1 || c->rest.p[HASH_HEX_BYTES] != '\n' ||
	    !hex_decode(span_sub(c->rest, 0, HASH_HEX_BYTES), h.b, HASH_BYTES))
		return PARSE_E_BAD;
	c->rest = span_sub(c->rest, HASH_HEX_BYTES + 1, c->rest.n);
	return merkle_append_subtree(c->ctx, &c->audit.tree, level, &h);
}

static int begin_range(struct check *c)
{
	const struct span magic = SPAN_LIT("aicp-range/1\n");
	uint64_t size = c->checkpoint.head.size;
	int r;

	c->rest = c->member[BUNDLE_PROOF];
	if (!span_starts(c->rest, magic))
		return report_invalid(c->report, "proof is not of the form aicp-range/1");
	c->rest = span_sub(c->rest, magic.n, c->rest.n);
	if (!take_number(&c->rest, ' ', &c->first) || !take_number(&c->rest, '\n', &c->count) ||
	    c->first > size || c->count > size - c->first)
		return report_invalid(c->report, "proof names no range of the checkpoint's tree");
	audit_init(&c->audit, c->ctx, c->checkpoint.origin);
	c->audit.chained = c->first == 0;
	r = merkle_range(0, c->first, take_subtree, c);
	return r == PARSE_E_BAD
		       ? report_invalid(c->report, "proof lacks hashes of what is before the range")
		       : r;
}

static int read_records(struct check *c)
{
	struct span rest = c->member[BUNDLE_RECORDS];
	struct hash h;
	int r = c->anchor ? anchor_look(c->anchor, &c->audit, c->report) : 0;

	while (r == 0 && rest.n) {
		uint64_t seq = c->audit.tree.size;
		size_t n = span_find(rest, '\n');

		if (n == rest.n || seq == c->first + c->count)
			return report_invalid_at(
				c->report, seq, "%s",
				n == rest.n ? "the last line does not end"
					    : "there are more records than the range has");
		r = audit_leaf(&c->audit, span_sub(rest, 0, n), &h, NULL);
		if (r == PARSE_E_BAD)
			return report_invalid_at(c->report, seq, "%s", c->audit.reason);
		if (r == 0 && c->anchor)
			r = anchor_look(c->anchor, &c->audit, c->report);
		rest = span_sub(rest, n + 1, rest.n);
	}
	if (r == 0 && c->audit.tree.size != c->first + c->count)
		return report_invalid_at(c->report, c->audit.tree.size,
					 "the range has %" PRIu64 " records, and here it ends",
					 c->count);
	return r;
}

static int end_range(struct check *c)
{
	int r = merkle_range(c->first + c->count, c->checkpoint.head.size, take_subtree, c);

	if (r == PARSE_E_BAD || (r == 0 && c->rest.n))
		return report_invalid(c->report,
				      "proof has not the hashes of what is behind the range");
	if (r == 0)
		r = audit_head(&c->audit, &c->checkpoint.head.root, "the checkpoint");
	return r == PARSE_E_BAD ? report_invalid(c->report, "%s", c->audit.reason) : r;
}

/* ---- the manifest
 * ------------------------------------------------------------------------------------- */

static int check_manifest(struct check *c)
{
	struct bundle_entry entry[BUNDLE_MANIFEST];
	struct buf want = BUF_INIT(4096), line = BUF_INIT(4096);
	struct span have = c->member[BUNDLE_MANIFEST];
	int r = 0;

	for (unsigned i = 0; i < BUNDLE_MANIFEST && r == 0; i++) {
		entry[i].bytes = c->member[i].n;
		r = hash_all(c->ctx, c->member[i], &entry[i].hash);
		buf_clear(&line);
		if (r == 0)
			r = bundle_entry_put((enum bundle_member)i, &entry[i], &line);
		if (r == 0 && (have.n > 4096 || !memmem(have.p, have.n, line.p, line.n)))
			r = report_invalid(c->report, "%s is not the file that manifest.json lists",
					   bundle_member_name[i]);
	}
	if (r == 0)
		r = bundle_manifest_put(entry, &want);
	if (r == 0 && !span_eq(buf_span(&want), have))
		r = report_invalid(c->report, "manifest.json is not as aicp writes it");
	buf_deinit(&want);
	buf_deinit(&line);
	return r;
}

int bundle_verify(const struct bundle_check *check, struct report *ret_report)
{
	struct hash_ctx *ctx CLEANUP(hash_ctx_freep) = hash_ctx_new();
	struct anchor anchor;
	struct check c = {.report = ret_report, .ctx = ctx};
	int r;

	*ret_report = (struct report){0};
	if (!ctx)
		return -ENOMEM;
	if (check->anchor) {
		anchor = *check->anchor;
		anchor.met = false;
		c.anchor = &anchor;
	}
	r = split(&c, check->bytes);
	if (r == 0)
		r = take_key(&c, check->key);
	if (r == 0)
		r = open_checkpoint(&c);
	if (r == 0 && c.anchor && anchor.origin[0] &&
	    !span_eq_str(c.checkpoint.origin, anchor.origin))
		r = report_invalid(ret_report, "the anchor is of another log, %s", anchor.origin);
	if (r == 0)
		r = begin_range(&c);
	if (r == 0) {
		r = read_records(&c);
		report_take(ret_report, &c.audit);
	}
	if (r == 0)
		r = end_range(&c);
	if (r == 0)
		r = check_manifest(&c);
	if (r == 0)
		r = anchor_end(c.anchor, &c.checkpoint.head, ret_report);
	return r < 0 ? r : PARSE_DONE;
}
