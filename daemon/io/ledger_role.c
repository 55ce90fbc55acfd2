/* SPDX-License-Identifier: MIT */
/*
 * The ledger's process: takes records from the other roles, commits at once when idle and in one
 * transaction what queued meanwhile, and answers when they are durable. It alone writes below
 * STATE_DIR.
 */
#include "base/cleanup.h"
#include "base/json_write.h"
#include "io/append.h"
#include "io/fields.h"
#include "io/log.h"
#include "io/ledger_role.h"
#include "io/role.h"
#include "model/config.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/stat.h>

DEFINE_FREEP(struct role_bundle, role_bundle_free)

struct ledger_time ledger_role_now(void)
{
	return (struct ledger_time){.wall_ns = loop_wall_ns(), .mono_ns = loop_mono_ns()};
}

static int fill_random(void *data, void *p, size_t n)
{
	uint8_t *at = p;

	(void)data;
	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

void ledger_role_reply(struct ledger_role *lr, const struct asker *to, uint16_t type)
{
	int r;

	if (!to->id || to->peer->link != to->link)
		return;
	r = lr->out.err ? lr->out.err : peer_send(to->peer, type, to->id, buf_span(&lr->out), -1);
	if (r < 0)
		log_limited(LOG_WARNING, "reply", "%s cannot be answered: %s",
			    link_role_name(to->peer->role), strerror(-r));
}

void ledger_role_fail(struct ledger_role *lr, const struct asker *to, const char *code,
		      const char *text)
{
	struct json_write w;

	buf_clear(&lr->out);
	json_write_init(&w, &lr->out, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "error", code);
	json_write_str(&w, "text", text);
	json_write_end_object(&w);
	ledger_role_reply(lr, to, LINK_FAILED);
}

static void reply_item(struct ledger_role *lr, const struct asker *to,
		       const struct ledger_item *item)
{
	struct json_write w;

	switch ((enum ledger_outcome)item->outcome) {
	case LEDGER_E_BAD_BODY:
		ledger_role_fail(lr, to, "bad-body", "the record is not canonical JSON");
		return;
	case LEDGER_E_TOO_LARGE:
		ledger_role_fail(lr, to, "too-large", "the record is larger than a leaf may be");
		return;
	case LEDGER_E_DISK_FULL:
		ledger_role_fail(lr, to, "disk-full", "the disk of state_dir is full");
		return;
	case LEDGER_E_NOT_APPROVED:
		ledger_role_fail(
			lr, to, "not-approved",
			"no approval lets this request out: there is none of its digest, or it "
			"is over or used");
		return;
	case LEDGER_E_TOO_MANY:
		ledger_role_fail(lr, to, "too-many-approvals",
				 "too many requests wait for a decision already");
		return;
	case LEDGER_E_NO_KEY:
		break;
	}
	buf_clear(&lr->out);
	json_write_init(&w, &lr->out, true);
	json_write_object(&w, NULL);
	json_write_int(&w, "id", (int64_t)item->id);
	json_write_int(&w, "seq", (int64_t)item->seq);
	json_write_end_object(&w);
	ledger_role_reply(lr, to, LINK_DURABLE);
}

static void note_health(struct ledger_role *lr)
{
	enum ledger_health health = ledger_health(lr->ledger);

	if (health == lr->health)
		return;
	lr->health = health;
	log_say(health == LEDGER_HEALTHY ? LOG_INFO : LOG_ERROR, "health", "the ledger is %s",
		ledger_health_name(health));
}

static void plan_tick(struct ledger_role *lr)
{
	loop_timer_set(lr->loop, &lr->tick, ledger_next_ns(lr->ledger));
}

void ledger_role_settle(struct ledger_role *lr)
{
	ledger_role_tell(lr);
	ledger_tidy(lr->ledger, ledger_role_now());
	note_health(lr);
	plan_tick(lr);
}

void ledger_role_commit(struct ledger_role *lr)
{
	int r;

	if (!lr->n)
		return;
	for (size_t i = 0; i < lr->n; i++) {
		struct ledger_item *item = &lr->item[i];

		item->body.p = lr->bodies.p + lr->begin[i];
		if (item->content.n)
			item->content.p = item->body.p + item->body.n;
	}
	r = ledger_append(lr->ledger, ledger_role_now(), lr->item, lr->n);
	for (size_t i = 0; i < lr->n; i++) {
		if (r < 0)
			ledger_role_fail(lr, &lr->asker[i],
					 r == -ENOSPC ? "disk-full" : "not-written", strerror(-r));
		else
			reply_item(lr, &lr->asker[i], &lr->item[i]);
	}
	if (r < 0)
		log_limited(LOG_ERROR, "append", "%zu records could not be written: %s", lr->n,
			    strerror(-r));
	lr->n = 0;
	buf_clear(&lr->bodies);
	ledger_role_settle(lr);
}

static bool after_batch(void *data)
{
	ledger_role_commit(data);
	return false;
}

void ledger_role_queue(struct ledger_role *lr, const struct asker *from,
		       const struct ledger_item *item)
{
	size_t begin;

	if (lr->n == AICP_GROUP_RECORDS_MAX ||
	    lr->bodies.n + item->body.n + item->content.n > GROUP_BYTES_MAX)
		ledger_role_commit(lr);
	begin = lr->bodies.n;
	buf_put(&lr->bodies, item->body);
	if (buf_put(&lr->bodies, item->content) < 0) {
		lr->bodies.err = 0;
		lr->bodies.n = begin;
		ledger_role_fail(lr, from, "too-large",
				 "the record is too large, or memory is out");
		return;
	}
	lr->begin[lr->n] = begin;
	lr->item[lr->n] = *item;
	lr->asker[lr->n++] = *from;
}

static void take_append(struct ledger_role *lr, const struct asker *from, struct span payload)
{
	struct append a;
	struct ledger_item item;

	if (append_read(payload, &a) != PARSE_DONE ||
	    (a.type == RECORD_HOLD_ENDED && from->peer->role != LINK_ENGINE)) {
		ledger_role_fail(lr, from, "bad-append",
				 "unknown type, or one that only the ledger writes");
		return;
	}
	item = (struct ledger_item){.type = a.type, .body = a.body, .essential = a.essential};
	ledger_role_queue(lr, from, &item);
}

static void take_auth(struct ledger_role *lr, const struct asker *from, struct span payload)
{
	struct ledger_principal who = {0};
	char key[LEDGER_KEY_BYTES_MAX];
	struct json_write w;
	struct fields f;
	bool ok;

	/* A presented key that is longer than any key is a wrong one. */
	ok = fields_open(&f, payload) == PARSE_DONE && fields_text(&f, "key", key, sizeof(key)) &&
	     ledger_key_check(lr->ledger, span_str(key), &who) == 0;
	fields_close(&f);
	explicit_bzero(key, sizeof(key));
	buf_clear(&lr->out);
	json_write_init(&w, &lr->out, true);
	json_write_object(&w, NULL);
	if (ok)
		json_write_str(&w, "id", who.id);
	json_write_bool(&w, "ok", ok);
	if (ok) {
		json_write_str(&w, "owner", who.owner);
		json_write_str(&w, "role", who.role);
	}
	json_write_end_object(&w);
	ledger_role_reply(lr, from, LINK_AUTH_RESULT);
}

static void put_status(struct ledger_role *lr, struct json_write *w)
{
	struct ledger_status s;

	ledger_status(lr->ledger, &s);
	json_write_str(w, "health", ledger_health_name(s.health));
	json_write_str(w, "origin", s.origin);
	json_write_int(w, "shard", (int64_t)s.shard);
	json_write_int(w, "size", (int64_t)s.size);
	json_write_int(w, "signed_size", (int64_t)s.signed_size);
	json_write_int(w, "last_id", (int64_t)s.last_id);
	json_write_int(w, "refused", (int64_t)s.refused);
	json_write_bool(w, "rollback", s.rollback);
}

static void take_query(struct ledger_role *lr, const struct asker *from, struct span payload)
{
	struct json_write w;
	struct fields f;
	char op[16] = "";
	bool status;

	status = fields_open(&f, payload) == PARSE_DONE && fields_text(&f, "op", op, sizeof(op)) &&
		 strcmp(op, "status") == 0;
	if (strcmp(op, "content") == 0) {
		ledger_role_content(lr, from, &f);
		fields_close(&f);
		return;
	}
	fields_close(&f);
	buf_clear(&lr->out);
	json_write_init(&w, &lr->out, false);
	json_write_object(&w, NULL);
	json_write_int(&w, "status", status ? 200 : 404);
	json_write_object(&w, "body");
	if (status)
		put_status(lr, &w);
	else
		json_write_str(&w, "error", "no such operation of the ledger");
	json_write_end_object(&w);
	json_write_end_object(&w);
	ledger_role_reply(lr, from, LINK_ANSWER);
}

/* Which role may send what. */
static bool may_send(enum link_role role, uint16_t type)
{
	switch (type) {
	case LINK_APPEND:
		return role == LINK_WARDEN || role == LINK_ENGINE || role == LINK_API;
	case LINK_AUTH:
	case LINK_QUERY:
	case LINK_COMMAND:
		return role == LINK_API;
	case LINK_ASK:
	case LINK_APPROVALS:
		return role == LINK_ENGINE;
	case LINK_PEER:
	case LINK_STOP:
		return role == LINK_WARDEN;
	}
	return false;
}

static void take(struct peer *peer, struct link_message *message)
{
	struct ledger_role *lr = peer->data;
	struct asker from = {.peer = peer, .link = peer->link, .id = message->id};
	struct peer *peers[] = {&lr->engine, &lr->api};

	if (!may_send(peer->role, message->type)) {
		peer_close(peer);
		role_report_broken(&lr->warden, peer->role);
	} else if (message->type == LINK_APPEND) {
		take_append(lr, &from, message->payload);
	} else if (message->type == LINK_AUTH) {
		take_auth(lr, &from, message->payload);
	} else if (message->type == LINK_QUERY) {
		take_query(lr, &from, message->payload);
	} else if (message->type == LINK_COMMAND) {
		ledger_role_command(lr, &from, message->payload);
	} else if (message->type == LINK_ASK) {
		ledger_role_ask(lr, &from, message->payload);
	} else if (message->type == LINK_APPROVALS) {
		ledger_role_engine_here(lr, &from, message->payload);
	} else if (message->type == LINK_PEER) {
		role_take_peer(message, peers, 2);
	} else {
		loop_stop(lr->loop, 0);
	}
	if (message->fd >= 0)
		close(message->fd);
}

static void peer_gone(struct peer *peer, int error)
{
	struct ledger_role *lr = peer->data;

	/* Without a warden nobody can come back: end in order, so that the records in hand are
	 * kept. */
	if (peer->role == LINK_WARDEN)
		loop_stop(lr->loop, 0);
	else if (error == -EBADMSG)
		role_report_broken(&lr->warden, peer->role);
}

static void tick(struct loop_timer *timer)
{
	struct ledger_role *lr = timer->data;
	int r = ledger_tick(lr->ledger, ledger_role_now());

	if (r < 0)
		log_limited(LOG_ERROR, "tick", "the ledger could not do its work: %s",
			    strerror(-r));
	ledger_role_tell(lr);
	note_health(lr);
	plan_tick(lr);
}

static int read_config(struct ledger_role *lr, const struct role_bundle *bundle)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct config *config = NULL;
	int r = config_parse(bundle->config, bundle->config_name, &config, &error);

	yaml_error_deinit(&error);
	if (r)
		return r;
	lr->strict = config->approvals_strict;
	lr->admin_uid = bundle->rootless ? getuid() : 0;
	config_free(config);
	return 0;
}

