/* SPDX-License-Identifier: MIT */
/* Which provider a host name belongs to. */
#pragma once

#include "base/parse.h"
#include "base/span.h"

#include <stdint.h>

/* One pattern: a name, or "*." and the name that all sub-domains end with. */
struct host {
	struct span name; /* without "*." */
	bool below; /* was written with "*." */
	uint32_t owner;
};

/* All patterns, sorted; {0} is empty. */
struct hosts {
	struct host *host;
	size_t n;
};

/* Is it a host name as files may write it: lower case, no port, "*." at the front at most? */
bool host_valid(struct span pattern);

/* Adds a valid pattern; names are borrowed. -ENOMEM. */
MUST_CHECK int hosts_add(struct hosts *hosts, struct span pattern, uint32_t owner);
/* To be called when all are added. Two equal patterns: PARSE_E_BAD and *ret_twice is one of them.
 */
MUST_CHECK int hosts_sort(struct hosts *hosts, const struct host **ret_twice);
/* The owner of the longest pattern that fits, an exact one before all; a dot at the end of the name
 * does not count, nor does case. False when there is none. */
bool hosts_find(const struct hosts *hosts, struct span name, uint32_t *ret_owner);
void hosts_deinit(struct hosts *hosts);
