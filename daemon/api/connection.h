/* SPDX-License-Identifier: MIT */
/* Connections of a listener: who is behind each, and how long it may take. Only this folder
 * includes this. */
#pragma once

#include "api/exchange.h"

struct server;

/* What a connection is waiting for. */
enum phase { PHASE_HEAD, PHASE_BODY, PHASE_LATER, PHASE_ANSWER };

struct connection {
	struct listener *listener;
	int fd;
	enum phase phase;
	int64_t since_ns; /* of the phase */
	bool known; /* somebody with a right key is behind it */
	struct peer peer;
	struct connection *next, *prev;
};

struct listener {
	struct server *server;
	struct MHD_Daemon *mhd;
	int epoll_fd;
	bool local;
	unsigned connections_n;
	struct connection *connections;
};

/* libmicrohttpd's MHD_NotifyConnectionCallback; data is the listener. */
void connection_notify(void *data, struct MHD_Connection *mhd, void **socket_data,
		       enum MHD_ConnectionNotificationCode code);

/* The connection (or NULL) waits for something else from now on. */
void connection_enter(struct connection *connection, enum phase phase);

/* Ends connections that took too long. A deadline of its own, which bytes that trickle in do not
 * move. */
void connection_sweep(struct listener *listener, int64_t now_ns);
