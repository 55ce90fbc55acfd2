/* SPDX-License-Identifier: MIT */
/*
 * Is the file at a path the shim: whole, of this machine, as it was built, and nobody else's to
 * change?
 *
 * Asked before it is loaded into anything: a loader looks at less, and what it overlooks ends the
 * program.
 */
#pragma once

#include "base/buf.h"

enum shim_fault {
	SHIM_GOOD,
	SHIM_MISSING, /* no file */
	SHIM_UNREADABLE, /* may not be opened, or is no regular file */
	SHIM_NOT_ELF, /* not a shared object; also: empty, or cut off in its first bytes */
	SHIM_OTHER_ARCH, /* built for another machine */
	SHIM_CUT, /* shorter than its headers say */
	SHIM_UNSEALED, /* a shared object, but not as the build of aicp makes it */
	SHIM_DAMAGED, /* of the right shape, but other bytes than were built */
	SHIM_OTHER_WIRE, /* whole, but of a version that the daemon would not understand */
	SHIM_EXPOSED, /* good, but somebody other than root and the caller may change it */
	_SHIM_FAULTS,
};

/* What a fault means, for people. */
const char *shim_fault_text(enum shim_fault fault);

/* Looks at the file. SHIM_EXPOSED is about the file alone. ret_version (16 bytes) is its version,
 * "" without a seal. */
enum shim_fault shim_file_check(const char *path, char *ret_version);

/* What the loader would say to any object, ours or not: SHIM_GOOD, or _MISSING, _UNREADABLE,
 * _NOT_ELF, _OTHER_ARCH or _CUT. */
enum shim_fault shim_file_loads(const char *path);

/* Can every user of this host load it? One folder that is closed to others is enough to lose it. */
bool shim_file_open_to_all(const char *path);

/* Is root alone able to replace it: the file and all folders above it are root's, and nobody else
 * may write there? false: appends the first that is not. */
bool shim_file_is_roots(const char *path, struct buf *ret_which);
