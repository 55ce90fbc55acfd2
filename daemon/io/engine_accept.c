/* SPDX-License-Identifier: MIT */
/*
 * How a shim's request comes in: accept, credentials, budget, frame.
 *
 * Who it is is asked when the connection comes, so that the answer is on its way while the frame is
 * read.
 */
#include "io/engine_role.h"

#include "base/cleanup.h"
#include "io/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define ACCEPT_TURN 32
#define FDS_MAX	    2
/* SCM_MAX_FD of the kernel: what has no room would be closed here and now, inside recvmsg(). */
#define FDS_ROOM 253
/* Out of descriptors: others have to end first. */
#define LISTEN_AGAIN_MS 20
#define UNREADABLE_NS	(10000 * MS)

/*
 * Asks the reader, unless it said so a moment ago. When it cannot be asked the request is judged on
 * what the socket says; so are for a while all requests of a uid whose process made the reader
 * hang, so that it cannot do it to the others again and again.
 */
static void ask_identity(struct conn *c)
{
	struct engine_role *er = c->role;
	socklen_t n = sizeof(c->pidfd);
	char text[40];
	int r;

	c->known = identity_cache_find(er->identities, c->pid);
	if (c->known) {
		conn_identify(c, &c->known->who);
		return;
	}
	/* No pid: of a process in another pid namespace that we cannot see. */
	if (c->pid <= 0 || c->user->unreadable_until_ns > c->arrived_ns) {
		conn_identify_thinly(c);
		return;
	}
	c->asked_ns = loop_mono_ns();
	/* Asked again, it is the same process. */
	if (c->pidfd < 0 && getsockopt(c->fd, SOL_SOCKET, SO_PEERPIDFD, &c->pidfd, &n) < 0)
		c->pidfd = -1;
	r = snprintf(text, sizeof(text), "{\"pid\":%lld}", (long long)c->pid);
	r = peer_send(&er->reader, LINK_IDENTIFY, c->id, span_of(text, (size_t)r), c->pidfd);
	/* A reader that is about to be started again is asked when it is there. */
	if (r < 0 && r != -ENOTCONN && r != -EPIPE)
		conn_identify_thinly(c);
}

void conn_reader_gone(struct engine_role *er)
{
	int64_t now = loop_mono_ns();

	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++) {
		struct conn *c = er->conn[i];

		/* The reader ends itself when one look takes this long; who waits shorter only
		 * stood behind. */
		if (!c || c->identified || now - c->asked_ns < (AICP_READER_MS_MAX - 50) * MS)
			continue;
		log_limited(
			LOG_WARNING, "unreadable",
			"process %lld of uid %lld made the reader of /proc hang; its requests are "
			"judged without its identity",
			(long long)c->pid, (long long)c->uid);
		c->user->unreadable_until_ns = now + UNREADABLE_NS;
		conn_identify_thinly(c);
		conn_ready(c);
	}
}

void conn_reader_back(struct engine_role *er)
{
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++) {
		struct conn *c = er->conn[i];

		if (!c || c->identified || c->seat == SEAT_REFUSED)
			continue;
		ask_identity(c);
		conn_ready(c);
	}
}

static void timed_out(struct loop_timer *timer)
{
	struct conn *c = timer->data;
	struct engine_role *er = c->role;

	switch (c->state) {
	case CONN_READING:
		conn_note(er, c->user, BUDGET_NO_FRAME);
		conn_close(c);
		break;
	case CONN_IDENTIFYING:
		conn_identify_thinly(c);
		conn_ready(c);
		break;
	case CONN_QUEUED:
		lane_forget(c);
		conn_note(er, c->user, BUDGET_UNRECORDED);
		conn_refuse(c, REASON_NO_ENGINE);
		break;
	case CONN_JUDGING:
		break;
	case CONN_RECORDING:
		c->held ? hold_unanswered(c) : conn_unrecorded(c);
		break;
	case CONN_HELD:
		hold_timed_out(c);
		break;
	case CONN_ENDING:
		hold_unrecorded(c);
		break;
	}
}

