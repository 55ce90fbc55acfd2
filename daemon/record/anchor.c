/* SPDX-License-Identifier: MIT */
#include "record/anchor.h"

#include "base/base64.h"
#include "base/hex.h"

#include <inttypes.h>

int anchor_open(struct span note, const struct note_key *key, struct anchor *ret_anchor)
{
	struct anchor anchor = {0};
	struct checkpoint c;
	int r = checkpoint_open(note, key, &c);

	if (r != PARSE_DONE)
		return r;
	memcpy(anchor.origin, c.origin.p, c.origin.n);
	anchor.head = c.head;
	*ret_anchor = anchor;
	return PARSE_DONE;
}

bool anchor_root(struct span text, struct hash *ret_root)
{
	return hex_decode(text, ret_root->b, HASH_BYTES) ||
	       base64_decode_exact(text, ret_root->b, HASH_BYTES);
}

int anchor_look(struct anchor *anchor, struct audit *audit, struct report *report)
{
	int r;

	if (audit->tree.size != anchor->head.size || anchor->met)
		return 0;
	r = audit_head(audit, &anchor->head.root, "the anchor");
	if (r == PARSE_E_BAD)
		return report_invalid(report, "%s", audit->reason);
	anchor->met = r == PARSE_DONE;
	return r;
}

int anchor_end(struct anchor *anchor, const struct merkle_head *head, struct report *report)
{
	report->outcome = REPORT_INTACT;
	if (!anchor)
		return 0;
	if (!anchor->met && anchor->head.size > head->size)
		return report_invalid(report,
				      "the log has %" PRIu64 " records, and the anchor %" PRIu64
				      ": the newest were cut off",
				      head->size, anchor->head.size);
	if (!anchor->met && anchor->head.size == head->size) {
		if (!hash_eq(&anchor->head.root, &head->root))
			return report_invalid(
				report, "the log has another root than the anchor of size %" PRIu64,
				head->size);
		anchor->met = true;
	}
	if (anchor->met && anchor->head.size) {
		report->outcome = REPORT_ANCHORED;
		report->anchor_size = anchor->head.size;
	} else {
		report->anchor_unused = true;
	}
	return 0;
}
