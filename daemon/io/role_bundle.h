/* SPDX-License-Identifier: MIT */
/*
 * What the warden reads from root-owned files and hands to a role as bytes (LINK_BUNDLE), so that
 * roles open no files:
 *
 *   {"config": text, "config_name": text, "files": [{"kind": "policy" | "provider", "name": text,
 * "text": text}, ...], "key": 64 hexadecimal digits, "rootless": bool, "state_dir": path}
 *
 * Only the engine gets files and key; for the others both are empty. Pure.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "base/parse.h"

enum role_file_kind { ROLE_FILE_POLICY, ROLE_FILE_PROVIDER, _ROLE_FILE_KIND_COUNT };

struct role_file {
	enum role_file_kind kind;
	char *name; /* NUL-terminated */
	struct span text;
};

#define ROLE_KEY_BYTES 32

struct role_bundle {
	char *config_name; /* as messages call it */
	char *state_dir; /* of the ledger; it is not always that of the configuration, see warden.h
			  */
	struct span config;
	bool rootless;
	bool has_key;
	uint8_t key[ROLE_KEY_BYTES];
	struct role_file *file;
	size_t files_n;
	struct buf texts; /* owns what the spans point to, when the bundle was read */
};

/* Appends the JSON. All texts must be UTF-8 (role_bundle_read() would see others changed): -EILSEQ
 * if not. 0 or -errno. */
int role_bundle_write(const struct role_bundle *bundle, struct buf *out);

/* PARSE_DONE, PARSE_E_BAD, PARSE_E_LIMIT, -ENOMEM. */
MUST_CHECK int role_bundle_read(struct span json, struct role_bundle **ret_bundle);
void role_bundle_free(struct role_bundle *bundle);
