/* SPDX-License-Identifier: MIT */
/*
 * Where does the HTTP/1.x request that a program begins to write go: the names in its target and
 * its Host fields, byte by byte.
 *
 * Lenient where http.h is strict: what some server could take for a request to a governed host has
 * to be found, and is refused there.
 */
#pragma once

#include "aicp/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name, or an address in brackets, and a port. */
#define SNIFF_HOST_BYTES_MAX (AICP_HOST_BYTES_MAX + sizeof(":65535"))

enum sniff_outcome {
	SNIFF_MORE, /* the head goes on */
	SNIFF_HOST, /* host names a place; go on with the rest */
	SNIFF_END, /* the head is over */
	SNIFF_NO, /* no HTTP/1.x request, or one to a proxy for a tunnel */
};

enum sniff_state {
	SNIFF_METHOD,
	SNIFF_TARGET,
	SNIFF_AUTHORITY,
	SNIFF_PATH,
	SNIFF_VERSION,
	SNIFF_LINE,
	SNIFF_NAME,
	SNIFF_VALUE,
	SNIFF_OVER,
	SNIFF_FAILED,
};

/* A zeroed struct stands before the first byte. */
struct sniff {
	enum sniff_state state;
	bool is_host; /* the field at hand */
	bool is_https; /* the target's scheme */
	bool cut; /* what is collected was too long */
	uint16_t n; /* of text */
	char text[SNIFF_HOST_BYTES_MAX + 1];
	char host[SNIFF_HOST_BYTES_MAX + 1]; /* NAME:PORT, lower case, as table.h wants it */
};

/* Looks at p[0..n); *ret_used says how far it came. */
enum sniff_outcome sniff_feed(struct sniff *sniff, const uint8_t *p, size_t n, size_t *ret_used);

/* Has the method been read to its end, so that this is more than a letter or two? */
static inline bool sniff_is_request(const struct sniff *sniff)
{
	return sniff->state > SNIFF_METHOD && sniff->state < SNIFF_FAILED;
}
