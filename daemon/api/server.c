/* SPDX-License-Identifier: MIT */
#include "api/server.h"

#include "api/connection.h"
#include "api/exchange.h"
#include "io/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SWEEP_MS 500
/* Long answers that are worked at at once. */
#define LATER_MAX 4

struct server {
	struct api *api;
	struct listener listener[SERVER_LISTENERS];
	struct exchange *later; /* sleeping */
	unsigned later_n;
	int64_t swept_ns;
};

/* ---- exchanges ---- */

static void *on_target(void *data, const char *target, struct MHD_Connection *mhd)
{
	struct listener *l = data;
	struct api *api = l->server->api;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct exchange *x = calloc(1, sizeof(*x));
	char id[ANSWER_ID_BYTES + 1];

	if (!x)
		return NULL;
	snprintf(id, sizeof(id), "%08x%08x", (unsigned)((uint64_t)api->started_ns >> 20),
		 (unsigned)++api->requests);
	x->api = api;
	x->mhd = mhd;
	x->connection = info ? info->socket_context : NULL;
	x->target = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	x->storage = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	x->body = BUF_INIT(AICP_API_BODY_BYTES_MAX);
	x->target_too_long = buf_put_str(&x->target, target) != 0;
	answer_init(&x->request.answer, id);
	return x;
}

static void forget_later(struct exchange *x)
{
	struct server *server = x->api->server;

	if (x->next)
		x->next->prev = x->prev;
	if (x->prev)
		x->prev->next = x->next;
	else
		server->later = x->next;
	server->later_n--;
}

static void on_completed(void *data, struct MHD_Connection *mhd, void **exchange,
			 enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *exchange;

	(void)data;
	(void)mhd;
	(void)code;
	if (!x)
		return;
	if (x->state == EXCHANGE_LATER)
		forget_later(x);
	connection_enter(x->connection, PHASE_HEAD);
	if (x->request.job_free)
		x->request.job_free(x->request.job);
	answer_deinit(&x->request.answer);
	buf_deinit(&x->target);
	buf_deinit(&x->storage);
	buf_deinit(&x->body);
	free(x);
	*exchange = NULL;
}

static void put_headers(struct MHD_Response *response, const struct answer *a)
{
	static const char *const always[][2] = {
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
		{"Cache-Control", "no-store"},
		{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
	};
	char text[128];

	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		MHD_add_response_header(response, always[i][0], always[i][1]);
	MHD_add_response_header(response, "Content-Type", a->type);
	MHD_add_response_header(response, "X-Request-ID", a->id);
	if (a->status == 401)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"aicp\"");
	if (a->allow.n) {
		snprintf(text, sizeof(text), "%.*s", SPAN_ARG(buf_span(&a->allow)));
		MHD_add_response_header(response, "Allow", text);
	}
	if (a->retry_after_s) {
		snprintf(text, sizeof(text), "%u", a->retry_after_s);
		MHD_add_response_header(response, "Retry-After", text);
	}
	if (a->file_name) {
		snprintf(text, sizeof(text), "attachment; filename=\"%s\"", a->file_name);
		MHD_add_response_header(response, "Content-Disposition", text);
	}
}

static enum MHD_Result send_answer(struct exchange *x)
{
	struct answer *a = &x->request.answer;
	struct MHD_Response *response;
	enum MHD_Result r;

	if (a->body.err) {
		answer_fault(a, API_FAULT_INTERNAL, NULL, SPAN_NULL,
			     "the answer is too large or memory is short; ask for less");
		if (a->body.err)
			return MHD_NO;
	}
	response = MHD_create_response_from_buffer(a->body.n, a->body.p, MHD_RESPMEM_MUST_FREE);
	if (!response)
		return MHD_NO;
	a->body = BUF_INIT(a->body.max); /* the response owns the bytes */
	put_headers(response, a);
	connection_enter(x->connection, PHASE_ANSWER);
	x->state = EXCHANGE_READY;
	r = MHD_queue_response(x->mhd, a->status, response);
	MHD_destroy_response(response);
	return r;
}

static void failed(struct exchange *x, int err)
{
	log_limited(LOG_ERROR, "request", "%s: %s", route_row(x->request.route)->path,
		    strerror(-err));
	answer_fault(&x->request.answer, API_FAULT_INTERNAL, NULL, SPAN_NULL,
		     "this could not be done (%s); the daemon's log says more", strerror(-err));
}

/* The request is whole: the answer, or the begin of a long one. */
static enum MHD_Result answer_request(struct exchange *x)
{
	struct server *server = x->api->server;
	int r;

