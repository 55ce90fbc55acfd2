/* SPDX-License-Identifier: MIT */
/*
 * The api role in a process of its own, with a real ledger behind it, an engine that answers by
 * rote, and a client that says exactly the bytes it is told to.
 */
#pragma once

#include "api/api.h"
#include "base/json.h"
#include "base/json_write.h"
#include "ledger/approvals.h"
#include "unit/ledger/ledger_fixture.h"

#include <assert.h>
#include <arpa/inet.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define RIG_DECISIONS 25

struct rig {
	struct fixture f;
	char key[LEDGER_KEY_BYTES_MAX], auditor[LEDGER_KEY_BYTES_MAX], user[LEDGER_KEY_BYTES_MAX];
	char socket_path[100];
	uint16_t port;
	pid_t api;
	pthread_t others;
	struct link *link[3]; /* warden, ledger, engine: our ends */
	int stop[2]; /* pipe: ends the thread */
	unsigned auth_asked;
	bool engine_silent;
	pthread_mutex_t lock; /* ledger and counters */
};

static void rig_append(struct rig *rig, struct link *link, const struct link_message *m)
{
	size_t n = m->payload.p[0] & 0x7f;
	struct ledger_item item = {
		.type = record_type_find(span_sub(m->payload, 1, 1 + n)),
		.body = span_sub(m->payload, 1 + n, m->payload.n),
	};
	int r = ledger_append(rig->f.ledger, rig->f.now, &item, 1);

	if (m->id)
		(void)link_send(link, r || item.outcome ? LINK_FAILED : LINK_DURABLE, m->id,
				SPAN_LIT("{\"seq\":1}"), -1);
}

static void rig_auth(struct rig *rig, struct link *link, const struct link_message *m)
{
	struct json_scan *scan = json_scan_new(64);
	struct buf key = BUF_INIT(256), out = BUF_INIT(512);
	struct ledger_principal who;
	struct json j;

	if (json_scan_all(scan, m->payload) == PARSE_DONE) {
		j = json_scan_json(scan, m->payload);
		json_string_put(&j, json_get(&j, 0, "key"), &key);
	}
	if (ledger_key_check(rig->f.ledger, buf_span(&key), &who) == 0)
		buf_printf(&out, "{\"id\":\"%s\",\"ok\":true,\"owner\":\"%s\",\"role\":\"%s\"}",
			   who.id, who.owner, who.role);
	else
		buf_put_str(&out, "{\"ok\":false}");
	(void)link_send(link, LINK_AUTH_RESULT, m->id, buf_span(&out), -1);
	rig->auth_asked++;
	json_scan_free(scan);
	buf_deinit(&key);
	buf_deinit(&out);
}

static void rig_query(struct link *link, const struct link_message *m)
{
	static const char *const row[][2] = {
		{"\"op\":\"status\"", "{\"status\":200,\"body\":{\"mode\":\"enforce\",\"policies\":"
				      "2,\"health\":\"healthy\"}}"},
		{"\"op\":\"policies\"", "{\"status\":200,\"body\":{\"digest\":\"d0\",\"policies\":["
					"{\"name\":\"no-pii\",\"enabled\":true}]}}"},
		{"\"name\":\"no-pii\"",
		 "{\"status\":200,\"body\":{\"name\":\"no-pii\",\"source\":\"policy: no-pii\"}}"},
		{"\"op\":\"policy\"", "{\"status\":404,\"body\":{\"error\":\"no such policy\"}}"},
		{"\"context.bad\"",
		 "{\"status\":400,\"body\":{\"error\":\"bad.fact: is no fact\"}}"},
		{"\"op\":\"dry_run\"",
		 "{\"status\":200,\"body\":{\"decision\":{\"action\":\"block\",\"reason\":\"r\","
		 "\"policy_id\":\"no-pii\"},\"explanation\":{\"policies\":[{\"name\":\"no-pii\","
		 "\"matched\":true,\"action\":\"block\",\"reason\":\"r\"}],\"technical_details\":{"
		 "\"total_policies_evaluated\":1,\"policies_matched\":1}}}}"},
	};
	char text[2048];

	snprintf(text, sizeof(text), "%.*s", SPAN_ARG(m->payload));
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (strstr(text, row[i][0])) {
			(void)link_send(link, LINK_ANSWER, m->id, span_str(row[i][1]), -1);
			return;
		}
}

static void rig_text(const struct json *j, const char *key, char *out, size_t n)
{
	struct buf text = BUF_INIT(n - 1);
	uint32_t t = json_get(j, 0, key);

	out[0] = 0;
	if (t != JSON_NONE && json_string_put(j, t, &text) == 0)
		snprintf(out, n, "%.*s", SPAN_ARG(buf_span(&text)));
	buf_deinit(&text);
}

/* Approvals: what the ledger's role does with them (io/ledger_approvals.c). False: something else.
 */
