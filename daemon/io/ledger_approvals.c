/* SPDX-License-Identifier: MIT */
/* The ledger's role towards those who ask for approvals and those who decide. */
#include "ledger/approvals.h"

#include "base/json_write.h"
#include "io/ledger_role.h"
#include "io/log.h"
#include "io/question.h"
#include "model/verdict.h"
#include "record/stamp.h"

#include <errno.h>

#define TEXT_BYTES_MAX (4 * AICP_RATIONALE_CHARS_MAX + 1)

void ledger_role_ask(struct ledger_role *lr, const struct asker *from, struct span payload)
{
	struct question q;
	struct ledger_item item;

	if (question_read(payload, &q) != PARSE_DONE) {
		ledger_role_fail(lr, from, "bad-question", "its parts do not add up");
		return;
	}
	item = (struct ledger_item){
		.type = RECORD_APPROVAL_REQUESTED,
		.body = q.body,
		.content = q.content,
	};
	ledger_role_queue(lr, from, &item);
}

/* ---- towards the engine
 * ----------------------------------------------------------------------------- */

static int send_approval(void *data, const struct ledger_approval *a)
{
	struct ledger_role *lr = data;
	struct json_write w;

	buf_clear(&lr->out);
	json_write_init(&w, &lr->out, true);
	json_write_object(&w, NULL);
	json_write_string(&w, "approval_id", a->id);
	json_write_string(&w, "by", a->by);
	json_write_int(&w, "expires_ms", a->expires_ms);
	json_write_string(&w, "join", a->join);
	json_write_string(&w, "rationale", a->rationale);
	json_write_string(&w, "request_digest", a->request_digest);
	json_write_str(&w, "state", approval_state_name(a->state));
	json_write_end_object(&w);
	return lr->out.err ? lr->out.err
			   : peer_send(&lr->engine, LINK_APPROVAL, 0, buf_span(&lr->out), -1);
}

static void note_untold(int r)
{
	if (r < 0)
		log_limited(LOG_WARNING, "approvals", "the engine cannot be told of approvals: %s",
			    strerror(-r));
}

void ledger_role_tell_open(struct ledger_role *lr)
{
	ledger_role_commit(lr);
	note_untold(ledger_approvals_open(lr->ledger, ledger_role_now(), send_approval, lr));
}

void ledger_role_tell(struct ledger_role *lr)
{
	/* Without a link there is nobody to tell; who comes is told all. */
	if (lr->engine.link)
		note_untold(ledger_approvals_news(lr->ledger, send_approval, lr));
}

/* The holds that the engine says it has. */
struct alive {
	const struct json *json;
	uint32_t holds;
};

static bool is_alive(void *data, struct span execution_id)
{
	const struct alive *alive = data;

	json_foreach (t, alive->json, alive->holds)
		if (json_string_eq(alive->json, t, execution_id))
			return true;
	return false;
}

static int refuse_dead(struct ledger_role *lr, struct span payload)
{
	struct fields f;
	struct alive alive = {.json = &f.json};
	int r = fields_open(&f, payload);

	if (r == PARSE_DONE) {
		alive.holds = json_get(&f.json, 0, "holds");
		r = alive.holds != JSON_NONE && f.json.token[alive.holds].kind == JSON_ARRAY
			    ? ledger_refuse_holds(lr->ledger, ledger_role_now(),
						  reason_code(REASON_ENGINE_RESTARTED), is_alive,
						  &alive)
			    : -EPROTO;
	}
	fields_close(&f);
	return r > 0 ? -EPROTO : r;
}

void ledger_role_engine_here(struct ledger_role *lr, const struct asker *from, struct span payload)
{
	int r;

	ledger_role_commit(lr);
	r = refuse_dead(lr, payload);
	if (r < 0)
		log_say(LOG_ERROR, "holds",
			"the end of holds that nobody holds any more cannot be recorded: %s",
			strerror(-r));
	ledger_role_tell_open(lr);
	buf_clear(&lr->out);
	buf_put_str(&lr->out, "{}");
	ledger_role_reply(lr, from, LINK_APPROVALS_END);
	ledger_role_settle(lr);
}

/* ---- towards the api
 * -------------------------------------------------------------------------------- */

static void begin_answer(struct ledger_role *lr, struct json_write *w, unsigned status)
{
	buf_clear(&lr->out);
	json_write_init(w, &lr->out, false);
	json_write_object(w, NULL);
	json_write_int(w, "status", status);
	json_write_object(w, "body");
}

static void end_answer(struct ledger_role *lr, const struct asker *to, struct json_write *w)
{
	json_write_end_object(w);
	json_write_end_object(w);
	ledger_role_reply(lr, to, LINK_ANSWER);
}

