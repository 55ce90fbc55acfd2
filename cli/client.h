/* SPDX-License-Identifier: MIT */
/*
 * Asks the daemon over RUNTIME_DIR/api.sock: one request, one answer, bounded in size and time. Who
 * asks is known to the daemon from the socket; no key is sent.
 */
#pragma once

#include "aicp/limits.h"
#include "base/json.h"
#include "cmd.h"

/* Where the daemon answers; kept for many requests. */
struct client {
	char socket[4096]; /* PATH_MAX */
	int timeout_ms; /* of a whole answer */
};

struct client_answer {
	unsigned status;
	struct buf body;
	struct json_scan *scan; /* of body */
	struct json json; /* valid when has_json */
	bool has_json;
};
void client_answer_deinit(struct client_answer *answer);

/* Reads the configuration for the way to the daemon. 0, or the exit code with the error on stderr.
 */
int client_open(const struct cli *cli, struct client *ret_client);

/* Asks; body p NULL: none. 0 with the answer whatever its status (the caller frees it), or -errno
 * (answer is empty). */
MUST_CHECK int client_ask(const struct client *client, const char *method, struct span path,
			  struct span body, struct client_answer *ret_answer);

/* The same for commands: says on stderr what went wrong, also of answers that are errors, and
 * returns the exit code. With 0 the answer is JSON. */
int client_get(const struct client *client, const char *method, struct span path, struct span body,
	       struct client_answer *ret_answer);

/* The same for commands whose exit code depends on which error it was: ret_status is the answer's,
 * 0 when there was none. */
int client_try(const struct client *client, const char *method, struct span path, struct span body,
	       unsigned *ret_status, struct client_answer *ret_answer);

/* Begins or goes on with a query: appends ?name=value or &name=value, escaped. */
int client_parameter(struct buf *path, const char *name, struct span value);
/* Appends one segment of a path, escaped. */
int client_segment(struct buf *path, struct span segment);
