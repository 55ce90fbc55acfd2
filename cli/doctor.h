/* SPDX-License-Identifier: MIT */
/* What the parts of `aicp doctor` share. */
#pragma once

#include "base/json_write.h"
#include "client.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_INFO,
	DOCTOR_WARN, /* works, but not as well as it could */
	DOCTOR_FAIL, /* something does not work: exit 1 */
	_DOCTOR_LEVELS,
};

struct doctor {
	const struct cli *cli;
	struct config *config; /* NULL: not readable */
	char runtime_dir[4096]; /* PATH_MAX */
	bool cooperative; /* the daemon runs without root: its roles need no users */
	struct buf json;
	struct json_write w;
	unsigned count[_DOCTOR_LEVELS];
};

/* One finding: what was looked at, what it means, and (NULL: nothing to do) how to mend it. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *mend,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* doctor_daemon.c: what the running daemon says and leaves in its folders */
void doctor_daemon(struct doctor *d);
void doctor_folders(struct doctor *d);
/* doctor_shim.c: the shim's file, and who loads it */
void doctor_shim(struct doctor *d);
void doctor_preload(struct doctor *d);
/* doctor_host.c: what this host can do */
void doctor_users(struct doctor *d);
void doctor_kernel(struct doctor *d);
void doctor_disk(struct doctor *d);
