/* SPDX-License-Identifier: MIT */
/* Messages that a full socket did not take yet, in order, with their descriptors. */
#pragma once

#include "base/span.h"

/* One message as it goes on the wire, and up to two descriptors that belong to it. */
struct link_packet {
	struct link_packet *next;
	int fd[2];
	unsigned fds_n;
	size_t n;
	uint8_t bytes[];
};

struct link_queue {
	struct link_packet *first, *last;
	size_t packets, bytes;
};

/* A packet with room for n bytes; NULL when out of memory. */
struct link_packet *link_packet_new(size_t n);
void link_packet_free(struct link_packet *packet); /* closes its descriptors */

/* 0, or -ENOBUFS when the queue is at its bound; the packet belongs to the queue only on 0. */
int link_queue_put(struct link_queue *queue, struct link_packet *packet);
/* Unlinks the oldest, for link_packet_free(). */
struct link_packet *link_queue_take(struct link_queue *queue);
void link_queue_deinit(struct link_queue *queue);
