/* SPDX-License-Identifier: MIT */
/* The checks that every received link message passes before anybody looks inside. Pure. */
#pragma once

#include "base/parse.h"
#include "io/link.h"

/* Room for one message that travels inline. */
#define LINK_WIRE_BYTES_MAX (sizeof(struct link_header) + AICP_LINK_INLINE_BYTES_MAX)

/* Is bytes, received with fds_n descriptors, one well-formed message? PARSE_DONE with the header,
 * or PARSE_E_BAD. */
MUST_CHECK int link_wire_check(struct span bytes, unsigned fds_n, struct link_header *ret_header);
