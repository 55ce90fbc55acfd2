/* SPDX-License-Identifier: MIT */
/* Who asks, once that is known. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct principal {
	char id[17]; /* visible part of the key; empty on the Unix socket */
	char role[33]; /* "admin", "auditor", ... */
	char owner[129]; /* of the key, or "uid:0" */
};
