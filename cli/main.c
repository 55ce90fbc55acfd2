/* SPDX-License-Identifier: MIT */
/* aicp: reads what stands before the command, and finds the command. */
#include "cmd.h"

#include "base/nearest.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_DEFAULT "/etc/aicp/aicp.yaml"
#define PATH_MAX_BYTES 128

static void vsay(const char *prefix, const char *fmt, va_list ap)
{
	fprintf(stderr, "aicp: %s%s", prefix ? prefix : "", prefix ? ": " : "");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int cmd_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(NULL, fmt, ap);
	va_end(ap);
	return CMD_FAILED;
}

int cmd_bad_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(name, fmt, ap);
	va_end(ap);
	fprintf(stderr, "aicp: see `aicp %s%s--help`\n", name ? name : "", name ? " " : "");
	return CMD_USAGE;
}

static void list(FILE *out, const struct cmd *table, const char *path)
{
	for (const struct cmd *c = table; c->name; c++) {
		char full[PATH_MAX_BYTES];

		snprintf(full, sizeof(full), "%s %s", path, c->name);
		if (c->run)
			fprintf(out, "  %-24s %s\n", full + strlen("aicp "), c->text);
		if (c->sub)
			list(out, c->sub, full);
	}
}

static void usage(FILE *out)
{
	fputs("usage: aicp [-c FILE] [--json] COMMAND ...\n\n", out);
	list(out, cmd_table, "aicp");
	fputs("\n"
	      "  -c, --config FILE  configuration of the daemon to talk to; else AICP_CONFIG, "
	      "else\n"
	      "                     " CONFIG_DEFAULT "\n"
	      "      --json         answers for programs\n"
	      "      --version      print the version and exit\n"
	      "      --help         print this and exit; behind a command: its own help\n",
	      out);
}

void cmd_usage(const struct cmd *cmd, const char *path, bool failed)
{
	FILE *out = failed ? stderr : stdout;

	if (cmd->run)
		fprintf(out, "usage: %s%s%s\n\n%s\n", path, cmd->args[0] ? " " : "", cmd->args,
			cmd->text);
	else
		fprintf(out, "usage: %s COMMAND ...\n\n%s\n", path, cmd->text);
	if (cmd->help)
		fprintf(out, "\n%s", cmd->help);
	if (cmd->sub) {
		fputc('\n', out);
		list(out, cmd->sub, path);
	}
}

static const struct cmd *find(const struct cmd *table, const char *name)
{
	for (const struct cmd *c = table; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int unknown(const struct cmd *table, const char *path, const char *name)
{
	struct nearest nearest = {0};

	for (const struct cmd *c = table; c->name; c++)
		nearest_offer(&nearest, span_str(name), span_str(c->name));
	fprintf(stderr, "aicp: there is no command `%s %s`" NEAREST_FMT "\n", path, name,
		NEAREST_ARG(nearest));
	fprintf(stderr, "aicp: `%s --help` lists all\n", path);
	return CMD_USAGE;
}

/* How many of argv are the command's own words. */
static int own_words(const struct cmd *c, int argc, char **argv)
{
	int n = 1;

	while (n < argc && strcmp(argv[n], "--") != 0 && !(c->passes_on && argv[n][0] != '-'))
		n++;
	return n;
}

/* Takes word out of the command's own words. */
static bool take_word(const struct cmd *c, int *argc, char **argv, const char *word)
{
	int own = own_words(c, *argc, argv);

	for (int i = 1; i < own; i++) {
		if (strcmp(argv[i], word) != 0)
			continue;
		memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(*argv));
		--*argc;
		return true;
	}
	return false;
}

static int dispatch(struct cli *cli, const struct cmd *table, const char *path, int argc,
		    char **argv)
{
	const struct cmd *c = find(table, argv[0]);
	char full[PATH_MAX_BYTES];

	if (!c)
		return unknown(table, path, argv[0]);
	snprintf(full, sizeof(full), "%s %s", path, c->name);
	if (c->sub && argc > 1 && (find(c->sub, argv[1]) || (!c->run && argv[1][0] != '-')))
		return dispatch(cli, c->sub, full, argc - 1, argv + 1);
	if (take_word(c, &argc, argv, "--help")) {
		cmd_usage(c, full, false);
		return CMD_OK;
	}
	if (!c->run) {
		cmd_usage(c, full, true);
		return CMD_USAGE;
	}
	/* Before the command or behind it. */
	while (take_word(c, &argc, argv, "--json"))
		cli->json = true;
	optind = 0; /* so that getopt begins anew */
	return c->run(cli, argc, argv);
}

enum { OPT_JSON = 256, OPT_VERSION, OPT_HELP };

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, OPT_JSON},
		{"version", no_argument, NULL, OPT_VERSION},
		{"help", no_argument, NULL, OPT_HELP},
		{NULL, 0, NULL, 0},
	};
	struct cli cli = {.program = argv[0], .config_file = getenv("AICP_CONFIG")};
	int option;

	/* +: what stands behind the command is the command's. */
	while ((option = getopt_long(argc, argv, "+c:", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			cli.config_file = optarg;
			break;
		case OPT_JSON:
			cli.json = true;
			break;
		case OPT_VERSION:
			puts("aicp " AICP_VERSION);
			return CMD_OK;
		case OPT_HELP:
			usage(stdout);
			return CMD_OK;
		default:
			usage(stderr);
			return CMD_USAGE;
		}
	}
	cli.config_named = cli.config_file && cli.config_file[0];
	if (!cli.config_named)
		cli.config_file = CONFIG_DEFAULT;
	if (optind == argc) {
		usage(stderr);
		return CMD_USAGE;
	}
	return dispatch(&cli, cmd_table, "aicp", argc - optind, argv + optind);
}
