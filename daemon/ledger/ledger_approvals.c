/* SPDX-License-Identifier: MIT */
/* Approvals: who may ask, what a release needs, and what is told of them. */
#include "ledger/approvals.h"

#include "base/hex.h"
#include "ledger/ledger_private.h"
#include "ledger/store_approvals.h"
#include "record/canonical.h"

#include <errno.h>

#define MS INT64_C(1000000)

static int64_t wall_ms(struct ledger_time now)
{
	return now.wall_ns / MS;
}

/* ---- what an item may say
 * --------------------------------------------------------------------------- */

/* A string of exactly n lower-case hexadecimal digits. */
static bool is_hex(struct span value, size_t n)
{
	if (value.n != n + 2 || value.p[0] != '"')
		return false;
	for (size_t i = 1; i <= n; i++)
		if (!((value.p[i] >= '0' && value.p[i] <= '9') ||
		      (value.p[i] >= 'a' && value.p[i] <= 'f')))
			return false;
	return true;
}

static struct span inner(struct span value)
{
	return span_sub(value, 1, value.n - 1);
}

static int ignore_approval(void *data, const struct store_approval *a)
{
	(void)data;
	(void)a;
	return 0;
}

/* Every column that the table needs stands in it, in its form: what the database refused would look
 * like a broken disk. */
static bool question_wellformed(const struct ledger_item *item, int64_t *ret_uid)
{
	struct span body = item->body, process;
	int64_t requested_ms, expires_ms;

	if (!canonical_object(body, CANONICAL_DEPTH_MAX) || !item->content.n ||
	    item->content.n > AICP_APPROVAL_CONTENT_BYTES_MAX ||
	    canonical_get(body, "content_commitment").p)
		return false;
	process = canonical_get(body, "process");
	return is_hex(canonical_get(body, "approval_id"), APPROVAL_ID_CHARS) &&
	       is_hex(canonical_get(body, "execution_id"), APPROVAL_ID_CHARS) &&
	       is_hex(canonical_get(body, "join"), HASH_HEX_BYTES) &&
	       is_hex(canonical_get(body, "request_digest"), HASH_HEX_BYTES) &&
	       canonical_int(canonical_get(body, "requested_ms"), &requested_ms) &&
	       canonical_int(canonical_get(body, "expires_ms"), &expires_ms) &&
	       expires_ms > requested_ms && process.n && process.p[0] == '{' &&
	       canonical_int(canonical_get(process, "uid"), ret_uid);
}

/* 0, with whether there is none, or -errno. */
static int no_room(struct ledger *l, int64_t uid, size_t content_n, bool *ret_full)
{
	struct store_waiting waiting;
	int64_t more = (int64_t)content_n, of_uid = 0;
	int r = store_approvals_waiting(l->store, uid, &waiting);

	/* Who has more than his share has it only when all together have. */
	if (r == 0 && waiting.bytes + more > AICP_UID_APPROVALS_BYTES_MAX)
		r = store_approvals_bytes_of(l->store, uid, &of_uid);
	if (r == 0)
		*ret_full = waiting.of_uid >= AICP_UID_APPROVALS_MAX ||
			    waiting.all >= AICP_APPROVALS_MAX ||
			    of_uid + more > AICP_UID_APPROVALS_BYTES_MAX ||
			    waiting.bytes + more > AICP_APPROVALS_BYTES_MAX;
	return r;
}

static int permit_question(struct ledger *l, struct ledger_item *item)
{
	bool full = false;
	int64_t uid;
	int r;

	if (!question_wellformed(item, &uid)) {
		item->outcome = LEDGER_E_BAD_BODY;
		return 0;
	}
	r = store_approval_find(l->store, inner(canonical_get(item->body, "approval_id")),
				ignore_approval, NULL);
	if (r == 0)
		item->outcome = LEDGER_E_BAD_BODY; /* the id names another one */
	if (r <= 0)
		return r;
	r = no_room(l, uid, item->content.n, &full);
	if (full)
		item->outcome = LEDGER_E_TOO_MANY;
	return r;
}

/* What a release has to fit: an approval, a hold of it, and one request digest. */
struct release {
	int64_t now_ms;
	struct span approval_id;
	char digest[HASH_HEX_BYTES];
	bool approved, held;
};

static int look_at_approval(void *data, const struct store_approval *a)
{
	struct release *release = data;

	release->approved = a->state == APPROVAL_APPROVED && a->expires_ms > release->now_ms &&
			    a->request_digest.n == sizeof(release->digest);
	if (release->approved)
		memcpy(release->digest, a->request_digest.p, sizeof(release->digest));
	return 0;
}

static int look_at_hold(void *data, const struct store_hold *hold)
{
	struct release *release = data;

	release->held =
		span_eq(hold->approval_id, release->approval_id) &&
		span_eq(hold->request_digest, span_of(release->digest, sizeof(release->digest)));
	return 0;
}

