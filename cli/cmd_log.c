/* SPDX-License-Identifier: MIT */
/* aicp log: decisions, the latest, as they come, or one with its reasons. */
#include "client.h"
#include "show.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FOLLOW_MS 500
/* While following, an answer is short. */
#define FOLLOW_ROWS 1000

struct log_args {
	struct buf path; /* with the filters */
	const char *limit;
	bool follow;
};

/* "90s", "10m", "2h", "7d" ago as seconds since 1970; false when it is something else. */
static bool ago(const char *text, int64_t *ret_s)
{
	char *end;
	long n = strtol(text, &end, 10);
	int64_t unit;

	if (end == text || n < 0 || n > 100000000 || !*end || end[1])
		return false;
	switch (*end) {
	case 's':
		unit = 1;
		break;
	case 'm':
		unit = 60;
		break;
	case 'h':
		unit = 3600;
		break;
	case 'd':
		unit = 86400;
		break;
	default:
		return false;
	}
	*ret_s = (int64_t)time(NULL) - n * unit;
	return true;
}

static void put_time(struct log_args *args, const char *name, const char *text)
{
	char seconds[32];
	int64_t s;

	if (ago(text, &s)) {
		snprintf(seconds, sizeof(seconds), "%" PRId64, s < 0 ? 0 : s);
		text = seconds;
	}
	client_parameter(&args->path, name, span_str(text));
}

