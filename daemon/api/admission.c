/* SPDX-License-Identifier: MIT */
#include "api/admission.h"

#include <stdio.h>

/* An exact list, not a parser: what is spelled otherwise is somebody else's idea of our name. */
static bool is(struct span host, const char *name, uint16_t port)
{
	bool bracket = strchr(name, ':') && name[0] != '[';
	char text[300];
	int n = snprintf(text, sizeof(text), "%s%s%s:%u", bracket ? "[" : "", name,
			 bracket ? "]" : "", port);

	if (n < 0 || (size_t)n >= sizeof(text))
		return false;
	if (span_ieq(host, span_of(text, (size_t)n)))
		return true;
	return port == 80 && span_ieq(host, span_of(text, (size_t)n - 3));
}

bool admission_host(const struct admission_self *self, struct span host)
{
	return is(host, self->host, self->port) || is(host, "localhost", self->port);
}

bool admission_origin(const struct admission_self *self, struct span origin)
{
	static const struct span scheme = {(const uint8_t *)"http://", 7};

	return span_starts(origin, scheme) &&
	       admission_host(self, span_sub(origin, scheme.n, origin.n));
}

bool admission_fetch_site(struct span site, bool writes)
{
	if (span_eq_str(site, "same-origin") || span_eq_str(site, "none"))
		return true;
	return span_eq_str(site, "same-site") && !writes;
}

static struct span trim(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_sub(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool admission_json(struct span content_type)
{
	size_t end = span_find(content_type, ';');
	struct span parameters = span_sub(content_type, end + 1, content_type.n);

	if (!span_ieq(trim(span_sub(content_type, 0, end)), SPAN_LIT("application/json")))
		return false;
	if (end == content_type.n)
		return true;
	parameters = trim(parameters);
	return span_ieq(parameters, SPAN_LIT("charset=utf-8")) ||
	       span_ieq(parameters, SPAN_LIT("charset=\"utf-8\""));
}

bool admission_bearer(struct span authorization, struct span *ret_secret)
{
	static const struct span scheme = {(const uint8_t *)"Bearer ", 7};

	if (authorization.n < scheme.n || !span_ieq(span_sub(authorization, 0, scheme.n), scheme))
		return false;
	*ret_secret = trim(span_sub(authorization, scheme.n, authorization.n));
	return true;
}
