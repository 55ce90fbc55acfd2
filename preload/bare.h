/* SPDX-License-Identifier: MIT */
/* What stands in for a libc that cannot be found, or not yet: the system calls themselves. */
#pragma once

#include "real.h"

extern const struct real_libc bare_libc;
