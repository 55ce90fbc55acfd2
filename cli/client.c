/* SPDX-License-Identifier: MIT */
#include "client.h"

#include "aicp/shim.h"
#include "base/visible.h"
#include "http/body.h"
#include "http/http1.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 30000

int client_open(const struct cli *cli, struct client *ret_client)
{
	struct config *config;
	char dir[PATH_MAX];
	int rc = cmd_config(cli, &config);

	if (rc)
		return rc;
	cmd_runtime_dir(config, dir);
	config_free(config);
	if ((size_t)snprintf(ret_client->socket, sizeof(ret_client->socket), "%s/%s", dir,
			     AICP_API_SOCKET) >= sizeof(ret_client->socket))
		return cmd_fail("runtime_dir is too long");
	ret_client->timeout_ms = TIMEOUT_MS;
	return 0;
}

void client_answer_deinit(struct client_answer *a)
{
	buf_deinit(&a->body);
	json_scan_free(a->scan);
	a->scan = NULL;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int64_t until_ms)
{
	struct pollfd p = {fd, events, 0};
	int64_t left;
	int r;

	do {
		left = until_ms - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int)left);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

static int dial(const struct client *client)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t n = strlen(client->socket);
	int fd;

	if (n >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, client->socket, n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static int send_all(int fd, struct span bytes, int64_t until_ms)
{
	while (bytes.n) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
		int r;

		if (n > 0) {
			bytes = span_sub(bytes, (size_t)n, bytes.n);
		} else if (errno == EAGAIN) {
			r = wait_for(fd, POLLOUT, until_ms);
			if (r)
				return r;
		} else if (errno != EINTR) {
			/* Refused before all was sent: the answer says why. */
			return errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
		}
	}
	return 0;
}

/* Reads until the daemon closes. */
static int receive_all(int fd, int64_t until_ms, struct buf *out)
{
	for (;;) {
		ssize_t n;
		int r = buf_reserve(out, 16384);

		if (r)
			return r;
		n = recv(fd, out->p + out->n, out->cap - out->n, 0);
		if (n == 0)
			return 0;
		if (n > 0) {
			out->n += (size_t)n;
		} else if (errno == EAGAIN) {
			r = wait_for(fd, POLLIN, until_ms);
			if (r)
				return r;
		} else if (errno != EINTR) {
			return out->n && errno == ECONNRESET ? 0 : -errno;
		}
	}
}

static int read_answer(struct span bytes, const char *method, struct client_answer *a)
{
	struct message head;
	struct body body;
	size_t used;
	int r = http1_response(bytes, span_str(method), &head, &used, NULL);

	if (r)
		return r < 0 ? r : -EPROTO;
	a->status = head.status;
	bytes = span_sub(bytes, used, bytes.n);
	body_init(&body, &head, AICP_API_ANSWER_BYTES_MAX);
	do {
		struct span slice;

		r = body_read(&body, bytes, &slice, &used);
		if (r != PARSE_DONE && r != PARSE_E_MORE)
			return r < 0 ? r : -EPROTO;
		buf_put(&a->body, slice);
		bytes = span_sub(bytes, used, bytes.n);
	} while (r == PARSE_E_MORE && bytes.n);
	if (r == PARSE_E_MORE && body_end(&body) != PARSE_DONE)
		return -EPROTO;
	if (a->body.err)
		return a->body.err;
	a->scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	if (!a->scan)
		return -ENOMEM;
	if (json_scan_all(a->scan, buf_span(&a->body)) == PARSE_DONE) {
		a->json = json_scan_json(a->scan, buf_span(&a->body));
		a->has_json = true;
	}
	return 0;
}

static int exchange(int fd, struct span request, int64_t until_ms, struct buf *in)
{
	int r = send_all(fd, request, until_ms);

	return r ? r : receive_all(fd, until_ms, in);
}

int client_ask(const struct client *client, const char *method, struct span path, struct span body,
	       struct client_answer *ret_answer)
{
	struct buf request = BUF_INIT(AICP_API_BODY_BYTES_MAX + AICP_API_TARGET_BYTES_MAX * 4);
	struct buf in = BUF_INIT(AICP_API_ANSWER_BYTES_MAX + AICP_HEAD_BYTES_MAX);
	int64_t until_ms = now_ms() + client->timeout_ms;
	int r, fd = dial(client);

	*ret_answer = (struct client_answer){.body = BUF_INIT(AICP_API_ANSWER_BYTES_MAX)};
	if (fd < 0)
		return fd;
	buf_printf(&request, "%s %.*s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method,
		   SPAN_ARG(path));
	if (body.p)
		buf_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			   body.n);
	buf_put_str(&request, "\r\n");
	buf_put(&request, body);
	r = request.err ? request.err : exchange(fd, buf_span(&request), until_ms, &in);
	if (!r)
		r = read_answer(buf_span(&in), method, ret_answer);
	if (r)
		client_answer_deinit(ret_answer);
	close(fd);
	buf_deinit(&request);
	buf_deinit(&in);
	return r;
}

static int cannot(const struct client *client, int err)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		return cmd_fail(
			"no daemon answers at %s: start it (`systemctl start aicp`), or name its "
			"configuration with -c FILE",
			client->socket);
	case -EACCES:
	case -EPERM:
		return cmd_fail("%s: %s; ask as root", client->socket, strerror(-err));
	case -ETIMEDOUT:
		return cmd_fail("the daemon did not answer in %d s; see `aicp doctor`",
				client->timeout_ms / 1000);
	case -EPROTO:
		return cmd_fail("%s answers, but not as aicp does", client->socket);
	}
	return cmd_fail("%s: %s", client->socket, strerror(-err));
}

/* Texts of an answer may quote what others chose. */
static void say_refusal(const struct client_answer *a)
{
	uint32_t t = a->has_json ? json_get(&a->json, 0, "message") : JSON_NONE;
	struct buf text = BUF_INIT(AICP_API_ANSWER_BYTES_MAX);
	struct buf visible = BUF_INIT(AICP_API_ANSWER_BYTES_MAX);

	if (t == JSON_NONE || json_string_put(&a->json, t, &text) ||
	    visible_put(buf_span(&text), false, &visible))
		cmd_fail("the daemon answered with status %u and no reason", a->status);
	else
		cmd_fail("%.*s", SPAN_ARG(buf_span(&visible)));
	buf_deinit(&text);
	buf_deinit(&visible);
}

int client_try(const struct client *client, const char *method, struct span path, struct span body,
	       unsigned *ret_status, struct client_answer *ret_answer)
{
	struct client_answer a;
	int r = client_ask(client, method, path, body, &a);

	*ret_status = 0;
	if (r)
		return cannot(client, r);
	*ret_status = a.status;
	if (a.status < 400 && a.has_json) {
		*ret_answer = a;
		return 0;
	}
	say_refusal(&a);
	client_answer_deinit(&a);
	return CMD_FAILED;
}

int client_get(const struct client *client, const char *method, struct span path, struct span body,
	       struct client_answer *ret_answer)
{
	unsigned status;

	return client_try(client, method, path, body, &status, ret_answer);
}

static int escape(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i], low = span_ascii_lower(c);

		if ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
		    (c && strchr("-_.~", c)))
			buf_put_byte(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
	return out->err;
}

int client_parameter(struct buf *path, const char *name, struct span value)
{
	buf_put_byte(path, path->n && memchr(path->p, '?', path->n) ? '&' : '?');
	buf_put_str(path, name);
	buf_put_byte(path, '=');
	return escape(path, value);
}

int client_segment(struct buf *path, struct span segment)
{
	buf_put_byte(path, '/');
	return escape(path, segment);
}
