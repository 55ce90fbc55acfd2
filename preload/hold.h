/* SPDX-License-Identifier: MIT */
/*
 * Requests of this process that wait for people.
 *
 * A held request has been turned into TLS records already, in the program's own write call; nothing
 * here knows the TLS library. One thread waits for all of them on their connections to the engine,
 * and sends the records on a duplicate of the program's socket, or makes the socket readable so
 * that the program comes and reads its refusal. It exists while there is something to wait for.
 *
 * Records sealed before and sent later keep their order only if nothing is written in between: a
 * TLS peer that asks for a key update or a renegotiation during a hold finds a broken stream and
 * ends the connection. Nothing passes by that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hold;

enum hold_flag {
	HOLD_NUDGES = 1, /* the program reads the socket itself (nudge.h) */
	HOLD_UNTIL_CLOSED = 2, /* a program that closes the socket has given up, though it may keep
				  its TLS object for a while, as those do that collect garbage */
};

/* Begins to wait: engine is the connection on which the second verdict comes, socket the program's
 * own; both are duplicated. Nothing happens before hold_arm(). NULL: it cannot be waited for (no
 * thread, no descriptors, no memory). */
struct hold *hold_new(int engine, int socket, unsigned flags, int64_t wait_ms);

/* What to send once it may leave: n bytes at the start of a mapping of the arena of cap, taken
 * over. */
void hold_arm(struct hold *hold, uint8_t *sealed, size_t n, size_t cap);

enum hold_outcome {
	HOLD_WAITING,
	HOLD_RELEASED, /* all of it is with the kernel */
	HOLD_ANSWERED, /* refused: serve the answer */
	HOLD_LOST, /* the engine, or our way to it, is gone: refuse */
	HOLD_FOREIGN, /* the same in a child of the process that waits: do not touch the socket */
	HOLD_BROKEN, /* the server is gone; the program will see for itself */
};

/* How far it is. ret_answer is set with _ANSWERED, valid until hold_end(). */
enum hold_outcome hold_look(const struct hold *hold, const uint8_t **ret_answer, size_t *ret_n);

/* With _RELEASED: the connection to the engine on which the response is to be told, until
 * hold_end(); or -1. */
int hold_engine(const struct hold *hold);

/* Whoever began it is done with it; one that still waits is given up, and sends nothing any more.
 */
void hold_end(struct hold *hold);
