/* SPDX-License-Identifier: MIT */
/* The OpenAPI 3.1 document, made from routes.def and fault.def. */
#include "api/request.h"

#include <stdio.h>

/* {name} of a path, or SPAN_NULL. */
static struct span parameter_of(const char *path)
{
	struct span s = span_str(path);
	size_t begin = span_find(s, '{');

	return begin == s.n ? SPAN_NULL : span_sub(s, begin + 1, span_find(s, '}'));
}

static void put_parameter(struct json_write *w, struct span name, bool in_path)
{
	json_write_object(w, NULL);
	json_write_string(w, "name", name);
	json_write_str(w, "in", in_path ? "path" : "query");
	json_write_bool(w, "required", in_path);
	json_write_object(w, "schema");
	json_write_str(w, "type", span_eq_str(name, "limit") ? "integer" : "string");
	json_write_end_object(w);
	json_write_end_object(w);
}

static void put_parameters(struct json_write *w, const struct route *route)
{
	struct span rest = span_str(route->parameters), in_path = parameter_of(route->path);

	json_write_array(w, "parameters");
	if (in_path.p)
		put_parameter(w, in_path, true);
	while (rest.n) {
		size_t end = span_find(rest, ' ');

		put_parameter(w, span_sub(rest, 0, end), false);
		rest = span_sub(rest, end + 1, rest.n);
	}
	json_write_end_array(w);
}

static void put_responses(struct json_write *w)
{
	static const char *const response[][2] = {{"200", "done"}, {"default", "an error"}};

	json_write_object(w, "responses");
	for (size_t i = 0; i < 2; i++) {
		json_write_object(w, response[i][0]);
		json_write_str(w, "description", response[i][1]);
		json_write_object(w, "content");
		json_write_object(w, "application/json");
		json_write_object(w, "schema");
		if (i)
			json_write_str(w, "$ref", "#/components/schemas/Error");
		json_write_end_object(w);
		json_write_end_object(w);
		json_write_end_object(w);
		json_write_end_object(w);
	}
	json_write_end_object(w);
}

static void put_operation(struct json_write *w, const struct route *route, const char *id)
{
	json_write_object(w, route->method == METHOD_GET ? "get" : "post");
	json_write_str(w, "operationId", id);
	json_write_str(w, "summary", route->summary);
	json_write_str(w, "x-permission", permission_name(route->permission));
	if (route->permission == PERMISSION_PUBLIC) {
		json_write_array(w, "security");
		json_write_end_array(w);
	}
	put_parameters(w, route);
	if (route->method == METHOD_POST) {
		json_write_object(w, "requestBody");
		json_write_object(w, "content");
		json_write_object(w, "application/json");
		json_write_object(w, "schema");
		json_write_str(w, "type", "object");
		json_write_end_object(w);
		json_write_end_object(w);
		json_write_end_object(w);
		json_write_end_object(w);
	}
	put_responses(w);
	json_write_end_object(w);
}

static void put_paths(struct json_write *w)
{
	static const char *const id[_ROUTE_COUNT] = {
#define X(route, method, path, permission, parameters, summary) [ROUTE_##route] = #route,
#include "api/routes.def"
#undef X
	};

	json_write_object(w, "paths");
	for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
		const char *path = route_row((enum route_id)i)->path;

		/* Methods of one path stand together in the table. */
		if (i && strcmp(path, route_row((enum route_id)(i - 1))->path) == 0)
			continue;
		json_write_object(w, path);
		for (unsigned k = i; k < _ROUTE_COUNT; k++)
			if (strcmp(route_row((enum route_id)k)->path, path) == 0)
				put_operation(w, route_row((enum route_id)k), id[k]);
		json_write_end_object(w);
	}
	json_write_end_object(w);
}

static void put_error_schema(struct json_write *w)
{
	static const char *const text[] = {"message", "request_id"};

	json_write_object(w, "schemas");
	json_write_object(w, "Error");
	json_write_str(w, "type", "object");
	json_write_object(w, "properties");
	json_write_object(w, "error");
	json_write_str(w, "type", "string");
	json_write_array(w, "enum");
	for (unsigned i = 0; i < _API_FAULT_COUNT; i++)
		json_write_str(w, NULL, answer_fault_code((enum api_fault)i));
	json_write_end_array(w);
	json_write_end_object(w);
	for (size_t i = 0; i < 2; i++) {
		json_write_object(w, text[i]);
		json_write_str(w, "type", "string");
		json_write_end_object(w);
	}
	json_write_object(w, "details");
	json_write_str(w, "type", "object");
	json_write_end_object(w);
	json_write_end_object(w);
	json_write_end_object(w);
	json_write_end_object(w);
}

static void put_components(struct json_write *w)
{
	json_write_object(w, "components");
	json_write_object(w, "securitySchemes");
	json_write_object(w, "bearer");
	json_write_str(w, "type", "http");
	json_write_str(w, "scheme", "bearer");
	json_write_end_object(w);
	json_write_object(w, "api_key");
	json_write_str(w, "type", "apiKey");
	json_write_str(w, "in", "header");
	json_write_str(w, "name", "X-API-Key");
	json_write_end_object(w);
	json_write_end_object(w);
	put_error_schema(w);
	json_write_end_object(w);
}

static void put_security(struct json_write *w)
{
	static const char *const scheme[] = {"bearer", "api_key"};

	json_write_array(w, "security");
	for (size_t i = 0; i < 2; i++) {
		json_write_object(w, NULL);
		json_write_array(w, scheme[i]);
		json_write_end_array(w);
		json_write_end_object(w);
	}
	json_write_end_array(w);
}

int answer_OPENAPI(struct api *api, struct request *r)
{
	struct json_write w;

	(void)api;
	json_write_init(&w, &r->answer.body, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "openapi", "3.1.0");
	json_write_object(&w, "info");
	json_write_str(&w, "title", "aicp");
	json_write_str(&w, "version", AICP_VERSION);
	json_write_end_object(&w);
	put_security(&w);
	put_paths(&w);
	put_components(&w);
	json_write_end_object(&w);
	return r->answer.body.err;
}
