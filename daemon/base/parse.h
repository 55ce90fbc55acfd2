/* SPDX-License-Identifier: MIT */
/*
 * The error contract of the whole code base.
 *
 *   < 0   -errno: the environment failed; pass it up untouched, never match on it.
 *   = 0   done.
 *   > 0   an outcome of this one function, which its direct caller handles and does not forward.
 *
 * All parsers share the outcomes below.
 */
#pragma once

enum parse_outcome {
	PARSE_DONE = 0,
	PARSE_E_MORE = 1, /* well formed so far; feed more bytes */
	PARSE_E_BAD = 2, /* can never become well formed */
	PARSE_E_LIMIT = 3, /* well formed or not, it is over a limit of limits.h */
};

/* On functions whose outcome the caller has to look at. */
#define MUST_CHECK __attribute__((warn_unused_result))
