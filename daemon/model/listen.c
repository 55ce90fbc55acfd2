/* SPDX-License-Identifier: MIT */
#include "model/listen.h"

#include "base/decimal.h"

static bool is_ipv4(struct span host, unsigned *ret_first)
{
	uint64_t octet[4];

	for (int i = 0; i < 4; i++) {
		size_t dot = span_find(host, '.');

		if ((dot == host.n) != (i == 3) ||
		    !decimal_read(span_sub(host, 0, dot), 255, &octet[i]))
			return false;
		host = span_sub(host, dot + 1, host.n);
	}
	*ret_first = (unsigned)octet[0];
	return true;
}

bool listen_is_loopback(struct span host)
{
	unsigned first;

	if (span_eq_str(host, "localhost") || span_eq_str(host, "::1"))
		return true;
	return is_ipv4(host, &first) && first == 127;
}

bool listen_split(struct span text, struct span *ret_host, uint16_t *ret_port)
{
	size_t colon = text.n;
	struct span host;
	uint64_t port;

	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (!colon || !decimal_read(span_sub(text, colon, text.n), 65535, &port) || !port)
		return false;
	host = span_sub(text, 0, colon - 1);
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = span_sub(host, 1, host.n - 1);
	else if (span_find(host, ':') != host.n)
		return false;
	if (!host.n)
		return false;
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return true;
}
