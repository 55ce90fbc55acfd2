/* SPDX-License-Identifier: MIT */
/* Policy files named on a command line: files as they are, folders by their *.yaml and *.yml in the
 * order of their names. */
#pragma once

#include "policy/policy.h"

struct policy_files {
	struct policy_source *source; /* names and texts are owned */
	size_t n, cap;
};

/* Adds a file, or the files of a folder. 0, or the exit code with the error already on stderr. */
int policy_files_add(struct policy_files *files, const char *path);
void policy_files_deinit(struct policy_files *files);
