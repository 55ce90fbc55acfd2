/* SPDX-License-Identifier: MIT */
#include "preload_list.h"

#include <string.h>

#define SHIM_NAME "libaicp.so"

static bool separates(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == ':';
}

/* Calls visit with the names of one line; they point into it. */
static bool each_of_line(struct span line, preload_list_fn visit, void *data)
{
	const size_t end = span_find(line, '#') < line.n ? span_find(line, '#') : line.n;

	for (size_t at = 0; at < end;) {
		size_t begin = at;

		while (at < end && !separates(line.p[at]))
			at++;
		if (at > begin && !visit(span_sub(line, begin, at), data))
			return false;
		at += at < end;
	}
	return true;
}

/* The next line with its newline, if it has one. */
static struct span cut_line(struct span *rest)
{
	size_t n = span_find(*rest, '\n');
	struct span line;

	n = n < rest->n ? n + 1 : rest->n;
	line = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n, rest->n);
	return line;
}

void preload_list_each(struct span text, preload_list_fn visit, void *data)
{
	while (text.n)
		if (!each_of_line(cut_line(&text), visit, data))
			return;
}

bool preload_list_is_shim(struct span name)
{
	const size_t n = sizeof(SHIM_NAME) - 1;

	return name.n >= n && memcmp(name.p + name.n - n, SHIM_NAME, n) == 0 &&
	       (name.n == n || name.p[name.n - n - 1] == '/');
}

struct filter {
	struct buf *out;
	const uint8_t *from; /* of the line, not copied yet */
	bool dropped;
};

static bool drop_shim(struct span name, void *data)
{
	struct filter *f = data;

	if (!preload_list_is_shim(name))
		return true;
	buf_put(f->out, span_of(f->from, (size_t)(name.p - f->from)));
	f->from = name.p + name.n;
	f->dropped = true;
	return true;
}

static bool has_text(struct span line)
{
	for (size_t i = 0; i < line.n; i++)
		if (!separates(line.p[i]))
			return true;
	return false;
}

int preload_list_without_shim(struct span text, struct buf *ret_text)
{
	while (text.n) {
		const struct span line = cut_line(&text);
		struct filter f = {.out = ret_text, .from = line.p};
		const size_t before = ret_text->n;

		(void)each_of_line(line, drop_shim, &f);
		buf_put(ret_text, span_of(f.from, line.n - (size_t)(f.from - line.p)));
		if (f.dropped && !ret_text->err &&
		    !has_text(span_sub(buf_span(ret_text), before, ret_text->n)))
			ret_text->n = before;
	}
	return ret_text->err;
}

int preload_list_with_shim(struct span text, const char *path, struct buf *ret_text)
{
	int r = preload_list_without_shim(text, ret_text);

	if (r)
		return r;
	if (ret_text->n && ret_text->p[ret_text->n - 1] != '\n')
		buf_put_byte(ret_text, '\n');
	return buf_printf(ret_text, "%s\n", path);
}
