/* SPDX-License-Identifier: MIT */
/* The grammar of a JSON number, byte after byte. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Named by what was read last; a number begins behind its first '-', or before it when there is
 * none, in MINUS. */
enum json_number_state {
	JSON_NUMBER_MINUS,
	JSON_NUMBER_ZERO,
	JSON_NUMBER_DIGITS,
	JSON_NUMBER_DOT,
	JSON_NUMBER_FRACTION,
	JSON_NUMBER_E,
	JSON_NUMBER_E_SIGN,
	JSON_NUMBER_EXPONENT,
};

/* Moves *state on by byte b; false, with *state as it was, when b does not belong to the number. */
bool json_number_step(enum json_number_state *state, uint8_t b);

/* May a number end here? */
bool json_number_whole(enum json_number_state state);
