/* SPDX-License-Identifier: MIT */
/*
 * The configuration file (aicp.yaml), read strictly: an unknown key is an error with file:line.
 * config.def is the table from which the reader, `aicpd -t` and docs are made.
 *
 * A key with a dot may be written as nested mappings (api: {listen: …}) or with the dot
 * (api.listen: …), not both. A path that does not begin with / starts at the folder of the
 * configuration file; paths in struct config carry that folder already.
 */
#pragma once

#include "base/yaml.h"
#include "model/verdict.h"

enum config_fail { CONFIG_FAIL_CLOSED, CONFIG_FAIL_OPEN };

struct config_list {
	char **item; /* NUL-terminated paths */
	size_t n;
	bool set; /* false: the key was left out, built-ins apply; true with n == 0: an empty list
		   */
};

struct config_uids {
	uint32_t *uid;
	size_t n;
};
bool config_uids_has(const struct config_uids *uids, uint32_t uid);

struct config {
	char *state_dir; /* default /var/lib/aicp */
	char *runtime_dir; /* default /run/aicp */
	char *api_listen; /* HOST:PORT, default 127.0.0.1:8642 */
	char api_host[64]; /* of api_listen, numeric address or localhost */
	uint16_t api_port;
	enum mode mode; /* default enforce */
	enum config_fail fail; /* default closed */
	enum config_fail fail_unsure; /* default open */
	struct config_list policies, compliance, providers, plugins;
	unsigned approvals_hold_seconds; /* default 600 */
	unsigned approvals_expiry_seconds; /* default 3600 */
	struct config_uids approvals_approvers; /* default none */
	bool approvals_strict; /* default false */
};

/* A row of config.def, for people. */
struct config_key {
	const char *name;
	const char *values; /* what may stand behind it */
	const char *initial; /* default as it would be written, or NULL: the built-in list */
	const char *text;
};
/* The row of that number, from 0; NULL behind the last. */
const struct config_key *config_key(size_t index);

/* Reads text; file is its name in messages, and its folder is where relative paths start.
 * PARSE_DONE, PARSE_E_BAD or PARSE_E_LIMIT with error set, -ENOMEM. An empty text is the default
 * configuration. */
MUST_CHECK int config_parse(struct span text, const char *file, struct config **ret_config,
			    struct yaml_error *error);
void config_free(struct config *config);
