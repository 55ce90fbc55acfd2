/* SPDX-License-Identifier: MIT */
/* Decisions for an answer: the filter that query parameters say, and the rows it finds. */
#pragma once

#include "api/log_entry.h"
#include "api/request.h"

/* Where false comes back, the request's answer already says what is wrong. */

/* Reads the parameters that the operation takes: user, requester_id, approver_id, agent_id, status,
 * decision, policy_id, provider, model, since, start_time, until, end_time, after, limit. Spans
 * borrow from the request. */
bool rows_filter(struct request *request, struct query_filter *ret_filter);

/* Writes one row as a JSON value; request is whose answer it is. */
typedef void (*rows_write_fn)(const struct log_entry *entry, struct json_write *w);

/* Which rows, and how they are written. */
struct rows {
	const struct query_filter *filter;
	bool turn_round; /* the filter's order, backwards */
	rows_write_fn write;
	const char *key; /* of the array; NULL: it is the whole answer */
};

/* Writes the rows as an array. *ret_n is how many there are. */
bool rows_put(struct api *api, struct request *request, const struct rows *rows,
	      struct json_write *w, size_t *ret_n);

/* Writes the decision whose execution_id is the path's parameter as the answer. */
bool rows_one(struct api *api, struct request *request, rows_write_fn write);

/* The ledger could not be read: a 503, and the database is opened anew next time. Returns false. */
bool rows_failed(struct api *api, struct request *request, int err);

/* An execution_id that can be one: 8 to 64 of [0-9A-Za-z_-]. Else a 404. */
bool rows_id(struct request *request, struct span *ret_id);
