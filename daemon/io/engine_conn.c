/* SPDX-License-Identifier: MIT */
/*
 * Connections of shims: accept → frame and identity → judge → record → verdict.
 *
 * Who it is is asked when the connection comes, so that the answer is on its way while the frame is
 * read. A verdict leaves only when the ledger has said that its record is durable.
 */
#include "io/append.h"
#include "io/engine_role.h"
#include "io/log.h"
#include "io/memfd.h"

#include "base/cleanup.h"
#include "base/hex.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define SLOT_BITS   12
#define ACCEPT_TURN 32
#define FDS_MAX	    2
#define MS	    INT64_C(1000000)
/* Out of descriptors: others have to end first. */
#define LISTEN_AGAIN_MS 20

_Static_assert(AICP_ENGINE_CONNECTIONS_MAX == 1u << SLOT_BITS, "slots fill the low bits of an id");

unsigned conn_count(const struct engine_role *er)
{
	return AICP_ENGINE_CONNECTIONS_MAX - er->free_n;
}

void conn_note(struct engine_role *er, struct budget_user *user, enum budget_count count)
{
	user->count[count]++;
	er->counters.total[count]++;
	if (!er->report.set)
		loop_timer_set(er->loop, &er->report, loop_mono_ns() + 1000 * MS);
}

static struct conn *find(struct engine_role *er, uint64_t id)
{
	struct conn *c = er->conn[id & (AICP_ENGINE_CONNECTIONS_MAX - 1)];

	return c && c->id == id ? c : NULL;
}

static void conn_free(struct conn *c)
{
	struct engine_role *er = c->role;
	uint32_t slot = (uint32_t)(c->id & (AICP_ENGINE_CONNECTIONS_MAX - 1));

	loop_remove(er->loop, &c->source);
	loop_timer_clear(er->loop, &c->timer);
	if (c->memfd >= 0)
		close(c->memfd);
	close(c->fd);
	budget_refund(c->user, c->charged);
	if (c->over_budget)
		budget_leave_refused(c->user);
	else
		budget_leave(c->user);
	/* It may hold credentials; a judged one was scrubbed, another was not. */
	if (c->message.n)
		explicit_bzero(c->message.p, c->message.n);
	buf_deinit(&c->message);
	buf_deinit(&c->identity);
	buf_deinit(&c->answer);
	er->conn[slot] = NULL;
	er->free_slot[er->free_n++] = slot;
	free(c);
	if (er->stopping && !conn_count(er))
		loop_timer_set(er->loop, &er->stop, 0);
}

/* The one message that a shim gets, and the end. */
static void finish(struct conn *c, enum aicp_shim_action action, struct span answer)
{
	struct aicp_shim_verdict head = {
		.magic = AICP_SHIM_MAGIC,
		.version = AICP_SHIM_VERSION,
		.type = AICP_SHIM_VERDICT,
		.action = action,
		.answer_bytes = (uint32_t)answer.n,
	};
	struct iovec iov[2] = {
		{&head, sizeof(head)}, {(void *)(uintptr_t)answer.p, answer.n}, /* only read */
	};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = answer.n ? 2 : 1};
	struct engine_role *er = c->role;

	_Static_assert(ENGINE_ID_BYTES < sizeof(head.decision_id), "an id and a NUL fit");
	memcpy(head.decision_id, c->decision, ENGINE_ID_BYTES);
	if (sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		conn_note(er, c->user, BUDGET_ABANDONED);
	else if (action == AICP_SHIM_PASS)
		er->counters.passed++;
	else
		er->counters.refused++;
	conn_free(c);
}