static int permit_end(struct ledger *l, struct ledger_time now, struct ledger_item *item)
{
	struct release release = {.now_ms = wall_ms(now)};
	enum hold_outcome outcome = HOLD_REFUSED;
	struct span approval_id, execution_id, text;
	int r;

	if (!canonical_object(item->body, CANONICAL_DEPTH_MAX))
		goto bad;
	approval_id = canonical_get(item->body, "approval_id");
	execution_id = canonical_get(item->body, "execution_id");
	text = canonical_get(item->body, "outcome");
	if (!is_hex(approval_id, APPROVAL_ID_CHARS) || !is_hex(execution_id, APPROVAL_ID_CHARS) ||
	    text.n < 2 || !hold_outcome_find(inner(text), &outcome))
		goto bad;
	if (outcome != HOLD_RELEASED)
		return 0;
	release.approval_id = inner(approval_id);
	r = store_approval_find(l->store, release.approval_id, look_at_approval, &release);
	if (r == 0 && release.approved)
		r = store_hold_find(l->store, inner(execution_id), look_at_hold, &release);
	if (r < 0)
		return r;
	if (!release.approved || !release.held)
		item->outcome = LEDGER_E_NOT_APPROVED;
	return 0;
bad:
	item->outcome = LEDGER_E_BAD_BODY;
	return 0;
}

int ledger_permit(struct ledger *l, struct ledger_time now, struct ledger_item *item)
{
	if (item->type == RECORD_APPROVAL_REQUESTED)
		return permit_question(l, item);
	return item->type == RECORD_HOLD_ENDED ? permit_end(l, now, item) : 0;
}

/* ---- content
 * ---------------------------------------------------------------------------------------- */

/* The body again, with the commitment at its place in the order. */
static int put_commitment(struct span body, const struct hash *commitment, struct buf *out)
{
	static const char name[] = "content_commitment";
	struct span key, value;
	bool done = false, first = true;

	buf_put_byte(out, '{');
	while (canonical_next(&body, &key, &value)) {
		size_t n = key.n < sizeof(name) - 1 ? key.n : sizeof(name) - 1;

		if (!done && memcmp(key.p, name, n) > 0) {
			buf_printf(out, "%s\"%s\":\"", first ? "" : ",", name);
			hex_put(out, hash_span(commitment));
			buf_put_byte(out, '"');
			done = true;
			first = false;
		}
		buf_printf(out, "%s\"%.*s\":", first ? "" : ",", SPAN_ARG(key));
		buf_put(out, value);
		first = false;
	}
	return buf_put_byte(out, '}');
}

int ledger_question_begin(struct ledger *l, const struct ledger_item *item,
			  struct ledger_question *q)
{
	struct hash commitment;
	int r = l->random.fill(l->random.data, &q->random, sizeof(q->random));

	if (r == 0)
		r = seal_commit(&q->random, item->content, &commitment);
	return r < 0 ? r : put_commitment(item->body, &commitment, &q->body);
}

int ledger_question_end(struct ledger *l, const struct ledger_item *item,
			const struct ledger_question *q)
{
	struct span id = inner(canonical_get(item->body, "approval_id"));
	struct buf sealed = BUF_INIT(AICP_APPROVAL_CONTENT_BYTES_MAX + SEAL_EXTRA_BYTES);
	int r = seal_put(l->keys.content, &q->random, id, item->content, &sealed);

	if (r == 0)
		r = store_payload_put(l->store, id, buf_span(&sealed));
	buf_deinit(&sealed);
	return r;
}

int ledger_content(struct ledger *l, struct span approval_id, struct buf *out)
{
	struct buf sealed = BUF_INIT(AICP_APPROVAL_CONTENT_BYTES_MAX + SEAL_EXTRA_BYTES);
	int r = l->store ? store_payload_find(l->store, approval_id, &sealed) : -EIO;

	if (r == 0)
		r = seal_open(l->keys.content, approval_id, buf_span(&sealed), out);
	buf_deinit(&sealed);
	return r == -E2BIG ? -EBADMSG : r;
}

/* ---- what follows by itself
 * ------------------------------------------------------------------------- */

/* At most a minute ahead, as the wall clock may be set meanwhile. */
void ledger_plan_expiry(struct ledger *l, struct ledger_time now)
{
	int64_t expires_ms, ahead_ns = AICP_LEDGER_HEARTBEAT_S * LEDGER_S;

	if (store_approvals_next(l->store, &expires_ms) < 0) {
		l->expire_ns = now.mono_ns + AICP_LEDGER_RETRY_S * LEDGER_S;
		return;
	}
	if (expires_ms == INT64_MAX) {
		l->expire_ns = INT64_MAX;
		return;
	}
	if (expires_ms <= wall_ms(now))
		ahead_ns = 0;
	else if (expires_ms - wall_ms(now) < ahead_ns / MS)
		ahead_ns = (expires_ms - wall_ms(now)) * MS;
	l->expire_ns = now.mono_ns + ahead_ns;
}

void ledger_note_approvals(struct ledger *l, struct ledger_time now)
{
	if (store_forgets(l->store) && l->forget_ns == INT64_MAX)
		l->forget_ns = now.mono_ns + AICP_LEDGER_CHECKPOINT_S * LEDGER_S;
	if (!store_approvals_touched(l->store))
		return;
	l->approvals_news = true;
	ledger_plan_expiry(l, now);
}

