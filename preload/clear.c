/* SPDX-License-Identifier: MIT */
/* Clear HTTP: finds out what is governed, and hands it to conn.h. */
#include "clear.h"

#include "arena.h"
#include "clear_transport.h"
#include "conn.h"
#include "governed.h"
#include "lock.h"
#include "os.h"
#include "sniff.h"

#include <stdatomic.h>
#include <string.h>

enum state {
	LOOKING, /* the head goes on, and named nothing governed so far */
	GOVERNED,
	FREE, /* not our business; what was kept has to be sent yet */
};

struct clear {
	struct watched watched;
	struct lock lock; /* of a write: what stands below, but for conn once it is there */
	_Atomic(int) state; /* enum state */
	struct conn *conn;
	struct clear_session session;
	struct sniff sniff;
	enum watch_mark mark; /* of the descriptor before */
	char address[SNIFF_HOST_BYTES_MAX + 1]; /* that is governed by itself, or "" */
	uint8_t *kept; /* written by the program, and neither sent nor with conn */
	size_t kept_n, kept_at;
};

#define CLEAR_BYTES ((sizeof(struct clear) + 0xfff) & ~(size_t)0xfff)

static enum state state_of(struct clear *c)
{
	return (enum state)atomic_load_explicit(&c->state, memory_order_acquire);
}

static void set_state(struct clear *c, enum state state)
{
	atomic_store_explicit(&c->state, (int)state, memory_order_release);
}

/* ---- life ---- */

static void forget_kept(struct clear *c)
{
	arena_unmap(c->kept, AICP_HEAD_BYTES_MAX);
	c->kept = NULL;
	c->kept_n = c->kept_at = 0;
}

static void clear_end(struct watched *watched)
{
	struct clear *c = (struct clear *)watched;

	if (conn_is_governed(c->conn))
		conn_end(c->conn);
	forget_kept(c);
	arena_unmap(c, CLEAR_BYTES);
}

/* Hangs something new on fd, with a reference for the caller. NULL: no room. */
static struct clear *clear_new(int fd)
{
	struct clear *c = arena_map(CLEAR_BYTES);
	struct stat st;

	if (!c)
		return NULL;
	c->mark = watch_mark(fd);
	c->watched.refs = 1;
	c->watched.end = clear_end;
	if (os_stat(fd, "", &st) == 0) {
		c->watched.inode = st.st_ino;
		if (watch_hang(fd, &c->watched))
			return c;
	}
	arena_unmap(c, CLEAR_BYTES);
	return NULL;
}

/* From now on it is a connection to host. */
static void govern(struct clear *c, const char *host)
{
	const struct transport t = clear_transport(&c->session);

	c->conn = conn_new(&t, host);
	set_state(c, GOVERNED);
}

/* ---- connecting ---- */

void clear_connected(int fd, const struct sockaddr *to, socklen_t to_n)
{
	char host[SNIFF_HOST_BYTES_MAX + 1];
	struct clear *c;
	uint16_t port;

	if (!governed_active())
		return;
	/* It is disconnected, or of a family without ports. */
	if (!clear_address(to, to_n, host, &port) || !os_is_stream(fd)) {
		watch_close(fd);
		return;
	}
	watch_note(fd, port == 80 ? WATCH_HTTP : WATCH_TCP);
	if (!governed_find(host, NULL))
		return;
	c = clear_new(fd);
	if (!c)
		return;
	memcpy(c->address, host, sizeof(host));
	watch_drop(&c->watched);
}

/* ---- looking ---- */

/* Reads on in a head. _HOST: it goes where sniff->host says, which is governed. */
static enum sniff_outcome look(struct sniff *s, const uint8_t *p, size_t n)
{
	enum sniff_outcome r = SNIFF_MORE;
	size_t used;

	while (n && r == SNIFF_MORE) {
		r = sniff_feed(s, p, n, &used);
		p += used;
		n -= used;
		if (r == SNIFF_HOST && !governed_find(s->host, NULL))
			r = SNIFF_MORE;
	}
	return r;
}

static bool keep(struct clear *c, const struct iovec *piece)
{
	if (!c->kept)
		c->kept = arena_map(AICP_HEAD_BYTES_MAX);
	if (!c->kept || piece->iov_len > AICP_HEAD_BYTES_MAX - c->kept_n)
		return false;
	memcpy(c->kept + c->kept_n, piece->iov_base, piece->iov_len);
	c->kept_n += piece->iov_len;
	return true;
}

/* true: the piece was kept, and the head goes on. */
static bool look_on(struct clear *c, const struct iovec *piece)
{
	enum sniff_outcome r = look(&c->sniff, piece->iov_base, piece->iov_len);

	/* A head longer than any server of ours takes is nobody's request. */
	if (r == SNIFF_MORE && keep(c, piece))
		return true;
	if (r == SNIFF_HOST)
		govern(c, c->sniff.host);
	else if (c->address[0])
		govern(c, c->address);
	else
		set_state(c, FREE);
	return false;
}

