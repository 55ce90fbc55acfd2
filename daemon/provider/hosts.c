/* SPDX-License-Identifier: MIT */
#include "provider/hosts.h"

#include "aicp/limits.h"

#include <errno.h>
#include <stdlib.h>

/* Lower-case comparison of a name of the table with any name. */
static int compare_names(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		uint8_t p = span_ascii_lower(a.p[i]), q = span_ascii_lower(b.p[i]);

		if (p != q)
			return p < q ? -1 : 1;
	}
	return a.n < b.n ? -1 : a.n > b.n;
}

static int compare(const struct host *a, const struct host *b)
{
	if (a->below != b->below)
		return a->below - b->below;
	return a->port != b->port ? a->port - b->port : compare_names(a->name, b->name);
}

static int compare_for_sort(const void *a, const void *b)
{
	return compare(a, b);
}

uint16_t host_port(struct span host, struct span *ret_name)
{
	size_t at = host.n;
	unsigned port = 0;

	*ret_name = host;
	while (at && host.p[at - 1] >= '0' && host.p[at - 1] <= '9')
		at--;
	/* Behind a colon inside an address without brackets stands no port. */
	if (at < 2 || host.p[at - 1] != ':' || at == host.n || host.n - at > 5 ||
	    host.p[at] == '0' || (host.p[0] != '[' && span_find(host, ':') != at - 1))
		return 0;
	for (size_t i = at; i < host.n; i++)
		port = port * 10 + (unsigned)(host.p[i] - '0');
	if (port > UINT16_MAX)
		return 0;
	*ret_name = span_sub(host, 0, at - 1);
	return (uint16_t)port;
}

/* An address as the shim writes that of a socket; what else looks like one fits no socket. */
static bool is_bracketed(struct span name)
{
	size_t colons = 0;

	if (name.n < 4 || name.n > 2 + 39 || name.p[0] != '[' || name.p[name.n - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < name.n; i++) {
		uint8_t c = name.p[i];

		colons += c == ':';
		if (c != ':' && c != '.' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return colons >= 2;
}

bool host_valid(struct span pattern)
{
	size_t label = 0;
	uint16_t port = host_port(pattern, &pattern);

	if (port && is_bracketed(pattern))
		return true;
	if (!port && span_starts(pattern, SPAN_LIT("*.")))
		pattern = span_sub(pattern, 2, pattern.n);
	if (!pattern.n || pattern.n > AICP_HOST_BYTES_MAX)
		return false;
	for (size_t i = 0; i < pattern.n; i++) {
		uint8_t c = pattern.p[i];

		if (c == '.' && !label)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (c != '.' && c != '-' && c != '_' && !(c >= 'a' && c <= 'z') &&
		    !(c >= '0' && c <= '9'))
			return false;
	}
	return label > 0;
}

int hosts_add(struct hosts *hosts, struct span pattern, uint32_t owner)
{
	struct host *host = hosts->host, added = {.owner = owner};

	added.port = host_port(pattern, &added.name);
	added.below = span_starts(pattern, SPAN_LIT("*."));
	if (added.below)
		added.name = span_sub(pattern, 2, pattern.n);

	/* Room grows by powers of two: when n is one, the table is full. */
	if ((hosts->n & (hosts->n - 1)) == 0) {
		host = realloc(host, (hosts->n ? hosts->n * 2 : 1) * sizeof(*host));
		if (!host)
			return -ENOMEM;
		hosts->host = host;
	}
	host[hosts->n++] = added;
	return 0;
}

int hosts_sort(struct hosts *hosts, const struct host **ret_twice)
{
	if (hosts->n)
		qsort(hosts->host, hosts->n, sizeof(*hosts->host), compare_for_sort);
	for (size_t i = 1; i < hosts->n; i++) {
		if (compare(&hosts->host[i - 1], &hosts->host[i]) == 0) {
			*ret_twice = &hosts->host[i];
			return PARSE_E_BAD;
		}
	}
	return PARSE_DONE;
}

static bool find(const struct hosts *hosts, const struct host *wanted, uint32_t *ret_owner)
{
	const struct host *found =
		hosts->n ? bsearch(wanted, hosts->host, hosts->n, sizeof(*wanted), compare_for_sort)
			 : NULL;

	if (found)
		*ret_owner = found->owner;
	return found != NULL;
}

bool hosts_find(const struct hosts *hosts, struct span host, uint32_t *ret_owner)
{
	struct host wanted = {.port = host_port(host, &host)};

	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n > AICP_HOST_BYTES_MAX)
		return false;
	wanted.name = host;
	if (find(hosts, &wanted, ret_owner))
		return true;
	wanted.port = 0;
	if (find(hosts, &wanted, ret_owner))
		return true;
	wanted.below = true;
	for (size_t i = 1; i < host.n; i++) {
		wanted.name = span_sub(host, i + 1, host.n);
		if (host.p[i] == '.' && find(hosts, &wanted, ret_owner))
			return true;
	}
	return false;
}

void hosts_deinit(struct hosts *hosts)
{
	free(hosts->host);
	*hosts = (struct hosts){0};
}
