/* SPDX-License-Identifier: MIT */
/* What a verifier is told from outside: the log's key, and a head that somebody kept. Shared by
 * `aicp ledger verify` and aicp-verify, which links nothing of the daemon's database. */
#pragma once

#include "record/anchor.h"

struct verify_args {
	/* as given; NULL: not */
	const char *key; /* the key's text, or a file that holds it */
	const char *anchor; /* a checkpoint file */
	const char *min_size; /* records, with root */
	const char *root; /* hexadecimal or base64 */
	/* set by verify_args_load() */
	bool has_key, has_anchor;
	struct note_key loaded_key;
	struct anchor loaded_anchor;
};

/* Rows for a getopt_long() table; verify_args_option() takes what they give. */
#define VERIFY_ARGS_OPTIONS                                                                        \
	{"key", required_argument, NULL, 'k'}, {"anchor", required_argument, NULL, 'a'},           \
		{"min-size", required_argument, NULL, 's'},                                        \
	{                                                                                          \
		"root", required_argument, NULL, 'r'                                               \
	}

/* Keeps value (getopt's optarg) as what option says. False when option is none of those rows'. */
bool verify_args_option(struct verify_args *args, int option, const char *value);

/* Reads a whole file of at most max bytes into out. 0 or -errno. */
int verify_args_file(const char *path, size_t max, struct buf *out);

/* Reads what the arguments name. False with error told: what is wrong and how to mend it. */
bool verify_args_load(struct verify_args *args, struct buf *error);
