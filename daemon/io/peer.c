/* SPDX-License-Identifier: MIT */
#include "io/peer.h"

#include <errno.h>
#include <unistd.h>

/* Messages taken from one peer before others get their turn. */
#define TURN_MESSAGES 128

static void fail(struct peer *peer, int error)
{
	peer_close(peer);
	peer->gone(peer, error);
}

static void receive(struct peer *peer)
{
	struct link *link = peer->link;

	for (int i = 0; i < TURN_MESSAGES; i++) {
		struct link_message message;
		int r = link_receive(link, &message);

		if (r == 1)
			return;
		if (r < 0) {
			fail(peer, r);
			return;
		}
		peer->message(peer, &message);
		/* The handler may have closed or replaced it. */
		if (peer->link != link)
			return;
	}
}

static void ready(struct loop_source *source, uint32_t events)
{
	struct peer *peer = source->data;

	if (events & EPOLLOUT) {
		int r = link_flush(peer->link);

		if (r < 0) {
			fail(peer, r);
			return;
		}
		if (!link_wants_write(peer->link))
			loop_modify(peer->loop, &peer->source, EPOLLIN);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(peer);
}

int peer_adopt(struct peer *peer, struct link *link)
{
	int r;

	peer_close(peer);
	peer->link = link;
	peer->source = (struct loop_source){
		.fd = link_fd(link),
		.events = EPOLLIN,
		.ready = ready,
		.data = peer,
	};
	r = loop_add(peer->loop, &peer->source);
	if (r < 0)
		peer_close(peer);
	return r;
}

int peer_open(struct peer *peer, int fd)
{
	struct link *link = link_new(fd);

	return link ? peer_adopt(peer, link) : -ENOMEM;
}

void peer_close(struct peer *peer)
{
	if (!peer->link)
		return;
	loop_remove(peer->loop, &peer->source);
	link_free(peer->link);
	peer->link = NULL;
}

int peer_send(struct peer *peer, uint16_t type, uint64_t id, struct span payload, int fd)
{
	int r;

	if (!peer->link)
		return -ENOTCONN;
	r = link_send(peer->link, type, id, payload, fd);
	if (r == 0 && link_wants_write(peer->link))
		r = loop_modify(peer->loop, &peer->source, EPOLLIN | EPOLLOUT);
	return r;
}