	if (x->body_too_large) {
		answer_fault(&x->request.answer, API_FAULT_TOO_LARGE, NULL, SPAN_NULL,
			     "a body may have %u bytes, no more", AICP_API_BODY_BYTES_MAX);
		return send_answer(x);
	}
	x->request.body = buf_span(&x->body);
	r = request_run(x->api, &x->request);
	if (r < 0)
		failed(x, r);
	if (r != REQUEST_LATER)
		return send_answer(x);
	if (server->later_n == LATER_MAX) {
		answer_fault(&x->request.answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
			     "%u long answers are being worked at; try again in a moment",
			     LATER_MAX);
		x->request.answer.retry_after_s = 1;
		return send_answer(x);
	}
	x->state = EXCHANGE_LATER;
	connection_enter(x->connection, PHASE_LATER);
	x->prev = NULL;
	x->next = server->later;
	if (x->next)
		x->next->prev = x;
	server->later = x;
	server->later_n++;
	MHD_suspend_connection(x->mhd);
	return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t n)
{
	if (!x->body_too_large && buf_put(&x->body, span_of(data, n)) == -E2BIG)
		x->body_too_large = true;
	return x->body.err == -ENOMEM ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_n, void **exchange)
{
	struct exchange *x = *exchange;
	enum MHD_Result r;

	(void)data;
	(void)mhd;
	(void)url;
	(void)version;
	if (!x || !x->connection)
		return MHD_NO;
	switch (x->state) {
	case EXCHANGE_NEW:
		if (!exchange_admit(x, &x->connection->peer, method))
			return send_answer(x);
		x->connection->known = x->request.who.role[0] != 0;
		connection_enter(x->connection, PHASE_BODY);
		x->state = EXCHANGE_BODY;
		return MHD_YES;
	case EXCHANGE_BODY:
		if (!*upload_n)
			return answer_request(x);
		r = take_body(x, upload, *upload_n);
		*upload_n = 0;
		return r;
	case EXCHANGE_LATER:
		return MHD_YES;
	case EXCHANGE_READY:
		return send_answer(x);
	}
	return MHD_NO;
}

/* ---- the whole ---- */

static void step_later(struct server *server)
{
	struct exchange *next;

	for (struct exchange *x = server->later; x; x = next) {
		int r = x->request.step(x->api, &x->request);

		next = x->next;
		if (r == REQUEST_LATER)
			continue;
		if (r < 0)
			failed(x, r);
		forget_later(x);
		x->state = EXCHANGE_READY;
		MHD_resume_connection(x->mhd);
	}
}

static void quiet(void *data, const char *fmt, va_list ap)
{
	(void)data;
	(void)fmt;
	(void)ap;
}

static int listen_on(struct server *server, unsigned i, int fd, bool local)
{
	struct listener *l = &server->listener[i];
	const union MHD_DaemonInfo *info;

	*l = (struct listener){.server = server, .epoll_fd = -1, .local = local};
	if (fd < 0)
		return 0;
	l->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, l,
		MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, AICP_API_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)AICP_API_CONNECTION_BYTES_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, l, MHD_OPTION_NOTIFY_CONNECTION,
		connection_notify, l, MHD_OPTION_NOTIFY_COMPLETED, on_completed, l, MHD_OPTION_END);
	if (!l->mhd) {
		close(fd);
		return -EIO;
	}
	info = MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EIO;
	l->epoll_fd = info->epoll_fd;
	return 0;
}

int server_new(struct api *api, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));
	int r, q;

	if (!server)
		return -ENOMEM;
	server->api = api;
	r = listen_on(server, 0, api->start->unix_fd, true);
	q = listen_on(server, 1, api->start->tcp_fd, false);
	if (r || q) {
		server_free(server);
		return r ? r : q;
	}
	*ret_server = server;
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	/* libmicrohttpd will not stop while a connection sleeps. */
	while (server->later) {
		struct exchange *x = server->later;

		forget_later(x);
		answer_fault(&x->request.answer, API_FAULT_UNAVAILABLE, NULL, SPAN_NULL,
			     "the daemon is stopping");
		x->state = EXCHANGE_READY;
		MHD_resume_connection(x->mhd);
	}
	for (unsigned i = 0; i < SERVER_LISTENERS; i++)
		if (server->listener[i].mhd) {
			MHD_run(server->listener[i].mhd);
			MHD_stop_daemon(server->listener[i].mhd);
		}
	free(server);
}

int server_fd(const struct server *server, unsigned listener)
{
	return server->listener[listener].epoll_fd;
}

void server_turn(struct server *server)
{
	int64_t now_ns;

	step_later(server);
	for (unsigned i = 0; i < SERVER_LISTENERS; i++) {
		struct listener *l = &server->listener[i];
		unsigned before = l->connections_n;

		if (!l->mhd)
			continue;
		MHD_run(l->mhd);
		/* At its limit libmicrohttpd does not listen, and begins again only in a later run.
		 */
		if (l->connections_n < before)
			MHD_run(l->mhd);
	}
	now_ns = api_mono_ns();
	if (now_ns - server->swept_ns < SWEEP_MS * INT64_C(1000000))
		return;
	server->swept_ns = now_ns;
	for (unsigned i = 0; i < SERVER_LISTENERS; i++)
		connection_sweep(&server->listener[i], now_ns);
}

int server_timeout_ms(const struct server *server)
{
	int best = -1;

	if (server->later)
		return 0;
	for (unsigned i = 0; i < SERVER_LISTENERS; i++) {
		const struct listener *l = &server->listener[i];
		MHD_UNSIGNED_LONG_LONG ms;

		if (!l->mhd)
			continue;
		if (l->connections && (best < 0 || best > SWEEP_MS))
			best = SWEEP_MS;
		if (MHD_get_timeout(l->mhd, &ms) == MHD_YES && (best < 0 || ms < (unsigned)best))
			best = (int)ms;
	}
	return best;
}
