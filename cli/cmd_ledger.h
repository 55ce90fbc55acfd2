/* SPDX-License-Identifier: MIT */
/* What the subcommands of aicp ledger share. */
#pragma once

#include "cmd.h"
#include "ledger/query.h"

/* The directory that was given, or state_dir of the configuration. 0, or the exit code with the
 * error told. The caller frees it. */
int cmd_ledger_state_dir(const struct cli *cli, const char *given, char **ret_dir);

/* 0, or the exit code with the error told. */
int cmd_ledger_open(const char *dir, struct query **ret_query);