/* A socket that the shim passes is a TCP socket of the program. */
static bool is_tcp(int fd)
{
	int protocol = 0;
	socklen_t n = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n) == 0 &&
	       (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

static bool frame_ok(struct conn *c, int fd[FDS_MAX], unsigned fds_n, const char **ret_error)
{
	if (shim_frame_check(buf_span(&c->message), fds_n, &c->frame, ret_error) != PARSE_DONE)
		return false;
	*ret_error = "passed socket";
	if (c->frame.has_socket && !is_tcp(fd[0]))
		return false;
	if (c->frame.has_memfd) {
		c->memfd = fd[fds_n - 1];
		fd[fds_n - 1] = -1;
	}
	return true;
}

/* What a shim let pass while we were away: a claim. One record never says more than this for a uid.
 */
#define UNJUDGED_MAX 1000000u

static void note_unjudged(struct conn *c)
{
	uint32_t n = c->frame.head.unjudged;

	if (!n)
		return;
	if (c->user->count[BUDGET_UNJUDGED] >= UNJUDGED_MAX)
		return;
	conn_note(c->role, c->user, BUDGET_UNJUDGED);
	n = (n < UNJUDGED_MAX ? n : UNJUDGED_MAX) - 1;
	c->user->count[BUDGET_UNJUDGED] += n;
	c->role->counters.total[BUDGET_UNJUDGED] += n;
}

/* The frame is here: check it, charge it, and judge when it is known who sent it. Closes fd. */
static void take_frame(struct conn *c, int fd[FDS_MAX], unsigned fds_n)
{
	struct engine_role *er = c->role;
	const char *error = NULL;
	bool ok = frame_ok(c, fd, fds_n, &error);

	for (unsigned i = 0; i < fds_n; i++)
		closer_close(er->closer, fd[i]);
	loop_remove(er->loop, &c->source);
	if (!ok) {
		log_limited(LOG_WARNING, "bad-frame", "uid %lld, pid %lld: wrong %s",
			    (long long)c->uid, (long long)c->pid, error);
		conn_note(er, c->user, BUDGET_BAD_FRAME);
		conn_refuse(c, REASON_MALFORMED);
		return;
	}
	if (c->seat == SEAT_REFUSED || !budget_charge(c->user, c->frame.head.request_bytes)) {
		conn_note(er, c->user, BUDGET_OVER);
		conn_refuse(c, REASON_OVER_BUDGET);
		return;
	}
	c->charged = c->frame.head.request_bytes;
	note_unjudged(c);
	c->state = CONN_IDENTIFYING;
	if (!c->identified)
		loop_timer_set(er->loop, &c->timer, c->arrived_ns + AICP_IDENTIFY_MS_MAX * MS);
	conn_ready(c);
}

/* The number passed, of which the first are in fd and the others are closed. */
static unsigned take_fds(struct closer *closer, struct msghdr *msg, int fd[FDS_MAX])
{
	unsigned n = 0;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR(msg, m)) {
		size_t fds_n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < fds_n; i++) {
			int one;

			memcpy(&one, CMSG_DATA(m) + i * sizeof(int), sizeof(one));
			if (n < FDS_MAX)
				fd[n] = one;
			else
				closer_close(closer, one);
			n++;
		}
	}
	return n;
}

/* 0: dealt with (c may be gone); 1: no frame yet. */
static int read_frame(struct conn *c)
{
	struct engine_role *er = c->role;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control;
	struct iovec iov = {er->in, sizeof(er->in)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd[FDS_MAX] = {-1, -1};
	unsigned fds_n;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n <= 0) {
		conn_note(er, c->user, BUDGET_NO_FRAME);
		conn_close(c);
		return 0;
	}
	fds_n = take_fds(er->closer, &msg, fd);
	/* Cut messages fail the length check, and so does what brings more than a frame may. */
	if (msg.msg_flags & MSG_CTRUNC || fds_n > FDS_MAX) {
		fds_n = fds_n < FDS_MAX ? fds_n : FDS_MAX;
		n = 0;
	}
	buf_put(&c->message, span_of(er->in, (size_t)n));
	take_frame(c, fd, fds_n);
	return 0;
}

static void readable(struct loop_source *source, uint32_t events)
{
	(void)events;
	read_frame(source->data);
}

static struct conn *conn_new(struct engine_role *er, int fd, const struct ucred *peer,
			     struct budget_user *user)
{
	struct conn *c = er->free_n ? calloc(1, sizeof(*c)) : NULL;
	uint32_t slot;

	if (!c)
		return NULL;
	slot = er->free_slot[--er->free_n];
	er->conn[slot] = c;
	er->generation++;
	c->id = (er->generation << CONN_SLOT_BITS | slot) & ~(UINT64_C(3) << 62);
	c->role = er;
	c->fd = fd;
	c->user = user;
	c->pid = peer->pid;
	c->uid = peer->uid;
	c->gid = peer->gid;
	c->memfd = -1;
	c->pidfd = -1;
	c->body = -1;
	c->message = BUF_INIT(sizeof(er->in));
	c->answer = BUF_INIT(AICP_SHIM_ANSWER_BYTES_MAX);
	c->arrived_ns = loop_mono_ns();
	c->timer = (struct loop_timer){.fire = timed_out, .data = c};
	c->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .ready = readable, .data = c};
	return c;
}

static void greet(struct engine_role *er, int fd)
{
	struct budget_user *user = NULL;
	struct ucred peer;
	socklen_t n = sizeof(peer);
	struct conn *c;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0) {
		closer_close(er->closer, fd);
		return;
	}
	r = budget_enter(er->budget, peer.uid, &user);
	if (r == BUDGET_E_CLOSE) {
		if (user)
			conn_note(er, user, BUDGET_CLOSED);
		closer_close(er->closer, fd);
		return;
	}
	c = conn_new(er, fd, &peer, user);
	if (!c) {
		conn_note(er, user, BUDGET_CLOSED);
		r == BUDGET_E_REFUSE ? budget_leave_refused(user) : budget_leave(user);
		closer_close(er->closer, fd);
		return;
	}
	c->seat = r == BUDGET_E_REFUSE ? SEAT_REFUSED : SEAT_JUDGED;
	if (c->seat == SEAT_JUDGED)
		ask_identity(c);
	/* Shims write right behind connect(): mostly the frame is here already, and epoll need not
	 * know. */
	if (read_frame(c) == 0)
		return;
	loop_timer_set(er->loop, &c->timer, c->arrived_ns + AICP_SHIM_FRAME_MS_MAX * MS);
	if (loop_add(er->loop, &c->source) < 0)
		conn_close(c);
}

void conn_accept(struct loop_source *listener, uint32_t events)
{
	struct engine_role *er = listener->data;

	(void)events;
	for (int i = 0; i < ACCEPT_TURN; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			greet(er, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			log_limited(LOG_ERROR, "accept", "cannot accept: %s", strerror(errno));
			loop_remove(er->loop, listener);
			loop_timer_set(er->loop, &er->listen_again,
				       loop_mono_ns() + LISTEN_AGAIN_MS * MS);
		}
		return;
	}
}
