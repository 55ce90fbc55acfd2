/* SPDX-License-Identifier: MIT */
#include "api/connection.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SECOND_NS INT64_C(1000000000)
/* How long a client may take: for a request head (or between requests), for a body, to read its
 * answer. */
#define HEAD_NS	  (10 * SECOND_NS)
#define BODY_NS	  (30 * SECOND_NS)
#define ANSWER_NS (60 * SECOND_NS)
/* When connections run short, one that never showed a right key and says nothing goes after this.
 */
#define CROWDED_NS (2 * SECOND_NS)
#define CROWDED	   (AICP_API_CONNECTIONS_MAX * 3 / 4)

void connection_enter(struct connection *c, enum phase phase)
{
	if (!c)
		return;
	c->phase = phase;
	c->since_ns = api_mono_ns();
}

static uint64_t source_of(const struct sockaddr *address)
{
	uint64_t source = 0;

	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
	if (address->sa_family == AF_INET6) /* a host has a whole /64 to send from */
		memcpy(&source, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
		       8);
	return source | UINT64_C(1) << 63;
}

static void find_peer(struct connection *c, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct ucred cred = {.uid = UINT32_MAX};
	socklen_t n = sizeof(cred);
	char text[INET6_ADDRSTRLEN] = "?";

	c->peer.local = c->listener->local;
	if (c->peer.local) {
		/* Not told: nobody, who has no role. */
		if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
			cred.uid = UINT32_MAX;
		c->peer.uid = cred.uid;
		c->peer.source = UINT64_C(1) << 62 | cred.uid;
		snprintf(c->peer.name, sizeof(c->peer.name), "uid:%u", cred.uid);
	} else if (info && info->client_addr) {
		const struct sockaddr *a = info->client_addr;

		if (a->sa_family == AF_INET)
			inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr,
				  text, sizeof(text));
		else if (a->sa_family == AF_INET6)
			inet_ntop(AF_INET6,
				  &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, text,
				  sizeof(text));
		c->peer.source = source_of(a);
		snprintf(c->peer.name, sizeof(c->peer.name), "%s", text);
	}
}

void connection_notify(void *data, struct MHD_Connection *mhd, void **socket_data,
		       enum MHD_ConnectionNotificationCode code)
{
	struct listener *l = data;
	struct connection *c = *socket_data;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

		c = calloc(1, sizeof(*c));
		*socket_data = c;
		if (!c)
			return; /* its requests are refused */
		c->listener = l;
		c->fd = info ? info->connect_fd : -1;
		find_peer(c, mhd);
		connection_enter(c, PHASE_HEAD);
		c->next = l->connections;
		if (c->next)
			c->next->prev = c;
		l->connections = c;
		l->connections_n++;
	} else if (c) {
		if (c->next)
			c->next->prev = c->prev;
		if (c->prev)
			c->prev->next = c->next;
		else
			l->connections = c->next;
		l->connections_n--;
		free(c);
		*socket_data = NULL;
	}
}

static int64_t patience_ns(const struct connection *c)
{
	switch (c->phase) {
	case PHASE_HEAD:
		if (c->listener->connections_n >= CROWDED && !c->known)
			return CROWDED_NS;
		return HEAD_NS;
	case PHASE_BODY:
		return BODY_NS;
	case PHASE_ANSWER:
		return ANSWER_NS;
	case PHASE_LATER:
		break;
	}
	return INT64_MAX;
}

void connection_sweep(struct listener *l, int64_t now_ns)
{
	for (struct connection *c = l->connections; c; c = c->next)
		if (now_ns - c->since_ns > patience_ns(c))
			shutdown(c->fd, SHUT_RDWR);
}