static bool rig_approvals(struct rig *rig, struct link *link, const struct link_message *m)
{
	static const unsigned status[] = {200, 404, 409, 410, 403, 400};
	struct json_scan *scan = json_scan_new(256);
	struct buf out = BUF_INIT(8u << 20), content = BUF_INIT(2u << 20);
	char id[64], op[16], by[129], role[33], key[17], why[9000], comment[9000];
	struct ledger_decided decided = {0};
	struct json_write w;
	struct json j;
	int r;

	assert(json_scan_all(scan, m->payload) == PARSE_DONE);
	j = json_scan_json(scan, m->payload);
	rig_text(&j, "op", op, sizeof(op));
	rig_text(&j, "approval_id", id, sizeof(id));
	rig_text(&j, "by", by, sizeof(by));
	rig_text(&j, "role", role, sizeof(role));
	rig_text(&j, "key", key, sizeof(key));
	rig_text(&j, "rationale", why, sizeof(why));
	rig_text(&j, "comment", comment, sizeof(comment));
	json_write_init(&w, &out, false);
	json_write_object(&w, NULL);
	if (m->type == LINK_QUERY && strcmp(op, "content") == 0) {
		r = ledger_content(rig->f.ledger, span_str(id), &content);
		json_write_int(&w, "status", r ? 404 : 200);
		json_write_object(&w, "body");
		json_write_string(&w, "content", buf_span(&content));
	} else if (m->type == LINK_COMMAND) {
		r = ledger_decide(rig->f.ledger, rig->f.now,
				  &(struct ledger_decision){
					  .approval_id = id,
					  .approve = strcmp(op, "approve") == 0,
					  .by = by,
					  .role = role,
					  .key = key,
					  .rationale = why,
					  .comment = comment,
				  },
				  &decided);
		json_write_int(&w, "status", r < 0 ? 503 : status[r]);
		json_write_object(&w, "body");
		json_write_str(&w, "state", approval_state_name(decided.state));
		json_write_str(&w, "by", decided.by);
		json_write_str(&w, "at", "2026-11-28T00:00:00.000000000Z");
		json_write_int(&w, "seq", (int64_t)decided.seq);
		json_write_bool(&w, "self_approved", decided.self_approved);
	} else {
		buf_clear(&out);
	}
	if (out.n) {
		json_write_end_object(&w);
		json_write_end_object(&w);
		(void)link_send(link, LINK_ANSWER, m->id, buf_span(&out), -1);
	}
	r = out.n > 0;
	json_scan_free(scan);
	buf_deinit(&out);
	buf_deinit(&content);
	return r;
}

static void rig_serve(struct rig *rig, struct link *link, const struct link_message *m)
{
	pthread_mutex_lock(&rig->lock);
	if (m->type == LINK_APPEND)
		rig_append(rig, link, m);
	else if (m->type == LINK_AUTH)
		rig_auth(rig, link, m);
	else if ((m->type == LINK_QUERY || m->type == LINK_COMMAND) && link == rig->link[1] &&
		 rig_approvals(rig, link, m))
		;
	else if (m->type == LINK_QUERY && !(rig->engine_silent && link == rig->link[2]))
		rig_query(link, m);
	else if (m->type == LINK_RELOAD)
		(void)link_send(link, LINK_RELOAD_RESULT, m->id,
				SPAN_LIT("{\"ok\":true,\"policies\":2,\"digest\":\"d1\"}"), -1);
	pthread_mutex_unlock(&rig->lock);
}

static void *rig_others(void *data)
{
	struct rig *rig = data;

	for (;;) {
		struct pollfd p[4] = {{rig->stop[0], POLLIN, 0}};
		struct link_message m;

		for (int i = 0; i < 3; i++)
			p[1 + i] = (struct pollfd){link_fd(rig->link[i]), POLLIN, 0};
		poll(p, 4, -1);
		if (p[0].revents)
			return NULL;
		for (int i = 0; i < 3; i++)
			while (link_receive(rig->link[i], &m) == 0)
				rig_serve(rig, rig->link[i], &m);
	}
}

static int rig_listen(int fd, const void *address, socklen_t n)
{
	if (fd < 0 || bind(fd, address, n) < 0 || listen(fd, 128) < 0)
		return -1;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

static void rig_child(struct rig *rig, int *theirs, int unix_fd, int tcp_fd)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct config *config;
	struct api_start start = {
		.unix_fd = unix_fd,
		.tcp_fd = tcp_fd,
		.warden = link_new(theirs[0]),
		.ledger = link_new(theirs[1]),
		.engine = link_new(theirs[2]),
		.state_dir = rig->f.dir,
	};
	char text[128];
	int r;

	snprintf(text, sizeof(text),
		 "api.listen: 127.0.0.1:%u\napprovals.approvers: [2000, 1000]\n", rig->port);
	if (config_parse(span_str(text), "rig.yaml", &config, &error))
		_exit(99);
	start.config = config;
	r = api_run(&start);
	config_free(config);
	yaml_error_deinit(&error);
#if defined(__SANITIZE_ADDRESS__)
	/* _exit() does not look for leaks, and exit() would run what the test program registered.
	 */
	if (r == 0 && __lsan_do_recoverable_leak_check())
		_exit(97);
#endif
	_exit(r == 0 ? 0 : 98);
}

