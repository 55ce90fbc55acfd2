/* SPDX-License-Identifier: MIT */
/* What conn.h needs of a socket. */
#include "clear_transport.h"

#include "os.h"
#include "real.h"
#include "sniff.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

/* Of a send in clear, what may be passed on: the rest is about bytes that we keep meanwhile. */
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)

struct current {
	int fd, send_flags, receive_flags;
};

static __thread struct current current __attribute__((tls_model("initial-exec")));

void clear_call_begin(int fd, int send_flags, int receive_flags)
{
	current = (struct current){fd, send_flags & SEND_FLAGS, receive_flags};
}

ssize_t clear_write_real(const void *p, size_t n)
{
	return real_libc()->send(current.fd, p, n, current.send_flags);
}

static int write_judged(const struct transport *t, const void *p, size_t n)
{
	(void)t;
	return (int)clear_write_real(p, n);
}

static int read_for_us(const struct transport *t, void *p, size_t n)
{
	(void)t;
	return (int)real_libc()->recv(current.fd, p, n, current.receive_flags);
}

static int handshake(const struct transport *t)
{
	(void)t;
	return 1;
}

static bool no_random(const struct transport *t, uint8_t ret_random[TRANSPORT_RANDOM_BYTES])
{
	(void)t, (void)ret_random;
	return false;
}

static int descriptor(const struct transport *t)
{
	(void)t;
	return current.fd;
}

static void end_input(const struct transport *t)
{
	struct clear_session *session = t->session;

	atomic_store_explicit(&session->ended, true, memory_order_relaxed);
}

static enum transport_seal seal(const struct transport *t, const void *p, size_t n,
				uint8_t *ret_sealed, size_t *ret_n)
{
	(void)t;
	memcpy(ret_sealed, p, n);
	*ret_n = n;
	return TRANSPORT_SEALED;
}

static const struct transport_ops clear_ops = {
	.clear = true,
	.write = write_judged,
	.read = read_for_us,
	.handshake = handshake,
	.random = no_random,
	.fd = descriptor,
	.end_input = end_input,
	.seal = seal,
};

struct transport clear_transport(struct clear_session *session)
{
	return (struct transport){.ops = &clear_ops, .session = session};
}

/* ---- addresses ---- */

static void put_port(char *p, uint16_t port)
{
	char digits[5];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + port % 10);
	while (port /= 10);
	*p++ = ':';
	while (n)
		*p++ = digits[--n];
	*p = '\0';
}

static bool put_ipv4(struct in_addr in, char *ret_host)
{
	/* All of 127/8 is this machine, and so is the address that stands for any. */
	if ((ntohl(in.s_addr) >> 24) == 127 || !in.s_addr)
		in.s_addr = htonl(INADDR_LOOPBACK);
	return inet_ntop(AF_INET, &in, ret_host, INET_ADDRSTRLEN) != NULL;
}

static bool put_ipv6(const struct in6_addr *in6, char *ret_host)
{
	struct in6_addr address = *in6;
	struct in_addr in;

	if (IN6_IS_ADDR_V4MAPPED(in6)) {
		memcpy(&in, in6->s6_addr + 12, sizeof(in));
		return put_ipv4(in, ret_host);
	}
	if (IN6_IS_ADDR_UNSPECIFIED(in6))
		address = in6addr_loopback;
	ret_host[0] = '[';
	if (!inet_ntop(AF_INET6, &address, ret_host + 1, INET6_ADDRSTRLEN))
		return false;
	memcpy(ret_host + strlen(ret_host), "]", 2);
	return true;
}

bool clear_address(const struct sockaddr *address, socklen_t n, char *ret_host, uint16_t *ret_port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	bool ok = false;

	if (n >= sizeof(in) && address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		*ret_port = ntohs(in.sin_port);
		ok = put_ipv4(in.sin_addr, ret_host);
	} else if (n >= sizeof(in6) - sizeof(in6.sin6_scope_id) && address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6) - sizeof(in6.sin6_scope_id));
		*ret_port = ntohs(in6.sin6_port);
		ok = put_ipv6(&in6.sin6_addr, ret_host);
	}
	if (ok)
		put_port(ret_host + strlen(ret_host), *ret_port);
	return ok;
}
