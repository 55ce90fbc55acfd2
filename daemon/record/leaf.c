/* SPDX-License-Identifier: MIT */
#include "record/leaf.h"

#include "base/hex.h"
#include "record/canonical.h"
#include "record/record_type.h"
#include "record/stamp.h"

#include <inttypes.h>

#define SEQ_MAX ((UINT64_C(1) << 53) - 1)

bool leaf_origin_wellformed(struct span origin)
{
	if (origin.n < 1 || origin.n > LEAF_ORIGIN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < origin.n; i++) {
		uint8_t c = origin.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '/' || c == '-'))
			return false;
	}
	return true;
}

static bool writable(const struct leaf *leaf, const char *at)
{
	int64_t ns;

	return stamp_parse(span_of(at, STAMP_BYTES), &ns) &&
	       canonical_object(leaf->body, CANONICAL_DEPTH_MAX - 1) &&
	       leaf_origin_wellformed(leaf->log) && leaf->seq <= SEQ_MAX &&
	       record_type_wellformed(leaf->type);
}

int leaf_write(const struct leaf *leaf, struct buf *out)
{
	char at[STAMP_BYTES + 1], prev[HASH_HEX_BYTES];
	size_t begin = out->n;

	stamp_write(leaf->at_ns, at);
	if (leaf->body.n > AICP_LEAF_BYTES_MAX)
		return PARSE_E_LIMIT;
	if (!writable(leaf, at))
		return PARSE_E_BAD;
	hex_encode(hash_span(&leaf->prev), prev);
	buf_put_str(out, "{\"at\":\"");
	buf_put(out, span_of(at, STAMP_BYTES));
	buf_put_str(out, "\",\"body\":");
	buf_put(out, leaf->body);
	buf_put_str(out, ",\"log\":\"");
	buf_put(out, leaf->log);
	buf_put_str(out, leaf->seq ? "\",\"prev\":\"" : "\",\"prev\":null");
	if (leaf->seq)
		buf_put(out, span_of(prev, sizeof(prev)));
	buf_printf(out, "%s,\"schema\":\"" LEAF_SCHEMA "\",\"seq\":%" PRIu64 ",\"type\":\"",
		   leaf->seq ? "\"" : "", leaf->seq);
	buf_put(out, leaf->type);
	buf_put_str(out, "\"}");
	if (out->err)
		return out->err;
	if (out->n - begin > AICP_LEAF_BYTES_MAX) {
		out->n = begin;
		return PARSE_E_LIMIT;
	}
	return PARSE_DONE;
}

static bool take(struct span *rest, struct span word)
{
	if (!span_starts(*rest, word))
		return false;
	*rest = span_sub(*rest, word.n, rest->n);
	return true;
}

/* The n bytes that come next. */
static bool take_n(struct span *rest, size_t n, struct span *ret_part)
{
	if (rest->n < n)
		return false;
	*ret_part = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n, rest->n);
	return true;
}

/* Up to the next quote; what stands there is then checked for what it has to be. */
static bool take_text(struct span *rest, struct span *ret_text)
{
	return take_n(rest, span_find(*rest, '"'), ret_text);
}

static bool take_seq(struct span *rest, uint64_t *ret_seq)
{
	uint64_t seq = 0;
	size_t n = canonical_length(*rest, 0);

	for (size_t i = 0; i < n; i++) {
		if (rest->p[i] < '0' || rest->p[i] > '9')
			return false;
		seq = seq * 10 + (uint64_t)(rest->p[i] - '0');
	}
	*rest = span_sub(*rest, n, rest->n);
	*ret_seq = seq;
	return n > 0;
}

static bool take_prev(struct span *rest, struct hash *ret_prev, bool *ret_null)
{
	struct span hex;

	*ret_prev = (struct hash){0};
	*ret_null = take(rest, SPAN_LIT("null"));
	return *ret_null ||
	       (take(rest, SPAN_LIT("\"")) && take_n(rest, HASH_HEX_BYTES, &hex) &&
		hex_decode(hex, ret_prev->b, HASH_BYTES) && take(rest, SPAN_LIT("\"")));
}

int leaf_parse(struct span bytes, struct leaf *ret_leaf)
{
	struct leaf leaf = {0};
	struct span rest = bytes, at;
	bool first = false;

	if (bytes.n > AICP_LEAF_BYTES_MAX)
		return PARSE_E_LIMIT;
	if (!take(&rest, SPAN_LIT("{\"at\":\"")) || !take_n(&rest, STAMP_BYTES, &at) ||
	    !stamp_parse(at, &leaf.at_ns) || !take(&rest, SPAN_LIT("\",\"body\":")))
		return PARSE_E_BAD;
	if (!take_n(&rest, canonical_length(rest, CANONICAL_DEPTH_MAX - 1), &leaf.body) ||
	    !leaf.body.n || leaf.body.p[0] != '{' || !take(&rest, SPAN_LIT(",\"log\":\"")))
		return PARSE_E_BAD;
	if (!take_text(&rest, &leaf.log) || !leaf_origin_wellformed(leaf.log) ||
	    !take(&rest, SPAN_LIT("\",\"prev\":")) || !take_prev(&rest, &leaf.prev, &first))
		return PARSE_E_BAD;
	if (!take(&rest, SPAN_LIT(",\"schema\":\"" LEAF_SCHEMA "\",\"seq\":")) ||
	    !take_seq(&rest, &leaf.seq) || first != (leaf.seq == 0) ||
	    !take(&rest, SPAN_LIT(",\"type\":\"")))
		return PARSE_E_BAD;
	if (!take_text(&rest, &leaf.type) || !record_type_wellformed(leaf.type) ||
	    !take(&rest, SPAN_LIT("\"}")) || rest.n)
		return PARSE_E_BAD;
	*ret_leaf = leaf;
	return PARSE_DONE;
}

int leaf_hash(struct hash_ctx *ctx, struct span bytes, struct hash *ret_hash)
{
	struct span parts[] = {SPAN_LIT("\0"), bytes};

	return hash_parts(ctx, parts, 2, ret_hash);
}
