/* SPDX-License-Identifier: MIT */
/*
 * Which hosts are governed here: RUNTIME_DIR/governed, read again when it changes.
 *
 * No file, or one that cannot be trusted: aicp is not installed as far as this process can tell,
 * and the shim does nothing. A file that was read once stays in force when it later vanishes or
 * breaks: an engine that is away must not look like an aicp that was never there.
 *
 * Trusted is a regular file of at most AICP_GOVERNED_BYTES_MAX that group and others cannot write,
 * and that belongs to root or to the process's own user (a rootless daemon). In a user namespace
 * the host's root shows as the overflow user; that is accepted in the built-in directory only,
 * where nobody but root can put a file.
 */
#pragma once

#include "table.h"

#include <stdint.h>

/* Is host (lower case, no final dot) governed? Costs one fstatat when nothing changed. */
bool governed_find(const char *host, struct table_entry *ret_entry);

/* Is there a table at all, that is, an aicp that may govern what this process does? */
bool governed_any(void);

/* Who owns the table in force, as this process sees it; root's without one. */
uint32_t governed_owner(void);

/* RUNTIME_DIR/shim.sock; NUL-terminated, or empty when the path is too long. */
const char *governed_socket_path(void);

/* Looks at AICP_RUNTIME_DIR once. false: inert, as in a program that gained privilege by exec
 * (AT_SECURE). */
bool governed_active(void);
