/* SPDX-License-Identifier: MIT */
/* Whole numbers as people write them. */
#pragma once

#include "base/span.h"

/* Decimal digits and nothing else, no leading zero, at most max. False (ret_value untouched) when
 * it is anything else. */
bool decimal_read(struct span text, uint64_t max, uint64_t *ret_value);
