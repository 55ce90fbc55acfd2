/* SPDX-License-Identifier: MIT */
/* From the name of a fact, as a policy writes it, to the fact. */
#pragma once

#include "policy/load.h"

/* Index of the subject of that name, added if need be. Unknown names are refused with the nearest
 * known one. */
MUST_CHECK int subject_read(struct load *load, struct span name, int line, uint32_t *ret_subject);
