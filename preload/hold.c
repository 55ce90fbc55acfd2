/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include "arena.h"
#include "link.h"
#include "lock.h"
#include "nudge.h"
#include "os.h"
#include "own.h"
#include "thread.h"

#include <stdatomic.h>
#include <string.h>

/* The engine ends a hold itself; this is for one that does not. */
#define GRACE_MS 3000
/* A program may close the descriptor that wakes the thread: it looks by itself this often. */
#define LOOK_MS 250

struct hold {
	struct hold *next;
	int pid; /* of the process that waits */
	_Atomic(int) outcome; /* enum hold_outcome */
	_Atomic(bool) given_up;
	bool done; /* the thread is through with it; under the lock */
	bool sending;
	unsigned flags; /* enum hold_flag */
	bool witness; /* the engine wants to hear of the response, on the same connection */
	struct own engine, socket; /* duplicates */
	struct own program; /* the program's own socket */
	uint8_t *sealed;
	size_t n, cap, sent;
	int64_t deadline_ms;
	uint8_t *answer; /* a mapping of answer_cap, set before the outcome says so */
	size_t answer_n, answer_cap;
};

#define HOLD_BYTES 4096u
_Static_assert(sizeof(struct hold) <= HOLD_BYTES, "a page");

/* All below are under the lock, and of the process whose pid is in holds_pid. */
static struct lock holds_lock;
static struct hold *holds;
static size_t holds_n;
static int holds_pid;
static bool thread_runs;
/* Two ends of one, as files of an eventfd's kind all have the same inode, and could not be told
 * from the program's. */
static struct own wake_in = {.fd = -1}, wake_out = {.fd = -1};