static int open_ledger(struct ledger_role *lr, const struct role_bundle *bundle)
{
	struct buf text = BUF_INIT(4096);
	int r;

	/* The database is readable for its group, which is api's; secrets carry modes of their own.
	 */
	umask(0027);
	r = ledger_open(bundle->state_dir, ledger_role_now(),
			(struct ledger_random){.fill = fill_random}, &lr->ledger, &text);
	if (r < 0)
		log_say(LOG_ERROR, "open", "the ledger cannot be opened: %.*s (%s)",
			SPAN_ARG(buf_span(&text)), strerror(-r));
	buf_deinit(&text);
	return r;
}

static void init_peers(struct ledger_role *lr)
{
	struct peer *peers[] = {&lr->warden, &lr->engine, &lr->api};
	const enum link_role roles[] = {LINK_WARDEN, LINK_ENGINE, LINK_API};

	for (size_t i = 0; i < 3; i++)
		*peers[i] = (struct peer){
			.loop = lr->loop,
			.role = roles[i],
			.message = take,
			.gone = peer_gone,
			.data = lr,
		};
}

/* What was sent before the end and not looked at yet, also by roles that are gone already. */
static void drain(struct peer *peer)
{
	struct link_message message;

	while (peer->link && link_receive(peer->link, &message) == 0)
		take(peer, &message);
}

