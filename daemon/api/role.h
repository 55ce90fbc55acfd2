/* SPDX-License-Identifier: MIT */
/* State of the api role, and how it asks the other roles. Only this folder includes this. */
#pragma once

#include "api/admission.h"
#include "api/api.h"
#include "api/bucket.h"
#include "api/keyring.h"
#include "api/notice.h"
#include "base/json.h"
#include "ledger/query.h"

/* A role that does not answer in this time is down. */
#define API_ASK_TIMEOUT_MS 2000
/* And is taken to be down for this long: others are answered meanwhile, in place of waiting behind
 * each question. */
#define API_SILENT_NS 1000000000
/* Reading policy files again, and compiling them, may take longer. */
#define API_RELOAD_TIMEOUT_MS 20000

struct server;
struct tally;

struct api {
	const struct api_start *start;
	struct link *warden, *ledger, *engine; /* NULL: gone */
	int64_t silent_until_ns[_LINK_ROLE_COUNT]; /* monotonic */
	struct query *query; /* NULL: not opened yet, or lost */
	struct admission_self self;
	struct buckets buckets;
	struct keyring keyring;
	struct notices notices;
	struct json_scan *scan; /* of answers and bodies */
	struct tally *tally; /* NULL: nobody asked yet */
	struct server *server;
	int64_t started_ns; /* wall clock */
	uint64_t requests; /* so far; counts request ids */
	bool stop;
};

int64_t api_mono_ns(void);
int64_t api_wall_ns(void);

/* The database, opened when it is not. 0 or -errno (query_open()). */
MUST_CHECK int api_query(struct api *api, struct query **ret_query);

/*
 * Asks the engine or the ledger (LINK_QUERY). 0 with the HTTP status and the JSON of the answer's
 * body, borrowed until the next call of this header; -EPIPE, -ETIMEDOUT, -EPROTO (the answer makes
 * no sense) and others.
 *
 * Ledger: {"op": "status"}, {"op": "content", "approval_id": ID}. Engine: {"op": "status" |
 * "policies"}, {"op": "policy", "name": NAME},
 * {"op": "dry_run", "facts": {...}}. docs/PROTOCOL.md section 3.
 */
MUST_CHECK int api_ask(struct api *api, enum link_role role, struct span request,
		       unsigned *ret_status, struct span *ret_body);

/* Has the ledger change state (LINK_COMMAND): {"op": "approve" | "reject", ...}. As api_ask(). */
MUST_CHECK int api_command(struct api *api, struct span request, unsigned *ret_status,
			   struct span *ret_body);

enum api_key_outcome { API_E_WRONG_KEY = 1 };
/* Asks the ledger whose key it is. 0, API_E_WRONG_KEY or -errno. */
MUST_CHECK int api_ask_key(struct api *api, struct span key, struct principal *ret_who);

/* Appends a record and waits until it is durable. body is canonical JSON. 0 or -errno: nothing was
 * recorded. */
MUST_CHECK int api_record(struct api *api, const char *type, struct span body);

/* The same without waiting; what is lost is counted by the ledger or, when it is gone, with the
 * next notice. 0 or -errno. */
int api_record_later(struct api *api, const char *type, struct span body);

/* Asks the warden to read the policy files again. 0 with its JSON, borrowed as above, or -errno. */
MUST_CHECK int api_ask_reload(struct api *api, struct span *ret_result);
