/* SPDX-License-Identifier: MIT */
/* layer: preload */
/* Any bytes, however they are cut: the same places are named, each by a name and a port. */
#include "../../preload/sniff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was found so far, as a number. */
static uint64_t mix(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3u;
	return h;
}

static void check_host(const char *host)
{
	const char *colon = strrchr(host, ':');
	size_t n = strlen(host);

	if (!colon || colon == host || n > SNIFF_HOST_BYTES_MAX)
		abort();
	if (colon[1] < '1' || colon[1] > '9' || strlen(colon + 1) > 5)
		abort();
	for (size_t i = 0; i < n; i++)
		if (host[i] >= 'A' && host[i] <= 'Z')
			abort();
}

static uint64_t look(const uint8_t *p, size_t n, size_t piece)
{
	struct sniff s = {0};
	enum sniff_outcome r = SNIFF_MORE;
	uint64_t h = 0xcbf29ce484222325u;
	size_t used;

	while (n && r != SNIFF_END && r != SNIFF_NO) {
		r = sniff_feed(&s, p, piece < n ? piece : n, &used);
		if (!used || used > n)
			abort();
		p += used;
		n -= used;
		if (r == SNIFF_HOST) {
			check_host(s.host);
			h = mix(h, s.host);
		}
	}
	return h * 8 + (r == SNIFF_HOST ? SNIFF_MORE : r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (look(data, size, size) != look(data, size, 1) ||
	    look(data, size, 3) != look(data, size, 7))
		abort();
	return 0;
}