static int finish(struct ledger_role *lr)
{
	int r;

	drain(&lr->warden);
	drain(&lr->engine);
	drain(&lr->api);
	ledger_role_commit(lr);
	r = ledger_close(lr->ledger, ledger_role_now());
	if (r < 0)
		log_say(LOG_ERROR, "stop", "the stop could not be recorded: %s", strerror(-r));
	return r;
}

int ledger_role_run(const struct role *role)
{
	static struct ledger_role lr;
	struct role_bundle *bundle CLEANUP(role_bundle_freep) = NULL;
	int r;

	lr.loop = loop_new();
	if (!lr.loop)
		return 1;
	lr.bodies = BUF_INIT(GROUP_BYTES_MAX + AICP_LINK_PAYLOAD_BYTES_MAX);
	lr.out = BUF_INIT(OUT_BYTES_MAX);
	lr.tick = (struct loop_timer){.fire = tick, .data = &lr};
	init_peers(&lr);
	if (role_start_peer(role, &lr.warden, &bundle) < 0 || read_config(&lr, bundle) ||
	    open_ledger(&lr, bundle))
		return 1;
	loop_after_batch(lr.loop, after_batch, &lr);
	plan_tick(&lr);
	r = peer_send(&lr.warden, LINK_READY, 0, SPAN_LIT("{}"), -1);
	if (!r)
		r = loop_run(lr.loop);
	if (finish(&lr) < 0)
		r = 1;
	peer_close(&lr.engine);
	peer_close(&lr.api);
	peer_close(&lr.warden);
	buf_deinit(&lr.bodies);
	buf_deinit(&lr.out);
	loop_free(lr.loop);
	return r ? 1 : 0;
}
