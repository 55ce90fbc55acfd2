/* SPDX-License-Identifier: MIT */
/* aicp approval show: everything that somebody needs to decide, and nothing that acts on them. */
#include "base/utf8.h"
#include "base/visible.h"
#include "client.h"
#include "show.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* Marks of what policies found. In a request's own text they are shown by their number. */
#define MARK_BEGIN "\u27e6"
#define MARK_END   "\u27e7"

/* Every line of a request's text stands behind this, so that none looks like one of ours. */
#define MARGIN "  | "

/* Columns left on this line: it is ended here, as a terminal that wraps would put what follows at
 * the very left. */
struct page {
	FILE *out;
	int width, left;
	bool colour;
};

static void begin_line(struct page *p)
{
	fputs(MARGIN, p->out);
	p->left = p->width;
}

static void new_line(struct page *p)
{
	fputc('\n', p->out);
	begin_line(p);
}

static void put_character(struct page *p, struct span c)
{
	/* Who knows how wide another terminal shows it: two is the most. */
	int columns = c.n == 1 ? 1 : 2;

	if (c.p[0] == '\n') {
		new_line(p);
		return;
	}
	if (c.p[0] == '\t') {
		c = SPAN_LIT("    ");
		columns = 4;
	}
	if (p->left < columns)
		new_line(p);
	fwrite(c.p, 1, c.n, p->out);
	p->left -= columns;
}

static void put_text(struct page *p, struct span text)
{
	while (text.n) {
		size_t n = utf8_length(text);
		struct span c = span_sub(text, 0, n ? n : 1);

		put_character(p, c);
		text = span_sub(text, c.n, text.n);
	}
}

/* What the daemon made visible is looked at again: it may be another daemon. */
static void put_request_text(struct page *p, struct span text)
{
	struct buf visible = BUF_INIT(64u << 20);

	visible_put(text, true, &visible);
	text = buf_span(&visible);
	while (text.n) {
		size_t n = 0;

		while (n < text.n &&
		       !span_starts(span_sub(text, n, text.n), SPAN_LIT(MARK_BEGIN)) &&
		       !span_starts(span_sub(text, n, text.n), SPAN_LIT(MARK_END)))
			n++;
		put_text(p, span_sub(text, 0, n));
		text = span_sub(text, n, text.n);
		if (!text.n)
			break;
		put_text(p, span_starts(text, SPAN_LIT(MARK_BEGIN)) ? SPAN_LIT("\\u{27e6}")
								    : SPAN_LIT("\\u{27e7}"));
		text = span_sub(text, strlen(MARK_BEGIN), text.n);
	}
	buf_deinit(&visible);
}

static void put_policies(struct page *p, const struct json *j, uint32_t policies)
{
	bool first = true;

	json_foreach (t, j, policies) {
		struct buf name = BUF_INIT(4096), visible = BUF_INIT(32768);

		json_string_put(j, t, &name);
		visible_put(buf_span(&name), false, &visible);
		put_text(p, first ? SPAN_LIT(MARK_BEGIN) : SPAN_LIT(", "));
		put_text(p, buf_span(&visible));
		first = false;
		buf_deinit(&name);
		buf_deinit(&visible);
	}
	if (!first)
		put_text(p, SPAN_LIT(": "));
}

static void put_piece(struct page *p, const struct json *j, uint32_t piece)
{
	uint32_t policies = json_get(j, piece, "policies"), t = json_get(j, piece, "text");
	struct buf text = BUF_INIT(AICP_API_ANSWER_BYTES_MAX);
	bool marked;

	if (policies == JSON_NONE || j->token[policies].kind != JSON_ARRAY || t == JSON_NONE ||
	    j->token[t].kind != JSON_STRING || json_string_put(j, t, &text) < 0)
		return;
	marked = j->token[policies].next > policies + 1;
	if (marked && p->colour)
		fputs("\x1b[7m", p->out);
	put_policies(p, j, policies);
	put_request_text(p, buf_span(&text));
	if (marked)
		put_text(p, SPAN_LIT(MARK_END));
	if (marked && p->colour)
		fputs("\x1b[0m", p->out);
	buf_deinit(&text);
}

