/* SPDX-License-Identifier: MIT */
/* Tells the service manager what we are up to: sd_notify(3), by its documented protocol. */
#pragma once

/* Sends state ("READY=1\nSTATUS=...") to the socket named by $NOTIFY_SOCKET. 0, also when there is
 * no such variable; -errno when it could not be sent. */
int notify_send(const char *state);
