/* SPDX-License-Identifier: MIT */
/* aicp approval list, approve, reject. */
#include "base/json_write.h"
#include "client.h"
#include "show.h"

#include <getopt.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FOLLOW_MS 500
/* The first decision stands, and it was not this one. */
#define EXIT_TOO_LATE 3

/* ---- list
 * ------------------------------------------------------------------------------------------- */

/* Which ones were there at the last look. By their ids, as clocks are set. */
struct seen {
	struct buf ids; /* each between two line feeds */
};

#define SEEN_INIT ((struct seen){.ids = BUF_INIT(1u << 20)})

/* Notes a as there now; was it at the last look? */
static bool was_seen(const struct json *j, uint32_t a, const struct seen *seen, struct seen *now)
{
	uint32_t t = json_get(j, a, "approval_id");
	struct span id = t == JSON_NONE ? SPAN_NULL : json_raw(j, t);
	size_t begin = now->ids.n ? now->ids.n - 1 : 0;

	if (!now->ids.n)
		buf_put_byte(&now->ids, '\n');
	buf_put(&now->ids, id);
	if (buf_put_byte(&now->ids, '\n') < 0 || !seen->ids.n)
		return false;
	return memmem(seen->ids.p, seen->ids.n, now->ids.p + begin, now->ids.n - begin) != NULL;
}

static void show_time(const struct json *j, uint32_t a, const char *key)
{
	uint32_t t = json_get(j, a, key);

	if (t != JSON_NONE)
		show_text(stdout, span_sub(json_raw(j, t), 0, 19));
	putchar('Z');
}

static void show_entry(const struct json *j, uint32_t a)
{
	static const char *const column[] = {"user", "policy_id", "gen_ai.request.model",
					     "server.address"};

	show_member(stdout, j, a, "approval_id");
	putchar(' ');
	show_time(j, a, "requested_at");
	printf(" until ");
	show_time(j, a, "expires_at");
	for (size_t i = 0; i < sizeof(column) / sizeof(*column); i++) {
		putchar(' ');
		show_member(stdout, j, a, column[i]);
	}
	printf("  ");
	show_member(stdout, j, a, "reason");
	putchar('\n');
}

/* How many were shown. */
static unsigned show_new(const struct cli *cli, const struct json *j, struct seen *seen)
{
	uint32_t pending = json_get(j, 0, "pending");
	struct seen now = SEEN_INIT;
	unsigned n = 0;

	if (pending == JSON_NONE || j->token[pending].kind != JSON_ARRAY)
		return 0;
	json_foreach (a, j, pending) {
		if (was_seen(j, a, seen, &now))
			continue;
		if (cli->json)
			show_json(json_whole(j, a));
		else
			show_entry(j, a);
		n++;
	}
	buf_deinit(&seen->ids);
	*seen = now;
	fflush(stdout);
	return n;
}

#define PENDING SPAN_LIT("/api/approvals/pending?limit=2048")

/* Until there is one, or until somebody interrupts it. A daemon that restarts is waited for. */
static int follow(const struct cli *cli, const struct client *client, bool forever,
		  struct seen *seen)
{
	struct timespec nap = {.tv_nsec = FOLLOW_MS * 1000000};
	bool lost = false;
	unsigned n = 0;

	while (forever || !n) {
		struct client_answer a;
		int r;

		nanosleep(&nap, NULL);
		if (ferror(stdout))
			return CMD_FAILED;
		r = client_ask(client, "GET", PENDING, SPAN_NULL, &a);
		if ((r || a.status != 200) && !lost)
			cmd_fail("the daemon does not answer; waiting for it");
		lost = r || a.status != 200;
		if (!lost && a.has_json)
			n = show_new(cli, &a.json, seen);
		if (!r)
			client_answer_deinit(&a);
	}
	return CMD_OK;
}

