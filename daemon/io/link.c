/* SPDX-License-Identifier: MIT */
#include "io/link.h"

#include "base/cleanup.h"
#include "io/link_queue.h"
#include "io/link_wire.h"
#include "io/loop.h"
#include "io/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define FDS_MAX 2

/* A large payload is not kept in memory longer than needed. */
#define PAYLOAD_KEEP_BYTES (1u << 20)

/* Ids of link_call() lie apart from those that callers choose. */
#define CALL_ID_BASE (UINT64_C(1) << 63)

/* A message that arrived while link_call() waited for another. */
struct kept {
	struct kept *next;
	uint16_t type;
	uint64_t id;
	int fd;
	size_t n;
	uint8_t payload[];
};

struct link {
	int fd;
	uint64_t next_call;
	struct link_queue out;
	struct buf payload;
	struct kept *first_kept, *last_kept;
	size_t kept_n;
	struct kept *handed_out; /* what the last link_receive() returned, if it was kept */
	uint8_t in[LINK_WIRE_BYTES_MAX];
};

struct link *link_new(int fd)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link) {
		close(fd);
		return NULL;
	}
	link->fd = fd;
	link->payload = BUF_INIT(AICP_LINK_PAYLOAD_BYTES_MAX);
	return link;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	while (link->first_kept) {
		struct kept *kept = link->first_kept;

		link->first_kept = kept->next;
		if (kept->fd >= 0)
			close(kept->fd);
		free(kept);
	}
	free(link->handed_out);
	link_queue_deinit(&link->out);
	buf_deinit(&link->payload);
	close(link->fd);
	free(link);
}

int link_fd(const struct link *link)
{
	return link->fd;
}

bool link_wants_write(const struct link *link)
{
	return link->out.first != NULL;
}

/* One message as parts, so that the common case is sent without a copy. */
struct parts {
	struct iovec iov[2];
	unsigned iov_n;
	int fd[FDS_MAX];
	unsigned fds_n;
};

/* 0, 1 when the socket is full, -errno. */
static int send_parts(struct link *link, struct parts *parts)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = parts->iov, .msg_iovlen = parts->iov_n};
	ssize_t n;

	if (parts->fds_n) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(parts->fds_n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(parts->fds_n * sizeof(int));
		memcpy(CMSG_DATA(c), parts->fd, parts->fds_n * sizeof(int));
	}
	do
		n = sendmsg(link->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return 1;
	/* What a peer says that ended with messages unread. */
	return errno == ECONNRESET ? -EPIPE : -errno;
}

/* Keeps a copy of what the socket did not take, descriptors included. */
static int queue_parts(struct link *link, const struct parts *parts)
{
	size_t n = 0, at = 0;
	struct link_packet *packet;
	int r;

	for (unsigned i = 0; i < parts->iov_n; i++)
		n += parts->iov[i].iov_len;
	packet = link_packet_new(n);
	if (!packet)
		return -ENOMEM;
	for (unsigned i = 0; i < parts->iov_n; i++) {
		if (parts->iov[i].iov_len)
			memcpy(packet->bytes + at, parts->iov[i].iov_base, parts->iov[i].iov_len);
		at += parts->iov[i].iov_len;
	}
	for (unsigned i = 0; i < parts->fds_n; i++) {
		packet->fd[i] = fcntl(parts->fd[i], F_DUPFD_CLOEXEC, 3);
		if (packet->fd[i] < 0) {
			r = -errno;
			link_packet_free(packet);
			return r;
		}
		packet->fds_n++;
	}
	r = link_queue_put(&link->out, packet);
	if (r < 0)
		link_packet_free(packet);
	return r;
}

int link_send(struct link *link, uint16_t type, uint64_t id, struct span payload, int fd)
{
	struct link_header h = {
		.magic = LINK_MAGIC,
		.version = LINK_VERSION,
		.type = type,
		.id = id,
		.payload_bytes = (uint32_t)payload.n,
	};
	struct parts parts = {.iov = {{.iov_base = &h, .iov_len = sizeof(h)}}, .iov_n = 1};
	int memfd CLEANUP(cleanup_closep) = -1;
	int r = 1;

	if (payload.n > AICP_LINK_PAYLOAD_BYTES_MAX)
		return -E2BIG;
	if (payload.n > AICP_LINK_INLINE_BYTES_MAX) {
		memfd = memfd_make("aicp-link", payload);
		if (memfd < 0)
			return memfd;
		h.flags |= LINK_F_MEMFD;
		parts.fd[parts.fds_n++] = memfd;
	} else if (payload.n) {
		/* sendmsg() reads only; iovec has no const. */
		parts.iov[parts.iov_n++] = (struct iovec){(void *)(uintptr_t)payload.p, payload.n};
	}
	if (fd >= 0) {
		h.flags |= LINK_F_FD;
		parts.fd[parts.fds_n++] = fd;
	}
	if (!link->out.first)
		r = send_parts(link, &parts);
	return r == 1 ? queue_parts(link, &parts) : r;
}

int link_flush(struct link *link)
{
	while (link->out.first) {
		struct link_packet *packet = link->out.first;
		struct parts parts = {
			.iov = {{.iov_base = packet->bytes, .iov_len = packet->n}},
			.iov_n = 1,
			.fd = {packet->fd[0], packet->fd[1]},
			.fds_n = packet->fds_n,
		};
		int r = send_parts(link, &parts);

		if (r == 1)
			return 0;
		if (r < 0)
			return r;
		link_packet_free(link_queue_take(&link->out));
	}
	return 0;
}