static int64_t random_bytes(void *p, size_t n)
{
	ssize_t got;

	do
		got = getrandom(p, n, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

/* A refusal that no policy decided. In monitor mode nothing is stopped, so this is not either. */
static void refuse(struct conn *c, enum reason reason)
{
	struct engine_role *er = c->role;

	if (engine_mode(er->engine) == MODE_MONITOR) {
		finish(c, AICP_SHIM_PASS, SPAN_NULL);
		return;
	}
	if (!c->decision[0]) {
		uint8_t id[ENGINE_ID_BYTES / 2] = {0};

		random_bytes(id, sizeof(id));
		hex_encode(span_of(id, sizeof(id)), c->decision);
	}
	buf_clear(&er->out);
	if (engine_refuse(er->engine, c->frame.host, c->decision, reason, &er->out) < 0)
		buf_clear(&er->out);
	finish(c, AICP_SHIM_ANSWER, buf_span(&er->out));
}

/* The decision of c is not in the ledger and will not get there in time. */
static void unrecorded(struct conn *c)
{
	struct engine_role *er = c->role;

	if (!c->pass) {
		conn_note(er, c->user, BUDGET_UNRECORDED);
		finish(c, AICP_SHIM_ANSWER, buf_span(&c->answer));
	} else if (er->fail == CONFIG_FAIL_OPEN || engine_mode(er->engine) == MODE_MONITOR) {
		conn_note(er, c->user, BUDGET_FAIL_OPEN);
		finish(c, AICP_SHIM_PASS, SPAN_NULL);
	} else {
		conn_note(er, c->user, BUDGET_UNRECORDED);
		refuse(c, REASON_NO_RECORD);
	}
}

/* The bytes to judge: in the frame, or read from the memfd now that its turn has come. 0, > 0 when
 * the memfd is wrong. */
static int request_bytes(struct conn *c, struct span *ret_bytes)
{
	struct engine_role *er = c->role;
	int r;

	if (!c->frame.has_memfd) {
		*ret_bytes = c->frame.request;
		return 0;
	}
	r = memfd_check(c->memfd, c->frame.head.request_bytes);
	if (r)
		return r;
	buf_clear(&er->request);
	r = memfd_read(c->memfd, c->frame.head.request_bytes, &er->request);
	if (!r)
		*ret_bytes = buf_span(&er->request);
	return r;
}

/* Judges, and puts the record into er->record. 0 or -errno. */
static int decide(struct conn *c, struct span bytes)
{
	struct engine_role *er = c->role;
	struct engine_request q = {
		.kind = (enum aicp_shim_kind)c->frame.head.kind,
		.host = c->frame.host,
		.bytes = (uint8_t *)(uintptr_t)bytes.p, /* our own copy in both cases */
		.bytes_n = bytes.n,
		.coverage = "shim",
		.who = &c->who,
		.now_ns = loop_wall_ns(),
	};
	struct engine_decision d;
	int r;

	if (random_bytes(q.random, sizeof(q.random)) != sizeof(q.random))
		return -EIO;
	er->counters.requests++;
	engine_judge(er->engine, &q, &d);
	memcpy(c->decision, d.id, sizeof(c->decision));
	c->pass = d.pass;
	r = d.pass ? 0 : engine_answer(&d, _REASON_COUNT, &c->answer);
	if (!r)
		r = engine_record(er->engine, &q, &d, (loop_mono_ns() - c->arrived_ns) / 1000,
				  &er->out);
	buf_clear(&er->record);
	if (!r)
		r = append_begin(&er->record, RECORD_DECISION, !d.pass);
	if (!r)
		r = buf_put(&er->record, buf_span(&er->out));
	return r;
}

static void judge(struct conn *c)
{
	struct engine_role *er = c->role;
	struct span bytes = SPAN_NULL;
	int r = request_bytes(c, &bytes);

	if (r > 0) {
		conn_note(er, c->user, BUDGET_BAD_FRAME);
		refuse(c, REASON_MALFORMED);
		return;
	}
	if (!r)
		r = decide(c, bytes);
	if (er->request.n) {
		explicit_bzero(er->request.p, er->request.n);
		buf_clear(&er->request);
	}
	if (r < 0) {
		log_limited(LOG_ERROR, "judge", "a request could not be judged: %s", strerror(-r));
		refuse(c, REASON_INTERNAL);
		return;
	}
	c->state = CONN_RECORDING;
	loop_timer_set(er->loop, &c->timer, loop_mono_ns() + AICP_RECORD_MS_MAX * MS);
	r = peer_send(&er->ledger, LINK_APPEND, c->id, buf_span(&er->record), -1);
	if (r < 0)
		unrecorded(c);
}

static void ready_to_judge(struct conn *c)
{
	if (c->state == CONN_IDENTIFYING && c->identified)
		judge(c);
}

/* What is known without the reader. */
static void identify_thinly(struct conn *c)
{
	c->who = (struct identity){
		.pid = c->pid,
		.start_ticks = IDENTITY_NONE,
		.uid = c->uid,
		.gid = c->gid,
		.loginuid = IDENTITY_NONE,
	};
	c->identified = true;
}

void conn_identified(struct engine_role *er, uint64_t id, struct span identity)
{
	struct conn *c = find(er, id);

	if (!c || c->identified)
		return;
	c->identity = BUF_INIT(AICP_LINK_INLINE_BYTES_MAX);
	if (identity_parse(identity, &c->identity, &c->who) != PARSE_DONE ||
	    c->who.pid == IDENTITY_NONE) {
		identify_thinly(c);
	} else {
		/* The socket's credentials are of the moment of connect(). */
		c->who.uid = c->uid;
		c->who.gid = c->gid;
		c->identified = true;
	}
	ready_to_judge(c);
}

/* Asks the reader; when it cannot be asked the request is judged on what the socket says. */
static void ask_identity(struct conn *c)
{
	int pidfd CLEANUP(cleanup_closep) = -1;
	struct engine_role *er = c->role;
	socklen_t n = sizeof(pidfd);
	char text[40];
	int r;

	if (c->pid <= 0) { /* of a process in another pid namespace that we cannot see */
		identify_thinly(c);
		return;
	}
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &n) < 0)
		pidfd = -1;
	r = snprintf(text, sizeof(text), "{\"pid\":%lld}", (long long)c->pid);
	r = peer_send(&er->reader, LINK_IDENTIFY, c->id, span_of(text, (size_t)r), pidfd);
	if (r < 0)
		identify_thinly(c);
}