static void wake_thread(void)
{
	if (own_is_ours(&wake_in))
		(void)os_sendto(wake_in.fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

/* ---- one hold, in the thread ---- */

static enum hold_outcome outcome_of(const struct hold *h)
{
	return (enum hold_outcome)atomic_load_explicit(&h->outcome, memory_order_acquire);
}

static void set_outcome(struct hold *h, enum hold_outcome outcome)
{
	atomic_store_explicit(&h->outcome, outcome, memory_order_release);
}

/* The program waits for its socket: this makes it readable, and tells the peer nothing. */
static void wake_program(struct hold *h)
{
	const struct own *own = own_is_ours(&h->socket) ? &h->socket : &h->program;

	if (h->flags & HOLD_NUDGES && own_is_ours(&h->program))
		nudge_put(h->program.fd, h->program.inode);
	if (own_is_ours(own))
		(void)os_shutdown_read(own->fd);
}

static bool lose(struct hold *h)
{
	set_outcome(h, HOLD_LOST);
	wake_program(h);
	return true;
}

/* The answer has to outlive the thread's buffer. */
static bool answer(struct hold *h, const uint8_t *p, size_t n)
{
	h->answer = arena_map(n);
	if (!h->answer)
		return lose(h);
	memcpy(h->answer, p, n);
	h->answer_n = h->answer_cap = n;
	set_outcome(h, HOLD_ANSWERED);
	wake_program(h);
	return true;
}

/* true: through with it. */
static bool send_more(struct hold *h)
{
	while (h->sent < h->n) {
		long r;

		if (!own_is_ours(&h->socket)) {
			set_outcome(h, HOLD_BROKEN);
			return true;
		}
		r = os_sendto(h->socket.fd, h->sealed + h->sent, h->n - h->sent,
			      MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
		if (r == -EINTR)
			continue;
		if (r == -EAGAIN)
			return false;
		if (r < 0) {
			set_outcome(h, HOLD_BROKEN);
			return true;
		}
		h->sent += (size_t)r;
	}
	set_outcome(h, HOLD_RELEASED);
	return true;
}

static bool hear(struct hold *h, uint8_t *buffer)
{
	struct link_answer got = {.n = 0};

	if (!own_is_ours(&h->engine))
		return lose(h);
	switch (link_second(h->engine.fd, buffer, &got)) {
	case DECIDE_REPLY_HOLD:
		return os_now_ms() > h->deadline_ms ? lose(h) : false;
	case DECIDE_REPLY_PASS:
		h->sending = true;
		h->witness = got.witness;
		return send_more(h);
	case DECIDE_REPLY_ANSWER:
		return answer(h, buffer + sizeof(struct aicp_shim_verdict), got.n);
	default:
		return lose(h);
	}
}

/* Is nobody left who would read a response? */
static bool has_left(const struct hold *h)
{
	return h->flags & HOLD_UNTIL_CLOSED && !own_is_ours(&h->program);
}

/* socket: what poll said of it. true: through with it. */
static bool step(struct hold *h, short socket, uint8_t *buffer)
{
	if (atomic_load_explicit(&h->given_up, memory_order_acquire))
		return true;
	if (!h->sealed)
		return false;
	if (h->sending)
		return send_more(h);
	if (socket & (POLLERR | POLLHUP | POLLRDHUP) || has_left(h)) {
		set_outcome(h, HOLD_BROKEN);
		return true;
	}
	return hear(h, buffer);
}

/* ---- the thread ---- */

static void hold_free(struct hold *h)
{
	own_close(&h->engine);
	own_close(&h->socket);
	arena_unmap(h->sealed, h->cap);
	arena_unmap(h->answer, h->answer_cap);
	arena_unmap(h, HOLD_BYTES);
}

static void finish(struct hold *h)
{
	/* The engine sees the end of its connection also where a child has a copy of it. */
	if (!(h->witness && outcome_of(h) == HOLD_RELEASED)) {
		if (own_is_ours(&h->engine))
			(void)os_shutdown(h->engine.fd, SHUT_RDWR);
		own_close(&h->engine);
	}
	own_close(&h->socket);
	h->done = true;
	if (atomic_load_explicit(&h->given_up, memory_order_acquire))
		hold_free(h);
}

/* One that is closed, or has no other end, is always ready: it must not be waited for in vain. */
static struct pollfd poll_of(const struct own *own, short events)
{
	return (struct pollfd){.fd = events && own_is_ours(own) ? own->fd : -1, .events = events};
}

/* What to wait for; room for 1 + 2 * holds_n. */
static size_t list(struct pollfd *p)
{
	size_t n = 0;

	p[n++] = poll_of(&wake_out, POLLIN);
	for (const struct hold *h = holds; h; h = h->next) {
		const bool armed = h->sealed != NULL;

		p[n++] = poll_of(&h->engine, armed && !h->sending ? POLLIN : 0);
		p[n++] = poll_of(&h->socket, h->sending ? POLLOUT : armed ? POLLRDHUP : 0);
	}
	return n;
}

/* p[1..n) are of the first holds in the list; later ones came since. */
static void step_all(const struct pollfd *p, size_t n, uint8_t *buffer)
{
	struct hold **at = &holds;

	for (size_t i = 1; *at; i += 2) {
		struct hold *h = *at;

		if (!step(h, i + 1 < n ? p[i + 1].revents : 0, buffer)) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		holds_n--;
		finish(h);
	}
}

static void drain_wake(void)
{
	uint8_t wakes[64];

	if (own_is_ours(&wake_out))
		(void)os_read(wake_out.fd, wakes, sizeof(wakes));
}

static void close_wake(void)
{
	own_close(&wake_in);
	own_close(&wake_out);
}

/* Room for what is waited for now. NULL: out of memory; then it is looked at without waiting. */
static struct pollfd *make_room(struct pollfd *p, size_t *cap)
{
	size_t want = ((1 + 2 * holds_n) * sizeof(*p) + 0xfff) & ~(size_t)0xfff;

	if (want <= *cap)
		return p;
	arena_unmap(p, *cap);
	p = arena_map(want);
	*cap = p ? want : 0;
	return p;
}

static void run(void)
{
	uint8_t buffer[LINK_VERDICT_BYTES_MAX + 1];
	struct pollfd *p = NULL;
	size_t cap = 0, n = 0;

	os_thread_name("aicp-hold");
	lock_take(&holds_lock);
	while (holds) {
		p = make_room(p, &cap);
		n = p ? list(p) : 0;
		lock_drop(&holds_lock);
		(void)os_poll_many(p, n, p ? LOOK_MS : 10);
		lock_take(&holds_lock);
		drain_wake();
		step_all(p, n, buffer);
	}
	thread_runs = false;
	close_wake();
	arena_unmap(p, cap);
	lock_drop(&holds_lock);
}

/* ---- for the connections ---- */

/* A child of a process that waited: what it inherited is not its own. */
static void forget_parent(void)
{
	if (holds_pid == os_getpid())
		return;
	holds_pid = os_getpid();
	holds = NULL;
	holds_n = 0;
	thread_runs = false;
	close_wake();
}

static bool start_thread(void)
{
	int fds[2] = {-1, -1};

	if (thread_runs)
		return true;
	(void)os_pair_high(fds);
	wake_out = own_of(fds[0]);
	wake_in = own_of(fds[1]);
	thread_runs = thread_start(run);
	if (!thread_runs)
		close_wake();
	return thread_runs;
}

/* At the end of the list: the thread knows the first ones by their place. */
static bool enlist(struct hold *h)
{
	struct hold **at = &holds;

	while (*at)
		at = &(*at)->next;
	*at = h;
	holds_n++;
	if (start_thread())
		return true;
	*at = NULL;
	holds_n--;
	return false;
}

struct hold *hold_new(int engine, int socket, unsigned flags, int64_t wait_ms)
{
	struct hold *h = arena_map(HOLD_BYTES);
	uint64_t signals;
	bool ok;

	if (!h)
		return NULL;
	h->pid = os_getpid();
	h->engine = own_of(os_dup_high(engine));
	h->socket = own_of(os_dup_high(socket));
	h->program = own_of(socket);
	h->flags = flags;
	h->deadline_ms = os_now_ms() + wait_ms + GRACE_MS;
	signals = lock_take_alone(&holds_lock);
	forget_parent();
	ok = h->engine.fd >= 0 && h->socket.fd >= 0 && enlist(h);
	lock_drop_alone(&holds_lock, signals);
	if (ok)
		return h;
	own_close(&h->engine);
	own_close(&h->socket);
	arena_unmap(h, HOLD_BYTES);
	return NULL;
}

void hold_arm(struct hold *h, uint8_t *sealed, size_t n, size_t cap)
{
	const uint64_t signals = lock_take_alone(&holds_lock);

	h->sealed = sealed;
	h->n = n;
	h->cap = cap;
	wake_thread();
	lock_drop_alone(&holds_lock, signals);
}

enum hold_outcome hold_look(const struct hold *h, const uint8_t **ret_answer, size_t *ret_n)
{
	enum hold_outcome outcome = outcome_of(h);

	if (outcome == HOLD_WAITING && h->pid != os_getpid())
		return HOLD_FOREIGN;
	if (outcome == HOLD_WAITING && !lock_mine(&holds_lock)) {
		/* The thread says how it went in the step in which it sends: who has read the
		 * response already finds that step done here. */
		const uint64_t signals = lock_take_alone(&holds_lock);

		lock_drop_alone(&holds_lock, signals);
		outcome = outcome_of(h);
	}
	if (outcome == HOLD_ANSWERED) {
		*ret_answer = h->answer;
		*ret_n = h->answer_n;
	}
	return outcome;
}

int hold_engine(const struct hold *h)
{
	bool mine = h->witness && h->pid == os_getpid() && own_is_ours(&h->engine);

	return mine ? h->engine.fd : -1;
}

void hold_end(struct hold *h)
{
	const uint64_t signals = lock_take_alone(&holds_lock);

	forget_parent();
	if (h->pid != holds_pid || h->done) {
		hold_free(h);
	} else {
		atomic_store_explicit(&h->given_up, true, memory_order_release);
		wake_thread();
	}
	lock_drop_alone(&holds_lock, signals);
}
