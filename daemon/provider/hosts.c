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
	return a->below != b->below ? a->below - b->below : compare_names(a->name, b->name);
}

static int compare_for_sort(const void *a, const void *b)
{
	return compare(a, b);
}

bool host_valid(struct span pattern)
{
	size_t label = 0;

	if (span_starts(pattern, SPAN_LIT("*.")))
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
	bool below = span_starts(pattern, SPAN_LIT("*."));
	struct host *host = hosts->host;

	/* Room grows by powers of two: when n is one, the table is full. */
	if ((hosts->n & (hosts->n - 1)) == 0) {
		host = realloc(host, (hosts->n ? hosts->n * 2 : 1) * sizeof(*host));
		if (!host)
			return -ENOMEM;
		hosts->host = host;
	}
	host[hosts->n++] = (struct host){span_sub(pattern, below ? 2 : 0, pattern.n), below, owner};
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

static bool find(const struct hosts *hosts, struct span name, bool below, uint32_t *ret_owner)
{
	struct host wanted = {.name = name, .below = below};
	const struct host *found =
		hosts->n ? bsearch(&wanted, hosts->host, hosts->n, sizeof(wanted), compare_for_sort)
			 : NULL;

	if (found)
		*ret_owner = found->owner;
	return found != NULL;
}

bool hosts_find(const struct hosts *hosts, struct span name, uint32_t *ret_owner)
{
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n > AICP_HOST_BYTES_MAX)
		return false;
	if (find(hosts, name, false, ret_owner))
		return true;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '.' && i &&
		    find(hosts, span_sub(name, i + 1, name.n), true, ret_owner))
			return true;
	return false;
}

void hosts_deinit(struct hosts *hosts)
{
	free(hosts->host);
	*hosts = (struct hosts){0};
}
