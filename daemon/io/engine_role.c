/* SPDX-License-Identifier: MIT */
#include "io/engine_role.h"

#include "base/cleanup.h"
#include "base/json_write.h"
#include "io/log.h"

#include <errno.h>
#include <sys/random.h>

DEFINE_FREEP(struct role_bundle, role_bundle_free)
DEFINE_FREEP(struct config, config_free)
DEFINE_FREEP(struct policy_set, policy_set_unref)
DEFINE_FREEP(struct provider_set, provider_set_unref)

/* ---- rules -------------------------------------------------------------------------------------
 */

static int load_policies(const struct role_bundle *b, struct policy_set **ret_set,
			 struct yaml_error *error)
{
	struct policy_source *source CLEANUP(cleanup_freep) =
		calloc(b->files_n + 1, sizeof(*source));
	size_t n = 0;

	if (!source)
		return -ENOMEM;
	for (size_t i = 0; i < b->files_n; i++)
		if (b->file[i].kind == ROLE_FILE_POLICY)
			source[n++] = (struct policy_source){b->file[i].name, b->file[i].text};
	return policy_load(source, n, ret_set, error);
}

static int load_providers(const struct role_bundle *b, struct provider_set **ret_set,
			  struct yaml_error *error)
{
	struct provider_source *source CLEANUP(cleanup_freep) =
		calloc(b->files_n + 1, sizeof(*source));
	size_t n = 0;

	if (!source)
		return -ENOMEM;
	for (size_t i = 0; i < b->files_n; i++)
		if (b->file[i].kind == ROLE_FILE_PROVIDER)
			source[n++] = (struct provider_source){b->file[i].name, b->file[i].text};
	return provider_load(source, n, ret_set, error);
}

/* All of the bundle takes effect, or nothing. */
static int use_bundle(struct engine_role *er, const struct role_bundle *b, struct yaml_error *error)
{
	struct config *config CLEANUP(config_freep) = NULL;
	struct policy_set *policies CLEANUP(policy_set_unrefp) = NULL;
	struct provider_set *providers CLEANUP(provider_set_unrefp) = NULL;
	struct engine_rules rules;
	int r = config_parse(b->config, b->config_name, &config, error);

	if (!r)
		r = load_providers(b, &providers, error);
	if (!r)
		r = load_policies(b, &policies, error);
	if (r)
		return r;
	rules = (struct engine_rules){
		.policies = policies, .providers = providers, .mode = config->mode};
	_Static_assert(sizeof(rules.key) == sizeof(b->key), "one key");
	memcpy(rules.key, b->key, sizeof(rules.key));
	engine_set_rules(er->engine, &rules);
	explicit_bzero(&rules, sizeof(rules));
	if (er->policies)
		policy_set_unref(er->policies);
	if (er->providers)
		provider_set_unref(er->providers);
	er->policies = TAKE(policies);
	er->providers = TAKE(providers);
	er->fail = config->fail;
	er->rootless = b->rootless;
	return 0;
}

static void report_bundle(struct engine_role *er, uint64_t id, int outcome, struct span error)
{
	struct json_write w;

	buf_clear(&er->out);
	json_write_init(&w, &er->out, false);
	json_write_object(&w, NULL);
	json_write_bool(&w, "ok", !outcome);
	if (outcome) {
		json_write_string(&w, "error",
				  error.n ? error
					  : span_str(strerror(outcome < 0 ? -outcome : EINVAL)));
	} else {
		json_write_int(&w, "policies", (int64_t)policy_set_count(er->policies));
		json_write_str(&w, "digest", policy_set_digest(er->policies));
		json_write_str(&w, "mode", mode_name(engine_mode(er->engine)));
	}
	json_write_end_object(&w);
	peer_send(&er->warden, LINK_BUNDLE_RESULT, id, buf_span(&er->out), -1);
}

static void take_bundle(struct engine_role *er, uint64_t id, const struct role_bundle *b)
{
	struct yaml_error error = YAML_ERROR_INIT;
	int r = use_bundle(er, b, &error);

	report_bundle(er, id, r, buf_span(&error.text));
	yaml_error_deinit(&error);
}

static void read_bundle(struct engine_role *er, const struct link_message *message)
{
	struct role_bundle *b CLEANUP(role_bundle_freep) = NULL;
	int r = role_bundle_read(message->payload, &b);

	if (r)
		report_bundle(er, message->id, r, SPAN_LIT("the bundle is malformed"));
	else
		take_bundle(er, message->id, b);
}

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
	loop_timer_clear(er->loop, &er->listen_again);
	loop_remove(er->loop, &er->listener);
	close(er->listener.fd);
	er->listener.fd = -1;
	loop_timer_set(er->loop, &er->stop,
		       conn_count(er) ? loop_mono_ns() + (AICP_STOP_MS_MAX - 1000) * MS : 0);
}

static void from_warden(struct peer *peer, struct link_message *message)
{
	struct engine_role *er = peer->data;
	struct peer *peers[] = {&er->reader, &er->ledger, &er->api};

	if (message->type == LINK_PEER) {
		if (role_take_peer(message, peers, 3) == LINK_READER)
			conn_reader_back(er);
		/* Counts may have waited for the ledger. */
		if (!er->report.set)
			loop_timer_set(er->loop, &er->report, 0);
	} else if (message->type == LINK_BUNDLE) {
		read_bundle(er, message);
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

	if (message->fd >= 0)
		close(message->fd);
	if (peer->role == LINK_READER && message->type == LINK_IDENTITY) {
		conn_identified(er, message->id, message->payload);
	} else if (peer->role == LINK_LEDGER && message->type == LINK_DURABLE) {
		if (!report_answered(er, message->id, true))
			conn_durable(er, message->id);
	} else if (peer->role == LINK_LEDGER && message->type == LINK_FAILED) {
		log_limited(LOG_ERROR, "no-record", "the ledger refused a record: %.*s",
			    SPAN_ARG(message->payload));
		if (!report_answered(er, message->id, false))
			conn_not_recorded(er, message->id);
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
		if (er->report_id)
			report_answered(er, er->report_id, false);
		conn_ledger_gone(er);
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
	er->engine = engine_new();
	er->budget = budget_new();
	if (!er->loop || !er->engine || !er->budget)
		return -ENOMEM;
	/* Answers to an earlier engine must not fit a connection of this one. */
	if (getrandom(&er->generation, sizeof(er->generation), 0) != sizeof(er->generation))
		return -EIO;
	er->generation &= UINT32_MAX;
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++)
		er->free_slot[er->free_n++] = i;
	er->request = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
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
	struct role_bundle *bundle CLEANUP(role_bundle_freep) = NULL;
	int r = init(&er);

	if (r < 0 || role_start_peer(role, &er.warden, &bundle) < 0)
		return 1;
	take_bundle(&er, 0, bundle);
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