int cmd_approval_list(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"follow", no_argument, NULL, 'f'},
		{"wait", no_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	struct seen seen = SEEN_INIT;
	struct client_answer a;
	struct client client;
	bool forever = false, wait = false;
	int option, rc;

	while ((option = getopt_long(argc, argv, "f", options, NULL)) != -1) {
		if (option == '?')
			return cmd_bad_usage("approval list", "unknown option");
		forever |= option == 'f';
		wait |= option == 'w';
	}
	if (optind < argc)
		return cmd_bad_usage("approval list", "what is `%s`?", argv[optind]);
	rc = client_open(cli, &client);
	if (!rc)
		rc = client_get(&client, "GET", PENDING, SPAN_NULL, &a);
	if (rc)
		return rc;
	if (cli->json && !forever && !wait)
		rc = show_json(buf_span(&a.body));
	else
		wait &= show_new(cli, &a.json, &seen) == 0;
	client_answer_deinit(&a);
	if (!rc && (forever || wait))
		rc = follow(cli, &client, forever, &seen);
	buf_deinit(&seen.ids);
	return rc;
}

/* ---- approve, reject
 * -------------------------------------------------------------------------------- */

/* A line from the terminal; false when there is none. */
static bool ask_why(const char *word, struct buf *out)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	fprintf(stderr, "Why %s it? ", word);
	n = getline(&line, &room, stdin);
	if (n > 0 && line[n - 1] == '\n')
		n--;
	if (n > 0)
		buf_put(out, span_of(line, (size_t)n));
	free(line);
	return n > 0 && !out->err;
}

struct decision {
	const char *command, *word, *id, *reason, *comment;
};

static int read_args(int argc, char **argv, struct decision *d)
{
	enum { OPT_REASON = 256, OPT_COMMENT };
	static const struct option options[] = {
		{"reason", required_argument, NULL, OPT_REASON},
		{"comment", required_argument, NULL, OPT_COMMENT},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == OPT_REASON)
			d->reason = optarg;
		else if (option == OPT_COMMENT)
			d->comment = optarg;
		else
			return cmd_bad_usage(d->command, "unknown option");
	}
	if (optind + 1 != argc)
		return cmd_bad_usage(d->command,
				     "which approval ID? `aicp approval list` has those that wait");
	d->id = argv[optind];
	return 0;
}

static int send(const struct client *client, const struct decision *d,
		struct client_answer *ret_answer)
{
	struct buf path = BUF_INIT(AICP_API_TARGET_BYTES_MAX), body = BUF_INIT(64u << 10);
	struct json_write w;
	unsigned status = 0;
	int rc;

	buf_put_str(&path, "/api/approvals");
	client_segment(&path, span_str(d->id));
	buf_printf(&path, "/%s", d->word);
	json_write_init(&w, &body, true);
	json_write_object(&w, NULL);
	if (d->comment)
		json_write_str(&w, "comment", d->comment);
	json_write_str(&w, "rationale", d->reason);
	json_write_end_object(&w);
	rc = path.err || body.err ? cmd_fail("this is too long")
				  : client_try(client, "POST", buf_span(&path), buf_span(&body),
					       &status, ret_answer);
	buf_deinit(&path);
	buf_deinit(&body);
	return status == 409 || status == 410 ? EXIT_TOO_LATE : rc;
}

static int decide(const struct cli *cli, int argc, char **argv, struct decision *d)
{
	struct buf why = BUF_INIT(4 * AICP_RATIONALE_CHARS_MAX);
	struct client_answer a;
	struct client client;
	int rc = read_args(argc, argv, d);

	if (!rc && !d->reason) {
		if (ask_why(d->word, &why))
			d->reason = buf_str(&why);
		if (!d->reason)
			rc = cmd_bad_usage(d->command, "say why, with --reason TEXT");
	}
	if (!rc)
		rc = client_open(cli, &client);
	if (!rc)
		rc = send(&client, d, &a);
	buf_deinit(&why);
	if (rc)
		return rc;
	if (cli->json) {
		rc = show_json(buf_span(&a.body));
	} else {
		show_member(stdout, &a.json, 0, "status");
		printf(" by ");
		show_member(stdout, &a.json, 0, "reviewer");
		printf(", record ");
		show_member(stdout, &a.json, 0, "decision_record_id");
		putchar('\n');
	}
	client_answer_deinit(&a);
	return rc;
}

int cmd_approval_approve(const struct cli *cli, int argc, char **argv)
{
	struct decision d = {.command = "approval approve", .word = "approve"};

	return decide(cli, argc, argv, &d);
}

int cmd_approval_reject(const struct cli *cli, int argc, char **argv)
{
	struct decision d = {.command = "approval reject", .word = "reject"};

	return decide(cli, argc, argv, &d);
}
