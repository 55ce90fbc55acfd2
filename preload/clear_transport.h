/* SPDX-License-Identifier: MIT */
/* A socket as a transport: no TLS, the bytes themselves. */
#pragma once

#include "transport.h"

#include <sys/socket.h>
#include <sys/types.h>

struct clear_session {
	_Atomic(bool) ended; /* what was served is all that there is to read */
};

/* Which descriptor the calling thread is about to use, of those that a connection may have, and how
 * it wants to send and receive (MSG_…). Before any use of the transport. */
void clear_call_begin(int fd, int send_flags, int receive_flags);

struct transport clear_transport(struct clear_session *session);

/* send() with that descriptor and those flags. */
ssize_t clear_write_real(const void *p, size_t n);

/* ADDRESS:PORT as the table has it, in ret_host of SNIFF_HOST_BYTES_MAX + 1: loopback as 127.0.0.1,
 * however it is written, IPv6 in brackets. false: no address of IP. */
bool clear_address(const struct sockaddr *address, socklen_t n, char *ret_host, uint16_t *ret_port);
