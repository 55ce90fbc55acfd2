/* SPDX-License-Identifier: MIT */
/* Every command of aicp: the dispatcher's table, and its help. */
#include "cmd.h"

#include <stddef.h>

static const struct cmd log_table[] = {
	{"show", cmd_log_show, "ID", "One decision: who, what, by which policy and why", NULL, NULL,
	 0},
	{0},
};

#define APPROVAL_OPTIONS                                                                           \
	"      --reason TEXT   why; asked for on a terminal\n"                                     \
	"      --comment TEXT  a note beside it\n"                                                 \
	"\nExit code 3 when somebody decided already, or its time is over.\n"

static const struct cmd approval_table[] = {
	{"list", cmd_approval_list, "[--follow|--wait]", "Requests that wait for a decision",
	 "  -f, --follow  go on as they come\n"
	 "      --wait    wait until there is one\n",
	 NULL, 0},
	{"show", cmd_approval_show, "ID", "One request as it would be sent: who asks, what and why",
	 "What policies found stands in \u27e6POLICY: ...\u27e7. Characters that hide or act are "
	 "shown by "
	 "their number.\n",
	 NULL, 0},
	{"approve", cmd_approval_approve, "[OPTION]... ID", "Let this request pass, once",
	 APPROVAL_OPTIONS, NULL, 0},
	{"reject", cmd_approval_reject, "[OPTION]... ID", "Refuse this request", APPROVAL_OPTIONS,
	 NULL, 0},
	{0},
};

static const struct cmd policy_table[] = {
	{"check", cmd_policy_check, "FILE|FOLDER...", "Read policy files and say what is wrong",
	 NULL, NULL, 0},
	{"eval", cmd_policy_eval, "[--fact NAME=VALUE]... [--explain] FILE|FOLDER...",
	 "Judge facts by policy files, without a daemon",
	 "  --fact NAME=VALUE  one fact, as in docs/FACTS.md\n"
	 "  --facts FILE       facts as a JSON object\n"
	 "  --mode MODE        enforce or monitor\n"
	 "  --explain          every condition, its value and its result\n"
	 "\nExit code 2 when the verdict blocks.\n",
	 NULL, 0},
	{"list", cmd_policy_list, "", "The policies in force", NULL, NULL, 0},
	{"show", cmd_policy_show, "NAME", "The text of one policy in force", NULL, NULL, 0},
	{"dry-run", cmd_policy_dry_run, "[--prompt TEXT] [--agent-id ID] [NAME=VALUE]...",
	 "Judge facts by the policies in force",
	 "  --prompt TEXT   the prompt\n"
	 "  --agent-id ID   the agent\n"
	 "  NAME=VALUE      any other fact; unknown names are facts below context\n"
	 "\nExit code 2 when the verdict blocks or holds.\n",
	 NULL, 0},
	{"reload", cmd_policy_reload, "", "Read the policy files again; wrong ones change nothing",
	 NULL, NULL, 0},
	{0},
};

#define LEDGER_DIR "  --state-dir DIR   that ledger; else state_dir of the configuration\n"

static const struct cmd ledger_table[] = {
	{"verify", cmd_ledger_verify, "[OPTION]...",
	 "Verify the ledger from its bytes, and say what that proves",
	 LEDGER_DIR
	 "  --key KEY         the log's key, or a file that holds it; else the one in DIR\n"
	 "  --anchor FILE     a checkpoint that was kept elsewhere\n"
	 "  --min-size N      with --root: a head that was kept elsewhere\n"
	 "  --root HASH       its root, hexadecimal or base64\n"
	 "\nExit code 0 when anchored, 3 when intact but not anchored, 1 when invalid.\n",
	 NULL, 0},
	{"show", cmd_ledger_show, "[OPTION]... [SEQ]",
	 "A summary of the log; one record; or the newest checkpoint",
	 LEDGER_DIR "  --checkpoint      the newest signed checkpoint\n", NULL, 0},
	{"export", cmd_ledger_export, "[OPTION]...",
	 "Decisions as JSON or CSV; all records as a bundle for aicp-verify",
	 LEDGER_DIR "  --format FORM     json, csv or bundle\n"
		    "  --output FILE     a new file in place of standard output\n"
		    "  --first N         bundle: from this record\n"
		    "  --count N         bundle: so many records\n"
		    "  --since TIME      not before, UTC: 2026-11-23 or 2026-11-23T06:36:03Z\n"
		    "  --until TIME      before\n",
	 NULL, 0},
	{0},
};

static const struct cmd preload_table[] = {
	{"enable", cmd_preload_enable, "",
	 "Load the shim into every dynamic program of this host, after a trial",
	 "Names the shim in /etc/ld.so.preload, behind what stands there. Programs that run "
	 "already are not\n"
	 "changed. Nothing is changed when the file is not in order, when others than root may "
	 "change it, or\n"
	 "when a program does not run with it as without.\n",
	 NULL, 0},
	{"disable", cmd_preload_disable, "", "Take the shim out of /etc/ld.so.preload again", NULL,
	 NULL, 0},
	{"status", cmd_preload_status, "", "Which shims /etc/ld.so.preload names, and how they are",
	 "Exit code 1 when one is not in order.\n", NULL, 0},
	{0},
};

static const struct cmd config_table[] = {
	{"check", cmd_config_check, "", "Is the configuration file in order", NULL, NULL, 0},
	{0},
};

const struct cmd cmd_table[] = {
	{"run", cmd_run, "[--unseen] -- CMD...", "Run a program under the shim",
	 "  --unseen  run it although it will not be seen (static, set-user-id, another "
	 "machine's)\n"
	 "\nThe exit code is the program's; 125 when aicp refused to run it, 126 when it cannot "
	 "be\n"
	 "run, 127 when it is not found.\n",
	 NULL, true},
	{"preload", NULL, "", "The shim in every program of this host", NULL, preload_table, 0},
	{"status", cmd_status, "", "How the daemon is",
	 "Exit code 1 when it does not answer or does not work as promised.\n", NULL, 0},
	{"log", cmd_log, "[--follow] [FILTER]...", "Decisions, oldest first",
	 "  -f, --follow        go on as they come\n"
	 "      --user WHO      uid:NUMBER, or the end user that requests name\n"
	 "      --agent-id ID   the agent\n"
	 "      --status STATUS success, blocked or pending_approval\n"
	 "      --provider NAME the provider\n"
	 "      --model NAME    the model asked for\n"
	 "      --since TIME    not before: 2026-11-23T06:30:00Z, 2026-11-23, or 90s, 10m, 2h, 7d "
	 "ago\n"
	 "      --until TIME    before\n"
	 "      --limit N       the latest N (default 100)\n",
	 log_table, 0},
	{"approval", NULL, "", "Requests that people have to approve", NULL, approval_table, 0},
	{"policy", NULL, "", "Policies: of files, and those in force", NULL, policy_table, 0},
	{"ledger", NULL, "", "The ledger itself, also of a stopped daemon", NULL, ledger_table, 0},
	{"doctor", cmd_doctor, "", "What works, what does not, and how to mend it",
	 "Exit code 1 when something does not work.\n", NULL, 0},
	{"config", NULL, "", "The configuration file", NULL, config_table, 0},
	{0},
};
