/* SPDX-License-Identifier: MIT */
/* An address to listen on, as the configuration writes it. */
#pragma once

#include "base/span.h"

/* HOST:PORT, an IPv6 host in brackets, a port from 1. ret_host borrows from text and has no
 * brackets. */
bool listen_split(struct span text, struct span *ret_host, uint16_t *ret_port);

/* localhost, ::1 or an IPv4 address of 127/8. */
bool listen_is_loopback(struct span host);