static int rig_key(struct rig *rig, const char *role, char out[LEDGER_KEY_BYTES_MAX])
{
	struct ledger_key_request request = {.role = role, .owner = role, .by = "test"};

	return ledger_key_create(rig->f.ledger, rig->f.now, &request, out);
}

static int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(in);
	int theirs[3], unix_fd, tcp_fd;
	struct fixture *f;
	void *fs;

	if (!rig || fixture_setup(&fs))
		return -1;
	f = fs;
	rig->f = *f;
	free(f);
	signal(SIGPIPE, SIG_IGN);
	if (fixture_open(&rig->f) || fixture_append(&rig->f, 0, RIG_DECISIONS) ||
	    rig_key(rig, "admin", rig->key) || rig_key(rig, "auditor", rig->auditor) ||
	    rig_key(rig, "user", rig->user))
		return -1;
	snprintf(rig->socket_path, sizeof(rig->socket_path), "%s/api.sock", rig->f.dir);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", rig->socket_path);
	unix_fd = rig_listen(socket(AF_UNIX, SOCK_STREAM, 0), &un, sizeof(un));
	chmod(rig->socket_path, 0666);
	chmod(rig->f.dir, 0755);
	tcp_fd = rig_listen(socket(AF_INET, SOCK_STREAM, 0), &in, sizeof(in));
	getsockname(tcp_fd, (struct sockaddr *)&in, &n);
	rig->port = ntohs(in.sin_port);
	for (int i = 0; i < 3; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
			return -1;
		rig->link[i] = link_new(pair[0]);
		theirs[i] = pair[1];
	}
	rig->api = fork();
	if (rig->api == 0)
		rig_child(rig, theirs, unix_fd, tcp_fd);
	for (int i = 0; i < 3; i++)
		close(theirs[i]);
	close(unix_fd);
	close(tcp_fd);
	if (pipe(rig->stop) < 0)
		return -1;
	pthread_mutex_init(&rig->lock, NULL);
	pthread_create(&rig->others, NULL, rig_others, rig);
	*state = rig;
	return 0;
}

static int rig_teardown(void **state)
{
	struct rig *rig = *state;
	int status = -1;
	void *fs;

	if (write(rig->stop[1], "x", 1) != 1)
		return -1;
	pthread_join(rig->others, NULL);
	(void)link_send(rig->link[0], LINK_STOP, 0, SPAN_LIT("{}"), -1);
	waitpid(rig->api, &status, 0);
	for (int i = 0; i < 3; i++)
		link_free(rig->link[i]);
	close(rig->stop[0]);
	close(rig->stop[1]);
	fs = malloc(sizeof(struct fixture));
	*(struct fixture *)fs = rig->f;
	free(rig);
	fixture_teardown(&fs);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* ---- the client ---- */

struct reply {
	unsigned status;
	char text[1 << 20]; /* head and body as they came */
	size_t n;
	const char *body;
};

static int rig_connect(const struct rig *rig, bool tcp)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(rig->port),
	};
	struct timeval patience = {.tv_sec = 20};
	int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", rig->socket_path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (tcp ? connect(fd, (struct sockaddr *)&in, sizeof(in))
		: connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Reads until the peer closes; requests of this file ask it to. */
static void rig_read(int fd, struct reply *ret)
{
	ssize_t n;

	ret->n = 0;
	while (ret->n < sizeof(ret->text) - 1 &&
	       (n = read(fd, ret->text + ret->n, sizeof(ret->text) - 1 - ret->n)) > 0)
		ret->n += (size_t)n;
	ret->text[ret->n] = 0;
	ret->body = strstr(ret->text, "\r\n\r\n");
	ret->body = ret->body ? ret->body + 4 : "";
	ret->status = ret->n > 12 ? (unsigned)atoi(ret->text + 9) : 0;
}

static void rig_raw(const struct rig *rig, bool tcp, struct span bytes, struct reply *ret)
{
	int fd = rig_connect(rig, tcp);
	size_t at = 0;
	ssize_t n;

	while (fd >= 0 && at < bytes.n && (n = write(fd, bytes.p + at, bytes.n - at)) > 0)
		at += (size_t)n;
	rig_read(fd, ret);
	close(fd);
}

struct ask {
	const char *method, *path, *key, *host, *headers, *body;
	bool local;
};

static unsigned rig_ask(const struct rig *rig, const struct ask *a, struct reply *ret)
{
	struct buf out = BUF_INIT(4u << 20);

	buf_printf(&out, "%s %s HTTP/1.1\r\nConnection: close\r\n", a->method ? a->method : "GET",
		   a->path);
	if (a->host)
		buf_printf(&out, "Host: %s\r\n", a->host);
	else
		buf_printf(&out, "Host: 127.0.0.1:%u\r\n", rig->port);
	if (a->key)
		buf_printf(&out, "Authorization: Bearer %s\r\n", a->key);
	if (a->headers)
		buf_put_str(&out, a->headers);
	if (a->body)
		buf_printf(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			   strlen(a->body));
	buf_put_str(&out, "\r\n");
	if (a->body)
		buf_put_str(&out, a->body);
	rig_raw(rig, !a->local, buf_span(&out), ret);
	buf_deinit(&out);
	return ret->status;
}
