/* SPDX-License-Identifier: MIT */
/* The operations of the API and how a request finds its own: routes.def. */
#pragma once

#include "api/permission.h"
#include "api/uri.h"

enum route_method { METHOD_GET, METHOD_POST, _METHOD_COUNT };

enum route_id {
#define X(id, method, path, permission, parameters, summary) ROUTE_##id,
#include "api/routes.def"
#undef X
	_ROUTE_COUNT,
};

struct route {
	enum route_method method;
	const char *path; /* "/api/logs/{execution_id}" */
	enum permission permission;
	const char *parameters; /* names of query parameters, separated by one space */
	const char *summary;
};

const struct route *route_row(enum route_id id);
const char *route_method_name(enum route_method method);

enum route_outcome {
	ROUTE_FOUND,
	ROUTE_NO_PATH, /* 404 */
	ROUTE_NO_METHOD, /* 405: *ret_id is some operation of the path, for route_allow() */
};

/* Finds the operation. *ret_id is set unless ROUTE_NO_PATH. No path has more than one parameter;
 * *ret_parameter is its decoded value, borrowed from uri, or SPAN_NULL. */
enum route_outcome route_find(struct span method, const struct uri *uri, enum route_id *ret_id,
			      struct span *ret_parameter);

/* Appends the methods of the path of that operation: "GET, HEAD". */
int route_allow(enum route_id id, struct buf *out);

/* Does the operation know a query parameter of that name? */
bool route_takes(enum route_id id, struct span name);
