/* SPDX-License-Identifier: MIT */
/* Checks a message that a shim (or whoever pretends to be one) sent. Pure: bytes and the number of
 * descriptors in. */
#pragma once

#include "aicp/shim.h"
#include "base/parse.h"
#include "base/span.h"

struct shim_frame {
	struct aicp_shim_request head;
	struct span host; /* borrowed from the message */
	struct span request; /* the same; empty when the bytes are in the memfd */
	bool has_socket, has_memfd;
};

/* PARSE_DONE; PARSE_E_BAD with *ret_error, a literal, saying what is wrong. */
MUST_CHECK int shim_frame_check(struct span message, unsigned fds_n, struct shim_frame *ret_frame,
				const char **ret_error);

struct shim_response {
	struct aicp_shim_response head;
	struct span bytes; /* borrowed from the message */
};

/* A message behind the verdict. PARSE_DONE or PARSE_E_BAD. */
MUST_CHECK int shim_frame_response(struct span message, struct shim_response *ret_response);