/* ---- sending ---- */

static struct conn_result write_to(struct clear *c, const void *p, size_t n)
{
	struct conn_result result = {.outcome = CONN_DONE};
	ssize_t r;

	if (state_of(c) == GOVERNED)
		result = conn_write(c->conn, p, n);
	if (state_of(c) == GOVERNED && result.outcome != CONN_USE_REAL)
		return result;
	r = clear_write_real(p, n);
	if (r < 0)
		return (struct conn_result){.outcome = CONN_FAILED, .r = -1};
	return (struct conn_result){.outcome = CONN_DONE, .n = (size_t)r};
}

/* What was kept goes first. false: not all of it did, and result says why. */
static bool write_kept(struct clear *c, struct conn_result *ret_result)
{
	while (c->kept_at < c->kept_n) {
		*ret_result = write_to(c, c->kept + c->kept_at, c->kept_n - c->kept_at);
		if (ret_result->outcome != CONN_DONE)
			return false;
		c->kept_at += ret_result->n;
	}
	forget_kept(c);
	return true;
}

/* One piece; _USE_REAL: it, and all that comes, is not our business. */
static struct conn_result write_piece(struct clear *c, const struct iovec *piece)
{
	struct conn_result result = {.outcome = CONN_DONE, .n = piece->iov_len};

	if (state_of(c) == LOOKING && look_on(c, piece))
		return result;
	if (!write_kept(c, &result))
		return result;
	if (state_of(c) == FREE)
		return (struct conn_result){.outcome = CONN_USE_REAL};
	return conn_write(c->conn, piece->iov_base, piece->iov_len);
}

/* Pieces as one write. What was taken before a failure is reported first, as by a partial write. */
static ssize_t write_pieces(struct clear *c, const struct clear_call *call)
{
	struct conn_result result;
	size_t done = 0;

	for (size_t i = 0; i < call->v_n; i++) {
		if (!call->v[i].iov_len)
			continue;
		result = write_piece(c, &call->v[i]);
		if (result.outcome == CONN_DONE)
			done += result.n;
		if (result.outcome == CONN_DONE && result.n == call->v[i].iov_len)
			continue;
		if (done)
			break;
		if (result.outcome == CONN_USE_REAL)
			return call->real(call);
		if (result.outcome == CONN_NEVER)
			errno = EPIPE;
		return -1;
	}
	return (ssize_t)done;
}

static ssize_t send_watched(struct clear *c, const struct clear_call *call)
{
	ssize_t r;

	/* A signal handler that writes where its own thread is writing. */
	if (lock_mine(&c->lock)) {
		errno = EAGAIN;
		return -1;
	}
	lock_take(&c->lock);
	r = write_pieces(c, call);
	lock_drop(&c->lock);
	if (state_of(c) == FREE && !c->kept)
		watch_note(call->fd, c->mark);
	return r;
}

/* A head may begin here, on a socket where nothing is governed yet. true: it is to be watched. */
static bool is_ours(const struct clear_call *call)
{
	const enum watch_mark mark = watch_mark(call->fd);
	enum sniff_outcome r = SNIFF_MORE;
	struct sniff sniff = {0};

	for (size_t i = 0; i < call->v_n && r == SNIFF_MORE; i++)
		r = look(&sniff, call->v[i].iov_base, call->v[i].iov_len);
	/* A letter or two may be any protocol's; on HTTP's own port it is a method's. */
	if (r == SNIFF_MORE && mark != WATCH_HTTP && !sniff_is_request(&sniff))
		return false;
	return (r == SNIFF_HOST || r == SNIFF_MORE) && os_is_stream(call->fd);
}

/* Does a head begin here that goes elsewhere than the requests before it, through the same proxy?
 * Only a whole one tells. */
static bool goes_elsewhere(const struct clear *c, const struct clear_call *call)
{
	enum sniff_outcome r = SNIFF_MORE;
	struct sniff sniff = {0};

	if (c->address[0] || !conn_is_governed(c->conn) || !conn_is_idle(c->conn))
		return false;
	for (size_t i = 0; i < call->v_n && r == SNIFF_MORE; i++)
		r = look(&sniff, call->v[i].iov_base, call->v[i].iov_len);
	return r == SNIFF_END || (r == SNIFF_HOST && strcmp(sniff.host, c->sniff.host) != 0);
}

ssize_t clear_send(const struct clear_call *call)
{
	struct clear *c = NULL;
	const int saved = errno;
	ssize_t r;

	if (watch_mark(call->fd) == WATCH_GOVERNED)
		c = (struct clear *)watch_take(call->fd);
	if (c && state_of(c) == GOVERNED && goes_elsewhere(c, call)) {
		watch_note(call->fd, c->mark);
		watch_drop(&c->watched);
		c = NULL;
	}
	if (!c && !is_ours(call))
		return call->real(call);
	if (!c)
		c = clear_new(call->fd);
	/* Bytes in the first packet would be gone before they are judged. A program that wants this
	 * has to do without where the kernel cannot. */
	if (!c || (call->flags & MSG_FASTOPEN)) {
		errno = c ? EOPNOTSUPP : ENOBUFS;
		r = -1;
	} else {
		clear_call_begin(call->fd, call->flags, 0);
		r = send_watched(c, call);
	}
	if (c)
		watch_drop(&c->watched);
	if (r >= 0)
		errno = saved;
	return r;
}

