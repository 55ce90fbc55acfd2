/* SPDX-License-Identifier: MIT */
#include "http/target.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool port_read(struct span s, uint16_t *ret_port)
{
	unsigned port = 0;

	if (!s.n || s.n > 5)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]))
			return false;
		port = port * 10 + (unsigned)(s.p[i] - '0');
	}
	if (!port || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static size_t host_length(struct span s)
{
	size_t n = 0;

	if (s.n && s.p[0] == '[') {
		for (n = 1; n < s.n && (is_hex(s.p[n]) || s.p[n] == ':' || s.p[n] == '.');)
			n++;
		return n > 2 && n < s.n && s.p[n] == ']' ? n + 1 : 0;
	}
	while (n < s.n) {
		uint8_t c = s.p[n], lower = c | 0x20;

		if (!is_digit(c) && !(lower >= 'a' && lower <= 'z') && c != '-' && c != '.' &&
		    c != '_')
			break;
		n++;
	}
	return n;
}

bool target_authority(struct span s, struct span *ret_host, uint16_t *ret_port)
{
	size_t n = host_length(s);
	uint16_t port = 0;

	if (!n || n > AICP_HOST_BYTES_MAX)
		return false;
	if (n < s.n && (s.p[n] != ':' || !port_read(span_sub(s, n + 1, s.n), &port)))
		return false;
	*ret_host = span_sub(s, 0, n);
	*ret_port = port;
	return true;
}

/* RFC 3986: what a URI may hold, without fragments; each % begins two hexadecimal digits. */
static bool characters_ok(struct span s)
{
	static const char others[] = "-._~:/?[]@!$&'()*+,;=";

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i], lower = c | 0x20;

		if (is_digit(c) || (lower >= 'a' && lower <= 'z') ||
		    (c && memchr(others, c, sizeof(others) - 1)))
			continue;
		if (c != '%' || s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
			return false;
		i += 2;
	}
	return true;
}

static void path_and_query(struct message *m, struct span s)
{
	size_t n = span_find(s, '?');

	m->path = n ? span_sub(s, 0, n) : SPAN_LIT("/");
	m->query = span_sub(s, n + 1, s.n);
}

static bool same_host(const struct message *m, struct span host, uint16_t port, uint16_t usual)
{
	return span_ieq(host, m->host) && (port ? port : usual) == (m->port ? m->port : usual);
}

/* http://host[:port]/path: Host has to say the same, or two readers would disagree about where this
 * goes. */
static enum http_fault_kind absolute(struct message *m, struct span rest, uint16_t usual)
{
	size_t n = 0;
	struct span host;
	uint16_t port;

	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	if (!target_authority(span_sub(rest, 0, n), &host, &port))
		return HTTP_FAULT_TARGET_FORM;
	if (!m->host.n) {
		m->host = host;
		m->port = port;
	} else if (!same_host(m, host, port, usual)) {
		return HTTP_FAULT_HOST_DIFFERS;
	}
	path_and_query(m, span_sub(rest, n, rest.n));
	return HTTP_FAULT_NONE;
}

static enum http_fault_kind connect(struct message *m)
{
	struct span host;
	uint16_t port;

	if (!target_authority(m->target, &host, &port) || !port)
		return HTTP_FAULT_TARGET_FORM;
	if (!m->host.n) {
		m->host = host;
		m->port = port;
	} else if (!same_host(m, host, port, port)) {
		return HTTP_FAULT_HOST_DIFFERS;
	}
	m->path = m->query = span_sub(m->target, m->target.n, m->target.n);
	return HTTP_FAULT_NONE;
}

enum http_fault_kind target_read(struct message *m)
{
	struct span t = m->target;

	if (!t.n || !characters_ok(t))
		return HTTP_FAULT_TARGET;
	if (span_eq_str(m->method, "CONNECT"))
		return connect(m);
	if (t.p[0] == '/') {
		path_and_query(m, t);
		return HTTP_FAULT_NONE;
	}
	if (t.n > 7 && span_ieq(span_sub(t, 0, 7), SPAN_LIT("http://")))
		return absolute(m, span_sub(t, 7, t.n), 80);
	if (t.n > 8 && span_ieq(span_sub(t, 0, 8), SPAN_LIT("https://")))
		return absolute(m, span_sub(t, 8, t.n), 443);
	if (span_eq_str(t, "*") && span_eq_str(m->method, "OPTIONS")) {
		path_and_query(m, t);
		return HTTP_FAULT_NONE;
	}
	return HTTP_FAULT_TARGET_FORM;
}
