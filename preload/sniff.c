/* SPDX-License-Identifier: MIT */
/* Reads where a request in clear goes. */
#include "sniff.h"

#include <string.h>

static char lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static void clear(struct sniff *s)
{
	s->n = 0;
	s->cut = false;
}

static void put(struct sniff *s, uint8_t c)
{
	if (s->n < SNIFF_HOST_BYTES_MAX)
		s->text[s->n++] = lower(c);
	else
		s->cut = true;
}

static bool text_is(const struct sniff *s, const char *word)
{
	return !s->cut && s->n == strlen(word) && memcmp(s->text, word, s->n) == 0;
}

static enum sniff_outcome go(struct sniff *s, enum sniff_state state)
{
	clear(s);
	s->state = state;
	return SNIFF_MORE;
}

static enum sniff_outcome fail(struct sniff *s)
{
	s->state = SNIFF_FAILED;
	return SNIFF_NO;
}

/* Methods that call something; CONNECT asks a proxy for a tunnel, and what goes through it is
 * looked at by itself. */
static bool begins_method(const char *text, size_t n, bool whole)
{
	static const char *const methods[] = {"get",  "post",	"put",	  "patch",
					      "head", "delete", "options"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strncmp(methods[i], text, n) == 0 && (!whole || !methods[i][n]))
			return true;
	return false;
}

static enum sniff_outcome method_byte(struct sniff *s, uint8_t c)
{
	if (c == ' ' && s->n && begins_method(s->text, s->n, true))
		return go(s, SNIFF_TARGET);
	if (c < 'A' || c > 'Z')
		return fail(s);
	put(s, c);
	return begins_method(s->text, s->n, false) ? SNIFF_MORE : fail(s);
}

/* Digits behind the last colon that is no part of an address; no zeros before them. */
static bool split_port(const char *text, size_t n, size_t *ret_name_n, size_t *ret_port_at)
{
	const char *colon = memrchr(text, ':', n), *end = memrchr(text, ']', n);
	size_t at;

	*ret_name_n = *ret_port_at = n;
	if (!colon || (end && colon < end))
		return true;
	*ret_name_n = (size_t)(colon - text);
	for (at = *ret_name_n + 1; at < n; at++)
		if (text[at] < '0' || text[at] > '9')
			return false;
	for (at = *ret_name_n + 1; at < n && text[at] == '0';)
		at++;
	*ret_port_at = at;
	return n - at <= 5;
}

/* The text is an authority: makes host of it. */
static enum sniff_outcome authority(struct sniff *s, const char *usual_port)
{
	const char *at = memrchr(s->text, '@', s->n), *text = at ? at + 1 : s->text, *port;
	size_t n = s->n - (size_t)(text - s->text), name_n, port_at, port_n;

	if (s->cut || !split_port(text, n, &name_n, &port_at))
		return SNIFF_MORE;
	port = port_at < n ? text + port_at : usual_port;
	port_n = port_at < n ? n - port_at : strlen(usual_port);
	if (name_n && text[name_n - 1] == '.')
		name_n--;
	if (!name_n || name_n > AICP_HOST_BYTES_MAX)
		return SNIFF_MORE;
	memcpy(s->host, text, name_n);
	s->host[name_n] = ':';
	memcpy(s->host + name_n + 1, port, port_n);
	s->host[name_n + 1 + port_n] = '\0';
	return SNIFF_HOST;
}

static enum sniff_outcome target_byte(struct sniff *s, uint8_t c)
{
	const bool ends = c == ' ' || c == '/' || c == '?';
	enum sniff_outcome r = SNIFF_MORE;

	/* Without a version it is HTTP/0.9, which names no host, or something else. */
	if (c < 0x20)
		return fail(s);
	if (s->state == SNIFF_TARGET) {
		/* "http://" and "https://" are followed by an authority. */
		put(s, c);
		if (text_is(s, "http://") || text_is(s, "https://")) {
			s->is_https = s->n == strlen("https://");
			return go(s, SNIFF_AUTHORITY);
		}
		if (strncmp("https://", s->text, s->n) == 0 ||
		    strncmp("http://", s->text, s->n) == 0)
			return SNIFF_MORE;
		s->state = SNIFF_PATH;
	} else if (s->state == SNIFF_AUTHORITY && !ends) {
		put(s, c);
		return SNIFF_MORE;
	} else if (s->state == SNIFF_AUTHORITY) {
		r = authority(s, s->is_https ? "443" : "80");
		s->state = SNIFF_PATH;
	}
	if (c == ' ')
		go(s, SNIFF_VERSION);
	return r;
}

static bool is_version(const struct sniff *s)
{
	return s->n >= 7 && memcmp(s->text, "http/1.", 7) == 0;
}

static enum sniff_outcome version_byte(struct sniff *s, uint8_t c)
{
	if (c == '\r')
		return SNIFF_MORE;
	if (c == '\n')
		return is_version(s) ? go(s, SNIFF_LINE) : fail(s);
	/* What a target with blanks in it ends with. */
	if (c == ' ' && !is_version(s))
		clear(s);
	else if (c != ' ')
		put(s, c);
	return SNIFF_MORE;
}

/* The first byte of a line: a field's name, the end, or what was folded. */
static enum sniff_outcome line_byte(struct sniff *s, uint8_t c)
{
	if (c == '\r')
		return SNIFF_MORE;
	if (c == '\n') {
		s->state = SNIFF_OVER;
		return SNIFF_END;
	}
	clear(s);
	if (c == ' ' || c == '\t') {
		s->state = SNIFF_VALUE;
		return SNIFF_MORE;
	}
	s->is_host = false;
	s->state = SNIFF_NAME;
	put(s, c);
	return SNIFF_MORE;
}

static enum sniff_outcome name_byte(struct sniff *s, uint8_t c)
{
	if (c == '\n')
		return go(s, SNIFF_LINE);
	if (c == ' ' || c == '\t')
		return SNIFF_MORE;
	if (c != ':') {
		put(s, c);
		return SNIFF_MORE;
	}
	s->is_host = text_is(s, "host");
	return go(s, SNIFF_VALUE);
}

static enum sniff_outcome value_byte(struct sniff *s, uint8_t c)
{
	enum sniff_outcome r = SNIFF_MORE;

	if (c != '\n') {
		if (s->is_host && c > ' ')
			put(s, c);
		return SNIFF_MORE;
	}
	if (s->is_host && s->n)
		r = authority(s, "80");
	go(s, SNIFF_LINE);
	return r;
}

static enum sniff_outcome byte(struct sniff *s, uint8_t c)
{
	switch (s->state) {
	case SNIFF_METHOD:
		return method_byte(s, c);
	case SNIFF_TARGET:
	case SNIFF_AUTHORITY:
	case SNIFF_PATH:
		return target_byte(s, c);
	case SNIFF_VERSION:
		return version_byte(s, c);
	case SNIFF_LINE:
		return line_byte(s, c);
	case SNIFF_NAME:
		return name_byte(s, c);
	case SNIFF_VALUE:
		return value_byte(s, c);
	case SNIFF_OVER:
		return SNIFF_END;
	case SNIFF_FAILED:
		break;
	}
	return SNIFF_NO;
}

enum sniff_outcome sniff_feed(struct sniff *sniff, const uint8_t *p, size_t n, size_t *ret_used)
{
	enum sniff_outcome r = SNIFF_MORE;
	size_t at = 0;

	while (at < n && r == SNIFF_MORE)
		r = byte(sniff, p[at++]);
	*ret_used = at;
	return r;
}
