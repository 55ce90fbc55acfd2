/* SPDX-License-Identifier: MIT */
/* One request that was let in, and how the operations of routes.def answer it. Only this folder
 * includes this. */
#pragma once

#include "api/answer.h"
#include "api/principal.h"
#include "api/role.h"
#include "api/route.h"

enum request_outcome {
	REQUEST_DONE = 0, /* request->answer is the answer */
	REQUEST_LATER = 1, /* step() is called, once a turn of the loop, until it says otherwise */
};

struct request {
	enum route_id route;
	struct uri uri;
	struct span parameter; /* the {…} of the path */
	struct span body; /* whole; empty for GET */
	struct principal who;
	struct answer answer;
	/* Long work in steps of some 20 ms, so that others are answered meanwhile. */
	int (*step)(struct api *api, struct request *request);
	void *job; /* freed by job_free */
	void (*job_free)(void *job);
};

/* Answers the request: REQUEST_DONE (also with an error of the API's in the answer), REQUEST_LATER,
 * or -errno, which becomes a 500. */
#define X(id, method, path, permission, parameters, summary)                                       \
	int answer_##id(struct api *api, struct request *request);
#include "api/routes.def"
#undef X

/* The one that request->route names. */
int request_run(struct api *api, struct request *request);

/* The value of a query parameter as a number from min to max; initial when it is not given. False
 * when it is anything else; then the answer is set. */
bool request_number(struct request *request, const char *name, uint64_t max, uint64_t initial,
		    uint64_t *ret_value);

/* The same for a time: see moment.h. */
bool request_time(struct request *request, const char *name, int64_t initial_ns, int64_t *ret_ns);
