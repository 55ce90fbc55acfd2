/* SPDX-License-Identifier: MIT */
/* aicp status: how the daemon is. */
#include "client.h"
#include "show.h"

static void show(const struct json *j)
{
	uint32_t engine = json_get(j, 0, "engine"), ledger = json_get(j, 0, "ledger");
	uint32_t decisions = json_get(j, 0, "decisions");

	show_line(stdout, j, 0, "gateway", "gateway");
	show_line(stdout, j, 0, "version", "version");
	show_line(stdout, j, 0, "uptime_s", "up (s)");
	show_line(stdout, j, 0, "tier", "tier");
	show_line(stdout, j, 0, "mode", "mode");
	if (engine == JSON_NONE || j->token[engine].kind != JSON_OBJECT)
		puts("engine           does not answer");
	show_line(stdout, j, engine, "fail", "fail");
	show_line(stdout, j, engine, "policies", "policies");
	show_line(stdout, j, engine, "policy_digest", "policy set");
	show_line(stdout, j, engine, "providers", "providers");
	if (ledger == JSON_NONE || j->token[ledger].kind != JSON_OBJECT)
		puts("ledger           does not answer");
	show_line(stdout, j, ledger, "health", "ledger");
	show_line(stdout, j, ledger, "size", "records");
	show_line(stdout, j, ledger, "signed_size", "signed");
	show_line(stdout, j, ledger, "refused", "not recorded");
	show_line(stdout, j, decisions, "total", "decisions");
	show_line(stdout, j, decisions, "success", "  passed");
	show_line(stdout, j, decisions, "blocked", "  blocked");
	show_line(stdout, j, decisions, "would_block", "  would block");
	show_line(stdout, j, decisions, "pending_approval", "  held");
	show_line(stdout, j, json_get(j, 0, "approvals"), "pending", "to be approved");
}

/* Does it work as promised? */
static bool operational(const struct json *j)
{
	uint32_t t = json_get(j, 0, "gateway");

	return t != JSON_NONE && span_eq_str(json_raw(j, t), "operational");
}

int cmd_status(const struct cli *cli, int argc, char **argv)
{
	struct client_answer a;
	struct client client;
	int rc;

	(void)argv;
	if (argc > 1)
		return cmd_bad_usage("status", "takes no arguments");
	rc = client_open(cli, &client);
	if (!rc)
		rc = client_get(&client, "GET", SPAN_LIT("/api/status"), SPAN_NULL, &a);
	if (rc)
		return rc;
	if (cli->json)
		rc = show_json(buf_span(&a.body));
	else
		show(&a.json);
	if (!rc && !operational(&a.json))
		rc = CMD_FAILED;
	client_answer_deinit(&a);
	return rc;
}
