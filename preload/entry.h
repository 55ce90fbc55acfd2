/* SPDX-License-Identifier: MIT */
/*
 * Programs that carry OpenSSL inside themselves and export it (Node's official builds): their own
 * calls of SSL_write and SSL_read go nowhere near the loader, so the first bytes of these two
 * functions are replaced by a jump to our hooks.
 *
 * Done once, before the program runs and before it has threads, and only on x86-64 where aicp
 * governs, where the bytes are ones that were looked at (entry.c lists them), and where the kernel
 * lets text be changed. Otherwise nothing is changed, and such a program is not seen. Our own calls
 * go to SSL_write_ex and SSL_read_ex, which stay as they are.
 */
#pragma once

#include <stdbool.h>

/* Is this function one whose entry leads to our hook now? */
bool entry_is_ours(const void *function);
