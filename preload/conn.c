/* SPDX-License-Identifier: MIT */
/* The life of what is known about one governed connection. */
#include "conn_state.h"

#include "arena.h"
#include "governed.h"
#include "hello.h"
#include "os.h"

#include <stdatomic.h>
#include <string.h>

void conn_end(struct conn *c)
{
	conn_let_go(c);
	witness_end(&c->witness, false);
	if (c->big)
		arena_unmap(c->bytes, c->cap);
	arena_unmap(c, CONN_BYTES);
}

/* Lower case, without the final dot. false: no name, or none that a table could hold. */
static bool normal_name(const char *name, char *ret_host)
{
	size_t n = name ? strnlen(name, AICP_HOST_BYTES_MAX + 2) : 0;

	if (n && name[n - 1] == '.')
		n--;
	if (!n || n > AICP_HOST_BYTES_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		/* No name has one; behind it the table would see a port. */
		if (name[i] == ':')
			return false;
		ret_host[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	}
	ret_host[n] = '\0';
	return true;
}

bool conn_host(const char *name, char *ret_host)
{
	return normal_name(name, ret_host) && governed_find(ret_host, NULL);
}

struct conn *conn_new(const struct transport *t, const char *host)
{
	struct conn *c = arena_map(CONN_BYTES);

	if (!c)
		return CONN_REFUSED;
	c->transport = *t;
	c->fd = -1;
	c->bytes = c->inline_bytes;
	c->cap = CONN_INLINE_BYTES;
	memcpy(c->host, host, strlen(host) + 1);
	return c;
}

bool conn_is_idle(struct conn *c)
{
	bool idle;

	if (lock_mine(&c->lock))
		return false;
	lock_take(&c->lock);
	idle = atomic_load_explicit(&c->phase, memory_order_relaxed) == CONN_COLLECT && !c->n &&
	       !c->swallowed && !atomic_load_explicit(&c->awaiting, memory_order_relaxed);
	lock_drop(&c->lock);
	return idle;
}

bool conn_is_busy(const struct conn *c)
{
	return lock_mine(&c->lock);
}

static bool is_socket(int fd, uint64_t *ret_inode)
{
	struct stat st;

	if (fd < 0 || os_stat(fd, "", &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	*ret_inode = st.st_ino;
	return true;
}

int conn_socket(struct conn *c)
{
	const struct transport *t = &c->transport;
	uint8_t random[TRANSPORT_RANDOM_BYTES];
	uint64_t inode;

	/* A program may have closed its socket and opened something else under the number. */
	if (is_socket(c->fd, &inode) && inode == c->inode)
		return c->fd;
	c->fd = -1;
	if (t->ops->random(t, random))
		c->fd = hello_socket(random);
	if (c->fd < 0)
		c->fd = t->ops->fd(t);
	if (!is_socket(c->fd, &c->inode))
		c->fd = -1;
	return c->fd;
}

bool conn_reserve(struct conn *c, size_t n)
{
	size_t want, cap;
	void *p;

	if (n <= c->cap - c->n)
		return true;
	if (n > AICP_SHIM_REQUEST_BYTES_MAX - c->n)
		return false;
	want = c->n + n;
	/* A declared length is mapped at once; else double, so that copies stay few. */
	if (c->http.head_done && c->http.has_length && c->http.length <= AICP_BODY_BYTES_MAX &&
	    c->http.head_bytes + c->http.length > want)
		want = c->http.head_bytes + (size_t)c->http.length;
	cap = c->cap * 2 > want ? c->cap * 2 : want;
	if (c->http.has_length || cap > AICP_SHIM_REQUEST_BYTES_MAX)
		cap = want;
	cap = (cap + 0xffff) & ~(size_t)0xffff;
	p = c->big ? arena_remap(c->bytes, c->cap, cap) : arena_map(cap);
	if (!p)
		return false;
	if (!c->big)
		memcpy(p, c->bytes, c->n);
	c->bytes = p;
	c->cap = cap;
	c->big = true;
	return true;
}

void conn_reset_request(struct conn *c)
{
	if (c->big)
		arena_unmap(c->bytes, c->cap);
	c->big = false;
	c->bytes = c->inline_bytes;
	c->cap = CONN_INLINE_BYTES;
	c->n = c->sent = c->swallowed = 0;
	c->http = (struct http){0};
}

size_t conn_pending(struct conn *c)
{
	if (atomic_load_explicit(&c->phase, memory_order_acquire) == CONN_HELD &&
	    !lock_mine(&c->lock)) {
		lock_take(&c->lock);
		conn_settle(c);
		lock_drop(&c->lock);
	}
	/* Also from inside a call of ours: a look at two words. */
	return c->queue_n - c->queue_at;
}

/* Also while another thread writes: takes no lock that it would have to wait for. */
void conn_did_read(struct conn *c, const void *p, size_t n)
{
	/* A read that began during a hold: what it got is the response already. */
	if (atomic_load_explicit(&c->phase, memory_order_acquire) == CONN_HELD &&
	    lock_try(&c->lock)) {
		conn_settle(c);
		lock_drop(&c->lock);
	}
	if (atomic_load_explicit(&c->awaiting, memory_order_relaxed))
		atomic_store_explicit(&c->awaiting, false, memory_order_relaxed);
	witness_tell(&c->witness, p, n);
}

bool conn_wants_end(const struct conn *c)
{
	return witness_is_on(&c->witness);
}

void conn_did_end(struct conn *c)
{
	witness_end(&c->witness, true);
}
