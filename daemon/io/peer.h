/* SPDX-License-Identifier: MIT */
/* A link in an event loop: another role as this one sees it. */
#pragma once

#include "io/link.h"
#include "io/loop.h"

struct peer {
	struct loop *loop;
	struct link *link; /* NULL: not there now */
	struct loop_source source;
	enum link_role role; /* who it is */
	/* One message; its descriptor belongs to the callee. peer_close() is allowed inside. */
	void (*message)(struct peer *peer, struct link_message *message);
	/* The other side is gone (-EPIPE), broke the format (-EBADMSG), or the link failed; it is
	 * closed already. */
	void (*gone)(struct peer *peer, int error);
	void *data;
};

/* Takes fd as the link; an older one is closed first, without gone(). 0 or -errno (fd is closed).
 */
int peer_open(struct peer *peer, int fd);
/* The same with a link that is open already and perhaps holds messages. */
int peer_adopt(struct peer *peer, struct link *link);
void peer_close(struct peer *peer);

/* link_send() on the peer, and waits for room when it is needed. -ENOTCONN when it is not there. A
 * failure closes nothing: gone() comes from the loop. */
int peer_send(struct peer *peer, uint16_t type, uint64_t id, struct span payload, int fd);
