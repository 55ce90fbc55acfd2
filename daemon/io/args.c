/* SPDX-License-Identifier: MIT */
#include "io/args.h"

#include "aicp/limits.h"
#include "engine/credential.h"

/* Shortest thing behind "sk-" that is worth hiding; "sk-learn" is a package. */
#define KEY_WORD_BYTES_MIN 12
#define NAME_BYTES_MAX	   64

enum next { NEXT_PLAIN, NEXT_MASKED, NEXT_BODY, NEXT_USER };

static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static struct span without_dashes(struct span s)
{
	size_t n = 0;

	while (n < s.n && n < 2 && s.p[n] == '-')
		n++;
	return span_sub(s, n, s.n);
}

/* The name in front of '=' or ':', or of the whole argument; empty when it is none. */
static struct span name_of(struct span arg, size_t *ret_behind)
{
	struct span bare = without_dashes(arg);
	size_t n = 0;

	while (n < bare.n && is_name_byte(bare.p[n]))
		n++;
	if (!n || n > NAME_BYTES_MAX || (n < bare.n && bare.p[n] != '=' && bare.p[n] != ':'))
		return SPAN_NULL;
	*ret_behind = arg.n - bare.n + n;
	return span_sub(bare, 0, n);
}

static bool is_one_of(struct span s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq_str(s, names[i]))
			return true;
	return false;
}

/* What the argument says about the next one. */
static enum next look_ahead(struct span arg)
{
	static const char *const body[] = {
		"-d",		"--data",	    "--data-raw", "--data-binary",
		"--data-ascii", "--data-urlencode", "--json",	  "-F",
		"--form",	"--form-string",
	};
	static const char *const user[] = {"-u", "--user", "-U", "--proxy-user"};
	struct span name;
	size_t behind;

	if (is_one_of(arg, body, sizeof(body) / sizeof(body[0])))
		return NEXT_BODY;
	if (is_one_of(arg, user, sizeof(user) / sizeof(user[0])))
		return NEXT_USER;
	name = name_of(arg, &behind);
	if (arg.n && arg.p[0] == '-' && behind == arg.n && name.n && credential_parameter(name))
		return NEXT_MASKED;
	return NEXT_PLAIN;
}

static int put_masked(struct buf *out)
{
	return buf_put_str(out, "[masked]");
}

/* Where a word that begins at i and is a key ends, or i. */
static size_t key_word(struct span s, size_t i)
{
	size_t end = i;

	if (!span_starts(span_sub(s, i, s.n), SPAN_LIT("sk-")) || (i && is_name_byte(s.p[i - 1])))
		return i;
	while (end < s.n && is_name_byte(s.p[end]))
		end++;
	return end - i >= KEY_WORD_BYTES_MIN ? end : i;
}

/* Where "user:password" that begins at i, behind "://", ends at its '@', or i. */
static size_t url_user(struct span s, size_t i)
{
	bool colon = false;

	for (size_t at = i; at < s.n && s.p[at] != '/' && s.p[at] != ' '; at++) {
		colon = colon || s.p[at] == ':';
		if (s.p[at] == '@')
			return colon ? at : i;
	}
	return i;
}

/* Where the value of "?name=value" that begins at i ends, or i when it is none of a credential. */
static size_t query_value(struct span s, size_t i)
{
	size_t name = i, end = i;

	if (!i || s.p[i - 1] != '=')
		return i;
	for (name = i - 1; name && is_name_byte(s.p[name - 1]); name--)
		;
	if (!credential_parameter(span_sub(s, name, i - 1)))
		return i;
	while (end < s.n && s.p[end] != '&' && s.p[end] != ' ' && s.p[end] != '#')
		end++;
	return end;
}

/* Where the word behind "Bearer " or "Basic ", in a script or another option's value, ends, or i.
 */
static size_t token(struct span s, size_t i)
{
	static const char *const scheme[] = {"bearer ", "basic ", "token "};
	size_t end = i;

	for (size_t k = 0; k < sizeof(scheme) / sizeof(scheme[0]); k++) {
		struct span name = span_str(scheme[k]);

		if (i < name.n || !span_ieq(span_sub(s, i - name.n, i), name))
			continue;
		while (end < s.n && s.p[end] > ' ' && s.p[end] != '"' && s.p[end] != '\'')
			end++;
	}
	return end - i >= KEY_WORD_BYTES_MIN ? end : i;
}

/* One byte of s, or a stretch that must not stand in a record; returns where it goes on. */
static size_t put_step(struct span s, size_t i, struct buf *out)
{
	size_t end = key_word(s, i);

	if (end == i && i >= 3 && span_eq_str(span_sub(s, i - 3, i), "://"))
		end = url_user(s, i);
	if (end == i)
		end = query_value(s, i);
	if (end == i)
		end = token(s, i);
	if (end > i) {
		put_masked(out);
		return end;
	}
	/* Line feeds of scripts (sh -c) are no line feeds of ours. */
	buf_put_byte(out, s.p[i] == '\n' ? ' ' : s.p[i]);
	return i + 1;
}

static int put_text(struct span s, struct buf *out)
{
	size_t begin = out->n, i = 0;

	while (i < s.n && out->n - begin < ARGS_ONE_BYTES_MAX)
		i = put_step(s, i, out);
	return i < s.n ? buf_put_str(out, "...") : out->err;
}

/* "Authorization: Bearer x" and --api-key=x lose their value; -HAuthorization: x does too, by its
 * name. */
static int put_field(struct span arg, struct buf *out)
{
	size_t behind;
	struct span name = name_of(arg, &behind);

	if (!name.n || behind == arg.n || !credential_parameter(name))
		return put_text(arg, out);
	buf_put(out, span_sub(arg, 0, behind + 1));
	return put_masked(out);
}

static int put_plain(struct span arg, struct buf *out)
{
	static const struct span option = {(const uint8_t *)"--header=", 9};

	if (!span_starts(arg, option))
		return put_field(arg, out);
	buf_put(out, option);
	return put_field(span_sub(arg, option.n, arg.n), out);
}

static int put_one(struct span arg, enum next kind, struct buf *out)
{
	switch (kind) {
	case NEXT_PLAIN:
		return put_plain(arg, out);
	case NEXT_MASKED:
		return put_masked(out);
	case NEXT_BODY:
		/* A file's name is no content. */
		return arg.n && arg.p[0] == '@' ? put_plain(arg, out)
						: buf_printf(out, "[%zu bytes]", arg.n);
	case NEXT_USER:
		return span_find(arg, ':') < arg.n ? put_masked(out) : put_plain(arg, out);
	}
	return 0;
}

int args_put(struct span cmdline, bool complete, struct buf *out)
{
	enum next kind = NEXT_PLAIN;
	size_t begin = out->n, at = 0;

	/* Programs that overwrite their arguments leave rows of NULs behind. */
	while (cmdline.n && cmdline.p[cmdline.n - 1] == 0)
		cmdline.n--;
	while (at < cmdline.n && out->n - begin < AICP_ARGS_BYTES_MAX) {
		struct span arg = span_sub(cmdline, at, cmdline.n);

		arg = span_sub(arg, 0, span_find(arg, 0));
		if (at)
			buf_put_byte(out, ' ');
		put_one(arg, kind, out);
		kind = kind == NEXT_PLAIN ? look_ahead(arg) : NEXT_PLAIN;
		at += arg.n + 1;
	}
	if (at < cmdline.n || !complete)
		buf_put_str(out, " ...");
	return out->err;
}
