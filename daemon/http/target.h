/* SPDX-License-Identifier: MIT */
/* Targets and authorities of requests (RFC 9112 section 3.2), strictly. */
#pragma once

#include "http/fault.h"
#include "model/message.h"

/* host [":" port], without user information. The host is letters, digits, "-", "_" and ".", or an
 * IPv6 address with its brackets; at most AICP_HOST_BYTES_MAX; a port is 1 to 65535. *ret_port is 0
 * when there is none. */
bool target_authority(struct span s, struct span *ret_host, uint16_t *ret_port);

/* Reads message->target into path and query, and checks it against method and Host, which are set
 * already. HTTP_FAULT_NONE, or what is wrong. */
enum http_fault_kind target_read(struct message *message);
