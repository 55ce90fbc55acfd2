/* SPDX-License-Identifier: MIT */
/* Asks the engine about one request. */
#include "link.h"

#include "os.h"

#include <string.h>
#include <sys/uio.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian");

/* Bytes that can be served. */
static bool is_answer(const struct aicp_shim_verdict *v, const uint8_t *answer)
{
	return v->answer_bytes >= 16 && memcmp(answer, "HTTP/1.", 7) == 0;
}

enum decide_reply link_read_verdict(const uint8_t *message, size_t n, struct link_answer *answer)
{
	struct aicp_shim_verdict v;
	const uint8_t *bytes = message + sizeof(v);

	if (n < sizeof(v) || n > LINK_VERDICT_BYTES_MAX)
		return DECIDE_REPLY_GARBAGE;
	memcpy(&v, message, sizeof(v));
	if (v.magic != AICP_SHIM_MAGIC || v.version != AICP_SHIM_VERSION ||
	    v.type != AICP_SHIM_VERDICT || v.answer_bytes != n - sizeof(v) ||
	    v.body_bytes > AICP_SHIM_REQUEST_BYTES_MAX)
		return DECIDE_REPLY_GARBAGE;
	answer->n = v.answer_bytes;
	answer->body_n = v.body_bytes;
	answer->wait_ms = v.action == AICP_SHIM_HOLD ? v.extra : 0;
	answer->witness = false;
	switch (v.action) {
	case AICP_SHIM_PASS:
	case AICP_SHIM_REWRITE:
		if (v.answer_bytes || !v.body_bytes != (v.action == AICP_SHIM_PASS) ||
		    v.extra & ~(uint32_t)AICP_SHIM_V_WITNESS)
			return DECIDE_REPLY_GARBAGE;
		answer->witness = v.extra & AICP_SHIM_V_WITNESS;
		return v.action == AICP_SHIM_PASS ? DECIDE_REPLY_PASS : DECIDE_REPLY_REWRITE;
	case AICP_SHIM_ANSWER:
		return v.body_bytes || v.extra || !is_answer(&v, bytes) ? DECIDE_REPLY_GARBAGE
									: DECIDE_REPLY_ANSWER;
	case AICP_SHIM_HOLD:
		return v.extra && is_answer(&v, bytes) ? DECIDE_REPLY_HOLD : DECIDE_REPLY_GARBAGE;
	}
	return DECIDE_REPLY_GARBAGE;
}

static enum decide_reply reply_of_errno(long r)
{
	switch (-r) {
	case ENOENT:
	case ECONNREFUSED:
	case ENOTDIR:
		return DECIDE_REPLY_ABSENT;
	case EACCES:
	case EPERM:
	case EAFNOSUPPORT:
	case ENAMETOOLONG:
	case EPROTOTYPE:
	case ENOTSOCK:
		return DECIDE_REPLY_REFUSED;
	case EKEYREJECTED:
		return DECIDE_REPLY_STRANGER;
	case EAGAIN:
	case ETIMEDOUT:
	case EINPROGRESS:
		return DECIDE_REPLY_HUNG;
	case ENOMEM:
	case ENOBUFS:
	case EMFILE:
	case ENFILE:
	case ETOOMANYREFS:
		return DECIDE_REPLY_NO_ROOM;
	}
	return DECIDE_REPLY_GONE;
}

static long ask(int fd, const struct link_question *q, int memfd)
{
	struct aicp_shim_request header = {
		.magic = AICP_SHIM_MAGIC,
		.version = AICP_SHIM_VERSION,
		.type = (uint16_t)q->type,
		.flags = (q->socket >= 0 ? AICP_SHIM_F_SOCKET : 0u) |
			 (memfd >= 0 ? AICP_SHIM_F_MEMFD : 0u) | AICP_SHIM_F_CAN_HOLD |
			 AICP_SHIM_F_CAN_WITNESS | (q->clear ? AICP_SHIM_F_CLEAR : 0u),
		.kind = (uint32_t)q->kind,
		.host_bytes = (uint32_t)strlen(q->host),
		.request_bytes = (uint32_t)q->request_n,
		.head_bytes = q->head_n,
		.unjudged = q->unjudged,
	};
	struct iovec iov[3] = {
		{&header, sizeof(header)},
		{(void *)(uintptr_t)q->host, header.host_bytes},
		{(void *)(uintptr_t)q->request, memfd >= 0 ? 0 : q->request_n},
	};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 3};
	int fds[2], n = 0;
	long r;

	if (q->socket >= 0)
		fds[n++] = q->socket;
	if (memfd >= 0)
		fds[n++] = memfd;
	if (n) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, (size_t)n * sizeof(int));
	}
	do
		r = os_sendmsg(fd, &m, MSG_NOSIGNAL);
	while (r == -EINTR);
	return r;
}

