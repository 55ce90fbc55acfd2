/* SPDX-License-Identifier: MIT */
/* aicp policy list, show, dry-run, reload: the policies of the running daemon. */
#include "base/json_write.h"
#include "client.h"
#include "show.h"

#include <getopt.h>

int cmd_policy_list(const struct cli *cli, int argc, char **argv)
{
	struct client_answer a;
	struct client client;
	uint32_t policies;
	int rc;

	(void)argv;
	if (argc > 1)
		return cmd_bad_usage("policy list", "takes no arguments");
	rc = client_open(cli, &client);
	if (!rc)
		rc = client_get(&client, "GET", SPAN_LIT("/api/policies"), SPAN_NULL, &a);
	if (rc)
		return rc;
	policies = json_get(&a.json, 0, "policies");
	if (cli->json) {
		rc = show_json(buf_span(&a.body));
	} else if (policies != JSON_NONE) {
		json_foreach (p, &a.json, policies) {
			show_member(stdout, &a.json, p, "action");
			putchar('\t');
			show_member(stdout, &a.json, p, "mode");
			putchar('\t');
			show_member(stdout, &a.json, p, "id");
			putchar('\t');
			show_member(stdout, &a.json, p, "file");
			putchar(':');
			show_member(stdout, &a.json, p, "line");
			putchar('\n');
		}
	}
	client_answer_deinit(&a);
	return rc;
}

int cmd_policy_show(const struct cli *cli, int argc, char **argv)
{
	struct buf path = BUF_INIT(AICP_API_TARGET_BYTES_MAX);
	struct client_answer a;
	struct client client;
	int rc;

	if (argc != 2)
		return cmd_bad_usage("policy show", "which policy NAME?");
	rc = client_open(cli, &client);
	if (rc)
		return rc;
	buf_put_str(&path, "/api/policies");
	client_segment(&path, span_str(argv[1]));
	rc = path.err ? cmd_fail("the name is too long")
		      : client_get(&client, "GET", buf_span(&path), SPAN_NULL, &a);
	buf_deinit(&path);
	if (rc)
		return rc;
	if (cli->json) {
		rc = show_json(buf_span(&a.body));
	} else {
		struct buf text = BUF_INIT(AICP_YAML_BYTES_MAX);
		uint32_t t = json_get(&a.json, 0, "source");

		if (t != JSON_NONE)
			json_string_put(&a.json, t, &text);
		/* Line by line: a policy is an operator's text, but may quote somebody's. */
		for (struct span rest = buf_span(&text); rest.n;) {
			size_t end = span_find(rest, '\n');

			show_text(stdout, span_sub(rest, 0, end));
			putchar('\n');
			rest = span_sub(rest, end + 1, rest.n);
		}
		buf_deinit(&text);
	}
	client_answer_deinit(&a);
	return rc;
}

static void show_dry_run(const struct json *j)
{
	uint32_t decision = json_get(j, 0, "decision"), report = json_get(j, 0, "report");
	uint32_t results = json_get(j, report, "results");

	show_line(stdout, j, decision, "action", "decision");
	show_line(stdout, j, decision, "would", "would");
	show_line(stdout, j, decision, "policy_id", "policy");
	show_line(stdout, j, decision, "reason", "reason");
	show_line(stdout, j, report, "policies_evaluated", "evaluated");
	show_line(stdout, j, report, "policies_matched", "matched");
	if (results == JSON_NONE)
		return;
	json_foreach (p, j, results) {
		uint32_t matched = json_get(j, p, "matched");

		if (matched == JSON_NONE || j->token[matched].kind != JSON_TRUE)
			continue;
		printf("  ");
		show_member(stdout, j, p, "action");
		printf("  ");
		show_member(stdout, j, p, "policy_id");
		printf(": ");
		show_member(stdout, j, p, "reason");
		putchar('\n');
	}
}

/* Blocked is an answer, and one that scripts want to see. */
static int dry_run_code(const struct json *j)
{
	uint32_t decision = json_get(j, 0, "decision"), t = json_get(j, decision, "action");

	if (t == JSON_NONE)
		return CMD_FAILED;
	return span_eq_str(json_raw(j, t), "block") || span_eq_str(json_raw(j, t), "hold")
		       ? CMD_USAGE
		       : CMD_OK;
}

/* NAME=VALUE: VALUE is taken as JSON number or boolean where it is one, else as text. */
static bool put_fact(struct json_write *w, char *argument)
{
	struct json_scan *scan = json_scan_new(16);
	char *equals = strchr(argument, '=');
	struct span value;
	bool raw = false;

	if (!equals || equals == argument || !scan) {
		json_scan_free(scan);
		return false;
	}
	*equals = 0;
	value = span_str(equals + 1);
	if (json_scan_all(scan, value) == PARSE_DONE) {
		enum json_kind kind = json_scan_json(scan, value).token[0].kind;

		raw = kind == JSON_NUMBER || kind == JSON_TRUE || kind == JSON_FALSE;
	}
	if (raw)
		json_write_raw(w, argument, value);
	else
		json_write_string(w, argument, value);
	json_scan_free(scan);
	return true;
}

int cmd_policy_dry_run(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"agent-id", required_argument, NULL, 'a'},
						{"prompt", required_argument, NULL, 'p'},
						{NULL, 0, NULL, 0}};
	struct buf path = BUF_INIT(AICP_API_TARGET_BYTES_MAX),
		   body = BUF_INIT(AICP_API_BODY_BYTES_MAX);
	struct client_answer a;
	struct client client;
	struct json_write w;
	int option, rc = 0;

	json_write_init(&w, &body, false);
	json_write_object(&w, NULL);
	buf_put_str(&path, "/api/policies/dry-run");
	while (!rc && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'a')
			client_parameter(&path, "agent_id", span_str(optarg));
		else if (option == 'p')
			json_write_str(&w, "prompt", optarg);
		else
			rc = cmd_bad_usage("policy dry-run", "unknown option");
	}
	for (int i = optind; !rc && i < argc; i++)
		if (!put_fact(&w, argv[i]))
			rc = cmd_bad_usage("policy dry-run", "facts are NAME=VALUE, not `%s`",
					   argv[i]);
	json_write_end_object(&w);
	if (!rc && (path.err || body.err))
		rc = cmd_fail("these facts are too large for one request");
	if (!rc)
		rc = client_open(cli, &client);
	if (!rc)
		rc = client_get(&client, "POST", buf_span(&path), buf_span(&body), &a);
	buf_deinit(&path);
	buf_deinit(&body);
	if (rc)
		return rc;
	if (cli->json)
		show_json(buf_span(&a.body));
	else
		show_dry_run(&a.json);
	rc = dry_run_code(&a.json);
	client_answer_deinit(&a);
	return rc;
}

int cmd_policy_reload(const struct cli *cli, int argc, char **argv)
{
	struct client_answer a;
	struct client client;
	int rc;

	(void)argv;
	if (argc > 1)
		return cmd_bad_usage("policy reload", "takes no arguments");
	rc = client_open(cli, &client);
	if (!rc)
		rc = client_get(&client, "POST", SPAN_LIT("/api/policies/reload"), SPAN_LIT("{}"),
				&a);
	if (rc)
		return rc;
	if (cli->json) {
		rc = show_json(buf_span(&a.body));
	} else {
		show_line(stdout, &a.json, 0, "policies", "policies");
		show_line(stdout, &a.json, 0, "policy_set", "policy set");
	}
	client_answer_deinit(&a);
	return rc;
}
