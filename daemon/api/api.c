/* SPDX-License-Identifier: MIT */
#include "api/api.h"

#include "api/role.h"
#include "api/server.h"
#include "api/tally.h"
#include "record/record_type.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t api_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t api_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int api_query(struct api *api, struct query **ret_query)
{
	if (!api->query) {
		int r = query_open(api->start->state_dir, &api->query);

		if (r)
			return r;
	}
	*ret_query = api->query;
	return 0;
}

/* A role was started (again): what we knew through its predecessor is over. */
static void take_peer(struct api *api, struct link_message *m)
{
	struct buf name = BUF_INIT(32);
	struct link **slot = NULL;
	uint32_t role = JSON_NONE;

	if (json_scan_all(api->scan, m->payload) == PARSE_DONE) {
		struct json j = json_scan_json(api->scan, m->payload);

		role = json_get(&j, 0, "role");
		if (role != JSON_NONE && j.token[role].kind == JSON_STRING)
			json_string_put(&j, role, &name);
	}
	if (span_eq_str(buf_span(&name), link_role_name(LINK_LEDGER)))
		slot = &api->ledger;
	else if (span_eq_str(buf_span(&name), link_role_name(LINK_ENGINE)))
		slot = &api->engine;
	buf_deinit(&name);
	if (!slot || m->fd < 0)
		return;
	link_free(*slot);
	*slot = link_new(m->fd);
	api->silent_until_ns[slot == &api->ledger ? LINK_LEDGER : LINK_ENGINE] = 0;
	m->fd = -1;
	if (slot == &api->ledger) {
		keyring_clear(&api->keyring);
		query_free(api->query);
		api->query = NULL;
		tally_free(api->tally);
		api->tally = NULL;
	}
}

static void take(struct api *api, struct link_message *m, bool warden)
{
	if (warden && m->type == LINK_PEER)
		take_peer(api, m);
	else if (warden && m->type == LINK_STOP)
		api->stop = true;
	/* The rest are answers that came too late. */
	if (m->fd >= 0)
		close(m->fd);
}

/* Reads all that is there. A link that failed is freed, and *link is NULL. */
static void drain(struct api *api, struct link **link)
{
	bool warden = link == &api->warden;
	struct link_message m;
	int r = 0;

	while (*link && (r = link_receive(*link, &m)) == 0)
		take(api, &m, warden);
	if (*link && r == 1 && link_wants_write(*link))
		r = link_flush(*link) < 0 ? -EPIPE : 1;
	if (*link && r < 0 && r != -ENOMEM) {
		link_free(*link);
		*link = NULL;
	}
}

static void notices(struct api *api)
{
	int64_t now_ns = api_mono_ns();
	enum notice_kind kind;

	while ((kind = notice_due(&api->notices, now_ns)) != _NOTICE_COUNT) {
		struct notices before = api->notices;
		struct buf body = BUF_INIT(1024);
		int r = notice_take(&api->notices, kind, now_ns, &body);

		if (!r)
			r = api_record_later(api, record_type_name(RECORD_AUTH_FAILED),
					     buf_span(&body));
		buf_deinit(&body);
		if (r) { /* told with the next one */
			uint64_t count = before.notice[kind].count;

			api->notices.notice[kind].count = count;
			return;
		}
	}
}

static int timeout_ms(const struct api *api)
{
	int best = server_timeout_ms(api->server);
	int64_t next_ns = notice_next_ns(&api->notices), now_ns = api_mono_ns();
	int ms;

	if (next_ns == INT64_MAX)
		return best;
	/* A notice that could not be sent waits for its window as well. */
	ms = next_ns <= now_ns ? 1000 : (int)((next_ns - now_ns) / 1000000) + 1;
	return best < 0 || ms < best ? ms : best;
}

static int loop(struct api *api)
{
	struct link **link[] = {&api->warden, &api->ledger, &api->engine};

	while (!api->stop) {
		struct pollfd p[3 + SERVER_LISTENERS];
		unsigned n = 0;

		for (unsigned i = 0; i < 3; i++)
			if (*link[i])
				p[n++] = (struct pollfd){
					link_fd(*link[i]),
					POLLIN | (link_wants_write(*link[i]) ? POLLOUT : 0), 0};
		for (unsigned i = 0; i < SERVER_LISTENERS; i++)
			if (server_fd(api->server, i) >= 0)
				p[n++] = (struct pollfd){server_fd(api->server, i), POLLIN, 0};
		if (poll(p, n, timeout_ms(api)) < 0 && errno != EINTR)
			return -errno;
		server_turn(api->server);
		/* Behind the server: its calls may have kept messages that arrived meanwhile. */
		for (unsigned i = 0; i < 3; i++)
			drain(api, link[i]);
		if (!api->warden)
			return -EPIPE;
		notices(api);
	}
	return 0;
}

int api_run(const struct api_start *start)
{
	struct api api = {
		.start = start,
		.warden = start->warden,
		.ledger = start->ledger,
		.engine = start->engine,
		.self = {start->config->api_host, start->config->api_port},
		.started_ns = api_wall_ns(),
	};
	int r = -ENOMEM;

	api.scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	if (api.scan)
		r = server_new(&api, &api.server);
	if (!r)
		r = link_send(api.warden, LINK_READY, 0, SPAN_LIT("{}"), -1);
	if (!r)
		r = loop(&api);
	server_free(api.server);
	tally_free(api.tally);
	query_free(api.query);
	json_scan_free(api.scan);
	link_free(api.engine);
	link_free(api.ledger);
	link_free(api.warden);
	return r;
}
