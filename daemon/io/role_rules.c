/* SPDX-License-Identifier: MIT */
#include "io/role_rules.h"

#include "base/cleanup.h"

#include <errno.h>

int role_rules_policies(const struct role_bundle *b, struct policy_set **ret_set,
			struct yaml_error *error)
{
	struct policy_source *source CLEANUP(cleanup_freep) =
		calloc(b->files_n + 1, sizeof(*source));
	size_t n = 0;

	if (!source)
		return -ENOMEM;
	for (size_t i = 0; i < b->files_n; i++)
		if (b->file[i].kind == ROLE_FILE_POLICY)
			source[n++] = (struct policy_source){b->file[i].name, b->file[i].text};
	return policy_load(source, n, ret_set, error);
}

int role_rules_providers(const struct role_bundle *b, struct provider_set **ret_set,
			 struct yaml_error *error)
{
	struct provider_source *source CLEANUP(cleanup_freep) =
		calloc(b->files_n + 1, sizeof(*source));
	size_t n = 0;

	if (!source)
		return -ENOMEM;
	for (size_t i = 0; i < b->files_n; i++)
		if (b->file[i].kind == ROLE_FILE_PROVIDER)
			source[n++] = (struct provider_source){b->file[i].name, b->file[i].text};
	return provider_load(source, n, ret_set, error);
}