static void timed_out(struct loop_timer *timer)
{
	struct conn *c = timer->data;
	struct engine_role *er = c->role;

	switch (c->state) {
	case CONN_READING:
		conn_note(er, c->user, BUDGET_NO_FRAME);
		conn_free(c);
		break;
	case CONN_IDENTIFYING:
		identify_thinly(c);
		judge(c);
		break;
	case CONN_RECORDING:
		unrecorded(c);
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

/* The frame is here: check it, charge it, and judge when it is known who sent it. Closes fd. */
static void take_frame(struct conn *c, int fd[FDS_MAX], unsigned fds_n)
{
	struct engine_role *er = c->role;
	const char *error = NULL;
	bool ok = frame_ok(c, fd, fds_n, &error);

	for (unsigned i = 0; i < fds_n; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	loop_remove(er->loop, &c->source);
	if (!ok) {
		log_limited(LOG_WARNING, "bad-frame", "uid %lld, pid %lld: wrong %s",
			    (long long)c->uid, (long long)c->pid, error);
		conn_note(er, c->user, BUDGET_BAD_FRAME);
		refuse(c, REASON_MALFORMED);
		return;
	}
	if (c->over_budget || !budget_charge(c->user, c->frame.head.request_bytes)) {
		conn_note(er, c->user, BUDGET_OVER);
		refuse(c, REASON_OVER_BUDGET);
		return;
	}
	c->charged = c->frame.head.request_bytes;
	c->state = CONN_IDENTIFYING;
	if (!c->identified)
		loop_timer_set(er->loop, &c->timer, c->arrived_ns + AICP_IDENTIFY_MS_MAX * MS);
	ready_to_judge(c);
}

static unsigned take_fds(struct msghdr *msg, int fd[FDS_MAX])
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
				fd[n++] = one;
			else
				close(one);
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
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
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
		conn_free(c);
		return 0;
	}
	fds_n = take_fds(&msg, fd);
	/* Cut messages fail the length check; cut descriptors the count, as the kernel drops what
	 * has no room. */
	if (msg.msg_flags & MSG_CTRUNC)
		n = 0;
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
	c->id = (er->generation << SLOT_BITS | slot) & ~(UINT64_C(3) << 62);
	c->role = er;
	c->fd = fd;
	c->user = user;
	c->pid = peer->pid;
	c->uid = peer->uid;
	c->gid = peer->gid;
	c->memfd = -1;
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
		close(fd);
		return;
	}
	r = budget_enter(er->budget, peer.uid, &user);
	if (r == BUDGET_E_CLOSE) {
		if (user)
			conn_note(er, user, BUDGET_CLOSED);
		close(fd);
		return;
	}
	c = conn_new(er, fd, &peer, user);
	if (!c) {
		conn_note(er, user, BUDGET_CLOSED);
		r == BUDGET_E_REFUSE ? budget_leave_refused(user) : budget_leave(user);
		close(fd);
		return;
	}
	c->over_budget = r == BUDGET_E_REFUSE;
	if (!c->over_budget)
		ask_identity(c);
	/* Shims write right behind connect(): mostly the frame is here already, and epoll need not
	 * know. */
	if (read_frame(c) == 0)
		return;
	loop_timer_set(er->loop, &c->timer, c->arrived_ns + AICP_SHIM_FRAME_MS_MAX * MS);
	if (loop_add(er->loop, &c->source) < 0)
		conn_free(c);
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

void conn_durable(struct engine_role *er, uint64_t id)
{
	struct conn *c = find(er, id);

	if (!c || c->state != CONN_RECORDING)
		return;
	if (c->pass)
		finish(c, AICP_SHIM_PASS, SPAN_NULL);
	else
		finish(c, AICP_SHIM_ANSWER, buf_span(&c->answer));
}

void conn_not_recorded(struct engine_role *er, uint64_t id)
{
	struct conn *c = find(er, id);

	if (c && c->state == CONN_RECORDING)
		unrecorded(c);
}

void conn_reader_gone(struct engine_role *er)
{
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++) {
		struct conn *c = er->conn[i];

		if (!c || c->identified)
			continue;
		identify_thinly(c);
		ready_to_judge(c);
	}
}

void conn_ledger_gone(struct engine_role *er)
{
	for (uint32_t i = 0; i < AICP_ENGINE_CONNECTIONS_MAX; i++)
		if (er->conn[i] && er->conn[i]->state == CONN_RECORDING)
			unrecorded(er->conn[i]);
}
