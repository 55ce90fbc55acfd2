/* SPDX-License-Identifier: MIT */
/* aicp config check: is the configuration file one that the daemon would read? */
#include "cmd.h"

#include <stdio.h>
#include <unistd.h>

int cmd_config_check(const struct cli *cli, int argc, char **argv)
{
	struct config *config;
	int rc;

	(void)argv;
	if (argc > 1)
		return cmd_bad_usage("config check",
				     "takes no arguments; name the file with -c FILE");
	rc = cmd_config(cli, &config);
	if (rc)
		return rc;
	config_free(config);
	if (cli->json)
		puts("{\"ok\":true}");
	else if (access(cli->config_file, F_OK) < 0)
		printf("%s: not there; the daemon wants one, and all of its keys have defaults.\n",
		       cli->config_file);
	else
		printf("%s: in order. `aicpd -t -c %s` also reads the policies and providers it "
		       "names.\n",
		       cli->config_file, cli->config_file);
	return CMD_OK;
}
