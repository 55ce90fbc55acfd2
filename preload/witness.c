/* SPDX-License-Identifier: MIT */
#include "witness.h"

#include "aicp/limits.h"
#include "aicp/shim.h"
#include "os.h"

#include <stdatomic.h>

/* What the kernel grants is bounded by net.core.wmem_max: twice 208 KiB unless it was changed. */
#define BUFFER_BYTES (1 << 20)

bool witness_is_on(const struct witness *w)
{
	return atomic_load_explicit(&w->on, memory_order_relaxed);
}

static long send_piece(struct witness *w, uint64_t offset, const uint8_t *p, size_t n,
		       uint32_t flags)
{
	struct aicp_shim_response header = {
		.magic = AICP_SHIM_MAGIC,
		.version = AICP_SHIM_VERSION,
		.type = AICP_SHIM_RESPONSE,
		.flags = flags,
		.bytes = (uint32_t)n,
		.offset = offset,
	};
	struct iovec iov[2] = {
		{&header, sizeof(header)}, {(void *)(uintptr_t)p, n}, /* only read */
	};
	const struct msghdr m = {.msg_iov = iov, .msg_iovlen = n ? 2 : 1};
	long r;

	if (!own_is_ours(&w->engine))
		return -EBADF;
	r = os_sendmsg(w->engine.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r != -EAGAIN || w->widened)
		return r;
	/* A response that comes faster than the engine reads: most fit a larger buffer. */
	w->widened = true;
	(void)os_send_buffer(w->engine.fd, BUFFER_BYTES);
	return os_sendmsg(w->engine.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void stop(struct witness *w)
{
	atomic_store_explicit(&w->on, false, memory_order_relaxed);
	/* The engine has to see the end also where a child has a copy of this; but a child must not
	 * make it see one. */
	if (w->pid == os_getpid() && own_is_ours(&w->engine))
		(void)os_shutdown(w->engine.fd, SHUT_RDWR);
	own_close(&w->engine);
}

static bool is_gap(long r)
{
	return r == -EAGAIN || r == -EINTR || r == -ENOBUFS || r == -ENOMEM || r == -EMSGSIZE;
}

static void send_all(struct witness *w, uint64_t offset, const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		size_t left = n - at, piece = left;
		long r;

		if (piece > AICP_SHIM_INLINE_BYTES_MAX)
			piece = AICP_SHIM_INLINE_BYTES_MAX;
		r = send_piece(w, offset + at, p + at, piece, 0);
		/* The engine wants no more, or our descriptor is gone. */
		if (r < 0 && !is_gap(r))
			stop(w);
		if (r < 0)
			return;
		at += piece;
	}
}

void witness_begin(struct witness *w, int engine)
{
	struct own own = own_of(os_dup_spare(engine));

	if (own.fd < 0)
		return;
	if (!lock_try(&w->lock)) {
		own_close(&own);
		return;
	}
	w->engine = own;
	w->pid = os_getpid();
	w->widened = false;
	atomic_store_explicit(&w->offset, 0, memory_order_relaxed);
	atomic_store_explicit(&w->on, true, memory_order_release);
	lock_drop(&w->lock);
}

void witness_tell(struct witness *w, const void *p, size_t n)
{
	uint64_t offset;

	if (!atomic_load_explicit(&w->on, memory_order_acquire))
		return;
	offset = atomic_fetch_add_explicit(&w->offset, n, memory_order_relaxed);
	if (!p || !lock_try(&w->lock))
		return;
	if (witness_is_on(w) && w->pid == os_getpid())
		send_all(w, offset, p, n);
	lock_drop(&w->lock);
}

void witness_end(struct witness *w, bool closed)
{
	if (!witness_is_on(w) || lock_mine(&w->lock))
		return;
	/* Held only while something is told, which waits for nobody. */
	lock_take(&w->lock);
	if (closed && witness_is_on(w) && w->pid == os_getpid())
		(void)send_piece(w, atomic_load_explicit(&w->offset, memory_order_relaxed), NULL, 0,
				 AICP_SHIM_R_END);
	if (witness_is_on(w))
		stop(w);
	lock_drop(&w->lock);
}
