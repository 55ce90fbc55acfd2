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

enum bundle_kind { BUNDLE_POLICY, BUNDLE_PROVIDER, _BUNDLE_KIND_COUNT };

struct bundle_file {
	enum bundle_kind kind;
	char *name; /* NUL-terminated */
	struct span text;
};

#define BUNDLE_KEY_BYTES 32

struct bundle {
	char *config_name; /* as messages call it */
	char *state_dir; /* of the ledger; it is not always that of the configuration, see warden.h
			  */
	struct span config;
	bool rootless;
	bool has_key;
	uint8_t key[BUNDLE_KEY_BYTES];
	struct bundle_file *file;
	size_t files_n;
	struct buf texts; /* owns what the spans point to, when the bundle was read */
};

/* Appends the JSON. All texts must be UTF-8 (bundle_read() would see others changed): -EILSEQ if
 * not. 0 or -errno. */
int bundle_write(const struct bundle *bundle, struct buf *out);

/* PARSE_DONE, PARSE_E_BAD, PARSE_E_LIMIT, -ENOMEM. */
MUST_CHECK int bundle_read(struct span json, struct bundle **ret_bundle);
void bundle_free(struct bundle *bundle);