bool clear_may_bypass(int fd)
{
	struct clear *c = NULL;
	bool may;

	if (watch_mark(fd) == WATCH_GOVERNED)
		c = (struct clear *)watch_take(fd);
	if (!c)
		return true;
	clear_call_begin(fd, MSG_NOSIGNAL, MSG_DONTWAIT);
	may = state_of(c) == GOVERNED && conn_may_bypass(c->conn, false);
	watch_drop(&c->watched);
	return may;
}

/* ---- receiving ---- */

/* MSG_TRUNC: the bytes are not wanted, and there may be no room for them. */
static struct conn_result discard(struct conn *conn, size_t n)
{
	uint8_t scratch[512];

	return conn_read(conn, scratch, n < sizeof(scratch) ? n : sizeof(scratch), false);
}

static struct conn_result read_piece(struct clear *c, const struct clear_call *call,
				     const struct iovec *piece)
{
	if (call->flags & MSG_TRUNC)
		return discard(c->conn, piece->iov_len);
	return conn_read(c->conn, piece->iov_base, piece->iov_len, call->flags & MSG_PEEK);
}

/* What is ours to serve, into as many pieces as it fills. */
static struct conn_result read_pieces(struct clear *c, const struct clear_call *call)
{
	struct conn_result result = {.outcome = CONN_USE_REAL};
	size_t done = 0;

	for (size_t i = 0; i < call->v_n; i++) {
		if (!call->v[i].iov_len)
			continue;
		result = read_piece(c, call, &call->v[i]);
		if (result.outcome != CONN_DONE)
			break;
		done += result.n;
		/* A second look would show the same bytes again. */
		if (result.n < call->v[i].iov_len || (call->flags & MSG_PEEK) ||
		    !conn_pending(c->conn))
			break;
	}
	return done ? (struct conn_result){.outcome = CONN_DONE, .n = done} : result;
}

/* The socket gave r bytes, into as many pieces as they fill. */
static void did_receive(struct clear *c, const struct clear_call *call, ssize_t r)
{
	size_t left = (size_t)r;

	for (size_t i = 0; i < call->v_n && left; i++) {
		const struct iovec *piece = &call->v[i];
		size_t n = piece->iov_len < left ? piece->iov_len : left;

		/* TCP throws these away and fills nothing. */
		conn_did_read(c->conn, call->flags & MSG_TRUNC ? NULL : piece->iov_base, n);
		left -= n;
	}
}

static bool wants_bytes(const struct clear_call *call)
{
	for (size_t i = 0; i < call->v_n; i++)
		if (call->v[i].iov_len)
			return true;
	return false;
}

static ssize_t receive_governed(struct clear *c, const struct clear_call *call)
{
	const int saved = errno;
	struct conn_result result;
	ssize_t r;

	result = read_pieces(c, call);
	if (result.outcome == CONN_USE_REAL && c->session.ended)
		return 0;
	if (result.outcome == CONN_USE_REAL) {
		r = call->real(call);
		/* Another thread's request was refused meanwhile: that ended the wait. */
		if (r <= 0 && conn_pending(c->conn))
			result = read_pieces(c, call);
		else if (r > 0 && !(call->flags & MSG_PEEK))
			did_receive(c, call, r);
		else if (r == 0 && conn_wants_end(c->conn) && wants_bytes(call))
			conn_did_end(c->conn);
		if (result.outcome == CONN_USE_REAL)
			return r;
	}
	if (result.outcome != CONN_DONE)
		return result.r;
	errno = saved;
	return (ssize_t)result.n;
}

/* May there be something of ours to read? */
static bool is_readable(struct clear *c, const struct clear_call *call)
{
	return state_of(c) == GOVERNED && conn_is_governed(c->conn) &&
	       !(call->flags & (MSG_OOB | MSG_ERRQUEUE));
}

ssize_t clear_receive(const struct clear_call *call)
{
	struct clear *c = (struct clear *)watch_take(call->fd);
	enum state was;
	ssize_t r;

	if (!c)
		return call->real(call);
	was = state_of(c);
	clear_call_begin(call->fd, MSG_NOSIGNAL | MSG_DONTWAIT, call->flags & MSG_DONTWAIT);
	if (is_readable(c, call))
		r = receive_governed(c, call);
	else
		r = call->real(call);
	/* Another thread's first request was refused while this one waited. */
	if (r <= 0 && was != GOVERNED && is_readable(c, call))
		r = receive_governed(c, call);
	watch_drop(&c->watched);
	return r;
}