static int read_args(int argc, char **argv, struct log_args *args)
{
	enum { OPT_FIRST = 256, OPT_SINCE = 300, OPT_UNTIL, OPT_LIMIT };
	static const char *const filter[] = {"user", "agent_id", "status", "provider", "model"};
	static const struct option options[] = {
		{"user", required_argument, NULL, OPT_FIRST},
		{"agent-id", required_argument, NULL, OPT_FIRST + 1},
		{"status", required_argument, NULL, OPT_FIRST + 2},
		{"provider", required_argument, NULL, OPT_FIRST + 3},
		{"model", required_argument, NULL, OPT_FIRST + 4},
		{"since", required_argument, NULL, OPT_SINCE},
		{"until", required_argument, NULL, OPT_UNTIL},
		{"limit", required_argument, NULL, OPT_LIMIT},
		{"follow", no_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	int option;

	buf_put_str(&args->path, "/api/logs");
	while ((option = getopt_long(argc, argv, "f", options, NULL)) != -1) {
		if (option == 'f')
			args->follow = true;
		else if (option == OPT_SINCE)
			put_time(args, "since", optarg);
		else if (option == OPT_UNTIL)
			put_time(args, "until", optarg);
		else if (option == OPT_LIMIT)
			args->limit = optarg;
		else if (option >= OPT_FIRST && option < OPT_FIRST + 5)
			client_parameter(&args->path, filter[option - OPT_FIRST], span_str(optarg));
		else
			return cmd_bad_usage("log", "unknown option");
	}
	if (optind < argc)
		return cmd_bad_usage("log", "what is `%s`? One decision: `aicp log show ID`",
				     argv[optind]);
	return args->path.err ? cmd_fail("these filters are too long") : 0;
}

static void show_entry(const struct json *j, uint32_t e)
{
	static const char *const column[] = {
		"execution_id",		"status",   "user", "gen_ai.provider.name",
		"gen_ai.request.model", "policy_id"};
	struct buf at = BUF_INIT(64);
	uint32_t t = json_get(j, e, "iso_timestamp");

	if (t != JSON_NONE)
		json_string_put(j, t, &at);
	show_text(stdout, span_sub(buf_span(&at), 0, 19));
	putchar('Z');
	buf_deinit(&at);
	for (size_t i = 0; i < sizeof(column) / sizeof(*column); i++) {
		putchar(' ');
		show_member(stdout, j, e, column[i]);
	}
	printf("  ");
	show_member(stdout, j, e, "decision_reason");
	putchar('\n');
}

/* Shows an array of entries; remembers the last one's id as the place to go on from. */
static void show_entries(const struct cli *cli, const struct json *j, struct buf *after)
{
	if (j->token[0].kind != JSON_ARRAY)
		return;
	json_foreach (e, j, 0) {
		uint32_t id = json_get(j, e, "event_id");

		if (cli->json)
			show_json(json_whole(j, e));
		else
			show_entry(j, e);
		if (id == JSON_NONE)
			continue;
		buf_clear(after);
		json_string_put(j, id, after);
	}
	fflush(stdout);
}

static int ask(const struct client *client, const struct log_args *args, struct span after,
	       const char *limit, struct client_answer *ret_answer)
{
	struct buf path = BUF_INIT(AICP_API_TARGET_BYTES_MAX * 2);
	int rc;

	buf_put(&path, buf_span(&args->path));
	if (after.n)
		client_parameter(&path, "after", after);
	if (limit)
		client_parameter(&path, "limit", span_str(limit));
	rc = path.err ? cmd_fail("these filters are too long")
		      : client_get(client, "GET", buf_span(&path), SPAN_NULL, ret_answer);
	buf_deinit(&path);
	return rc;
}

/* Until somebody interrupts it. A daemon that restarts is waited for. */
static int follow(const struct cli *cli, const struct client *client, const struct log_args *args,
		  struct buf *after)
{
	struct timespec nap = {.tv_nsec = FOLLOW_MS * 1000000};
	char rows[16];
	bool lost = false;

	snprintf(rows, sizeof(rows), "%d", FOLLOW_ROWS);
	if (!after->n)
		buf_put_byte(after, '0');
	for (;;) {
		struct buf path = BUF_INIT(AICP_API_TARGET_BYTES_MAX * 2);
		struct client_answer a;
		int r;

		nanosleep(&nap, NULL);
		if (ferror(stdout))
			return CMD_FAILED;
		buf_put(&path, buf_span(&args->path));
		client_parameter(&path, "after", buf_span(after));
		client_parameter(&path, "limit", span_str(rows));
		r = client_ask(client, "GET", buf_span(&path), SPAN_NULL, &a);
		buf_deinit(&path);
		if ((r || a.status != 200) && !lost)
			cmd_fail("the daemon does not answer; waiting for it");
		lost = r || a.status != 200;
		if (!lost && a.has_json)
			show_entries(cli, &a.json, after);
		if (!r)
			client_answer_deinit(&a);
	}
}

int cmd_log(const struct cli *cli, int argc, char **argv)
{
	struct log_args args = {.path = BUF_INIT(AICP_API_TARGET_BYTES_MAX)};
	struct buf after = BUF_INIT(32);
	struct client_answer a;
	struct client client;
	int rc = read_args(argc, argv, &args);

	if (!rc)
		rc = client_open(cli, &client);
	if (!rc)
		rc = ask(&client, &args, SPAN_NULL, args.limit, &a);
	if (!rc) {
		if (cli->json && !args.follow)
			rc = show_json(buf_span(&a.body));
		else
			show_entries(cli, &a.json, &after);
		client_answer_deinit(&a);
		if (!rc && args.follow)
			rc = follow(cli, &client, &args, &after);
	}
	buf_deinit(&args.path);
	buf_deinit(&after);
	return rc;
}

static void show_whole(const struct json *j)
{
	static const char *const line[][2] = {
		{"execution_id", "decision"},
		{"iso_timestamp", "at"},
		{"status", "status"},
		{"action", "action"},
		{"would", "would"},
		{"policy_id", "policy"},
		{"decision_reason", "reason"},
		{"reason_code", "reason code"},
		{"policies_matched", "matched"},
		{"mode", "mode"},
		{"coverage", "coverage"},
		{"user", "user"},
		{"end_user", "claims user"},
		{"agent_id", "agent"},
		{"gen_ai.provider.name", "provider"},
		{"gen_ai.operation.name", "operation"},
		{"gen_ai.request.model", "model"},
		{"prompt", "prompt"},
		{"server.address", "host"},
		{"url.path", "path"},
		{"user_agent.original", "user agent"},
		{"parse", "parse"},
		{"error", "parse error"},
		{"credential", "credential"},
		{"latency_ms", "latency (ms)"},
		{"seq", "record"},
		{"hash", "hash"},
	};
	static const char *const back[][2] = {
		{"parse", "response"},
		{"bytes", "bytes"},
		{"first_byte_ms", "begins after ms"},
		{"total_ms", "ends after ms"},
		{"tools", "calls tools"},
	};
	static const char *const usage[][2] = {
		{"http.response.status_code", "status code"},
		{"gen_ai.response.id", "response id"},
		{"gen_ai.response.model", "response model"},
		{"gen_ai.response.finish_reasons", "finish reasons"},
		{"gen_ai.usage.input_tokens", "input tokens"},
		{"gen_ai.usage.cache_read.input_tokens", "from cache"},
		{"gen_ai.usage.cache_creation.input_tokens", "into cache"},
		{"gen_ai.usage.output_tokens", "output tokens"},
		{"gen_ai.usage.reasoning.output_tokens", "for reasoning"},
	};
	uint32_t facts = json_get(j, 0, "response_facts");
	static const char *const approval[][2] = {
		{"approval_id", "approval"},
		{"state", "approval is"},
		{"by", "decided by"},
		{"role", "as"},
		{"decided_at", "decided at"},
		{"rationale", "because"},
		{"hold_outcome", "hold ended"},
		{"hold_reason", "hold's reason"},
		{"hold_ended_at", "hold ended at"},
	};
	uint32_t who = json_get(j, 0, "identity"), claimed = json_get(j, who, "claimed");
	uint32_t asked = json_get(j, 0, "approval");

	for (size_t i = 0; i < sizeof(line) / sizeof(*line); i++)
		show_line(stdout, j, 0, line[i][0], line[i][1]);
	for (size_t i = 0; i < sizeof(approval) / sizeof(*approval); i++)
		show_line(stdout, j, asked, approval[i][0], approval[i][1]);
	for (size_t i = 0; i < sizeof(back) / sizeof(*back); i++)
		show_line(stdout, j, facts, back[i][0], back[i][1]);
	for (size_t i = 0; i < sizeof(usage) / sizeof(*usage); i++)
		show_line(stdout, j, 0, usage[i][0], usage[i][1]);
	show_line(stdout, j, who, "pid", "pid");
	show_line(stdout, j, who, "exe_sha256", "exe SHA-256");
	show_line(stdout, j, who, "cgroup", "cgroup");
	show_line(stdout, j, who, "unit", "unit");
	show_line(stdout, j, claimed, "exe", "claims exe");
	show_line(stdout, j, claimed, "args", "claims args");
}

static int get(const struct client *client, const char *before, const char *id, const char *behind,
	       struct client_answer *ret_answer)
{
	struct buf path = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	int rc;

	buf_put_str(&path, before);
	client_segment(&path, span_str(id));
	buf_put_str(&path, behind);
	rc = path.err ? cmd_fail("this id is too long")
		      : client_get(client, "GET", buf_span(&path), SPAN_NULL, ret_answer);
	buf_deinit(&path);
	return rc;
}

int cmd_log_show(const struct cli *cli, int argc, char **argv)
{
	struct client_answer a;
	struct client client;
	int rc;

	if (argc != 2)
		return cmd_bad_usage("log show", "which decision ID?");
	rc = client_open(cli, &client);
	if (!rc)
		rc = get(&client, "/api/logs", argv[1], "", &a);
	if (rc)
		return rc;
	if (cli->json)
		rc = show_json(buf_span(&a.body));
	else
		show_whole(&a.json);
	client_answer_deinit(&a);
	if (cli->json || rc)
		return rc;
	rc = get(&client, "/api/decisions", argv[1], "/why-blocked", &a);
	if (rc)
		return rc;
	putchar('\n');
	show_member(stdout, &a.json, 0, "audit_sentence");
	putchar('\n');
	client_answer_deinit(&a);
	return CMD_OK;
}