static void refuse(struct ledger_role *lr, const struct asker *to, unsigned status,
		   const char *error)
{
	struct json_write w;

	begin_answer(lr, &w, status);
	json_write_str(&w, "error", error);
	end_answer(lr, to, &w);
}

void ledger_role_content(struct ledger_role *lr, const struct asker *from,
			 const struct fields *fields)
{
	struct buf content = BUF_INIT(AICP_APPROVAL_CONTENT_BYTES_MAX);
	char id[APPROVAL_ID_CHARS + 1];
	struct json_write w;
	int r = 1;

	if (fields_text(fields, "approval_id", id, sizeof(id)))
		r = ledger_content(lr->ledger, span_str(id), &content);
	if (r == 1) {
		refuse(lr, from, 404, "erased");
	} else if (r < 0) {
		log_limited(LOG_ERROR, "content", "content of approval %s cannot be read: %s", id,
			    strerror(-r));
		refuse(lr, from, 503, r == -EBADMSG ? "does-not-open" : "not-read");
	} else {
		begin_answer(lr, &w, 200);
		json_write_string(&w, "content", buf_span(&content));
		end_answer(lr, from, &w);
	}
	if (content.p)
		explicit_bzero(content.p, content.n);
	buf_deinit(&content);
}

static void answer_decision(struct ledger_role *lr, const struct asker *to, int outcome,
			    const struct ledger_decided *d)
{
	static const struct {
		unsigned status;
		const char *error;
	} row[] = {
		[LEDGER_DECISION_DONE] = {200, NULL},
		[LEDGER_DECISION_UNKNOWN] = {404, "unknown"},
		[LEDGER_DECISION_TAKEN] = {409, "decided"},
		[LEDGER_DECISION_LATE] = {410, "expired"},
		[LEDGER_DECISION_OWN] = {403, "own-request"},
		[LEDGER_DECISION_BAD] = {400, "bad-decision"},
	};
	char at[STAMP_BYTES + 1];
	struct json_write w;

	begin_answer(lr, &w, row[outcome].status);
	if (row[outcome].error)
		json_write_str(&w, "error", row[outcome].error);
	json_write_str(&w, "state", approval_state_name(d->state));
	json_write_str(&w, "by", d->by);
	if (outcome == LEDGER_DECISION_DONE) {
		stamp_write(d->at_ns, at);
		json_write_str(&w, "at", at);
		json_write_int(&w, "seq", (int64_t)d->seq);
		json_write_bool(&w, "self_approved", d->self_approved);
	}
	end_answer(lr, to, &w);
}

/* The texts of one command; static, as one is in hand at a time. */
static struct {
	char op[16], approval_id[APPROVAL_ID_CHARS + 1], by[129], role[33], key[17];
	char rationale[TEXT_BYTES_MAX], comment[TEXT_BYTES_MAX];
} text;

static bool read_command(const struct fields *f)
{
	return fields_text(f, "op", text.op, sizeof(text.op)) &&
	       (strcmp(text.op, "approve") == 0 || strcmp(text.op, "reject") == 0) &&
	       fields_text(f, "approval_id", text.approval_id, sizeof(text.approval_id)) &&
	       fields_text(f, "by", text.by, sizeof(text.by)) &&
	       fields_text(f, "role", text.role, sizeof(text.role)) &&
	       fields_text(f, "key", text.key, sizeof(text.key)) &&
	       fields_text(f, "rationale", text.rationale, sizeof(text.rationale)) &&
	       fields_text(f, "comment", text.comment, sizeof(text.comment));
}

void ledger_role_command(struct ledger_role *lr, const struct asker *from, struct span payload)
{
	struct ledger_decided decided = {0};
	struct fields f;
	int r;

	if (fields_open(&f, payload) != PARSE_DONE || !read_command(&f)) {
		fields_close(&f);
		refuse(lr, from, 400, "bad-command");
		return;
	}
	fields_close(&f);
	/* What was asked before this command is to be known to it. */
	ledger_role_commit(lr);
	r = ledger_decide(lr->ledger, ledger_role_now(),
			  &(struct ledger_decision){
				  .approval_id = text.approval_id,
				  .approve = strcmp(text.op, "approve") == 0,
				  .by = text.by,
				  .role = text.role,
				  .key = text.key,
				  .rationale = text.rationale,
				  .comment = text.comment,
				  .strict = lr->strict,
				  .admin_uid = lr->admin_uid,
			  },
			  &decided);
	if (r < 0)
		refuse(lr, from, 503, r == -ENOSPC ? "disk-full" : "not-written");
	else
		answer_decision(lr, from, r, &decided);
	ledger_role_settle(lr);
}
