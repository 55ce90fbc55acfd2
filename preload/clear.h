/* SPDX-License-Identifier: MIT */
/*
 * Clear HTTP on the sockets that a program connected.
 *
 * A connection is governed from the first write on whose head names a governed endpoint, or from
 * its connect() on when it goes to the address of one. Until the names in a head are known its
 * bytes are kept; then they are a connection's (conn.h), over the socket itself, or sent as they
 * are.
 *
 * Not seen: sockets that the process did not connect itself through connect() or sendto()
 * (inherited over exec, received from another process, io_uring, raw system calls), and what libc
 * writes for its own stdio.
 */
#pragma once

#include "watch.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The program connected fd, or tried to, or is about to with its first bytes. */
void clear_connected(int fd, const struct sockaddr *to, socklen_t to_n);

/* A call that sends, or receives: what it was given as pieces, and the call itself. */
struct clear_call {
	int fd;
	int flags; /* MSG_… */
	const struct iovec *v;
	size_t v_n;
	ssize_t (*real)(const struct clear_call *call);
	const void *arguments; /* for real() */
};

/* Does a write of p[0..n) on fd have to go through clear_send()? */
static inline bool clear_sends(int fd, const void *p, size_t n)
{
	const enum watch_mark mark = watch_mark(fd);

	if (__builtin_expect(mark == WATCH_NONE, 1))
		return false;
	/* Only a socket that connected is looked into before the call: memory that cannot be read
	 * is for the kernel to find out. */
	return mark == WATCH_GOVERNED ||
	       (n && *(const unsigned char *)p >= 'A' && *(const unsigned char *)p <= 'Z');
}

/* Does reading from fd have to go through clear_receive()? */
static inline bool clear_receives(int fd)
{
	return __builtin_expect(watch_mark(fd) == WATCH_GOVERNED, 0);
}

/* As the real call, with errno. */
ssize_t clear_send(const struct clear_call *call);
ssize_t clear_receive(const struct clear_call *call);

/* The kernel would read a file, or a pipe, where we cannot look: may it send that on fd? */
bool clear_may_bypass(int fd);
