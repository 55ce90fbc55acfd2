/* SPDX-License-Identifier: MIT */
/* One provider file as it is held in memory. */
#pragma once

#include "provider/operation.h"
#include "provider/provider.h"

struct provider {
	struct yaml *yaml; /* owns all texts */
	const char *file; /* while it is loaded */
	struct span name;
	struct span *hosts;
	size_t hosts_n;
	struct operation *operations;
	struct span error_body; /* with %MESSAGE% and %DECISION% */
	const struct yaml_node *error_headers; /* mapping of names to values, or NULL */
	struct buf error_template; /* error_body without %DECISION% */
};

/* What stands in error bodies and headers for the text and the decision id. */
#define FILE_MESSAGE  "%MESSAGE%"
#define FILE_DECISION "%DECISION%"

/* Reads one file. PARSE_DONE, PARSE_E_BAD or PARSE_E_LIMIT with error set, -ENOMEM. */
MUST_CHECK int file_load(const struct provider_source *source, struct provider **ret_provider,
			 struct yaml_error *error);
void file_free(struct provider *provider);

/* Appends text with %MESSAGE% and %DECISION% replaced as they are given. */
int file_fill(struct buf *out, struct span text, struct span message, struct span decision);