/* The first descriptor of a message, above the program's standard ones; others are closed. */
static int take_descriptor(struct msghdr *m)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fd < 0)
				fd = os_fd_above_2(got);
			else
				(void)os_close(got);
		}
	}
	return fd;
}

/* One message if it is there, with what it passes in ret_fd; 0 when the engine closed, or -errno.
 */
static long receive(int fd, uint8_t *buffer, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {buffer, LINK_VERDICT_BYTES_MAX + 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	long r = os_recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);

	if (r >= 0)
		*ret_fd = take_descriptor(&m);
	return r;
}

/* The same, waiting; -EAGAIN at the deadline. */
static long await(int fd, int64_t deadline_ms, uint8_t *buffer, int *ret_fd)
{
	for (;;) {
		long r = receive(fd, buffer, ret_fd);
		int64_t left;

		if (r != -EAGAIN && r != -EINTR)
			return r;
		left = deadline_ms - os_now_ms();
		if (left <= 0)
			return -EAGAIN;
		(void)os_poll(fd, POLLIN, left);
	}
}

static long connect_until(int fd, const char *path, int64_t deadline_ms)
{
	for (;;) {
		int64_t left = deadline_ms - os_now_ms();
		long r;

		if (left <= 0)
			return -EAGAIN;
		r = os_connect_unix(fd, path, left);
		if (r != -EINTR)
			return r;
	}
}

/* Whoever listens will read the request with its credentials, and holds the program's socket: only
 * those may whose word counts anyway. */
static long check_peer(int fd, uint32_t owner)
{
	uint32_t uid;
	int r = os_peer_uid(fd, &uid);

	if (r < 0)
		return r;
	return uid == 0 || uid == owner || uid == (uint32_t)os_euid() ? 0 : -EKEYREJECTED;
}

static enum decide_reply talk(int fd, const struct link_question *q, uint8_t *buffer,
			      struct link_answer *answer)
{
	const int64_t deadline_ms = os_now_ms() + q->timeout_ms;
	int memfd = -1;
	long r;

	r = connect_until(fd, q->path, deadline_ms);
	if (r >= 0)
		r = check_peer(fd, q->owner);
	if (r < 0)
		return reply_of_errno(r);
	if (q->request_n > AICP_SHIM_INLINE_BYTES_MAX) {
		memfd = os_memfd_sealed(q->request, q->request_n);
		if (memfd < 0)
			return DECIDE_REPLY_NO_ROOM;
	}
	r = ask(fd, q, memfd);
	if (memfd >= 0)
		(void)os_close(memfd);
	if (r < 0)
		return reply_of_errno(r);
	r = await(fd, deadline_ms, buffer, &answer->body);
	if (r <= 0)
		return r < 0 ? reply_of_errno(r) : DECIDE_REPLY_GONE;
	return link_read_verdict(buffer, (size_t)r, answer);
}

/* A body without the word for it, or the word without a body. */
static enum decide_reply check_body(enum decide_reply reply, struct link_answer *answer)
{
	const bool due =
		(reply == DECIDE_REPLY_REWRITE || reply == DECIDE_REPLY_HOLD) && answer->body_n;

	if ((answer->body >= 0) == due)
		return reply;
	if (answer->body >= 0)
		(void)os_close(answer->body);
	answer->body = -1;
	return DECIDE_REPLY_GARBAGE;
}

enum decide_reply link_second(int engine, uint8_t *buffer, struct link_answer *ret_answer)
{
	struct link_answer answer = {.body = -1, .engine = -1};
	enum decide_reply reply;
	long r = receive(engine, buffer, &answer.body);

	if (r == -EAGAIN || r == -EINTR)
		return DECIDE_REPLY_HOLD;
	if (r <= 0)
		return DECIDE_REPLY_GONE;
	reply = check_body(link_read_verdict(buffer, (size_t)r, &answer), &answer);
	if (reply != DECIDE_REPLY_PASS && reply != DECIDE_REPLY_ANSWER) {
		if (answer.body >= 0)
			(void)os_close(answer.body);
		return DECIDE_REPLY_GARBAGE;
	}
	*ret_answer = answer;
	return reply;
}

enum decide_reply link_ask(const struct link_question *question, uint8_t *buffer,
			   struct link_answer *ret_answer)
{
	struct link_answer answer = {.body = -1, .engine = -1};
	int fd = os_socket_seqpacket();
	enum decide_reply reply;

	if (fd < 0)
		return reply_of_errno(fd);
	reply = check_body(talk(fd, question, buffer, &answer), &answer);
	answer.witness &= reply == DECIDE_REPLY_PASS || reply == DECIDE_REPLY_REWRITE;
	if (reply == DECIDE_REPLY_HOLD || answer.witness)
		answer.engine = fd;
	else
		(void)os_close(fd);
	*ret_answer = answer;
	return reply;
}
