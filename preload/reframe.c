/* SPDX-License-Identifier: MIT */
#include "reframe.h"

#include <stdbool.h>
#include <string.h>

static const char *const dropped[] = {
	"content-length", "transfer-encoding", "trailer",     "content-encoding", "content-md5",
	"digest",	  "content-digest",    "repr-digest",
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_named(const uint8_t *line, size_t n, const char *name)
{
	size_t i = 0;

	for (; name[i]; i++)
		if (i >= n || lower(line[i]) != (uint8_t)name[i])
			return false;
	return i < n && line[i] == ':';
}

static bool is_dropped(const uint8_t *line, size_t n)
{
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (is_named(line, n, dropped[i]))
			return true;
	return false;
}

/* "Content-Length: N\r\n"; no stdio in here. */
static size_t put_length(uint8_t *out, size_t value)
{
	static const char name[] = "Content-Length: ";
	uint8_t digits[20];
	size_t n = 0, at = sizeof(name) - 1;

	memcpy(out, name, at);
	do
		digits[n++] = (uint8_t)('0' + value % 10);
	while (value /= 10);
	while (n)
		out[at++] = digits[--n];
	out[at++] = '\r';
	out[at++] = '\n';
	return at;
}

size_t reframe_head(const uint8_t *head, size_t n, size_t body_bytes, uint8_t *out)
{
	size_t at = 0, line = 0;

	if (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0)
		return 0;
	while (line < n - 2) {
		const uint8_t *end = memchr(head + line, '\n', n - line);
		size_t next = (size_t)(end - head) + 1;

		if (!line || !is_dropped(head + line, next - line)) {
			memcpy(out + at, head + line, next - line);
			at += next - line;
		}
		line = next;
	}
	at += put_length(out + at, body_bytes);
	out[at++] = '\r';
	out[at++] = '\n';
	return at;
}
