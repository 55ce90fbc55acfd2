/* SPDX-License-Identifier: MIT */
/* Who a process is: what the kernel vouches for, and apart from it what the process chose. */
#pragma once

#include "aicp/limits.h"
#include "base/json_write.h"
#include "base/parse.h"
#include "base/span.h"

#define IDENTITY_NONE (-1) /* a number that is not known */

/* Texts are owned by whoever made the struct and live as long as it. Empty: not known. */
struct identity {
	/* attested */
	int64_t pid;
	int64_t start_ticks; /* clock ticks after boot; pid and start together are unique */
	int64_t uid, gid, loginuid;
	struct span exe_sha256; /* hexadecimal */
	struct span exe_device; /* "major:minor" */
	struct span exe_inode; /* decimal */
	struct span cgroup;
	struct span container_id;
	struct span unit;
	/* claimed */
	struct span exe; /* path in the process's own mounts */
	struct span name;
	struct span args; /* joined by spaces, cut to AICP_ARGS_BYTES_MAX */
	struct span parents[AICP_PARENTS_MAX];
	size_t parents_n;
};

/* As JSON, canonical: the object {"claimed": {...}, "cgroup": ...} that records carry as `process`.
 */
void identity_write(const struct identity *who, struct json_write *w, const char *key);

/* Reads what identity_write() made. texts borrow from storage, which is reset. PARSE_DONE,
 * PARSE_E_BAD, -ENOMEM. */
MUST_CHECK int identity_parse(struct span json, struct buf *storage, struct identity *ret_who);
