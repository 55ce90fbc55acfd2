/* SPDX-License-Identifier: MIT */
/* Somebody approves or rejects. */
#include "ledger/approvals.h"

#include "base/utf8.h"
#include "ledger/ledger_private.h"
#include "ledger/store_approvals.h"

#include <errno.h>
#include <stdio.h>

/* The approval as it stands before the decision. */
struct standing {
	enum approval_state state;
	int64_t uid, loginuid, expires_ms;
	char by[sizeof(((struct ledger_decided *)NULL)->by)];
};

static int look(void *data, const struct store_approval *a)
{
	struct standing *s = data;

	*s = (struct standing){
		.state = a->state,
		.uid = a->uid,
		.loginuid = a->loginuid,
		.expires_ms = a->expires_ms,
	};
	snprintf(s->by, sizeof(s->by), "%.*s", SPAN_ARG(a->by));
	return 0;
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((uint8_t)*text & 0xc0) != 0x80;
	return n;
}

static bool text_wellformed(const char *text, size_t min)
{
	size_t n = characters(text);

	return utf8_valid(span_str(text)) && n >= min && n <= AICP_RATIONALE_CHARS_MAX;
}

static bool wellformed(const struct ledger_decision *d)
{
	struct ledger_decided decided;

	return strlen(d->approval_id) == APPROVAL_ID_CHARS && d->by[0] &&
	       strlen(d->by) < sizeof(decided.by) && utf8_valid(span_str(d->by)) &&
	       text_wellformed(d->rationale, 1) && text_wellformed(d->comment, 0);
}

/* The uid that stands behind "uid:N"; -1: by tells none. */
static int64_t uid_of(const char *by)
{
	int64_t uid = 0;

	if (strncmp(by, "uid:", 4) != 0 || !by[4])
		return -1;
	for (by += 4; *by; by++) {
		if (*by < '0' || *by > '9' || uid > UINT32_MAX)
			return -1;
		uid = uid * 10 + (*by - '0');
	}
	return uid;
}

/* The first key lies in a file that only the daemon's admin can read: whoever holds it is taken to
 * be that user. */
static int first_key(struct ledger *l, const struct ledger_decision *d, bool *ret_first)
{
	struct store_key key = {0};
	int r = store_first_key(l->store, &key);

	*ret_first = r == 0 && d->key[0] && strcmp(d->key, key.id) == 0;
	return r < 0 ? r : 0;
}

/* Separation of duties. */
static int judge_duties(struct ledger *l, const struct ledger_decision *d, const struct standing *s,
			bool *ret_self)
{
	bool first = false, exempt;
	int64_t uid;
	int r = first_key(l, d, &first);

	if (r < 0)
		return r;
	uid = first ? d->admin_uid : uid_of(d->by);
	exempt = first || (!d->key[0] && uid == d->admin_uid);
	*ret_self = uid >= 0 && (uid == s->uid || uid == s->loginuid);
	return *ret_self && (d->strict || !exempt) ? LEDGER_DECISION_OWN : LEDGER_DECISION_DONE;
}

static int judge(struct ledger *l, struct ledger_time now, const struct ledger_decision *d,
		 struct ledger_decided *decided)
{
	struct standing s;
	int r = store_approval_find(l->store, span_str(d->approval_id), look, &s);

	if (r != 0)
		return r < 0 ? r : LEDGER_DECISION_UNKNOWN;
	decided->state = s.state;
	memcpy(decided->by, s.by, sizeof(decided->by));
	if (s.state == APPROVAL_EXPIRED && !s.by[0])
		return LEDGER_DECISION_LATE;
	if (s.state != APPROVAL_PENDING)
		return LEDGER_DECISION_TAKEN;
	if (s.expires_ms <= now.wall_ns / 1000000) {
		decided->state = APPROVAL_EXPIRED; /* as the next tick will record */
		return LEDGER_DECISION_LATE;
	}
	return judge_duties(l, d, &s, &decided->self_approved);
}

static int record(struct ledger *l, struct ledger_time now, const struct ledger_decision *d,
		  struct ledger_decided *decided)
{
	struct buf body = BUF_INIT(AICP_LEAF_BYTES_MAX);
	struct ledger_item item = {.type = RECORD_APPROVAL_DECIDED, .essential = true};
	const struct ledger_batch batch = {.items = &item, .n = 1};
	struct json_write w;
	int r;

	decided->state = d->approve ? APPROVAL_APPROVED : APPROVAL_REJECTED;
	json_write_init(&w, &body, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "approval_id", d->approval_id);
	json_write_str(&w, "by", d->by);
	json_write_str(&w, "comment", d->comment);
	json_write_str(&w, "decision", approval_state_name(decided->state));
	json_write_str(&w, "key", d->key);
	json_write_str(&w, "rationale", d->rationale);
	json_write_str(&w, "role", d->role);
	json_write_bool(&w, "self_approved", decided->self_approved);
	json_write_end_object(&w);
	item.body = buf_span(&body);
	r = body.err ? body.err : ledger_transact(l, now, &batch);
	buf_deinit(&body);
	if (r < 0 || item.outcome)
		return r < 0 ? r : -EINVAL;
	memcpy(decided->by, d->by, strlen(d->by) + 1);
	decided->seq = item.seq;
	decided->at_ns = now.wall_ns;
	return LEDGER_DECISION_DONE;
}

int ledger_decide(struct ledger *l, struct ledger_time now, const struct ledger_decision *d,
		  struct ledger_decided *ret_decided)
{
	struct ledger_decided decided = {0};
	int r;

	if (!wellformed(d))
		return LEDGER_DECISION_BAD;
	if (!l->store)
		return -EIO;
	r = judge(l, now, d, &decided);
	if (r == LEDGER_DECISION_DONE)
		r = record(l, now, d, &decided);
	if (r >= 0)
		*ret_decided = decided;
	return r;
}
