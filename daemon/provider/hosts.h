/* SPDX-License-Identifier: MIT */
/* Which provider a host name belongs to. */
#pragma once

#include "base/parse.h"
#include "base/span.h"

#include <stdint.h>

/* One pattern: a name, "*." and the name that all sub-domains end with, or a name and a port. */
struct host {
	struct span name; /* without "*." and port */
	bool below; /* was written with "*." */
	uint16_t port; /* 0: every port */
	uint32_t owner;
};

/* All patterns, sorted; {0} is empty. */
struct hosts {
	struct host *host;
	size_t n;
};

/* Is it a host as files may write it: a name in lower case, with "*." at the front or a port at the
 * end; with a port also an IPv6 address in brackets? */
bool host_valid(struct span pattern);

/* The port at the end of NAME:PORT, and *ret_name without it; 0 and the whole when there is none
 * (1 to 65535, no zero before it). */
uint16_t host_port(struct span host, struct span *ret_name);

/* Adds a valid pattern; names are borrowed. -ENOMEM. */
MUST_CHECK int hosts_add(struct hosts *hosts, struct span pattern, uint32_t owner);
/* To be called when all are added. Two equal patterns: PARSE_E_BAD and *ret_twice is one of them.
 */
MUST_CHECK int hosts_sort(struct hosts *hosts, const struct host **ret_twice);
/* The owner of the longest pattern that fits host, NAME or NAME:PORT, an exact one before all, with
 * its port first; a dot at the end of the name does not count, nor does case. Without a port,
 * patterns that have one do not fit. False when there is none. */
bool hosts_find(const struct hosts *hosts, struct span host, uint32_t *ret_owner);
void hosts_deinit(struct hosts *hosts);
