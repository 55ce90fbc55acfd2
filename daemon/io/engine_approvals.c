/* SPDX-License-Identifier: MIT */
/* What the ledger tells of approvals, and who waits for that. */
#include "io/engine_role.h"
#include "io/fields.h"
#include "io/log.h"

#include "base/hex.h"
#include "base/json_write.h"
#include "base/utf8.h"

static bool hash_field(const struct fields *f, const char *key, struct hash *ret_hash)
{
	char hex[HASH_HEX_BYTES + 1];

	return fields_text(f, key, hex, sizeof(hex)) &&
	       hex_decode(span_str(hex), ret_hash->b, sizeof(ret_hash->b));
}

/* Texts are cut to what an answer has room for. */
static void take_text(const struct fields *f, const char *key, char *ret_text, size_t n)
{
	struct buf text = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);

	ret_text[0] = '\0';
	if (fields_put_text(f, key, &text)) {
		struct span cut = utf8_cut(buf_span(&text), n - 1);

		memcpy(ret_text, cut.p, cut.n);
		ret_text[cut.n] = '\0';
	}
	buf_deinit(&text);
}

/* Those who wait may all be gone afterwards. */
static void tell_waiting(struct approval *a)
{
	struct conn *c = a->waiting;

	while (c) {
		struct conn *next = c->held->next;

		if (c->state == CONN_HELD)
			hold_consider(c);
		c = next;
	}
}

static struct approval *heard_of(struct engine_role *er, const struct fields *f)
{
	struct engine_hold hold = {.client_wait_ms = 0};
	struct approval *a;
	int64_t expires_ms;

	if (!fields_text(f, "approval_id", hold.approval_id, sizeof(hold.approval_id)) ||
	    !fields_int(f, "expires_ms", &expires_ms) || !hash_field(f, "join", &hold.join) ||
	    !hash_field(f, "request_digest", &hold.digest))
		return NULL;
	a = approvals_by_id(er->approvals, span_str(hold.approval_id));
	if (!a)
		a = approvals_add(er->approvals, &hold, expires_ms, loop_wall_ns() / MS);
	return a;
}

struct question_of {
	uint64_t asked_id;
	struct approval *approval;
};

static void look_for_question(struct approval *a, void *data)
{
	struct question_of *q = data;

	if (a->on_its_way && a->asked_id == q->asked_id)
		q->approval = a;
}

void hold_not_asked_by(struct engine_role *er, uint64_t id, struct span failure)
{
	struct question_of q = {.asked_id = id};

	/* Others may have joined before the asker left. */
	approvals_each(er->approvals, look_for_question, &q);
	if (q.approval)
		hold_not_asked(q.approval, failure);
}

static void forget_question(struct approval *a, void *data)
{
	(void)data;
	a->on_its_way = false;
}

void hold_questions_gone(struct engine_role *er)
{
	/* The next ledger tells of those that the last one took; the others are over then. */
	approvals_each(er->approvals, forget_question, NULL);
}

void hold_heard(struct engine_role *er, struct span payload)
{
	enum approval_state state = APPROVAL_EXPIRED;
	struct approval *a = NULL;
	char name[16] = "";
	struct fields f;

	if (fields_open(&f, payload) == PARSE_DONE &&
	    fields_text(&f, "state", name, sizeof(name)) &&
	    approval_state_find(span_str(name), &state))
		a = heard_of(er, &f);
	if (a)
		a->on_its_way = false;
	/* What is used up here is used up, whatever the ledger said before it heard of it. */
	if (a && a->state != APPROVAL_USED) {
		a->state = state;
		a->stale = false;
		take_text(&f, "by", a->by, sizeof(a->by));
		take_text(&f, "rationale", a->rationale, sizeof(a->rationale));
	}
	fields_close(&f);
	if (!a)
		log_limited(LOG_WARNING, "approval",
			    "the ledger told of an approval that cannot be "
			    "read, or for which there is no room");
	else
		tell_waiting(a);
}

/* The ledger does not know of it any more: it is over. */
static void end_stale(struct approval *a, void *data)
{
	(void)data;
	if (!a->stale || a->state == APPROVAL_USED)
		return;
	a->state = APPROVAL_EXPIRED;
	tell_waiting(a);
}

void hold_heard_all(struct engine_role *er)
{
	approvals_each(er->approvals, end_stale, NULL);
	er->approvals_known = true;
}

/* A new ledger: all over again, with the holds that are alive. */
void hold_ask_all(struct engine_role *er)
{
	struct json_write w;

	approvals_mark(er->approvals);
	buf_clear(&er->record);
	json_write_init(&w, &er->record, true);
	json_write_object(&w, NULL);
	json_write_array(&w, "holds");
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++)
		/* In the thread's hands it is not recorded yet, nor ours to look at. */
		if (er->conn[i] && er->conn[i]->state > CONN_JUDGING && er->conn[i]->held)
			json_write_str(&w, NULL, er->conn[i]->decision);
	json_write_end_array(&w);
	json_write_end_object(&w);
	if (er->record.err ||
	    peer_send(&er->ledger, LINK_APPROVALS, 1, buf_span(&er->record), -1) < 0)
		log_say(LOG_ERROR, "approvals", "the ledger cannot be asked for open approvals");
}
