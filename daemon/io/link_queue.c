/* SPDX-License-Identifier: MIT */
#include "io/link_queue.h"

#include "aicp/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct link_packet *link_packet_new(size_t n)
{
	struct link_packet *packet = calloc(1, sizeof(*packet) + n);

	if (packet)
		packet->n = n;
	return packet;
}

void link_packet_free(struct link_packet *packet)
{
	if (!packet)
		return;
	for (unsigned i = 0; i < packet->fds_n; i++)
		close(packet->fd[i]);
	free(packet);
}

int link_queue_put(struct link_queue *queue, struct link_packet *packet)
{
	if (queue->packets >= AICP_LINK_QUEUE_PACKETS_MAX ||
	    queue->bytes + packet->n > AICP_LINK_QUEUE_BYTES_MAX)
		return -ENOBUFS;
	packet->next = NULL;
	if (queue->last)
		queue->last->next = packet;
	else
		queue->first = packet;
	queue->last = packet;
	queue->packets++;
	queue->bytes += packet->n;
	return 0;
}

struct link_packet *link_queue_take(struct link_queue *queue)
{
	struct link_packet *packet = queue->first;

	if (!packet)
		return NULL;
	queue->first = packet->next;
	if (!queue->first)
		queue->last = NULL;
	queue->packets--;
	queue->bytes -= packet->n;
	return packet;
}

void link_queue_deinit(struct link_queue *queue)
{
	struct link_packet *packet;

	while ((packet = link_queue_take(queue)))
		link_packet_free(packet);
}
