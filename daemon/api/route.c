/* SPDX-License-Identifier: MIT */
#include "api/route.h"

static const struct route route_table[_ROUTE_COUNT] = {
#define X(id, m, p, perm, params, text)                                                            \
	[ROUTE_##id] = {METHOD_##m, p, PERMISSION_##perm, params, text},
#include "api/routes.def"
#undef X
};

const struct route *route_row(enum route_id id)
{
	return &route_table[id];
}

const char *route_method_name(enum route_method method)
{
	switch (method) {
	case METHOD_GET:
		return "GET";
	case METHOD_POST:
		return "POST";
	case _METHOD_COUNT:
		break;
	}
	return "";
}

/* 0: another path; 1: fits with a parameter; 2: fits as it stands. */
static int fits(const char *path, const struct uri *uri, struct span *ret_parameter)
{
	struct span rest = span_str(path + 1);
	struct span parameter = SPAN_NULL;
	unsigned i = 0;

	for (; rest.n; i++) {
		size_t end = span_find(rest, '/');
		struct span want = span_sub(rest, 0, end);

		if (i == uri->segments_n)
			return 0;
		if (want.p[0] == '{') {
			if (!uri->segment[i].n)
				return 0;
			parameter = uri->segment[i];
		} else if (!span_eq(want, uri->segment[i])) {
			return 0;
		}
		rest = span_sub(rest, end + 1, rest.n);
	}
	if (i != uri->segments_n)
		return 0;
	*ret_parameter = parameter;
	return parameter.p ? 1 : 2;
}

static bool same_path(enum route_id a, enum route_id b)
{
	return strcmp(route_table[a].path, route_table[b].path) == 0;
}

static bool method_is(enum route_method method, struct span name)
{
	return span_eq_str(name, route_method_name(method)) ||
	       (method == METHOD_GET && span_eq_str(name, "HEAD"));
}

enum route_outcome route_find(struct span method, const struct uri *uri, enum route_id *ret_id,
			      struct span *ret_parameter)
{
	struct span parameter = SPAN_NULL, p;
	int best = 0;
	unsigned found = 0;

	for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
		int fit = fits(route_table[i].path, uri, &p);

		if (fit > best) {
			best = fit;
			found = i;
			parameter = p;
		}
	}
	if (!best)
		return ROUTE_NO_PATH;
	*ret_parameter = parameter;
	*ret_id = (enum route_id)found;
	for (unsigned i = 0; i < _ROUTE_COUNT; i++)
		if (same_path((enum route_id)i, (enum route_id)found) &&
		    method_is(route_table[i].method, method)) {
			*ret_id = (enum route_id)i;
			return ROUTE_FOUND;
		}
	return ROUTE_NO_METHOD;
}

int route_allow(enum route_id id, struct buf *out)
{
	bool first = true;

	for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
		if (!same_path((enum route_id)i, id))
			continue;
		buf_printf(out, "%s%s", first ? "" : ", ",
			   route_method_name(route_table[i].method));
		if (route_table[i].method == METHOD_GET)
			buf_put_str(out, ", HEAD");
		first = false;
	}
	return out->err;
}

bool route_takes(enum route_id id, struct span name)
{
	struct span rest = span_str(route_table[id].parameters);

	while (rest.n) {
		size_t end = span_find(rest, ' ');

		if (span_eq(span_sub(rest, 0, end), name))
			return true;
		rest = span_sub(rest, end + 1, rest.n);
	}
	return false;
}
