/* SPDX-License-Identifier: MIT */
/* RUNTIME_DIR/governed: what shims may know without asking; the format is in aicp/shim.h. */
#pragma once

#include "base/yaml.h"
#include "io/role_bundle.h"
#include "model/config.h"

/* Appends the file's text, made from the providers of a bundle. PARSE_DONE; PARSE_E_BAD or
 * PARSE_E_LIMIT with error set; -ENOMEM. */
MUST_CHECK int governed_text(const struct role_bundle *bundle, const struct config *config,
			     struct buf *out, struct yaml_error *error);

/* Replaces the file by rename: a reader sees the old or the new one, whole. 0 or -errno. */
MUST_CHECK int governed_write(const char *runtime_dir, struct span text);
