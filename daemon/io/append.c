/* SPDX-License-Identifier: MIT */
#include "io/append.h"

#include "io/link.h"

int append_begin(struct buf *out, enum record_type type, bool essential)
{
	struct span name = span_str(record_type_name(type));

	buf_put_byte(out, (uint8_t)(name.n | (essential ? LINK_APPEND_ESSENTIAL : 0)));
	return buf_put(out, name);
}

/* Who may write a record of that type, and may it use the disk's reserve? */
static bool permitted(enum record_type type, bool *ret_essential)
{
	switch (type) {
	case RECORD_DECISION:
	case RECORD_THROTTLED:
	case RECORD_COVERAGE_GAP:
	case RECORD_AUTH_FAILED:
	case RECORD_HOLD_ENDED:
	case RECORD_RESPONSE:
		return true;
	case RECORD_POLICY_LOAD:
	case RECORD_POLICY_REFUSED:
	case RECORD_MODE:
	case RECORD_LOSS:
	case RECORD_DEGRADED:
	case RECORD_RECOVERED:
	case RECORD_FAIL_OPEN:
	case RECORD_ADMIN:
	case RECORD_EXPORT:
		*ret_essential = true;
		return true;
	case RECORD_START:
	case RECORD_STOP:
	case RECORD_HEARTBEAT:
	case RECORD_KEY_CREATED:
	case RECORD_KEY_REVOKED:
	case RECORD_ROLLBACK:
	case RECORD_APPROVAL_REQUESTED:
	case RECORD_APPROVAL_DECIDED:
	case RECORD_APPROVAL_EXPIRED:
	case _RECORD_TYPE_COUNT:
		break;
	}
	return false;
}

int append_read(struct span payload, struct append *ret_append)
{
	struct append a;
	size_t n;

	if (!payload.n)
		return PARSE_E_BAD;
	n = payload.p[0] & ~LINK_APPEND_ESSENTIAL;
	if (n > payload.n - 1)
		return PARSE_E_BAD;
	a.type = record_type_find(span_sub(payload, 1, 1 + n));
	a.essential = payload.p[0] & LINK_APPEND_ESSENTIAL;
	if (!permitted(a.type, &a.essential))
		return PARSE_E_BAD;
	a.body = span_sub(payload, 1 + n, payload.n);
	*ret_append = a;
	return PARSE_DONE;
}
