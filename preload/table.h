/* SPDX-License-Identifier: MIT */
/* The text of RUNTIME_DIR/governed (format: include/aicp/shim.h), looked at in place. */
#pragma once

#include "decide.h"

#include <stddef.h>

/* Longest error body that is kept for a refusal of our own. */
#define TABLE_SHAPE_BYTES_MAX 2048u

struct table_entry {
	struct decide_mode mode;
	size_t shape_n; /* 0: the file names no usable shape */
	char shape[TABLE_SHAPE_BYTES_MAX];
};

/* Is this a table of a version we know? */
bool table_valid(const char *text, size_t n);

/* Is host (lower case, no final dot) governed: NAME under TLS, NAME:PORT in clear? Then fills
 * ret_entry, which may be NULL. Without a fail line the mode is closed, without a mode line
 * enforce. */
bool table_find(const char *text, size_t n, const char *host, struct table_entry *ret_entry);