static void show_body(const struct json *j, uint32_t shown)
{
	struct winsize size = {.ws_col = 0};
	struct page p = {.out = stdout, .colour = isatty(STDOUT_FILENO)};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		size.ws_col = 100;
	p.width = size.ws_col - (int)strlen(MARGIN) - 1;
	begin_line(&p);
	json_foreach (piece, j, shown)
		put_piece(&p, j, piece);
	putchar('\n');
}

static void show_request_line(const struct json *j, uint32_t content)
{
	uint32_t query = json_get(j, content, "query");

	printf("%-16s ", "would be sent");
	show_member(stdout, j, content, "method");
	putchar(' ');
	show_member(stdout, j, content, "scheme");
	printf("://");
	show_member(stdout, j, content, "host");
	show_member(stdout, j, content, "path");
	if (query != JSON_NONE && j->token[query].kind == JSON_STRING && json_raw(j, query).n) {
		putchar('?');
		show_member(stdout, j, content, "query");
	}
	putchar('\n');
}

static bool is_true(const struct json *j, uint32_t t, const char *key)
{
	uint32_t value = json_get(j, t, key);

	return value != JSON_NONE && j->token[value].kind == JSON_TRUE;
}

static void show_content(const struct json *j)
{
	uint32_t content = json_get(j, 0, "content"), shown = json_get(j, 0, "shown");

	if (content == JSON_NONE || j->token[content].kind != JSON_OBJECT || shown == JSON_NONE ||
	    j->token[shown].kind != JSON_ARRAY) {
		show_line(stdout, j, 0, "content_state", "request's text");
		return;
	}
	show_request_line(j, content);
	if (is_true(j, content, "target_truncated"))
		puts("                 (the path or the query goes on: this is not all of it)");
	show_line(stdout, j, content, "body_bytes", "body (bytes)");
	if (is_true(j, content, "truncated"))
		show_line(stdout, j, content, "shown_bytes", "only the first");
	show_body(j, shown);
}

static void show_whole(const struct json *j)
{
	static const char *const line[][2] = {
		{"approval_id", "approval"},
		{"status", "status"},
		{"requested_at", "asked at"},
		{"expires_at", "expires at"},
		{"policy_id", "policy"},
		{"reason", "reason"},
		{"gen_ai.provider.name", "provider"},
		{"gen_ai.operation.name", "operation"},
		{"gen_ai.request.model", "model"},
		{"execution_id", "decision"},
		{"request_digest", "request digest"},
		{"reviewer", "decided by"},
		{"reviewer_role", "as"},
		{"reviewed_at", "decided at"},
		{"rationale", "because"},
		{"comment", "comment"},
		{"self_approved", "own request"},
		{"used_by", "let pass"},
	};
	static const char *const attested[][2] = {
		{"uid", "uid"},
		{"loginuid", "login uid"},
		{"pid", "pid"},
		{"exe_sha256", "exe SHA-256"},
		{"unit", "unit"},
		{"cgroup", "cgroup"},
		{"container_id", "container"},
	};
	static const char *const claims[][2] = {
		{"name", "claims name"}, {"exe", "claims exe"}, {"args", "claims args"}};
	uint32_t who = json_get(j, 0, "identity"), claimed = json_get(j, who, "claimed");

	for (size_t i = 0; i < sizeof(line) / sizeof(*line); i++)
		show_line(stdout, j, 0, line[i][0], line[i][1]);
	puts("asked by, as the kernel says:");
	for (size_t i = 0; i < sizeof(attested) / sizeof(*attested); i++)
		show_line(stdout, j, who, attested[i][0], attested[i][1]);
	puts("as the program itself says:");
	for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++)
		show_line(stdout, j, claimed, claims[i][0], claims[i][1]);
	show_content(j);
}

int cmd_approval_show(const struct cli *cli, int argc, char **argv)
{
	struct buf path = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	struct client_answer a;
	struct client client;
	int rc;

	if (argc != 2)
		return cmd_bad_usage("approval show",
				     "which approval ID? `aicp approval list` has those that wait");
	rc = client_open(cli, &client);
	if (rc)
		return rc;
	buf_put_str(&path, "/api/approvals");
	client_segment(&path, span_str(argv[1]));
	rc = path.err ? cmd_fail("this id is too long")
		      : client_get(&client, "GET", buf_span(&path), SPAN_NULL, &a);
	buf_deinit(&path);
	if (rc)
		return rc;
	if (cli->json)
		rc = show_json(buf_span(&a.body));
	else
		show_whole(&a.json);
	client_answer_deinit(&a);
	return rc;
}
