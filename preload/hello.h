/* SPDX-License-Identifier: MIT */
/*
 * Which socket carries which TLS connection: by the random of the ClientHello that went out on it.
 *
 * Many programs keep the socket to themselves and give the TLS library memory to write to (asyncio,
 * Node, curl's own BIO); the 32 random bytes are what both sides know. Lock-free, as write(2) may
 * be called in a signal handler.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Record header, handshake header, version and random. */
#define HELLO_BYTES_MIN	   43u
#define HELLO_RANDOM_BYTES 32u

/* Does p, of at least HELLO_BYTES_MIN, start a TLS ClientHello? */
static inline int hello_is(const uint8_t *p)
{
	return p[0] == 0x16 && p[1] == 0x03 && p[5] == 0x01;
}

/* Notes that the ClientHello at p went out on fd. */
void hello_note(int fd, const uint8_t *p);

/* The socket on which the ClientHello with this random went out, or -1: never seen, forgotten, or
 * the descriptor is another file by now. */
int hello_socket(const uint8_t random[HELLO_RANDOM_BYTES]);
