/* SPDX-License-Identifier: MIT */
/* Looks things up in the text of the governed file. */
#include "table.h"

#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

/* Cuts off what stands before the next mark; the last piece ends with the text. */
static struct slice cut(struct slice *rest, char mark)
{
	const char *q = rest->n ? memchr(rest->p, mark, rest->n) : NULL;
	struct slice piece = {rest->p, q ? (size_t)(q - rest->p) : rest->n};
	size_t used = piece.n + (q ? 1 : 0);

	rest->p += used;
	rest->n -= used;
	return piece;
}

static bool is(struct slice s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

/* Does host end with pattern? */
static bool ends_with(struct slice host, struct slice pattern)
{
	for (size_t i = 0; i < pattern.n; i++) {
		char c = pattern.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		if (c != host.p[host.n - pattern.n + i])
			return false;
	}
	return true;
}

static bool is_host(struct slice pattern, struct slice host)
{
	return pattern.n && host.n == pattern.n && ends_with(host, pattern);
}

/* Pattern is a name, or "*.name" for everything below it. */
static bool covers(struct slice pattern, struct slice host)
{
	if (pattern.n > 2 && pattern.p[0] == '*' && pattern.p[1] == '.') {
		pattern.p++;
		pattern.n--;
		return host.n > pattern.n && ends_with(host, pattern);
	}
	return is_host(pattern, host);
}

bool table_valid(const char *text, size_t n)
{
	struct slice rest = {text, n};
	struct slice line = cut(&rest, '\n');

	return is(cut(&line, '\t'), "aicp-governed") && is(cut(&line, '\t'), "1");
}

/* The shape of the first line that covers host: it is NAME, or with `name` NAME:PORT. */
static struct slice find_line(struct slice rest, struct slice host, struct slice name)
{
	while (rest.n) {
		struct slice line = cut(&rest, '\n'), word = cut(&line, '\t');
		struct slice pattern = cut(&line, '\t');

		if (is(word, "host")
			    ? covers(pattern, name)
			    : name.n < host.n && is(word, "clear") && is_host(pattern, host))
			return cut(&line, '\t');
	}
	return (struct slice){NULL, 0};
}

/* Without the port, where there is one; a name has no colon, an address in brackets has more. */
static struct slice without_port(struct slice host)
{
	size_t n = host.n;

	while (n && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
		n--;
	return n && host.p[n - 1] == ':' ? (struct slice){host.p, n - 1} : host;
}

static struct slice find_host(struct slice rest, const char *host)
{
	const struct slice whole = {host, strlen(host)};

	return find_line(rest, whole, without_port(whole));
}

static void read_line(struct slice line, struct slice shape, struct table_entry *entry)
{
	struct slice word = cut(&line, '\t');

	if (is(word, "fail")) {
		entry->mode.fail_open = is(cut(&line, '\t'), "open");
	} else if (is(word, "mode")) {
		entry->mode.monitor = is(cut(&line, '\t'), "monitor");
	} else if (is(word, "shape")) {
		struct slice name = cut(&line, '\t');

		if (name.n != shape.n || memcmp(name.p, shape.p, name.n) != 0)
			return;
		if (line.n > sizeof(entry->shape))
			return;
		memcpy(entry->shape, line.p, line.n);
		entry->shape_n = line.n;
	}
}

bool table_find(const char *text, size_t n, const char *host, struct table_entry *ret_entry)
{
	struct slice rest = {text, n};
	struct slice shape;

	if (!table_valid(text, n))
		return false;
	shape = find_host(rest, host);
	if (!shape.p)
		return false;
	if (!ret_entry)
		return true;
	ret_entry->mode = (struct decide_mode){0};
	ret_entry->shape_n = 0;
	while (rest.n)
		read_line(cut(&rest, '\n'), shape, ret_entry);
	return true;
}
