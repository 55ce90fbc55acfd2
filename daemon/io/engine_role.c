/* SPDX-License-Identifier: MIT */
#include "io/engine_role.h"

#include "base/cleanup.h"
#include "base/json_write.h"
#include "io/log.h"

#include <errno.h>
#include <sys/random.h>

/* ---- other roles -------------------------------------------------------------------------------
 */

static void stop_now(struct loop_timer *timer)
{
	loop_stop(((struct engine_role *)timer->data)->loop, 0);
}

static void begin_stop(struct engine_role *er)
{
	if (er->stopping)
		return;
	er->stopping = true;
	hold_stop_all(er);
	witness_stop_all(er);
	loop_timer_clear(er->loop, &er->listen_again);
	loop_remove(er->loop, &er->listener);
	close(er->listener.fd);
	er->listener.fd = -1;
	loop_timer_set(er->loop, &er->stop,
		       conn_count(er) || budget_responses(er->budget)
			       ? loop_mono_ns() + (AICP_STOP_MS_MAX - 1000) * MS
			       : 0);
}

static void ledger_gone(struct engine_role *er)
{
	if (er->report_id)
		report_answered(er, er->report_id, false);
	conn_ledger_gone(er);
	witness_ledger_gone(er);
}

static void new_ledger(struct engine_role *er)
{
	/* It may be here before the end of the old one was seen, and then that is not seen any
	 * more. */
	ledger_gone(er);
	hold_ask_all(er);
}

static void from_warden(struct peer *peer, struct link_message *message)
{
	struct engine_role *er = peer->data;
	struct peer *peers[] = {&er->reader, &er->ledger, &er->api};

	if (message->type == LINK_PEER) {
		enum link_role role = role_take_peer(message, peers, 3);

		if (role == LINK_READER)
			conn_reader_back(er);
		else if (role == LINK_LEDGER)
			new_ledger(er);
		/* Counts may have waited for the ledger. */
		if (!er->report.set)
			loop_timer_set(er->loop, &er->report, 0);
	} else if (message->type == LINK_BUNDLE) {
		rules_take(er, message);
	} else if (message->type == LINK_RELOAD_RESULT) {
		query_reload_result(er, message->payload);
	} else if (message->type == LINK_STOP) {
		begin_stop(er);
	}
	if (message->fd >= 0)
		close(message->fd);
}

static void from_peer(struct peer *peer, struct link_message *message)
{
	struct engine_role *er = peer->data;
	bool known = true;

	if (peer->role == LINK_READER && message->type == LINK_IDENTITY) {
		conn_identified(er, message->id, message->payload, message->fd);
		return;
	}
	if (message->fd >= 0)
		close(message->fd);
	if (peer->role == LINK_LEDGER && message->type == LINK_DURABLE) {
		if (!witness_answered(er, message->id, true) &&
		    !report_answered(er, message->id, true))
			conn_durable(er, message->id);
	} else if (peer->role == LINK_LEDGER && message->type == LINK_FAILED) {
		log_limited(LOG_ERROR, "no-record", "the ledger refused a record: %.*s",
			    SPAN_ARG(message->payload));
		if (!witness_answered(er, message->id, false) &&
		    !report_answered(er, message->id, false))
			conn_not_recorded(er, message->id, message->payload);
	} else if (peer->role == LINK_LEDGER && message->type == LINK_APPROVAL) {
		hold_heard(er, message->payload);
	} else if (peer->role == LINK_LEDGER && message->type == LINK_APPROVALS_END) {
		hold_heard_all(er);
	} else if (peer->role == LINK_API && message->type == LINK_QUERY && message->id) {
		query_take(er, message);
	} else {
		known = false;
	}
	if (!known) {
		peer_close(peer);
		peer->gone(peer, -EBADMSG);
	}
}

static void peer_gone(struct peer *peer, int error)
{
	struct engine_role *er = peer->data;

	if (error == -EBADMSG)
		role_report_broken(&er->warden, peer->role);
	switch (peer->role) {
	case LINK_READER:
		conn_reader_gone(er);
		break;
	case LINK_LEDGER:
		ledger_gone(er);
		break;
	case LINK_API:
		er->reload_asker = 0;
		break;
	case LINK_WARDEN:
		loop_stop(er->loop, 1);
		break;
	case LINK_ENGINE:
	case LINK_COURIER:
	case _LINK_ROLE_COUNT:
		break;
	}
}

static void listen_again(struct loop_timer *timer)
{
	struct engine_role *er = timer->data;

	if (loop_add(er->loop, &er->listener) < 0)
		loop_timer_set(er->loop, timer, loop_mono_ns() + 100 * MS);
}

/* ---- the process -------------------------------------------------------------------------------
 */

static void init_peers(struct engine_role *er)
{
	struct peer *peers[] = {&er->warden, &er->reader, &er->ledger, &er->api};
	const enum link_role roles[] = {LINK_WARDEN, LINK_READER, LINK_LEDGER, LINK_API};

	for (size_t i = 0; i < 4; i++)
		*peers[i] = (struct peer){
			.loop = er->loop,
			.role = roles[i],
			.message = from_peer,
			.gone = peer_gone,
			.data = er,
		};
	er->warden.message = from_warden;
}

static int init(struct engine_role *er)
{
	er->loop = loop_new();
	er->budget = budget_new();
	er->approvals = approvals_new();
	er->loader = er->loop ? worker_new(er->loop) : NULL;
	er->closer = er->loop ? closer_new(er->loop) : NULL;
	er->identities = er->loop ? identity_cache_new(er->loop) : NULL;
	if (!er->loader || !er->budget || !er->approvals || !er->closer || !er->identities ||
	    lane_init(er) < 0 || witness_init(er) < 0)
		return -ENOMEM;
	/* Answers to an earlier engine must not fit a connection of this one. */
	if (getrandom(&er->generation, sizeof(er->generation), 0) != sizeof(er->generation))
		return -EIO;
	er->generation &= UINT32_MAX;
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++)
		er->free_slot[er->free_n++] = i;
	er->record = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	er->out = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	er->listen_again = (struct loop_timer){.fire = listen_again, .data = er};
	er->report = (struct loop_timer){.fire = report_tick, .data = er};
	er->stop = (struct loop_timer){.fire = stop_now, .data = er};
	er->listener = (struct loop_source){
		.fd = ROLE_FD_LISTEN, .events = EPOLLIN, .ready = conn_accept, .data = er};
	init_peers(er);
	return 0;
}

int engine_role_run(const struct role *role)
{
	static struct engine_role er;
	struct role_bundle *bundle = NULL;
	int r = init(&er);

	if (r < 0 || role_start_peer(role, &er.warden, &bundle) < 0)
		return 1;
	rules_first(&er, bundle);
	if (!er.policies)
		return 1; /* the warden has the error and says it */
	r = loop_add(er.loop, &er.listener);
	if (!r)
		r = peer_send(&er.warden, LINK_READY, 0, SPAN_LIT("{}"), -1);
	if (!r)
		r = loop_run(er.loop);
	if (r < 0)
		log_say(LOG_ERROR, "loop", "the engine stops: %s", strerror(-r));
	return r ? 1 : 0;
}
