/* SPDX-License-Identifier: MIT */
/* What the files of the warden share. Nobody outside warden*.c includes this. */
#pragma once

#include "io/peer.h"
#include "io/role.h"
#include "io/warden.h"

#include "record/record_type.h"

#include <sys/types.h>

/* A role as the warden sees it. */
struct child {
	struct warden *warden;
	enum link_role role;
	const char *user; /* NULL: stays root */
	uid_t uid;
	gid_t gid;
	pid_t pid; /* 0: not running */
	bool ready;
	bool was_ready; /* at least once */
	struct peer peer;
	struct loop_timer restart;
	int64_t started_ns, died_ns, delay_ms;
};

/* A record of the warden's own, until the ledger has it. */
struct pending_record {
	struct pending_record *next;
	uint64_t id;
	struct buf payload;
};

/* Who asked for a reload. */
#define RELOAD_ASKERS_MAX 16
struct reload_asker {
	enum link_role role;
	uint64_t id;
};

enum warden_stage {
	WARDEN_STARTING,
	WARDEN_RUNNING,
	WARDEN_STOPPING_FRONT, /* engine, api, courier finish what they have */
	WARDEN_STOPPING_BACK, /* then reader and ledger */
};

struct warden {
	const struct warden_options *options;
	struct loop *loop;
	enum warden_stage stage;
	int status;
	struct config *config;
	struct role_bundle *first; /* until rules_complete_first() */
	char *state_dir, *runtime_dir;
	int lock_fd, self_fd;
	int shim_fd, api_fd, tcp_fd; /* listening */
	struct child child[_LINK_ROLE_COUNT];
	struct loop_timer stop;
	uint8_t key[ROLE_KEY_BYTES];
	uint64_t next_id;
	/* what the engine runs with, and what it is trying */
	struct buf good, candidate;
	struct buf good_governed, candidate_governed;
	struct config *candidate_config;
	uint64_t candidate_id; /* 0: none */
	bool again; /* another reload was asked for meanwhile */
	struct reload_asker asker[RELOAD_ASKERS_MAX];
	size_t askers_n;
	struct pending_record *first_record, *last_record;
	size_t records_n;
};

/* warden_setup.c: users, folders, sockets, key. 0, or -errno after saying on the log what is wrong
 * and how to mend it. */
MUST_CHECK int warden_setup(struct warden *w);
void warden_unlink_sockets(const struct warden *w);

/* warden_child.c */
void child_start(struct child *child);
void child_reap(struct warden *w);
void child_stop(struct child *child); /* asks it to end */
void child_kill(struct child *child);
bool child_all_ready(const struct warden *w);

/* warden_rules.c: bundles and reload */
/* The first configuration and bundle, from disk; the second half needs folders and key. 0, or > 0
 * or -errno after it was logged. */
MUST_CHECK int rules_read_first(struct warden *w);
MUST_CHECK int rules_complete_first(struct warden *w);
void rules_send(struct warden *w, struct child *child);
void rules_reload(struct warden *w);
void rules_reload_for(struct warden *w, enum link_role role, uint64_t id);
void rules_result(struct warden *w, uint64_t id, struct span result);
void rules_engine_died(struct warden *w);

/* warden_record.c: records of the warden's own; kept until they are durable */
struct json_write;
void record_begin(struct buf *out, struct json_write *json, enum record_type type);
void record_end(struct warden *w, struct buf *out, struct json_write *json); /* frees out */
void record_send_all(struct warden *w);
void record_durable(struct warden *w, uint64_t id);

/* warden.c */
void warden_child_ready(struct warden *w, struct child *child);
void warden_child_gone(struct warden *w, struct child *child);
