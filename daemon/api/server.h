/* SPDX-License-Identifier: MIT */
/*
 * HTTP on the role's two listeners: connections, limits, and who may come in. libmicrohttpd without
 * threads; the role's loop waits on server_fd() and calls server_turn().
 *
 * The order of refusals, the same on every path: Host 421; no key, wrong key 401 (429); unknown
 * right 403; foreign Origin or site 403; a write that is not JSON 415; a body over the limit 413;
 * unknown path 404; unknown method 405; parameters 400. All of them before the body is read.
 */
#pragma once

#include "api/role.h"

/* Takes over the listening descriptors of api->start. 0 or -errno. */
MUST_CHECK int server_new(struct api *api, struct server **ret_server);
void server_free(struct server *server);

#define SERVER_LISTENERS 2
/* Descriptor to poll for reading; -1 when that listener does not exist. */
int server_fd(const struct server *server, unsigned listener);

/* Does what can be done without waiting, and one step of each long answer. */
void server_turn(struct server *server);

/* Milliseconds until server_turn() has something to do by itself; -1: never. */
int server_timeout_ms(const struct server *server);
