/* SPDX-License-Identifier: MIT */
#include "api/request.h"

#include "api/moment.h"

static int (*const run[_ROUTE_COUNT])(struct api *, struct request *) = {
#define X(id, method, path, permission, parameters, summary) [ROUTE_##id] = answer_##id,
#include "api/routes.def"
#undef X
};

int request_run(struct api *api, struct request *r)
{
	return run[r->route](api, r);
}

bool request_number(struct request *r, const char *name, uint64_t max, uint64_t initial,
		    uint64_t *ret_value)
{
	struct span text = uri_get(&r->uri, name);
	uint64_t value = 0;
	bool good = text.n > 0 && text.n < 20;

	if (!text.p) {
		*ret_value = initial;
		return true;
	}
	for (size_t i = 0; i < text.n && good; i++) {
		good = text.p[i] >= '0' && text.p[i] <= '9';
		value = value * 10 + (text.p[i] - '0');
	}
	if (!good || value > max) {
		answer_fault(&r->answer, API_FAULT_VALIDATION, "parameter", span_str(name),
			     "%s must be a whole number from 0 to %llu", name,
			     (unsigned long long)max);
		return false;
	}
	*ret_value = value;
	return true;
}

bool request_time(struct request *r, const char *name, int64_t initial_ns, int64_t *ret_ns)
{
	struct span text = uri_get(&r->uri, name);

	if (!text.p) {
		*ret_ns = initial_ns;
		return true;
	}
	if (moment_parse(text, ret_ns))
		return true;
	answer_fault(&r->answer, API_FAULT_VALIDATION, "parameter", span_str(name),
		     "%s must be a time: 2026-11-23T06:30:00Z, 2026-11-23, or seconds since 1970",
		     name);
	return false;
}
