/* SPDX-License-Identifier: MIT */
/*
 * Do programs still run with the shim? Asked of real programs, before every program of the host has
 * it.
 */
#pragma once

#include "base/buf.h"

/* Runs a few programs of this host, as the caller and (when that is root) as nobody, with shim in
 * LD_PRELOAD; shim NULL: as /etc/ld.so.preload has it. true when each ended as it should, said
 * nothing on stderr (but the loader about other objects, as without us) and had the object at path
 * loaded. false: appends what went wrong. */
bool preload_trial(const char *shim, const char *path, struct buf *ret_why);
