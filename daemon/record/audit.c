/* SPDX-License-Identifier: MIT */
#include "record/audit.h"

#include "record/canonical.h"

#include <inttypes.h>
#include <stdio.h>

void audit_init(struct audit *audit, struct hash_ctx *ctx, struct span origin)
{
	*audit = (struct audit){.ctx = ctx, .origin = origin, .chained = true};
}

static int bad(struct audit *audit, const char *reason)
{
	snprintf(audit->reason, sizeof(audit->reason), "%s", reason);
	return PARSE_E_BAD;
}

static uint64_t told(const struct leaf *leaf, const char *key)
{
	int64_t n;

	return canonical_int(canonical_get(leaf->body, key), &n) && n > 0 ? (uint64_t)n : 0;
}

static void count(struct audit_counts *counts, const struct leaf *leaf)
{
	switch (record_type_find(leaf->type)) {
	case RECORD_LOSS:
		counts->loss_records++;
		counts->lost += told(leaf, "lost");
		break;
	case RECORD_THROTTLED:
		counts->throttled += told(leaf, "count");
		break;
	case RECORD_FAIL_OPEN:
		counts->open += told(leaf, "count");
		break;
	case RECORD_DEGRADED:
		counts->degraded++;
		break;
	case RECORD_ROLLBACK:
		counts->rollbacks++;
		break;
	case _RECORD_TYPE_COUNT:
		counts->unknown++;
		break;
	case RECORD_START:
	case RECORD_STOP:
	case RECORD_HEARTBEAT:
	case RECORD_DECISION:
	case RECORD_POLICY_LOAD:
	case RECORD_POLICY_REFUSED:
	case RECORD_MODE:
	case RECORD_RECOVERED:
	case RECORD_COVERAGE_GAP:
	case RECORD_AUTH_FAILED:
	case RECORD_ADMIN:
	case RECORD_KEY_CREATED:
	case RECORD_KEY_REVOKED:
	case RECORD_EXPORT:
	case RECORD_APPROVAL_REQUESTED:
	case RECORD_APPROVAL_DECIDED:
	case RECORD_APPROVAL_EXPIRED:
	case RECORD_HOLD_ENDED:
	case RECORD_RESPONSE:
		break;
	}
}

static int place(struct audit *audit, const struct leaf *leaf)
{
	if (!span_eq(leaf->log, audit->origin))
		return bad(audit, "the record belongs to another log");
	if (leaf->seq != audit->tree.size) {
		snprintf(audit->reason, sizeof(audit->reason),
			 "a record with seq %" PRIu64 " stands where %" PRIu64 " has to be",
			 leaf->seq, audit->tree.size);
		return PARSE_E_BAD;
	}
	if (audit->chained && !hash_eq(&leaf->prev, &audit->last))
		return bad(audit, "prev is not the hash of the record before");
	return PARSE_DONE;
}

int audit_hashed(struct audit *audit, struct span bytes, const struct hash *hash,
		 struct hash carry[MERKLE_LEVELS])
{
	struct leaf leaf;
	int r = leaf_parse(bytes, &leaf);

	if (r == PARSE_E_LIMIT)
		return bad(audit, "the record is longer than a leaf may be");
	if (r != PARSE_DONE)
		return bad(audit, "the record is not a canonical leaf of " LEAF_SCHEMA);
	r = place(audit, &leaf);
	if (r == PARSE_DONE)
		r = merkle_append(audit->ctx, &audit->tree, hash, carry);
	if (r != 0)
		return r;
	audit->last = *hash;
	audit->chained = true;
	if (!audit->records++)
		audit->first_ns = leaf.at_ns;
	audit->last_ns = leaf.at_ns;
	count(&audit->counts, &leaf);
	return PARSE_DONE;
}

int audit_leaf(struct audit *audit, struct span bytes, struct hash *ret_hash,
	       struct hash carry[MERKLE_LEVELS])
{
	struct hash h;
	int r = leaf_hash(audit->ctx, bytes, &h);

	if (r < 0)
		return r;
	r = audit_hashed(audit, bytes, &h, carry);
	if (r == PARSE_DONE)
		*ret_hash = h;
	return r;
}

int audit_head(struct audit *audit, const struct hash *root, const char *what)
{
	struct hash mine;
	int r = merkle_root(audit->ctx, &audit->tree, &mine);

	if (r < 0)
		return r;
	if (hash_eq(&mine, root))
		return PARSE_DONE;
	snprintf(audit->reason, sizeof(audit->reason),
		 "the records have another root than %s of size %" PRIu64, what, audit->tree.size);
	return PARSE_E_BAD;
}
