/* SPDX-License-Identifier: MIT */
#include "io/procfs.h"

#define CONTAINER_ID_DIGITS 64

/* A decimal number at *at, at least one digit; moves *at behind it. */
static bool take_number(struct span s, size_t *at, int64_t *ret_value)
{
	size_t i = *at;
	int64_t value = 0;

	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, s.p[i] - '0', &value))
			return false;
		i++;
	}
	if (i == *at)
		return false;
	*at = i;
	*ret_value = value;
	return true;
}

static bool take_byte(struct span s, size_t *at, uint8_t c)
{
	if (*at >= s.n || s.p[*at] != c)
		return false;
	(*at)++;
	return true;
}

/* Skips one field and the space behind it. */
static bool skip_field(struct span s, size_t *at)
{
	size_t i = *at;

	while (i < s.n && s.p[i] != ' ' && s.p[i] != '\n')
		i++;
	if (i == *at)
		return false;
	*at = i;
	return take_byte(s, at, ' ');
}

int procfs_stat(struct span text, struct procfs_stat *ret_stat)
{
	struct procfs_stat stat;
	size_t at = 0, close = text.n, name;

	if (!take_number(text, &at, &stat.pid) || !take_byte(text, &at, ' ') ||
	    !take_byte(text, &at, '('))
		return PARSE_E_BAD;
	name = at;
	/* The name may hold anything; no field behind it can hold a parenthesis. */
	while (close > name && text.p[close - 1] != ')')
		close--;
	if (close == name)
		return PARSE_E_BAD;
	stat.name = span_sub(text, name, close - 1);
	at = close;
	/* proc(5): field 3 is the state, 4 the parent, 22 the start time. */
	if (!take_byte(text, &at, ' ') || !skip_field(text, &at) ||
	    !take_number(text, &at, &stat.ppid) || !take_byte(text, &at, ' '))
		return PARSE_E_BAD;
	for (int field = 5; field < 22; field++)
		if (!skip_field(text, &at))
			return PARSE_E_BAD;
	if (!take_number(text, &at, &stat.start_ticks) || !take_byte(text, &at, ' '))
		return PARSE_E_BAD;
	*ret_stat = stat;
	return PARSE_DONE;
}

/* The line that begins with prefix, without it and without its line feed. */
static bool find_line(struct span text, struct span prefix, struct span *ret_rest)
{
	for (size_t at = 0; at < text.n;) {
		struct span line = span_sub(text, at, text.n);

		line = span_sub(line, 0, span_find(line, '\n'));
		if (span_starts(line, prefix)) {
			*ret_rest = span_sub(line, prefix.n, line.n);
			return true;
		}
		at += line.n + 1;
	}
	return false;
}

int procfs_number(struct span text, int64_t *ret_value)
{
	size_t at = 0;
	int64_t value;

	if (!take_number(text, &at, &value))
		return PARSE_E_BAD;
	take_byte(text, &at, '\n');
	if (at != text.n)
		return PARSE_E_BAD;
	*ret_value = value;
	return PARSE_DONE;
}

int procfs_cgroup(struct span text, struct span *ret_path)
{
	struct span path;

	/* The kernel makes no cgroup whose name holds a line feed, so a line is a line. */
	if (!find_line(text, SPAN_LIT("0::"), &path) || !path.n || path.p[0] != '/')
		return PARSE_E_BAD;
	*ret_path = path;
	return PARSE_DONE;
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The part of a path component that is a container id, or empty: "ID", "docker-ID.scope",
 * "cri-containerd-ID.scope", "libpod-ID.scope", "libpod-payload-ID". */
static struct span component_container(struct span name)
{
	struct span stem = name;
	size_t begin;

	if (name.n > 6 && span_eq_str(span_sub(name, name.n - 6, name.n), ".scope"))
		stem = span_sub(name, 0, name.n - 6);
	if (stem.n < CONTAINER_ID_DIGITS)
		return SPAN_NULL;
	begin = stem.n - CONTAINER_ID_DIGITS;
	if (begin && stem.p[begin - 1] != '-' && stem.p[begin - 1] != ':')
		return SPAN_NULL;
	for (size_t i = begin; i < stem.n; i++)
		if (!is_hex(stem.p[i]))
			return SPAN_NULL;
	return span_sub(stem, begin, stem.n);
}

static struct span component_unit(struct span name)
{
	static const char *const suffix[] = {".service", ".scope"};

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(suffix[i]);

		if (name.n > n && span_eq_str(span_sub(name, name.n - n, name.n), suffix[i]))
			return name;
	}
	return SPAN_NULL;
}

/* The last component for which pick() finds something. */
static struct span innermost(struct span path, struct span (*pick)(struct span name))
{
	struct span found = SPAN_NULL;

	for (size_t at = 0; at < path.n;) {
		struct span name = span_sub(path, at, path.n), hit;

		name = span_sub(name, 0, span_find(name, '/'));
		hit = pick(name);
		if (hit.n)
			found = hit;
		at += name.n + 1;
	}
	return found;
}

struct span procfs_container(struct span cgroup)
{
	return innermost(cgroup, component_container);
}

struct span procfs_unit(struct span cgroup)
{
	return innermost(cgroup, component_unit);
}
