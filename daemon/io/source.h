/* SPDX-License-Identifier: MIT */
/*
 * Reads configuration, policies and providers from disk into a bundle. Only files that nobody but
 * root (or, without root, the user that runs aicpd) can change are taken: who can write them
 * decides what is governed.
 */
#pragma once

#include "base/yaml.h"
#include "io/role_bundle.h"
#include "model/config.h"

/* Appends a whole file of at most AICP_YAML_BYTES_MAX bytes. PARSE_DONE; PARSE_E_BAD or
 * PARSE_E_LIMIT with error set; -ENOMEM. */
MUST_CHECK int source_file(const char *path, struct buf *out, struct yaml_error *error);

/* A file that ships inside aicpd. */
struct source_builtin {
	const char *name;
	struct span text;
};

struct source {
	const char *config_path; /* NULL: an empty configuration */
	const struct source_builtin *builtin;
	size_t builtin_n;
};

/*
 * Reads the configuration and every file that it names; folders give their *.yaml and *.yml in
 * order of name. Providers left out are the built-in ones. What compliance and plugins name must
 * hold nothing but hidden files, as nothing loads it yet. ret_config is that configuration.
 * Outcomes as above; also what config_parse() returns.
 */
MUST_CHECK int source_read(const struct source *source, struct role_bundle **ret_bundle,
			   struct config **ret_config, struct yaml_error *error);
