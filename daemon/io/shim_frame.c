/* SPDX-License-Identifier: MIT */
#include "io/shim_frame.h"

#include "aicp/limits.h"
#include "provider/hosts.h"

#define FLAGS_KNOWN                                                                                \
	(AICP_SHIM_F_SOCKET | AICP_SHIM_F_MEMFD | AICP_SHIM_F_CLEAR | AICP_SHIM_F_CAN_HOLD |       \
	 AICP_SHIM_F_CAN_WITNESS)

/* Lower case letters, digits, '-', '_', '.': what a name in a ClientHello can be. In clear a port
 * stands behind it, and it may be an IPv6 address in brackets. */
static bool host_ok(struct span host, bool clear)
{
	const size_t n = host.n;

	if (clear && !host_port(host, &host))
		return false;
	for (size_t i = 0; i < host.n; i++) {
		uint8_t c = host.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      c == '.' || (clear && (c == ':' || c == '[' || c == ']'))))
			return false;
	}
	return n > 0 && n <= AICP_HOST_BYTES_MAX;
}

static const char *wrong_head(const struct aicp_shim_request *h, unsigned fds_n)
{
	unsigned fds = !!(h->flags & AICP_SHIM_F_SOCKET) + !!(h->flags & AICP_SHIM_F_MEMFD);

	if (h->magic != AICP_SHIM_MAGIC)
		return "magic";
	if (h->version != AICP_SHIM_VERSION)
		return "version";
	if (h->type != AICP_SHIM_REQUEST && h->type != AICP_SHIM_UNREADABLE)
		return "type";
	if (h->flags & ~(uint32_t)FLAGS_KNOWN)
		return "flags";
	if (h->kind >= _AICP_SHIM_KIND_COUNT ||
	    (h->kind == AICP_SHIM_KIND_NONE) != (h->type == AICP_SHIM_REQUEST))
		return "kind";
	if (fds != fds_n)
		return "number of descriptors";
	if (h->request_bytes > AICP_SHIM_REQUEST_BYTES_MAX)
		return "request_bytes";
	if (h->head_bytes > h->request_bytes)
		return "head_bytes";
	return NULL;
}

int shim_frame_check(struct span message, unsigned fds_n, struct shim_frame *ret_frame,
		     const char **ret_error)
{
	struct shim_frame f = {0};
	size_t inline_n;

	*ret_error = "length";
	if (message.n < sizeof(f.head))
		return PARSE_E_BAD;
	memcpy(&f.head, message.p, sizeof(f.head));
	*ret_error = wrong_head(&f.head, fds_n);
	if (*ret_error)
		return PARSE_E_BAD;
	f.has_socket = f.head.flags & AICP_SHIM_F_SOCKET;
	f.has_memfd = f.head.flags & AICP_SHIM_F_MEMFD;
	inline_n = f.has_memfd ? 0 : f.head.request_bytes;
	*ret_error = "host name";
	if (f.head.host_bytes > AICP_HOST_BYTES_MAX)
		return PARSE_E_BAD;
	*ret_error = "length";
	if (inline_n > AICP_SHIM_INLINE_BYTES_MAX ||
	    message.n - sizeof(f.head) != f.head.host_bytes + inline_n)
		return PARSE_E_BAD;
	f.host = span_sub(message, sizeof(f.head), sizeof(f.head) + f.head.host_bytes);
	f.request = span_sub(message, sizeof(f.head) + f.head.host_bytes, message.n);
	*ret_error = "host name";
	if (!host_ok(f.host, f.head.flags & AICP_SHIM_F_CLEAR))
		return PARSE_E_BAD;
	*ret_error = NULL;
	*ret_frame = f;
	return PARSE_DONE;
}

int shim_frame_response(struct span message, struct shim_response *ret_response)
{
	struct shim_response r;

	if (message.n < sizeof(r.head))
		return PARSE_E_BAD;
	memcpy(&r.head, message.p, sizeof(r.head));
	r.bytes = span_sub(message, sizeof(r.head), message.n);
	if (r.head.magic != AICP_SHIM_MAGIC || r.head.version != AICP_SHIM_VERSION ||
	    r.head.type != AICP_SHIM_RESPONSE || r.head.flags & ~(uint32_t)AICP_SHIM_R_END ||
	    r.head.bytes != r.bytes.n || r.bytes.n > AICP_SHIM_INLINE_BYTES_MAX)
		return PARSE_E_BAD;
	*ret_response = r;
	return PARSE_DONE;
}
