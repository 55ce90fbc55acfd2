/* SPDX-License-Identifier: MIT */
/* Where the shim is. */
#pragma once

#include "base/buf.h"

#define SHIM_PATH_INSTALLED "/usr/lib/aicp/libaicp.so"

/* Beside this program (a build tree), in the lib/aicp beside its bin (an installed prefix), or at
 * SHIM_PATH_INSTALLED: appends the first that exists. 0 or -ENOENT. */
MUST_CHECK int shim_path(struct buf *ret_path);