/* Collects all descriptors that came along, so that none is left open. */
static unsigned take_fds(struct msghdr *msg, int fd[FDS_MAX])
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i + sizeof(int) <= bytes; i += sizeof(int)) {
			int one;

			memcpy(&one, CMSG_DATA(c) + i, sizeof(one));
			if (n < FDS_MAX)
				fd[n++] = one;
			else
				close(one);
		}
	}
	return n;
}

/* Turns received bytes and descriptors into a message. The descriptors are consumed. 0, -EBADMSG,
 * -errno. */
static int open_message(struct link *link, struct span bytes, int fd[FDS_MAX], unsigned fds_n,
			struct link_message *ret_message)
{
	int first CLEANUP(cleanup_closep) = fds_n > 0 ? fd[0] : -1;
	int second CLEANUP(cleanup_closep) = fds_n > 1 ? fd[1] : -1;
	struct link_message m = {.fd = -1};
	struct link_header h;
	int r;

	if (link_wire_check(bytes, fds_n, &h) != PARSE_DONE)
		return -EBADMSG;
	m.type = h.type;
	m.id = h.id;
	m.payload = span_sub(bytes, sizeof(h), bytes.n);
	if (h.flags & LINK_F_MEMFD) {
		r = memfd_check(first, h.payload_bytes);
		if (r > 0)
			return -EBADMSG;
		if (r < 0)
			return r;
		r = memfd_read(first, h.payload_bytes, &link->payload);
		if (r < 0)
			return r;
		m.payload = buf_span(&link->payload);
	}
	if (h.flags & LINK_F_FD) {
		int *passed = h.flags & LINK_F_MEMFD ? &second : &first;

		m.fd = *passed;
		*passed = -1;
	}
	*ret_message = m;
	return 0;
}

static int receive_socket(struct link *link, struct link_message *ret_message)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = link->in, .iov_len = sizeof(link->in)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd[FDS_MAX];
	unsigned fds_n;
	ssize_t n;

	if (link->payload.cap > PAYLOAD_KEEP_BYTES)
		buf_deinit(&link->payload);
	buf_clear(&link->payload);
	do
		n = recvmsg(link->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 1;
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	fds_n = take_fds(&msg, fd);
	if (n == 0 && !fds_n)
		return -EPIPE;
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (unsigned i = 0; i < fds_n; i++)
			close(fd[i]);
		return -EBADMSG;
	}
	return open_message(link, span_of(link->in, (size_t)n), fd, fds_n, ret_message);
}

int link_receive(struct link *link, struct link_message *ret_message)
{
	free(TAKE(link->handed_out));
	if (link->first_kept) {
		struct kept *kept = link->first_kept;

		link->first_kept = kept->next;
		if (!link->first_kept)
			link->last_kept = NULL;
		link->kept_n--;
		link->handed_out = kept;
		*ret_message = (struct link_message){
			.type = kept->type,
			.id = kept->id,
			.payload = span_of(kept->payload, kept->n),
			.fd = kept->fd,
		};
		return 0;
	}
	return receive_socket(link, ret_message);
}

static int keep(struct link *link, const struct link_message *message)
{
	bool full = link->kept_n >= AICP_LINK_QUEUE_PACKETS_MAX;
	struct kept *kept = full ? NULL : malloc(sizeof(*kept) + message->payload.n);

	if (!kept) {
		if (message->fd >= 0)
			close(message->fd);
		return full ? -ENOBUFS : -ENOMEM;
	}
	link->kept_n++;
	*kept = (struct kept){
		.type = message->type,
		.id = message->id,
		.fd = message->fd,
		.n = message->payload.n,
	};
	if (kept->n)
		memcpy(kept->payload, message->payload.p, kept->n);
	if (link->last_kept)
		link->last_kept->next = kept;
	else
		link->first_kept = kept;
	link->last_kept = kept;
	return 0;
}

/* Sleeps until the socket has something, or can take what is queued. 0, -ETIMEDOUT, -errno. */
static int wait_socket(struct link *link, int64_t due_ns)
{
	struct pollfd p = {.fd = link->fd, .events = POLLIN};
	int64_t left_ns = due_ns - loop_mono_ns();
	int r;

	if (left_ns <= 0)
		return -ETIMEDOUT;
	if (link_wants_write(link))
		p.events |= POLLOUT;
	r = poll(&p, 1, (int)(left_ns / 1000000 + 1));
	if (r < 0 && errno != EINTR)
		return -errno;
	return link_flush(link);
}

int link_call(struct link *link, uint16_t type, struct span payload, int timeout_ms,
	      struct link_message *ret_message)
{
	int64_t due_ns = loop_mono_ns() + (int64_t)timeout_ms * 1000000;
	uint64_t id = CALL_ID_BASE + link->next_call++;
	int r = link_send(link, type, id, payload, -1);

	free(TAKE(link->handed_out));
	while (r >= 0) {
		struct link_message m;

		r = receive_socket(link, &m);
		if (r == 1) {
			r = wait_socket(link, due_ns);
			continue;
		}
		if (r < 0)
			break;
		if (m.id == id) {
			*ret_message = m;
			return 0;
		}
		/* An answer that came after its caller had given up is nobody's. */
		if (m.id >= CALL_ID_BASE) {
			if (m.fd >= 0)
				close(m.fd);
			continue;
		}
		r = keep(link, &m);
	}
	return r;
}
