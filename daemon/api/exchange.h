/* SPDX-License-Identifier: MIT */
/* One request on its way through the server. Only this folder includes this. */
#pragma once

#include "api/request.h"

#include <microhttpd.h>

struct connection; /* of the server */

enum exchange_state {
	EXCHANGE_NEW, /* only the request line is known */
	EXCHANGE_BODY, /* let in; its body is coming */
	EXCHANGE_LATER, /* its answer is being worked at; the connection sleeps */
	EXCHANGE_READY, /* its answer is whole */
};

struct exchange {
	struct api *api;
	struct MHD_Connection *mhd;
	struct connection *connection; /* NULL once that is gone */
	enum exchange_state state;
	struct buf target; /* as it stands in the request line */
	struct buf storage; /* decoded parts of it, borrowed by request.uri */
	struct buf body;
	bool target_too_long;
	bool body_too_large;
	bool knows_uri; /* request.uri is set */
	bool knows_route; /* request.route is set */
	struct request request;
	struct exchange *next, *prev; /* of the sleeping ones */
};

/* Where a connection comes from, found out once. */
struct peer {
	bool local; /* the Unix socket */
	uint32_t uid; /* local */
	uint64_t source; /* for buckets */
	char name[64]; /* "127.0.0.1", "uid:1000" */
};

/* Looks at everything but the body. True: let in, request.who and route are set. False:
 * request.answer says why not. */
bool exchange_admit(struct exchange *x, const struct peer *peer, const char *method);
