/* SPDX-License-Identifier: MIT */
/* State of one loading of a policy set, and what its readers share. Inside daemon/policy only. */
#pragma once

#include "base/nearest.h"
#include "policy/set.h"

struct load {
	struct policy_set *set;
	struct yaml_error *error;
	const char *file; /* that is being read */
	struct buf
		*all; /* where every error goes, one a line; NULL: the first one ends the loading */
	size_t errors_n;
};

/* With all: notes an error that a reader returned, and 0; else err as it came. */
MUST_CHECK int load_go_on(struct load *load, int err);

/* Says what is wrong at a line of the file being read; PARSE_E_BAD. */
#define LOAD_FAIL(_load, _line, ...)                                                               \
	yaml_error_set((_load)->error, (_load)->file, (_line), __VA_ARGS__)

/* Readers below return PARSE_DONE, PARSE_E_BAD or PARSE_E_LIMIT with the error set, or -ENOMEM. */