/* Records of one transaction, with the texts of their bodies. */
#define ENDS_MAX 64u

struct ends {
	struct ledger_item item[ENDS_MAX];
	size_t end[ENDS_MAX];
	unsigned n;
	struct buf bodies;
	/* of holds */
	int64_t now_ns;
	const char *reason;
	ledger_alive_fn alive;
	void *data;
};

/* 1: no more fit. */
static int end_body(struct ends *e, enum record_type type)
{
	if (e->bodies.err)
		return e->bodies.err;
	e->item[e->n] = (struct ledger_item){.type = type, .essential = true};
	e->end[e->n++] = e->bodies.n;
	return e->n == ENDS_MAX;
}

static int end_approval(void *data, const struct store_approval *a)
{
	struct ends *e = data;
	struct json_write w;

	json_write_init(&w, &e->bodies, true);
	json_write_object(&w, NULL);
	json_write_string(&w, "approval_id", a->id);
	json_write_str(&w, "was", approval_state_name(a->state));
	json_write_end_object(&w);
	return end_body(e, RECORD_APPROVAL_EXPIRED);
}

static int end_hold(void *data, const struct store_hold *hold)
{
	struct ends *e = data;
	struct json_write w;
	int64_t held_ns = e->now_ns > hold->begun_ns ? e->now_ns - hold->begun_ns : 0;

	if (e->alive(e->data, hold->execution_id))
		return 0;
	json_write_init(&w, &e->bodies, true);
	json_write_object(&w, NULL);
	json_write_string(&w, "approval_id", hold->approval_id);
	json_write_string(&w, "execution_id", hold->execution_id);
	json_write_int(&w, "held_ms", held_ns / MS);
	json_write_str(&w, "outcome", hold_outcome_name(HOLD_REFUSED));
	json_write_str(&w, "reason", e->reason);
	json_write_end_object(&w);
	return end_body(e, RECORD_HOLD_ENDED);
}

static int write_ends(struct ledger *l, struct ledger_time now, struct ends *e)
{
	const struct ledger_batch batch = {.items = e->item, .n = e->n};

	for (unsigned i = 0; i < e->n; i++)
		e->item[i].body = span_sub(buf_span(&e->bodies), i ? e->end[i - 1] : 0, e->end[i]);
	return e->n ? ledger_transact(l, now, &batch) : 0;
}

int ledger_expire(struct ledger *l, struct ledger_time now)
{
	struct ends e = {.bodies = BUF_INIT(1u << 20)};
	int r = store_approvals_due(l->store, wall_ms(now), end_approval, &e);

	if (r >= 0)
		r = write_ends(l, now, &e);
	buf_deinit(&e.bodies);
	if (r < 0)
		l->expire_ns = now.mono_ns + AICP_LEDGER_RETRY_S * LEDGER_S;
	else
		ledger_plan_expiry(l, now);
	return r;
}

int ledger_refuse_holds(struct ledger *l, struct ledger_time now, const char *reason,
			ledger_alive_fn alive, void *data)
{
	unsigned n;
	int r;

	if (!l->store)
		return -EIO;
	do {
		struct ends e = {
			.bodies = BUF_INIT(1u << 20),
			.now_ns = now.wall_ns,
			.reason = reason,
			.alive = alive,
			.data = data,
		};

		r = store_holds_open(l->store, end_hold, &e);
		if (r >= 0)
			r = write_ends(l, now, &e);
		for (unsigned i = 0; i < e.n && r == 0; i++)
			r = e.item[i].outcome ? -EINVAL : 0;
		n = e.n;
		buf_deinit(&e.bodies);
	} while (r == 0 && n == ENDS_MAX);
	return r;
}

/* ---- telling
 * ---------------------------------------------------------------------------------------- */

struct telling {
	ledger_approval_fn fn;
	void *data;
	uint64_t told_id;
};

static int tell(void *data, const struct store_approval *a)
{
	struct telling *t = data;
	const struct ledger_approval approval = {
		.id = a->id,
		.join = a->join,
		.request_digest = a->request_digest,
		.by = a->by,
		.rationale = a->rationale,
		.state = a->state,
		.expires_ms = a->expires_ms,
	};

	if (a->changed > t->told_id)
		t->told_id = a->changed;
	return t->fn(t->data, &approval);
}

int ledger_approvals_open(struct ledger *l, struct ledger_time now, ledger_approval_fn fn,
			  void *data)
{
	struct telling t = {.fn = fn, .data = data};

	return l->store ? store_approvals_open(l->store, wall_ms(now), tell, &t) : -EIO;
}

int ledger_approvals_news(struct ledger *l, ledger_approval_fn fn, void *data)
{
	struct telling t = {.fn = fn, .data = data, .told_id = l->told_id};
	int r;

	if (!l->approvals_news || !l->store)
		return 0;
	r = store_approvals_changed(l->store, l->told_id, tell, &t);
	if (r == 0) {
		l->told_id = t.told_id;
		l->approvals_news = false;
	}
	return r;
}
