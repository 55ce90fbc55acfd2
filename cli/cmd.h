/* SPDX-License-Identifier: MIT */
/*
 * Subcommands of aicp: one file each (cmd_NAME.c), found through one table, which is also the help.
 *
 * Every command answers `--help` through cmd_usage(), prints results on stdout and what went wrong
 * (what, where, how to mend it) on stderr, and honours cli->json where its help says so.
 */
#pragma once

#include "model/config.h"

#include <stdbool.h>

/* Exit codes that all commands share; a command that has others says so in its help. */
enum cmd_exit {
	CMD_OK = 0,
	CMD_FAILED = 1,
	CMD_USAGE = 2, /* wrong arguments; `policy eval` and `policy dry-run`: blocked */
};

/* What stood before the command. */
struct cli {
	const char *program; /* argv[0] */
	const char *config_file; /* -c FILE, else AICP_CONFIG, else the default; never NULL */
	bool config_named; /* by -c or AICP_CONFIG; the default may be missing */
	bool json; /* --json: for programs */
};

struct cmd {
	const char *name;
	/* argv[0] is the command's name; returns the exit code. May be NULL when sub is set. */
	int (*run)(const struct cli *cli, int argc, char **argv);
	const char *args; /* what stands behind the name in a synopsis: "[--limit N] FILE" */
	const char *text; /* one line of help */
	const char
		*help; /* options and the rest, lines ending with \n; NULL when there is no more */
	const struct cmd *sub; /* table of subcommands, ended by a NULL name; or NULL */
	bool passes_on; /* what stands behind its first operand is somebody else's command line */
};

/* All commands, ended by a NULL name (cli/cmd_table.c). */
extern const struct cmd cmd_table[];

/* Prints the synopsis and help of the command that argv[0] is (as "aicp policy check") to out. */
void cmd_usage(const struct cmd *cmd, const char *path, bool failed);

/* Says on stderr "aicp: NAME: message" and where help is; returns CMD_USAGE. */
int cmd_bad_usage(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says on stderr "aicp: message"; returns CMD_FAILED. */
int cmd_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Reads the configuration that cli names. A missing default file is the default configuration. 0,
 * or the exit code with the error already on stderr. The caller frees it (config_free()). */
int cmd_config(const struct cli *cli, struct config **ret_config);

/* The runtime directory of that daemon into out (PATH_MAX bytes). Where the configuration leaves it
 * at its default, the daemon may be the user's own, which `aicpd --rootless` puts elsewhere: it is
 * looked for first, by root last. */
void cmd_runtime_dir(const struct config *config, char *out);

/* Reads a whole file of at most max bytes. 0, or the exit code with the error already on stderr. */
int cmd_read_file(const char *path, size_t max, struct buf *ret_text);

/* cli/cmd_ledger.c */
int cmd_ledger_verify(const struct cli *cli, int argc, char **argv);
int cmd_ledger_show(const struct cli *cli, int argc, char **argv);
int cmd_ledger_export(const struct cli *cli, int argc, char **argv);
/* cli/cmd_policy.c: on files, without a daemon */
int cmd_policy_check(const struct cli *cli, int argc, char **argv);
int cmd_policy_eval(const struct cli *cli, int argc, char **argv);
/* cli/cmd_policy_remote.c: of the running daemon */
int cmd_policy_list(const struct cli *cli, int argc, char **argv);
int cmd_policy_show(const struct cli *cli, int argc, char **argv);
int cmd_policy_dry_run(const struct cli *cli, int argc, char **argv);
int cmd_policy_reload(const struct cli *cli, int argc, char **argv);

/* cli/cmd_preload.c */
int cmd_preload_enable(const struct cli *cli, int argc, char **argv);
int cmd_preload_disable(const struct cli *cli, int argc, char **argv);
int cmd_preload_status(const struct cli *cli, int argc, char **argv);

/* cli/cmd_approval.c, cli/cmd_approval_show.c */
int cmd_approval_list(const struct cli *cli, int argc, char **argv);
int cmd_approval_show(const struct cli *cli, int argc, char **argv);
int cmd_approval_approve(const struct cli *cli, int argc, char **argv);
int cmd_approval_reject(const struct cli *cli, int argc, char **argv);

/* One file each: cli/cmd_NAME.c. */
int cmd_run(const struct cli *cli, int argc, char **argv);
int cmd_status(const struct cli *cli, int argc, char **argv);
int cmd_log(const struct cli *cli, int argc, char **argv);
int cmd_log_show(const struct cli *cli, int argc, char **argv);
int cmd_doctor(const struct cli *cli, int argc, char **argv);
int cmd_config_check(const struct cli *cli, int argc, char **argv);
