/* SPDX-License-Identifier: MIT */
#include "io/link_wire.h"

static const char *const role_name[_LINK_ROLE_COUNT] = {
	[LINK_WARDEN] = "warden", [LINK_ENGINE] = "engine",   [LINK_LEDGER] = "ledger",
	[LINK_API] = "api",	  [LINK_COURIER] = "courier", [LINK_READER] = "reader",
};

const char *link_role_name(enum link_role role)
{
	return role_name[role];
}

int link_wire_check(struct span bytes, unsigned fds_n, struct link_header *ret_header)
{
	struct link_header h;
	unsigned fds;
	size_t inline_n;

	if (bytes.n < sizeof(h))
		return PARSE_E_BAD;
	memcpy(&h, bytes.p, sizeof(h));
	if (h.magic != LINK_MAGIC || h.version != LINK_VERSION || !h.type)
		return PARSE_E_BAD;
	if (h.flags & ~(LINK_F_MEMFD | LINK_F_FD))
		return PARSE_E_BAD;
	fds = !!(h.flags & LINK_F_MEMFD) + !!(h.flags & LINK_F_FD);
	if (fds != fds_n || h.payload_bytes > AICP_LINK_PAYLOAD_BYTES_MAX)
		return PARSE_E_BAD;
	inline_n = h.flags & LINK_F_MEMFD ? 0 : h.payload_bytes;
	if (inline_n > AICP_LINK_INLINE_BYTES_MAX || bytes.n - sizeof(h) != inline_n)
		return PARSE_E_BAD;
	*ret_header = h;
	return PARSE_DONE;
}
